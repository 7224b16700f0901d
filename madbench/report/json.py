"""The board as JSON: everything the tables hold, fractions unrounded, null where there is no number."""

from __future__ import annotations

import json
from dataclasses import asdict

from madbench.report.curves import Curve
from madbench.report.design import detectable
from madbench.report.statistics import Estimate
from madbench.report.tables import Board, Content, Table


def render(board: Board) -> str:
    content = {
        "schema_version": 1,
        "baseline": board.baseline,
        "interval": board.interval,
        "tables": [_table(table) for table in board.tables],
        "curves": [_curve(curve) for curve in board.curves],
        "incomplete": board.incomplete,
        "problems": board.problems,
        # Percent, measured by others: a key of its own, never among the rows.
        "published": [row.model_dump(exclude_none=True) for row in board.published],
    }
    return json.dumps(content, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=True) + "\n"


def _table(table: Table) -> dict:
    rows = []
    for row in table.rows:
        cells = [
            {
                **asdict(column),
                **dict(zip(("items", "images"), table.size_of(row, column), strict=True)),
                "state": cell.state,
                "exposed": cell.exposed,
                "rank": cell.rank,
                "verdict": cell.verdict,
                "about": cell.about,
                "estimate": _estimate(cell.estimate),
                "difference": _estimate(cell.difference),
            }
            for column, cell in row.cells.items()
        ]
        rows.append(
            {
                "model": row.label,
                "name": row.model,
                "blind": row.blind,
                "limited": row.limited,
                "division": row.division,
                "white_box": row.white_box,
                "is_baseline": row.baseline,
                "cells": cells,
                "content": row.content.letter if row.content else None,
                "costs": row.costs,
                "worst_groups": {
                    task: [{**asdict(one), "estimate": _estimate(one.estimate)} for one in found]
                    for task, found in row.worst.items()
                },
            }
        )
    return {
        "protocol": table.protocol,
        "source": table.source,
        "why_apart": table.why,
        "contents": [_content(table, content) for content in table.contents],
        "tasks": table.tasks,
        "primary": table.primary,
        "facts": table.facts,
        "notes": table.notes,
        "incomplete": table.incomplete,
        "minimum_detectable": [asdict(one) for one in detectable(table)],
        "rows": rows,
    }


def _content(table: Table, content: Content) -> dict:
    return {
        "letter": content.letter,
        "differs_from_a": content.reasons,
        "tasks": {
            task: {
                **facts,
                "shift files": content.files.get(task, {}),
                "records": content.records[task],
                "compared": table.compared[task] is content,
            }
            for task, facts in content.facts.items()
        },
    }


def _curve(curve: Curve) -> dict:
    return {
        "source": curve.source,
        "task": curve.task,
        "condition": curve.condition,
        "metric": curve.metric,
        "points": [{"fraction": one, "protocol": curve.protocols[one]} for one in curve.fractions],
        "spans": curve.spans,
        "notes": curve.notes,
        "rows": [
            {
                "model": line.label,
                "is_baseline": line.baseline,
                "scores": [
                    _estimate(line.points[one].estimate if one in line.points else None) for one in curve.fractions
                ],
                "differences": [_estimate(line.differences.get(one)) for one in curve.fractions],
                # Over all fractions; `areas` are over the spans.
                "area": _estimate(line.areas.get(tuple(curve.fractions))),
                "area_difference": _estimate(line.area_differences.get(tuple(curve.fractions))),
                "areas": [_estimate(line.areas.get(span)) for span in curve.spans],
                "area_differences": [_estimate(line.area_differences.get(span)) for span in curve.spans],
                "crossing": None if line.crossing is None else asdict(line.crossing),
            }
            for line in curve.lines
        ],
    }


def _estimate(found: Estimate | None) -> dict | None:
    return None if found is None else {**asdict(found), "low": found.low, "high": found.high}
