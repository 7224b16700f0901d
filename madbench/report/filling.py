"""The numbers of one task in a table: cells, ranks, points of curves, worst groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from madbench.report import cells
from madbench.report.curves import Point, rounded
from madbench.report.grouping import id_condition
from madbench.report.groups import worst_groups
from madbench.report.numbers import Group, Standing
from madbench.report.predictions import CONTROL, main_metric
from madbench.report.ranking import corrected, ranks_of
from madbench.report.records import Failure
from madbench.report.statistics import Estimate
from madbench.report.tables import COSTS, Cell, Column, Row


def baseline_of(rows: Mapping[str, tuple[Row, dict[str, Group]]], task: str, baseline: str) -> Row | None:
    """The row others are compared with in a task; None when there is none, or more than one that could be meant.

    A label names its row; the name of a model means its closed row that is not limited, and if it has none, the others.
    """
    here = candidates(rows, task, baseline)
    closed = [row for row in here if row.division == "closed" and not row.limited]
    for found in ([row for row in here if row.label == baseline and baseline != row.model], closed, here):
        if found:
            return found[0] if len(found) == 1 else None
    return None


def candidates(rows: Mapping[str, tuple[Row, dict[str, Group]]], task: str, baseline: str) -> list[Row]:
    """The rows of a task that the name of a baseline could mean."""
    return [row for row, groups in rows.values() if task in groups and baseline in (row.label, row.model)]


def fill_task(task, columns, rows, baseline, failures, problems, extent) -> None:
    reference = baseline_of(rows, task, baseline)
    standard = None
    if reference is not None:
        reference.baseline = True
        standard = rows[reference.label][1][task]
    columns = [column for column in columns if column.task == task]
    compared = [column for column in columns if column.role in ("id", "shifted")]
    standings: dict[Column, dict[str, Standing]] = {column: {} for column in compared}
    here = [record for _, groups in rows.values() if task in groups for record in groups[task].runs.values()]
    primary = here[0].content["primary"] if here else ""
    metrics: dict[str, set[str]] = defaultdict(set)
    for column in compared:
        metrics[column.condition].add(column.metric)
    main = {condition: main_metric(found, primary) for condition, found in metrics.items()}
    shares = [found for record in here if (found := record.content["data"].get("train_fraction")) is not None]
    fraction = rounded(sum(shares) / len(shares)) if shares else None
    for row, groups in rows.values():
        group = groups.get(task)
        if group is None:
            row.cells.update({column: absent(row, task, failures) for column in columns})
            continue
        for column in columns:
            row.cells[column] = _cell(group, column, None if row is reference else standard)
        for column in [] if row.limited else compared:
            standing = group.totals(column.condition, column.metric)
            if standing is not None:
                standings[column][row.label] = standing
        row.costs[task] = group.averages(COSTS)
        if "curve" in extent.shown and (point := _point(row, group, columns, fraction)) is not None:
            row.points[task] = point
        if "groups" in extent.shown:
            row.worst[task] = worst_groups(group, main, extent.minimum)
        problems += [problem for problem in group.problems if problem not in problems]
        if group is not standard:
            group.forget()
    closed = [row.label for row, _ in rows.values() if row.division == "closed" and not row.limited]
    for column in compared:
        found = {row.label: row.cells[column].difference for row, _ in rows.values()}
        thin = {label for label, one in found.items() if one is not None and one.thin}
        differences = corrected(found, [label for label in found if label not in closed or label in thin])
        ranks = ranks_of(standings.pop(column), closed, column.condition, column.metric)
        for row, _ in rows.values():
            row.cells[column] = replace(row.cells[column], difference=differences[row.label], rank=ranks.get(row.label))
    for _, groups in rows.values():
        if task in groups:
            groups[task].forget()  # pairs with other draws than most were read once more


def _cell(group: Group, column: Column, standard: Group | None) -> Cell:
    if not group.unavailable().isdisjoint({column.condition, *column.over}):
        return Cell("unavailable")
    if column.over:
        found, about = _over_shifts(group, column)
        return Cell("missing" if found is None else "done", found, about=about)
    difference = None
    conditions = {column.condition.partition(":")[0]}
    if column.role in ("id", "shifted"):
        found = group.metric(column.condition, column.metric)
        if standard is not None and found is not None:
            difference = group.difference(standard, column.condition, column.metric)
    elif column.role in ("control", "complement"):
        found = group.metric(column.condition, column.metric)
    else:
        found = _effect(group, column)
        conditions.add(id_condition(group.any, column.condition))
    exposed = not group.exposed().isdisjoint(conditions)
    return Cell("missing" if found is None else "done", found, difference, exposed and found is not None)


def _point(row: Row, group: Group, columns: Sequence[Column], fraction: float | None) -> Point | None:
    """The row's point of a low-shot curve: its score on the first unshifted condition."""
    data = group.any.content["data"]
    column = next((one for one in columns if one.role == "id" and one.metric == group.any.content["primary"]), None)
    if column is None or fraction is None:
        return None
    found = group.metric(column.condition, column.metric)
    if found is None:
        return None
    versions = group.any.conditions[column.condition].get("metric_versions") or {}
    return Point(
        fraction,
        cells.label(row).text,
        column.condition,
        column.metric,
        versions.get(column.metric, "1"),
        column.items,
        bool((data.get("answer_space") or {}).get("closed")),
        group.any.content["model"]["spec_hash"],
        found,
        group.totals(column.condition, column.metric),
    )


def _over_shifts(group: Group, column: Column) -> tuple[Estimate | None, str | None]:
    """A number over all shifts of a task, and for the worst of them its name; None where a shift has no score."""
    shifts = column.over
    weights = {name: 1 / len(shifts) for name in shifts}
    if column.role == "shift-mean":
        return group.combination(column.metric, weights), None
    if column.role == "shift-worst":
        found = {name: group.metric(name, column.metric) for name in shifts}
        if any(one is None for one in found.values()):
            return None, None
        worst = min(found, key=lambda name: (found[name].value, name))
        return found[worst], worst
    base = id_condition(group.any, shifts[0])
    if column.role == "mean-gap":
        return group.combination(column.metric, {base: 1.0, **{name: -one for name, one in weights.items()}}), None
    return group.drop(column.metric, base, shifts), None


def _effect(group: Group, column: Column) -> Estimate | None:
    shifted = column.condition
    base = id_condition(group.any, shifted)
    if column.role == "selection":
        return group.contrast(column.metric, base, shifted + CONTROL)
    if column.role == "modification":
        return group.contrast(column.metric, shifted + CONTROL, shifted)
    if column.role == "gap":
        return group.contrast(column.metric, base, shifted)
    return group.drop(column.metric, base, [shifted])


def absent(row: Row, task: str, failures: Sequence[Failure]) -> Cell:
    return Cell("failed" if any((one.model, one.task) == (row.model, task) for one in failures) else "missing")
