"""The rows of each condition, and what follows from stored predictions: `rows` conditions, controls, complements.

A shift that lists rows is computed once per data content and remembered in MADBENCH_HOME; it may need the whole
official training split, which models never see through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from madbench.errors import ConfigError, DataError, DataMissing, did_you_mean
from madbench.files import recall_json, remember_json, sha256_of, sha256_of_file
from madbench.home import home
from madbench.protocols.schema import Condition
from madbench.tasks.contract import LegPredictions, Row, Scores, Shift, ShiftInputs, Task
from madbench.tasks.sources import Source, fingerprint, has_split
from madbench.tasks.subsets import carve, ids_sha256

# rows of a training split, task, fraction of its images -> (the rest, the part)
Carving = Callable[[Sequence[Row], str, float], tuple[Sequence[Row], Sequence[Row]]]

CONTROL = "control"
COMPLEMENT = "complement"


@dataclass(frozen=True)
class ConditionRows:
    """A condition and its rows, in the order of the file. reason: why it is not available, else None.

    role: `id` (the first split), `shifted` (the other splits too), `control` (the unshifted rows of a transform's ids) or
    `complement` (what a `rows` shift leaves). stored: whether its predictions have a file; the others are slices of the
    file of `of`.
    about: what the shift's files say of themselves (an attack model, say). files: sha256 of each file it needed.
    """

    name: str
    kind: str
    role: str
    split: str | None
    of: str | None
    shift: str | None
    shift_version: int | None
    rows: tuple[Row, ...]
    reason: str | None = None
    about: Mapping[str, Any] | None = None
    files: tuple[str, ...] = ()

    @property
    def available(self) -> bool:
        return self.reason is None

    @property
    def stored(self) -> bool:
        return self.available and self.kind in ("split", "transform")

    def described(self) -> dict:
        """The part of a record or plan that does not depend on predictions."""
        described = {
            "name": self.name,
            "kind": self.kind,
            "role": self.role,
            "split": self.split,
            "of": self.of,
            "shift": self.shift,
            "shift_version": self.shift_version,
            "n": len(self.rows),
            "n_images": len({row.image_id for row in self.rows}),
            "available": self.available,
        }
        if self.about is not None:
            described["about"] = dict(self.about)
        if self.files:
            described["files"] = list(self.files)
        return described if self.available else {**described, "reason": self.reason}


def build_conditions(
    task: Task,
    source: Source,
    conditions: Sequence[Condition],
    read: Callable[[str], Sequence[Row]],
    code: str,
    limit: int | None = None,
    carving: Carving = carve,
) -> list[ConditionRows]:
    """Every declared condition and, behind it, its control or complement.

    read: split -> rows. code: hash of the code that reads and shifts, part of the key of remembered row lists.
    limit: at most that many rows of each split. carving: what takes a condition's rows out of the training split.
    Raises ConfigError for an unknown shift.
    """
    built: dict[str, ConditionRows] = {}
    for condition in conditions:
        if condition.kind == "split":
            built[condition.name] = _split(task, source, condition, read, limit, carving, first=not built)
            continue
        shift = _shift(task, condition)
        parent = built[condition.of]
        shifted = _shifted(task, source, condition, shift, parent, read, code)
        built[condition.name] = shifted
        derived = _derived(parent, shifted)
        built[derived.name] = derived
    return list(built.values())


def check_something_to_score(task: str, protocol: str, conditions: Iterable[Mapping[str, Any]]) -> None:
    """Raises DataMissing when none of the conditions, as described in a digest or record, is available."""
    conditions = list(conditions)
    if not any(one["available"] for one in conditions):
        reasons = [f"{one['name']}: {one['reason']}" for one in conditions if one["role"] in ("id", "shifted")]
        raise DataMissing(
            f"no condition of {protocol} on {task} is available: {'; '.join(reasons)}",
            fix="add the files that are named, or choose another protocol",
        )


def slice_predictions(
    rows: Sequence[Row], predictions: dict[str, LegPredictions], wanted: Sequence[Row]
) -> dict[str, LegPredictions]:
    """The predictions of `wanted`, found by example id among those of `rows`."""
    place_of = {row.example_id: place for place, row in enumerate(rows)}
    places = [place_of[row.example_id] for row in wanted]
    return {
        leg: LegPredictions(
            tuple(one.labels[place] for place in places), None if one.scores is None else one.scores[places]
        )
        for leg, one in predictions.items()
    }


def score_all(
    task: Task,
    conditions: Iterable[ConditionRows],
    stored: dict[str, dict[str, LegPredictions]],
    versions: dict[str, str],
) -> dict[str, Scores]:
    """Scores of every available condition for which there are predictions.

    stored: condition -> leg -> predictions, of stored conditions. The others are cut out of the condition `of`.
    """
    by_name: dict[str, tuple[Sequence[Row], dict[str, LegPredictions]]] = {}
    scores = {}
    for condition in conditions:
        if not condition.available:
            continue
        if condition.name in stored:
            predictions = stored[condition.name]
        elif not condition.stored and condition.of in by_name:
            predictions = slice_predictions(*by_name[condition.of], condition.rows)
        else:
            continue
        by_name[condition.name] = (condition.rows, predictions)
        scores[condition.name] = task.score(condition.rows, predictions, versions)
    return scores


def _split(task, source, condition, read, limit, carving, first: bool) -> ConditionRows:
    split = condition.source_split
    reason, rows = None, ()
    if not has_split(source.layout, split):
        reason = f"the source has no {split} split"
    else:
        found = read(split) if condition.images is None else carving(read(split), task.name, condition.images)[1]
        rows = tuple(found[:limit])
        if not rows:
            reason = f"the {split} split has no rows"
    role = "id" if first else "shifted"
    return ConditionRows(condition.name, "split", role, split, None, None, None, rows, reason)


def _shift(task: Task, condition: Condition) -> Shift:
    shifts = task.shifts()
    shift = shifts.get(condition.shift_name)
    if shift is None:
        hint = did_you_mean(condition.shift_name, shifts)
        raise ConfigError(
            f"condition '{condition.name}': {task.name} has no shift '{condition.shift_name}'"
            + (f"; {hint}" if hint else ""),
            fix=f"{task.name} has {', '.join(sorted(shifts)) or 'none'}",
        )
    if shift.kind != condition.kind:
        raise ConfigError(
            f"condition '{condition.name}' is declared as {condition.kind}, and the shift is a {shift.kind}",
            fix=f"write `kind: {shift.kind}`",
        )
    return shift


def _shifted(task, source, condition, shift, parent, read, code) -> ConditionRows:
    rows: tuple[Row, ...] = ()
    reason = None if parent.available else f"'{parent.name}' is not available"
    absent = [name for name in shift.files if name not in source.layout.extras]
    if reason is None and absent:
        # The first place is the file's own name; docs/data.md has the others.
        reason = f"the source has no {' and no '.join(task.extra_files.get(name, (name,))[0] for name in absent)}"
    inputs = ShiftInputs(lambda: read("train"), source.layout.extras)
    about, files = None, ()
    if reason is None:
        try:
            files = tuple(sha256_of_file(inputs.files[name]) for name in shift.files)
            if shift.kind == "transform":
                rows = tuple(shift.apply(parent.rows, inputs))
            else:
                rows = _listed(task, source, shift, parent, inputs, files, read, code)
            if shift.about is not None:
                about = shift.about(parent.rows, inputs)
            if not rows:
                reason = "the shift leaves no rows"
        except DataError as error:
            reason = str(error)
    return ConditionRows(
        condition.name, shift.kind, "shifted", None, parent.name, shift.name, shift.version, rows, reason, about, files
    )


def _listed(task, source, shift, parent, inputs, files, read, code) -> tuple[Row, ...]:
    if parent.split is None:
        key = None  # rows of a shift: cheap to find again, and not named by the files alone
    else:
        splits = [split for split in ("train", parent.split) if has_split(source.layout, split)]
        named = [task.name, shift.name, shift.version, parent.split, fingerprint(source.layout, splits), files, code]
        key = home() / "shifts" / f"{sha256_of(named)}.json"
    ids = None if key is None else recall_json(key)
    if ids is None:
        # A --limit must not change which rows are hard: the list is made from the whole split.
        whole = parent.rows if parent.split is None else read(parent.split)
        ids = list(shift.apply(whole, inputs))
        if key is not None:
            remember_json(key, ids)
    wanted = set(ids)
    return tuple(row for row in parent.rows if row.example_id in wanted)


def _derived(parent: ConditionRows, shifted: ConditionRows) -> ConditionRows:
    """The control of a transform, or the complement of a `rows` shift."""
    role = CONTROL if shifted.kind == "transform" else COMPLEMENT
    inside = {row.example_id for row in shifted.rows}
    rows = tuple(row for row in parent.rows if (row.example_id in inside) == (role == CONTROL))
    reason = f"'{shifted.name}' is not available" if not shifted.available else None if rows else "no rows are left"
    return ConditionRows(
        f"{shifted.name}:{role}",
        "rows",
        role,
        None,
        parent.name,
        shifted.shift,
        shifted.shift_version,
        rows if reason is None else (),
        reason,
    )


def content_of(condition: ConditionRows, split_fingerprint: str | None, parent: str | None) -> str:
    """What a condition is, as a hash: equal for conditions of two protocols that ask the same questions.

    The name is in it because the ids that models see are made with it.
    """
    parts = [
        condition.name,
        condition.kind,
        condition.shift,
        condition.shift_version,
        ids_sha256(condition.rows),
        split_fingerprint,
        parent,
    ]
    return sha256_of([*parts, list(condition.files)] if condition.files else parts)
