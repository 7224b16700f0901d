"""Whether a finished cell says what its files say: digests, form, ids, history, predictions, scores, leaks.

Trains and changes nothing. What needs no data is in `compliance`; here is what ties it together and what needs the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed, DataMissing, MadbenchError, NotComparable
from madbench.files import canonical_json, sha256_of_file, sha256_of_lines
from madbench.harness.audit import exposure, refuse_exposed
from madbench.harness.compliance import (
    history_problems,
    ids_problems,
    incomplete,
    is_trial,
    manifest_problems,
    record_problems,
    study_notes,
    study_problems,
)
from madbench.harness.conditions import score_all
from madbench.harness.data import CellData
from madbench.harness.digests import RESCORING, broken_digests, without_checkpoint
from madbench.harness.prediction_files import SAME, read_predictions, stale_items
from madbench.harness.recomputed import data_problems, protocol_problems
from madbench.harness.record_schema import schema_problems
from madbench.harness.records import manifest_of
from madbench.harness.store import CellFolder
from madbench.harness.tuning_protocol import TRIAL
from madbench.harness.verifier import Verifier
from madbench.protocols.schema import Protocol

Record = Mapping[str, Any]


@dataclass
class Verified:
    """What was found out about one cell. marks: what a reader of it must know. unchecked: what, and why not."""

    cell: str
    marks: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        return "problem" if self.problems else "partly" if self.unchecked else "ok"


def verify_cell(name: str, folder: Path, record: Record, verifier: Verifier) -> Verified:
    """Every check that the files at hand allow. name: what the cell is called in the answer."""
    found = Verified(name, marks=_marks(record))
    _check_digests(folder, record, found)
    malformed = list(schema_problems(record))
    if malformed:
        found.problems += malformed
        return found
    found.checked.append("schema")
    found.problems += record_problems(record, folder.resolve().name)
    manifest = _manifest(folder, record, found)
    if manifest is not None:
        _check_files(CellFolder(folder), record, manifest, found)
    _check_exposure(record, found)
    source = verifier.sources.get((record["task"], record["data"]["source"]))
    protocol = _protocol(record, verifier, found)
    if protocol is not None:
        found.problems += protocol_problems(record, protocol)
    if source is None:
        found.unchecked.append(f"scores and leaks: no {record['data']['source']} source of {record['task']} is at hand")
    elif protocol is not None and manifest is not None:
        named = source, protocol, record["draw"], manifest.get("limit")
        try:
            _check_with_data(folder, record, manifest, verifier.data(*named), found)
            if record["data"]["fingerprint"] == verifier.data(*named)[0]["fingerprint"]:
                spaces = verifier.spaces(source, protocol)
                found.problems += data_problems(record, *verifier.data(*named), spaces, verifier.ceiling)
        except (NotComparable, DataMissing) as error:
            found.problems.append(str(error))
        except (MadbenchError, OSError, ValueError, KeyError, TypeError) as error:
            found.problems.append(f"cannot be checked against the data: {error}")
    return found


def verify_together(
    cells: Mapping[str, tuple[Path, Record]], found: Mapping[str, Verified], verifier: Verifier
) -> tuple[list[str], list[str]]:
    """What only shows beside others: adds problems to `found`. cells: name -> its record.

    Returns what of the declared draws and seeds is missing, and other notes on the whole.
    """
    sound = {name: record for name, (_, record) in cells.items() if not list(schema_problems(record))}
    for name, problems in study_problems(sound).items():
        found[name].problems += problems
    shas = {name: _sha_of_predictions(cells[name][0]) for name in sound}
    return incomplete(sound, verifier.protocol), study_notes(sound, shas)


def _sha_of_predictions(folder: Path) -> tuple[str, ...]:
    return tuple(sha256_of_file(file) for file in sorted((folder / "predictions").glob("*.parquet")))


def _check_digests(folder: Path, record: Record, found: Verified) -> None:
    broken = broken_digests(folder, record)
    if (folder / RESCORING).is_file():
        found.problems.append("a rescore was interrupted here: run `madbench rescore` again")
    if broken is None:
        # A record without them could also be one from which they were taken, so its age is no excuse.
        found.problems.append("has no digests: they were taken away, or a development version before them wrote it")
        return
    found.problems += broken
    found.checked.append("digests")
    if without_checkpoint(folder, record):
        found.marks.append("checkpoint not kept")


def _check_files(folder: CellFolder, record: Record, manifest: Mapping[str, Any], found: Verified) -> None:
    """Manifest, history and ids of predictions against the record."""
    try:
        found.problems += manifest_problems(record, manifest)
        found.problems += history_problems(record, folder.history())
        found.problems += ids_problems(folder, record, manifest)
        found.checked.append("history")
    except (DataMalformed, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found.problems.append(f"manifest.json or history.jsonl cannot be read: {type(error).__name__}: {error}")


def _marks(record: Record) -> list[str]:
    marks = [f"{TRIAL}: in no table"] if is_trial(record) else []
    division = record.get("division", "closed")
    if division == "external":
        marks.append("external: training not witnessed")
    elif division != "closed":
        marks.append(f"{division} division")
    return marks


def _manifest(folder: Path, record: Record, found: Verified) -> dict[str, Any] | None:
    """The manifest, with its ids held against the hashes in the record."""
    try:
        manifest = CellFolder(folder).manifest()
        parts = {"train": manifest["train"], "select": manifest["select"]}
        for part, described in parts.items():
            stated = record["data"].get(f"{part}_ids_sha256")
            if described is None or stated is None:
                if (described is None) != (stated is None):
                    found.problems.append(f"manifest and record disagree on whether there is a {part} split")
                continue
            hashed = sha256_of_lines(sorted(described["ids"]))
            if hashed != stated or described["sha256"] != stated:
                found.problems.append(f"the {part} ids hash to {hashed[:12]}, the record says {stated[:12]}")
            if len(described["ids"]) != record["data"][f"n_{part}"]:
                found.problems.append(
                    f"{len(described['ids'])} {part} ids, the record says {record['data'][f'n_{part}']}"
                )
    except (DataMalformed, OSError, ValueError, KeyError, TypeError) as error:
        found.problems.append(f"manifest.json cannot be read: {type(error).__name__}: {error}")
        return None
    found.checked.append("ids")
    return manifest


def _protocol(record: Record, verifier: Verifier, found: Verified) -> Protocol | None:
    """The protocol at hand, when it is the one that was run."""
    stated = record["protocol"]
    name = f"{stated['name']}@{stated['version']}"
    try:
        protocol = verifier.protocol(name)
    except MadbenchError as error:
        found.unchecked.append(f"scores and leaks: {error}")
        return None
    if record["task"] not in protocol.tasks or protocol.task_hash(record["task"]) != stated["task_hash"]:
        found.unchecked.append(f"scores and leaks: the {name} at hand is not the one that was run")
        return None
    return protocol


def _check_exposure(record: Record, found: Verified) -> None:
    seen = record["model"].get("seen") or []
    again = exposure(record["task"], record["data"]["source"], seen, record["conditions"])
    try:
        refuse_exposed(record["model"]["name"], again)
    except NotComparable as error:
        found.problems.append(str(error))
    if "exposure" in record and record["exposure"] != again:
        found.problems.append("the recorded exposure is not what the declared `seen` gives")
    found.marks += [f"{one['condition']} exposed by {one['seen']} ({one['level']})" for one in again]


def _check_with_data(folder, record, manifest, at_hand, found) -> None:
    """Subset, scores and leaks once more, from the annotations. Raises MadbenchError."""
    again, data = at_hand
    if again["fingerprint"] != record["data"]["fingerprint"]:
        found.unchecked.append("scores and leaks: the annotation files at hand are others than those of the run")
        return
    for part in ("train", "select"):
        stated = None if manifest[part] is None else manifest[part]["sha256"]
        drawn = None if again[part] is None else again[part]["sha256"]
        if stated != drawn:
            found.problems.append(f"the {part} ids are not those of draw {record['draw']}")
    found.problems += [
        f"manifest.json: {name} is not what the data gives" for name in _differing(manifest, again, data)
    ]
    if "audit" in record["data"] and record["data"]["audit"] != again["audit"]:
        found.problems.append("the recorded leak audit is not what the data gives")
    found.checked.append("audit")
    _rescore(folder, record, data, found)


def _differing(manifest: Mapping[str, Any], again: Mapping[str, Any], data: CellData) -> list[str]:
    """The parts of a manifest that come out otherwise when it is made once more."""
    made = json.loads(canonical_json(manifest_of(again, data)))
    return sorted(name for name in manifest.keys() & made.keys() if manifest[name] != made[name])


def _rescore(folder: Path, record: Record, data: CellData, found: Verified) -> None:
    step = next(one["step"] for one in record["selection"] if one["rule"] == record["selection_rule"])
    recorded = {one["name"]: one for one in record["conditions"]}
    available = [one for one in data.conditions if recorded.get(one.name, {}).get("available")]
    stored, kept = {}, CellFolder(folder)
    for condition in available:
        file = kept.predictions(condition.name, step)
        if not condition.stored:
            continue
        if not file.is_file():
            found.unchecked.append(f"scores of {condition.name}: its predictions are not kept")
            continue
        stored[condition.name] = read_predictions(file, condition.rows, data.task.legs)
    versions = dict(data.task.metric_versions)
    for one in recorded.values():
        versions |= {name.partition(":")[0]: version for name, version in (one.get("metric_versions") or {}).items()}
    scores = score_all(data.task, available, stored, versions)
    for condition in available:
        if condition.name not in scores:
            continue
        _compare(condition.name, recorded[condition.name]["metrics"], scores[condition.name].metrics, found)
        if condition.stored:
            file = kept.predictions(condition.name, step)
            stale = stale_items(file, condition.rows, scores[condition.name].correct)
            found.problems += [f"{condition.name}: {what}" for what in stale.values()]
    found.checked.append(
        f"{len(scores)} of {sum(bool(one.get('available')) for one in recorded.values())} conditions rescored"
    )
    unknown = sorted(
        name
        for name, one in recorded.items()
        if one.get("available") and name not in {one.name for one in data.conditions}
    )
    if unknown:
        found.problems.append(f"no such condition in the protocol: {', '.join(unknown)}")


def _compare(condition: str, stated: Mapping[str, float], again: Mapping[str, float], found: Verified) -> None:
    differing = sorted(
        name
        for name in stated.keys() | again.keys()
        if name not in stated or name not in again or abs(stated[name] - float(again[name])) > SAME
    )
    if differing:
        name = differing[0]
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        found.problems.append(
            f"{condition}: {name} is recorded as {stated.get(name)}, its predictions give {again.get(name)}{more}"
        )
