"""The board as one long CSV: a line per row and number, fractions unrounded, empty where there is no number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from madbench.report.curves import Curve, Line
from madbench.report.design import detectable
from madbench.report.statistics import Estimate
from madbench.report.tables import Board, Row, Table

# What a spreadsheet is filtered by comes first. Published results stay out: they were not measured here.
FIELDS = [
    "protocol",
    "source",
    "task",
    "model",
    "condition",
    "role",
    "metric",
    "state",
    "value",
    "half_width",
    "low",
    "high",
    "degrees",
    "basis",
    "draws",
    "seeds",
    "runs",
    "items",
    "images",
    "difference",
    "difference_half_width",
    "difference_low",
    "difference_high",
    "difference_degrees",
    "difference_basis",
    "difference_draws",
    "difference_seeds",
    "difference_runs",
    "difference_thin",
    "difference_p",
    "difference_p_holm",
    "verdict",
    "rank",
    "draw_variance",
    "item_variance",
    "difference_draw_variance",
    "difference_item_variance",
    "baseline",
    "blind",
    "limited",
    "division",
    "protocol_hash",
    "data_fingerprint",
    "exposed",
    "white_box",
    "content",
    "about",
]


def render(board: Board) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FIELDS, lineterminator="\n", restval="")
    writer.writeheader()
    for table in board.tables:
        for row in table.rows:
            writer.writerows(_lines(board, table, row))
        writer.writerows(_detectable(board, table))
    for curve in board.curves:
        for line in curve.lines:
            writer.writerows(_area(board, curve, line, span) for span in curve.spans)
            writer.writerows(_crossing(board, curve, line))
    return buffer.getvalue()


def _lines(board: Board, table: Table, row: Row) -> Iterator[dict]:
    def start(task: str) -> dict:
        return {
            "protocol": table.protocol,
            "source": table.source,
            "task": task,
            "model": row.label,
            "baseline": board.baseline,
            "blind": _bool(row.blind),
            "limited": _bool(row.limited),
            "division": row.division,
            "white_box": _bool(row.white_box),
            "protocol_hash": table.facts_of(row, task)["protocol hash"],
            "data_fingerprint": table.facts_of(row, task)["data fingerprint"],
            "content": row.content.letter if row.content else "",
        }

    for column, cell in row.cells.items():
        items, images = table.size_of(row, column)
        yield {
            **start(column.task),
            "condition": column.condition,
            "role": column.role,
            "metric": column.metric,
            "state": cell.state,
            "items": _text(items),
            "images": _text(images),
            "exposed": _bool(cell.exposed),
            "about": cell.about or "",
            "rank": _text(cell.rank),
            "verdict": _text(cell.verdict),
            **_estimate("", cell.estimate),
            **_estimate("difference", cell.difference),
        }
    for task, found in row.worst.items():
        for one in found:
            yield {
                **start(task),
                "condition": one.condition,
                "role": "worst-group",
                "metric": f"{one.kind}={one.name}" if one.name else one.kind,
                "state": "missing" if one.estimate is None else "done",
                "items": _text(one.items) if one.name else "",
                **_estimate("", one.estimate),
            }
            yield {
                **start(task),
                "condition": one.condition,
                "role": "group-mean",
                "metric": one.kind,
                "state": "missing" if one.mean is None else "done",
                "value": _text(one.mean),
                "about": f"{one.groups} groups, {one.small} too small",
            }
    for task, costs in row.costs.items():
        for name, value in costs.items():
            state = "missing" if value is None else "done"
            yield {**start(task), "role": "cost", "metric": name, "state": state, "value": _text(value)}


def _detectable(board: Board, table: Table) -> Iterator[dict]:
    """The smallest difference to the baseline that the design finds, a line a column."""
    for one in detectable(table):
        yield {
            "protocol": table.protocol,
            "source": table.source,
            "task": one.task,
            "condition": one.condition,
            "role": "minimum-detectable-difference",
            "metric": one.metric,
            "state": "done",
            "value": _text(one.difference),
            "basis": "draws or seeds" if one.several else "items",
            "baseline": board.baseline,
        }


def _crossing(board: Board, curve: Curve, line: Line) -> Iterator[dict]:
    """Where a row stops helping: a fraction, with the ends between which the difference is not sure."""
    if line.crossing is not None:
        yield {
            "protocol": " ".join(curve.protocols.values()),
            "source": curve.source,
            "task": curve.task,
            "model": line.label,
            "condition": curve.condition,
            "role": "curve-crossing",
            "metric": curve.metric,
            "state": "done" if line.crossing.at is not None else "missing",
            "value": _text(line.crossing.at),
            "low": _text(line.crossing.low),
            "high": _text(line.crossing.high),
            "baseline": board.baseline,
            "about": line.crossing.words,
        }


def _area(board: Board, curve: Curve, line: Line, span: tuple[float, ...]) -> dict:
    """The area under a low-shot curve over some fractions; the protocols in their order."""
    return {
        "protocol": " ".join(curve.protocols[one] for one in span),
        "source": curve.source,
        "task": curve.task,
        "model": line.label,
        "condition": curve.condition,
        "role": "curve-area",
        "metric": curve.metric,
        "state": "missing" if span not in line.areas else "done",
        "baseline": board.baseline,
        **_estimate("", line.areas.get(span)),
        **_estimate("difference", line.area_differences.get(span)),
    }


def _estimate(prefix: str, found: Estimate | None) -> dict[str, str]:
    if found is None:
        return {}
    values = {
        "value": found.value,
        "half_width": found.half_width,
        "low": found.low,
        "high": found.high,
        "degrees": found.degrees,
        "draws": found.draws,
        "draw_variance": found.draw_variance,
        "item_variance": found.item_variance,
    }
    if prefix:
        values.update(basis=found.basis, seeds=found.seeds, runs=found.runs, p=found.p, p_holm=found.p_holm)
        values.update(thin=_bool(found.thin))
        return {prefix if name == "value" else f"{prefix}_{name}": _text(value) for name, value in values.items()}
    values.update(basis=found.basis, seeds=found.seeds, runs=found.runs)
    return {name: _text(value) for name, value in values.items()}


def _text(value) -> str:
    return "" if value is None else str(value)


def _bool(value: bool) -> str:
    return "true" if value else "false"
