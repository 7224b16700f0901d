"""The content of record.json (schema_version 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from madbench.files import sha256_of, sha256_of_lines
from madbench.harness.cell import Cell
from madbench.harness.data import CellData, Digest
from madbench.harness.provenance import environment, peak_memory
from madbench.harness.selection import selection_entries
from madbench.harness.tuning_protocol import TRIAL, TuningProtocol
from madbench.models.adapter import Account
from madbench.tasks.contract import AnswerSpace, Task

SCHEMA_VERSION = 1
NOT_WITNESSED = "training not witnessed"


@dataclass(frozen=True)
class Fitted:
    """A training that is over. history: one line per evaluation point.

    labelled: whether it used labels at all (a zero-shot model does not). timing: fit_s, predict_s.
    earlier: the record of the run that trained it, when this one only predicted.
    """

    history: Sequence[Mapping[str, Any]]
    account: Account
    labelled: bool
    timing: Mapping[str, float]
    earlier: Mapping[str, Any] | None = None

    @property
    def trained_here(self) -> bool:
        return self.earlier is None


def build_record(
    cell: Cell,
    data: CellData,
    space: AnswerSpace,
    fitted: Fitted,
    steps: Mapping[str, int],
    device: str,
    started: datetime,
) -> dict[str, Any]:
    """steps: rule -> step. Metrics of the conditions are those of the step that the protocol's rule chose."""
    protocol, task = cell.protocol, data.task
    first_id = next((one.name for one in data.conditions if one.role == "id" and one.available), None)
    now = datetime.now(UTC)
    record = {
        "schema_version": SCHEMA_VERSION,
        "run_id": cell.run_id,
        "train_id": cell.train_id,
        "status": "done",
        "comparable": not _not_comparable(cell),
        "not_comparable_because": _not_comparable(cell),
        "model": _model(cell, fitted.account),
        "protocol": {
            "name": protocol.name,
            "version": protocol.version,
            "hash": protocol.hash,
            "task_hash": protocol.task_hash(cell.task),
        },
        "task": cell.task,
        "draw": cell.draw,
        "seed": cell.seed,
        "precision": cell.precision,
        "primary": task.primary,
        "selection_rule": protocol.selection,
        "data": _data(cell, data, space),
        "labels": _labels(cell, fitted),
        "conditions": _conditions(cell, data, space, fitted.history, steps[protocol.selection]),
        "exposure": cell.exposure,
        "selection": selection_entries(fitted.history, steps, task.primary, first_id),
        "environment": environment(device),
        "timing": {
            **fitted.timing,
            "teacher_s": fitted.account.teacher_s,
            "teacher_cached_s": fitted.account.teacher_cached_s,
            "total_s": (now - started).total_seconds(),
            # Of the training loop, where the model has one that measures: None is "not measured".
            "data_wait_s": fitted.account.loop.get("data_wait_s"),
            "examples_per_s": fitted.account.loop.get("examples_per_s"),
        },
        "memory": peak_memory(device),
        "started_at": _iso(started),
        "finished_at": _iso(now),
    }
    budget = protocol.budget[cell.task].examples_seen
    record["usage"] = {
        "updates": fitted.account.updates,
        "examples_seen": fitted.account.examples_seen,
        "sequences_seen": fitted.account.sequences_seen,
        "teacher_forwards": fitted.account.teacher_forwards,
        "max_examples": budget,
        "examples_at_once": fitted.account.loop.get("examples_at_once"),
        "processes": fitted.account.loop.get("processes", 1),
    }
    record["division"] = "open" if fitted.account.examples_seen > budget else "closed"
    if fitted.earlier is not None:
        record["trained_by"] = fitted.earlier["run_id"]
    return record


def build_external_record(
    cell: Cell,
    data: CellData,
    fitted: Fitted,
    steps: Mapping[str, int],
    started: datetime,
    predictions: Mapping[str, str],
) -> dict[str, Any]:
    """The record of predictions that were made elsewhere: what was not witnessed is None, never 0.

    predictions: condition -> sha256 of the file they came in. The labels are those that the protocol grants.
    """
    record = build_record(cell, data, AnswerSpace(()), fitted, steps, "cpu", started)
    record["division"] = "external"
    record["witnessed"] = False
    record["predictions"] = dict(predictions)
    record["model"]["weights"] = {}
    record["model"]["notes"] = [NOT_WITNESSED, *cell.notes]
    record["data"]["answer_space"] = None
    for condition in record["conditions"]:
        condition.pop("ceiling", None)  # of an answer space that nobody here knows
    record["labels"].update(tune=None, teacher=None, unlabelled=None, witnessed=False)
    record["usage"].update(updates=None, examples_seen=None, sequences_seen=None, teacher_forwards=None)
    record["timing"] = dict.fromkeys(record["timing"])
    record["memory"] = dict.fromkeys(record["memory"])
    # Of what trained it nothing is known; madbench and git say who scored it.
    scored_by = {name: record["environment"][name] for name in ("madbench", "git", "python")}
    record["environment"] = {**dict.fromkeys(record["environment"]), **scored_by}
    return record


