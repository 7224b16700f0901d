"""The cost board: what a row of a table took, and whose labels it saw."""

from __future__ import annotations

from typing import Any

from madbench.report import cells
from madbench.report.cells import Text
from madbench.report.tables import Table
from madbench.report.titles import task_title

ABOUT = (
    "Times are of the machine that ran them and compare only within one; `teacher s` is the part of `fit s` that went into "
    "teachers' features and heads. Features that another run had left in the cache cost that run; `cached teacher s` is what "
    "they cost it, and no part of `fit s`. Memory is the peak of the process (MB). Labels: examples whose labels "
    "were used, by purpose."
)

# Header -> (name in Row.costs, decimals)
COLUMNS = {
    "updates": ("updates", 0),
    "examples seen": ("examples_seen", 0),
    "sequences seen": ("sequences_seen", 0),
    "fit s": ("fit_s", 1),
    "teacher s": ("teacher_s", 1),
    "cached teacher s": ("teacher_cached_s", 1),
    "predict s": ("predict_s", 1),
    "parameters at inference": ("parameters_inference", 0),
    "parameters in training": ("parameters_training", 0),
    "peak memory": ("peak_rss_mb", 0),
    "peak GPU memory": ("peak_cuda_mb", 0),
    "labels: train": ("labels_train", 0),
    "labels: select": ("labels_select", 0),
    "labels: tune": ("labels_tune", 0),
    "labels: teacher": ("labels_teacher", 0),
    "labels: vocabulary": ("labels_vocabulary", 0),
    "unlabelled": ("unlabelled", 0),
}


def table(board_table: Table) -> tuple[list[str], list[list[Text]], str]:
    """Header, lines (task by task, so that what compares stands together) and what is said of columns left out."""
    here = [(row, task) for task in board_table.tasks for row in board_table.rows_of(task) if task in row.costs]
    found = {title: [row.costs[task].get(name) for row, task in here] for title, (name, _) in COLUMNS.items()}
    empty = {title: set(values) for title, values in found.items() if set(values) <= {None} or set(values) <= {0}}
    shown = [title for title in COLUMNS if title not in empty]
    lines = [
        [
            *cells.named(board_table, row, task),
            Text(task_title(task)),
            *(cells.amount(found[title][place], COLUMNS[title][1]) for title in shown),
        ]
        for place, (row, task) in enumerate(here)
    ]
    said = [
        f"{words}: {', '.join(titles)}."
        for words, nothing in (("0 in every row", {0}), ("Not recorded", {None}))
        if (titles := [title for title, values in empty.items() if values == nothing])
    ]
    return [*cells.naming(board_table), "task", *shown], lines, " ".join(said)


def drawing(table: Table, task: str) -> list[tuple[str, float, Any]]:
    """(row, seconds of training, score) on the first unshifted condition, where training took time; two rows at least."""
    column = next((one for one in table.columns if one.task == task and one.role == "id"), None)
    column = next(
        (one for one in table.columns if one.task == task and one.role == "id" and one.metric == table.primary[task]),
        column,
    )
    if column is None:
        return []
    found = [
        (row.label, seconds, row.cells[column].estimate)
        for row in table.rows
        if (seconds := row.costs.get(task, {}).get("fit_s")) and row.cells[column].estimate is not None
    ]
    return found if len(found) > 1 else []
