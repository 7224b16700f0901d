"""The numbers of a model for a Hugging Face model card: the `model-index` of its front matter, from the rows of a board.

Not from records one by one: a board already keeps apart what must not be averaged (options, divisions, data, protocols of
one name) and weighs draws and seeds as the tables do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from madbench.errors import UsageError, did_you_mean
from madbench.report import cells
from madbench.report.board import build_board
from madbench.report.records import Runs
from madbench.report.tables import MINI, Cell, Column, Extent, Row, Table

DATASETS = {"vcr": "VCR", "snli_ve": "SNLI-VE", "vqa": "VQA v2"}


def model_card(runs: Runs, model: str) -> str:
    """YAML with the main metrics of a row on the split as it is and on each shift; percent, as cards have them.

    model: the name of a model (its closed row) or the label of a row. Runs that stand apart from the main table of their
    protocol are left out, and named in a comment. Raises UsageError for a model that nobody ran, or a name that several
    rows of one table have.
    """
    import yaml

    tables = build_board(runs, baseline="student", extent=Extent(("protocol",))).tables
    found = [(table, row) for table in tables for row in _rows(table, model)]
    if not found:
        known = {label for table in tables for row in table.rows if row.costs for label in (row.label, row.model)}
        hint = did_you_mean(model, known - {model})
        raise UsageError(
            f"no row of the model '{model}' that is closed and not limited" + (f"; {hint}" if hint else ""),
            fix=f"choose one of {', '.join(sorted(known))}",
        )
    apart = [f"# left out: {table.protocol}: {table.why}\n" for table, _ in found if table.why]
    results: dict[tuple, dict[str, Any]] = {}
    for table, row in found:
        for column, cell in [] if table.why else row.cells.items():
            if column.role in ("id", "shifted") and cell.estimate is not None and _is_main(column):
                entry = results.setdefault(
                    (column.task, table.source, table.protocol, column.condition), _entry(table, column)
                )
                entry["metrics"].append(_metric(table, row, column, cell))
    listed = [results[key] for key in sorted(results)]
    return "".join(apart) + yaml.safe_dump({"model-index": [{"name": model, "results": listed}]}, sort_keys=False)


def _rows(table: Table, model: str) -> list[Row]:
    """The row of a table that is meant. Raises UsageError where several could be."""
    labelled = [row for row in table.rows if row.label == model and row.costs]
    named = [
        row for row in table.rows if row.model == model and row.division == "closed" and not row.limited and row.costs
    ]
    if labelled and labelled[0].model != model:
        return labelled
    tasks = [task for row in named for task in row.costs]
    if len(tasks) > len(set(tasks)):
        labels = ", ".join(f"'{row.label}'" for row in named)
        raise UsageError(
            f"{table.protocol} has several rows of the model '{model}', and their numbers have no common mean",
            fix=f"choose one of {labels}",
        )
    return named


def _is_main(column: Column) -> bool:
    return ":" not in column.metric and column.metric != "vqa_accuracy_simple"


def _entry(table: Table, column: Column) -> dict[str, Any]:
    name, real = DATASETS.get(column.task, column.task), table.source != MINI
    dataset = {
        "name": name if real else f"madbench mini, {name} layout",
        "type": column.task if real else f"madbench-mini-{column.task}",
        "config": table.protocol,
        "split": column.condition,
    }
    return {"task": {"type": "visual-question-answering", "name": name}, "dataset": dataset, "metrics": []}


def _metric(table: Table, row: Row, column: Column, cell: Cell) -> dict[str, Any]:
    found = cell.estimate
    half_width = "" if found.half_width is None else f", ± {cells.percent(found.half_width)}"
    division = "" if row.division == "closed" else f", {row.division} division"
    version = _versions(table.facts[column.task]).get(column.metric, "1")
    return {
        "type": column.metric,
        "name": f"{column.metric} (version {version}, draws×seeds {cells.runs(found)}{half_width}{division})",
        "value": round(100 * found.value, 2),
        "verified": False,
    }


def _versions(facts: Mapping[str, str]) -> dict[str, str]:
    """metric -> version, of `accuracy v1, q2a v1`."""
    return dict(one.rsplit(" v", 1) for one in facts["metrics"].split(", ") if " v" in one)
