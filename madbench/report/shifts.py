"""The domain-shift board: each shift's effects, and mean and worst over the shifts of a task.

The mean over shifts weighs each shift the same, whatever its size; items of one image go together in all of them. The
worst shift is the one with the lowest score, so its score is a little lower than that of a shift named beforehand.
"""

from __future__ import annotations

from typing import Any

from madbench.report import cells
from madbench.report.cells import Text
from madbench.report.tables import Cell, Column, Table

EFFECTS = {
    "control": "the rows of the shift, unshifted",
    "complement": "the other rows",
    "selection": "id - control",
    "modification": "control - shifted",
    "relative-drop": "gap / id, the gap being id - shifted",
}
PICKED = (
    "Worst shift: the one with the lowest score of the row, whichever that is. It is picked by that score, so the score lies "
    "a little lower than that of a shift named beforehand would, and the interval beside it does not allow for the picking."
)
OVER_SHIFTS = {
    "shift-mean": "mean of {count} shifts ↑",
    "shift-worst": "worst shift ↑",
    "mean-gap": "gap (id - mean)",
    "mean-relative-drop": "relative drop",
}


def about(table: Table) -> str:
    """What the effects are that the table has."""
    roles = {column.role for column in table.columns}
    said = [f"{role.replace('-', ' ')}: {meaning}" for role, meaning in EFFECTS.items() if role in roles]
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def detail(table: Table, task: str) -> list[tuple]:
    """Columns with the effects of each shift: (title, column, how to show it)."""
    columns = [column for column in _headlines(table, task) if column.role in EFFECTS]
    names = list(dict.fromkeys(map(_name, columns)))
    columns.sort(key=lambda column: (names.index(_name(column)), list(EFFECTS).index(column.role)))
    return [
        (
            f"{_name(column)}: {column.role.replace('-', ' ')}",
            column,
            cells.relative if column.role == "relative-drop" else cells.value,
        )
        for column in columns
    ]


def summary(table: Table, task: str) -> list[tuple]:
    """Columns with id, mean and worst over shifts; none for a task with fewer than two shifts."""
    over = [column for column in table.columns if column.task == task and column.role in OVER_SHIFTS]
    if not over:
        return []
    # Rows of two contents (a mixed table) may have been asked for other shifts.
    several = len({column.over for column in over}) > 1
    block: list[tuple] = [
        (f"{column.condition} (id) ↑", column, cells.value) for column in _headlines(table, task) if column.role == "id"
    ]
    shows = {"shift-worst": worst, "mean-relative-drop": cells.relative}
    return block + [
        (
            OVER_SHIFTS[column.role].format(count=len(column.over))
            + (f" ({', '.join(column.over)})" if several else ""),
            column,
            shows.get(column.role, cells.value),
        )
        for column in over
    ]


def worst(cell: Cell, usual: str | None = None) -> Text:
    found = cells.value(cell, usual)
    return found if cell.about is None else Text(f"{found.text} {cell.about}", number=found.number)


def drawing(table: Table, task: str) -> list[tuple[str, list[tuple[str, Any]]]]:
    """row -> (condition, estimate) for the figure; empty without a shift."""
    columns = [column for column in _headlines(table, task) if column.role in ("id", "shifted")]
    if not any(column.role == "shifted" for column in columns):
        return []
    return [
        (row.label, found)
        for row in table.rows_of(task)
        if (
            found := [
                (column.condition, row.cells[column].estimate)
                for column in columns
                if row.cells[column].estimate is not None
            ]
        )
    ]


def _headlines(table: Table, task: str) -> list[Column]:
    return [
        column
        for column in table.columns
        if column.task == task and column.metric == table.headline.get((task, column.condition))
    ]


def _name(column: Column) -> str:
    return column.condition.partition(":")[0]
