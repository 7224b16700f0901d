"""The worst-group board: question types of VQA, question families of VCR (ours, by the first word), classes of SNLI-VE.

Groups come from the stored predictions (columns group_<kind>), with their sizes and item scores. A group smaller than
the minimum is not looked at: the worst of many tiny groups is whichever had bad luck. Even so the worst of several is
picked by its own noise, so its score is a little lower than that of a group named beforehand; its interval does not know.
Records whose predictions hold no groups say so; their per-group metrics have no sizes, so no minimum could be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from madbench.report import cells
from madbench.report.cells import Text
from madbench.report.inline import codes
from madbench.report.numbers import Group
from madbench.report.predictions import COMPLEMENT, CONTROL
from madbench.report.records import Record
from madbench.report.statistics import Estimate, Term
from madbench.report.titles import task_title

if TYPE_CHECKING:
    from madbench.report.tables import Table

MINIMUM = 50
KINDS = {"class": "class", "family": "question family", "question_type": "question type", "answer_type": "answer type"}
PREFIX = "group_"


@dataclass(frozen=True)
class Worst:
    """The worst group of one kind, of one row under one condition.

    groups: how many had the minimum; small: how many had not. mean: over the groups that had it, each weighing the same.
    name, estimate, items: None, None, 0 when no group had it.
    """

    condition: str
    kind: str
    name: str | None
    items: int
    estimate: Estimate | None
    mean: float | None
    groups: int
    small: int


def worst_groups(group: Group, conditions: Mapping[str, str], minimum: int) -> list[Worst]:
    """conditions: condition -> the metric that stands for it. Empty where predictions hold no groups."""
    found = []
    replicates = group.replicates()
    for condition, metric in conditions.items():
        names = _named(group.any, condition)
        scored = None if names is None else group.scores(replicates, condition, metric)
        if scored is None:
            continue
        for kind, of_items in _aligned(names, scored[1].ids).items():
            found.append(_worst(group, condition, kind, of_items, scored[0], scored[1].units, minimum))
    return found


def _worst(group: Group, condition, kind, of_items, scores, units, minimum) -> Worst:
    members: dict[str, np.ndarray] = {
        name: np.flatnonzero(of_items == name) for name in sorted(set(of_items.tolist()) - {""})
    }
    large = {name: places for name, places in members.items() if len(places) >= minimum}
    small = len(members) - len(large)
    if not large:
        return Worst(condition, kind, None, 0, None, None, 0, small)
    means = {name: float(scores[:, places].mean()) for name, places in large.items()}
    name = min(means, key=lambda one: (means[one], one))
    places = large[name]
    estimate = group.weighted([Term(1.0, scores[:, places], units[places])])
    return Worst(condition, kind, name, len(places), estimate, sum(means.values()) / len(means), len(large), small)


def _named(record: Record, condition: str) -> Any | None:
    """A table of example_id and group_<kind> from a run's file (groups follow from the data), None without groups."""
    name = condition.removesuffix(CONTROL).removesuffix(COMPLEMENT)
    declared = record.conditions.get(name)
    if declared is None:
        return None
    stored = declared["of"] if declared["kind"] == "rows" or condition != name else name
    if record.archived is not None:
        table = record.archived.table(stored)
        return table if table is not None and any(one.startswith(PREFIX) for one in table.column_names) else None
    path: Path = record.folder / "predictions" / f"{stored}@{record.step}.parquet"
    if not path.is_file():
        return None
    import pyarrow.parquet

    columns = [one for one in pyarrow.parquet.read_schema(path).names if one.startswith(PREFIX)]
    return pyarrow.parquet.read_table(path, columns=["example_id", *columns]) if columns else None


def _aligned(table: Any, ids: np.ndarray) -> dict[str, np.ndarray]:
    """kind -> the group of each item of `ids` (empty: in none)."""
    known = np.asarray(table["example_id"].to_pylist(), dtype=np.str_)
    order = np.argsort(known, kind="stable")
    places = order[np.searchsorted(known[order], ids)]
    return {
        column.removeprefix(PREFIX): np.asarray([one or "" for one in table[column].to_pylist()], dtype=np.str_)[places]
        for column in table.column_names
        if column.startswith(PREFIX)
    }


def about(minimum: int) -> str:
    return (
        f"The group with the lowest score among those of at least {minimum} items, with its name and size. It is picked by "
        "its score, so it lies a little lower than a group named beforehand would, and its interval does not allow for the "
        "picking. Mean: over the groups of that size, each weighing the same. VCR's question families are ours, by a "
        "question's first word."
    )


def tables(table: Table, task: str, minimum: int) -> list[tuple[str, list[str], list[list[Text]]]]:
    """(title, header, lines) for each kind of group of a task; a line is a row of the board's table."""
    rows = [row for row in table.rows_of(task) if row.worst.get(task)]
    found = {row.label: {(one.kind, one.condition): one for one in row.worst[task]} for row in rows}
    made = []
    for kind in dict.fromkeys(one.kind for row in rows for one in row.worst[task]):
        conditions = list(dict.fromkeys(one.condition for row in rows for one in row.worst[task] if one.kind == kind))
        counts = []
        for condition in conditions:
            sizes = {(one.groups, one.small) for each in found.values() if (one := each.get((kind, condition)))}
            if len(sizes) == 1:
                groups, small = sizes.pop()
                counts.append(f"{condition} {groups}" + (f" and {small} too small" if small else ""))
        title = f"{task_title(task)} by {KINDS.get(kind, kind)}" + (f" (groups: {', '.join(counts)})" if counts else "")
        header = [*cells.naming(table)]
        for condition in conditions:
            header += [f"{condition}: worst ↑", f"{condition}: mean ↑"]
        lines = [
            [
                *cells.named(table, row, task),
                *(text for one in conditions for text in _cells(found[row.label].get((kind, one)))),
            ]
            for row in rows
        ]
        made.append((title, header, lines))
    return made


def _cells(one: Worst | None) -> tuple[Text, Text]:
    if one is None or one.estimate is None or one.mean is None:
        return Text(cells.NOTHING), Text(cells.NOTHING)
    worst = cells.estimate(one.estimate)
    named = Text(f"{worst.text} {one.name} ({one.items:,})", number=worst.number)
    return named, Text(cells.percent(one.mean), number=one.mean)


def without(table: Table, task: str) -> list[str]:
    """The rows whose predictions hold no groups."""
    return [row.label for row in table.rows_of(task) if task in row.costs and not row.worst.get(task)]


def unknown(without: Mapping[str, list[str]], rows: Mapping[str, int], minimum: int) -> list[str]:
    """The sentences about rows whose predictions hold no groups. without: task -> labels; rows: task -> their number."""
    whose: dict[str, list[str]] = {}
    for task, labels in without.items():
        whose.setdefault("every row" if len(labels) == rows[task] else codes(labels), []).append(task_title(task))
    return [
        f"{', '.join(titles)}, {labels}: the stored predictions do not say which group an item is in (made by an earlier "
        f"madbench, or not kept), so sizes are unknown, the minimum of {minimum} items cannot be kept, and no worst group "
        "is named. Scores per group without sizes are in the csv."
        for labels, titles in whose.items()
    ]
