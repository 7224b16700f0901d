"""Metrics of finished cells once more from their predictions, with the scorers of this version; the old ones are kept.

What changed stands in the record's `history`: the metrics and versions as they were, and when they were replaced.
The training, the predictions and every identity stay. A cell that does not agree with its digests is left alone:
sealing it anew would make an edit look honest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import madbench
from madbench.errors import DataMissing, MadbenchError, NotComparable
from madbench.harness.conditions import score_all
from madbench.harness.data import CellData
from madbench.harness.digests import RESCORING, broken_digests
from madbench.harness.evaluation import plain
from madbench.harness.locks import locked
from madbench.harness.prediction_files import read_predictions, rewrite_items, stale_items
from madbench.harness.rescoring_mark import begin, completes
from madbench.harness.selection import selection_entries
from madbench.harness.store import CellFolder
from madbench.harness.verifier import Verifier
from madbench.protocols.schema import Protocol
from madbench.tasks.contract import Scores

Record = Mapping[str, Any]
SEE = "see `madbench verify`"


@dataclass
class Rescored:
    """What became of one cell. changes: `condition metric: old -> new`. left: why it was left as it is, or None."""

    cell: str
    changes: list[str] = field(default_factory=list)
    left: str | None = None

    @property
    def state(self) -> str:
        return "left" if self.left else "changed" if self.changes else "same"


def rescore_cell(name: str, folder: Path, record: Record, verifier: Verifier) -> Rescored:
    """One cell; nothing is written when nothing changes. verifier: where its data come from."""
    found = Rescored(name)
    try:
        unfinished = _begun(folder, record)
        data, protocol = _data(folder, record, verifier)
        _rescore(CellFolder(folder), record, data, protocol, found, unfinished)
    except (MadbenchError, OSError, ValueError, KeyError, TypeError) as error:
        found.left = _why(error)
    return found


def _why(error: Exception) -> str:
    if not isinstance(error, MadbenchError):
        return f"{type(error).__name__}: {error}"
    return f"{error}; {error.fix}" if error.fix else str(error)


def _begun(folder: Path, record: Record) -> bool:
    """Whether an interrupted rescore has to be completed. Raises NotComparable for a cell that was changed otherwise."""
    broken = broken_digests(folder, record)
    if broken and not completes(folder, record):
        raise NotComparable(f"it was changed after the run: {broken[0]}", fix=SEE)
    return bool(broken)


def _data(folder: Path, record: Record, verifier: Verifier) -> tuple[CellData, Protocol]:
    """Raises MadbenchError when the cell cannot or must not be scored again."""
    source = verifier.sources.get((record["task"], record["data"]["source"]))
    if source is None:
        raise DataMissing(
            f"no {record['data']['source']} source of {record['task']} is at hand",
            fix=f"name it with --data {record['task']}=ROOT",
        )
    protocol = verifier.protocol(f"{record['protocol']['name']}@{record['protocol']['version']}")
    if protocol.task_hash(record["task"]) != record["protocol"]["task_hash"]:
        raise NotComparable(
            f"the {protocol.id} at hand is not the one that was run", fix="name its file with --protocol FILE"
        )
    again, data = verifier.data(source, protocol, record["draw"], CellFolder(folder).manifest().get("limit"))
    if again["fingerprint"] != record["data"]["fingerprint"]:
        raise NotComparable(
            "the annotation files at hand are others than those of the run",
            fix=f"name its data with --data {record['task']}=ROOT",
        )
    return data, protocol


def _rescore(
    folder: CellFolder, record: Record, data: CellData, protocol: Protocol, found: Rescored, unfinished: bool
) -> None:
    versions = _versions(data, protocol)
    step = next(one["step"] for one in record["selection"] if one["rule"] == record["selection_rule"])
    steps = sorted({one["step"] for one in record["selection"]} | {step})
    scored = {one: _score(folder, record, data, versions, one) for one in steps}
    wanted = [one["name"] for one in record["conditions"] if one["available"]]
    missing = [name for name in wanted if name not in scored[step]]
    if missing:
        raise DataMissing(f"the predictions of {', '.join(missing)} are not there", fix="run the cell again")
    content = json.loads(json.dumps(record))
    before = []
    for one in content["conditions"]:
        if one["available"]:
            before.append({name: one[name] for name in ("name", "metrics", "metric_versions")})
            _replace(one, plain(scored[step][one["name"]].metrics), versions, found)
    history = _history(folder, scored)
    first_id = next((one["name"] for one in content["conditions"] if one.get("role") == "id"), None)
    chosen = {one["rule"]: one["step"] for one in content["selection"]}
    selection = content["selection"]
    content["selection"] = selection_entries(history, chosen, content["primary"], first_id)
    stored = {one.name: one.rows for one in data.conditions if one.stored}
    files = {
        folder.predictions(name, step): (stored[name], one.correct)
        for step, conditions in scored.items()
        for name, one in conditions.items()
        if name in stored and folder.predictions(name, step).is_file()
    }
    found.changes += [
        f"{file.relative_to(folder.path).as_posix()}: {what}"
        for file, (rows, correct) in files.items()
        for what in stale_items(file, rows, correct).values()
    ]
    if not found.changes and content["selection"] == selection and not unfinished:
        (folder.path / RESCORING).unlink(missing_ok=True)
        return
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    earlier = {"replaced_at": at, "by_madbench": madbench.__version__, "conditions": before, "selection": selection}
    content["history"] = [*content.get("history", []), earlier]
    with locked(folder.path, found.cell):
        if folder.record() != record:
            raise MadbenchError("another process has changed it meanwhile", fix="rescore again")
        begin(folder, record, list(files))
        for file, (rows, correct) in files.items():
            rewrite_items(file, rows, correct)
        folder.write_history(history)
        folder.write_record(content)
        (folder.path / RESCORING).unlink()


def _versions(data: CellData, protocol: Protocol) -> dict[str, str]:
    chosen = {name: version for name, version in protocol.metrics.items() if name in data.task.metric_versions}
    return {**data.task.metric_versions, **chosen}


def _score(
    folder: CellFolder, record: Record, data: CellData, versions: dict[str, str], step: int
) -> dict[str, Scores]:
    available = {one["name"] for one in record["conditions"] if one["available"]}
    conditions = [one for one in data.conditions if one.name in available]
    stored = {
        one.name: read_predictions(folder.predictions(one.name, step), one.rows, data.task.legs)
        for one in conditions
        if one.stored and folder.predictions(one.name, step).is_file()
    }
    return score_all(data.task, conditions, stored, versions)


def _replace(one: dict[str, Any], metrics: dict[str, float], versions: Mapping[str, str], found: Rescored) -> None:
    now = {name: versions.get(name.partition(":")[0], "1") for name in metrics}
    for name in sorted(one["metrics"].keys() | metrics.keys()):
        old, new = one["metrics"].get(name), metrics.get(name)
        was, becomes = one["metric_versions"].get(name), now.get(name)
        if old != new or was != becomes:
            marked = "" if was == becomes else f" (version {was} -> {becomes})"
            found.changes.append(f"{one['name']} {name}: {old} -> {new}{marked}")
    one["metrics"], one["metric_versions"] = metrics, now


def _history(folder: CellFolder, scored: Mapping[int, Mapping[str, Scores]]) -> list[dict[str, Any]]:
    """The evaluation points, with new metrics where predictions are stored. What selected is not touched."""
    points = []
    for point in folder.history():
        conditions = dict(point["conditions"])
        for name, one in scored.get(point["step"], {}).items():
            conditions[name] = plain(one.metrics)
        points.append({**point, "conditions": conditions})
    return points