def cell_manifest(cell: Cell, data: CellData) -> dict[str, Any]:
    """The manifest of a cell: see `manifest_of`."""
    return manifest_of(cell.digest, data)


def manifest_of(digest: Digest, data: CellData) -> dict[str, Any]:
    """The subset manifest, with the ids of `rows` conditions and what each condition is."""
    rows = {
        one.name: [row.example_id for row in one.rows]
        for one in data.conditions
        if one.kind == "rows" and one.role == "shifted" and one.available
    }
    contents = {one["name"]: one["content"] for one in digest["conditions"]}
    return {**data.subset.manifest, "rows": rows, "contents": contents}


def metric_versions(cell: Cell, task: Task) -> dict[str, str]:
    """Metric -> version: the task's, changed where the protocol says so."""
    chosen = {name: version for name, version in cell.protocol.metrics.items() if name in task.metric_versions}
    return {**task.metric_versions, **chosen}


def _not_comparable(cell: Cell) -> list[str]:
    limited = [] if cell.limit is None else [f"--limit {cell.limit}"]
    return [*limited, *([TRIAL] if isinstance(cell.protocol, TuningProtocol) else [])]


def _model(cell: Cell, account: Account) -> dict[str, Any]:
    spec = cell.identified
    weights = {**cell.weights, **account.weights}
    return {
        "name": spec.name,
        "version": spec.version,
        "adapter": spec.adapter,
        "spec_hash": spec.hash,
        "options": spec.options,
        "profile": spec.profile,
        "blind": spec.blind,
        "seen": list(spec.seen),
        "parameters": {name: account.parameters.get(name) for name in ("total", "trainable", "inference")},
        "weights": {cell.names.get(name, name): identity for name, identity in weights.items()},
        **({} if cell.code is None else {"code_sha256": cell.code}),
        "notes": list(dict.fromkeys([*account.notes, *cell.notes])),
    }


def _data(cell: Cell, data: CellData, space: AnswerSpace) -> dict[str, Any]:
    digest = cell.digest
    select = digest["select"]
    used = digest["train"]["n"] + (select["n"] if select is not None and _in_pool(cell) else 0)
    return {
        "source": cell.source.kind,
        "fingerprint": digest["fingerprint"],
        "official": not digest["official_problems"],
        "official_problems": digest["official_problems"],
        "train_ids_sha256": digest["train"]["sha256"],
        "select_ids_sha256": None if select is None else select["sha256"],
        "n_train": digest["train"]["n"],
        "n_select": 0 if select is None else select["n"],
        "n_pool": digest["pool"]["n"],
        "train_fraction": used / digest["pool"]["n"],
        "answer_space": _answer_space(digest, data, space),
        "image_overlap": cell.protocol.image_overlap,
        "audit": digest["audit"],
    }


def _answer_space(digest: Digest, data: CellData, space: AnswerSpace) -> dict[str, Any]:
    """sha256: of the labels in order. fingerprint: of the sorted labels, the form the literature's list is known by.

    ceiling: on the first unshifted condition. closed: where a closed vocabulary comes from, and from how many rows.
    """
    first = next((one for one in data.conditions if one.role == "id" and one.available), None)
    described = {
        "n": space.n_choices,
        "sha256": sha256_of(list(space.labels)),
        "ceiling": None if first is None else data.task.ceiling(first.rows, space),
    }
    if space.open:
        described["fingerprint"] = sha256_of_lines(sorted(space.labels))
    if "vocabulary" in digest:
        described["closed"] = {name: digest["vocabulary"][name] for name in ("rows", "origin", "note")}
    return described


def _in_pool(cell: Cell) -> bool:
    rule = cell.protocol.select.get(cell.task)
    return rule is not None and rule.split is None


def _labels(cell: Cell, fitted: Fitted) -> dict[str, int]:
    select, closed = cell.digest["select"], cell.digest.get("vocabulary")
    return {
        "train": cell.digest["train"]["n"] if fitted.labelled else 0,
        "select": select["n"] if select is not None and fitted.labelled else 0,
        "tune": cell.spec.tune_labels,
        "teacher": fitted.account.teacher_labels,
        "unlabelled": fitted.account.unlabelled,
        # What a closed answer list was counted on; without one, no label outside train and select tells of answers.
        **({"vocabulary": sum(closed["rows"].values())} if closed is not None else {}),
    }


def _conditions(
    cell: Cell, data: CellData, space: AnswerSpace, history: Sequence[Mapping[str, Any]], step: int
) -> list[dict[str, Any]]:
    at = next(point["conditions"] for point in history if point["step"] == step)
    versions = metric_versions(cell, data.task)
    described = []
    for condition in data.conditions:
        metrics = at.get(condition.name, {}) if condition.available else {}
        one = {
            **condition.described(),
            "metrics": metrics,
            "metric_versions": {name: versions.get(name.partition(":")[0], "1") for name in metrics},
        }
        ceiling = data.task.ceiling(condition.rows, space) if metrics else None
        if ceiling is not None:
            one["ceiling"] = ceiling
        described.append(one)
    return described


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
