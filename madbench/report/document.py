"""A board as a document in reading order: how to read it, low-shot curves, a section for each table, published results.

Which boards a document shows: `protocol` (scores and differences), `curve` (low-shot), `shift`, `cost`, `groups`.
"""

from __future__ import annotations

from collections.abc import Iterable

from madbench.report.blocks import Block, Bullets, Figure, Grid, Heading, Words
from madbench.report.cells import Text
from madbench.report.curve_table import ABOUT, curve_table
from madbench.report.legend import legend
from madbench.report.section import listed, safe, section
from madbench.report.tables import BOARDS, Board
from madbench.report.titles import source_title, task_title

TITLE = "madbench board"


def build(board: Board) -> list[Block]:
    parts: list[Block] = [Heading(1, TITLE), *legend(board)]
    everywhere = _everywhere(board)
    for source, lines in everywhere.items():
        if lines:
            parts += [Words(f"On all tables of {source_title(source)}:"), Bullets(lines)]
    parts += _curves(board)
    for table in board.tables:
        parts += section(board, table, everywhere.get(table.source, ()))
    if board.incomplete:
        parts += [Heading(2, "Outside these tables"), listed(board.incomplete)]
    if board.published:
        parts += _published(board.published)
    return parts


def figures(board: Board) -> list[Figure]:
    return [block for block in build(board) if isinstance(block, Figure)]


def _everywhere(board: Board) -> dict[str, list[str]]:
    """source -> the notes that all its tables have, where there are several tables."""
    found: dict[str, list[str]] = {}
    for source in dict.fromkeys(table.source for table in board.tables):
        tables = [table.notes for table in board.tables if table.source == source]
        found[source] = [line for line in tables[0] if len(tables) > 1 and all(line in one for one in tables[1:])]
    return found


def _curves(board: Board) -> list[Block]:
    if "curve" not in board.shown:
        return []
    if not board.curves:
        words = "No low-shot curve: no task has records at two fractions of its training data."
        return [] if board.shown == BOARDS else [Words(words)]
    parts: list[Block] = [Heading(2, "Low-shot curves"), Words(ABOUT)]
    for curve in board.curves:
        title = f"{task_title(curve.task)} {curve.condition}, {curve.metric}, {source_title(curve.source)}"
        header, lines = curve_table(curve)
        key = safe(f"curve-{curve.source}-{curve.task}-{curve.condition}-{curve.number}")
        caption = f"Low-shot curve: {title}"
        parts += [Heading(3, title), Grid(caption, header, lines), Figure(key, "curve", caption, curve)]
        if curve.notes:
            parts.append(Bullets(curve.notes))
    return parts


def _published(rows: Iterable) -> list[Block]:
    lines = []
    for row in rows:
        numbers = ", ".join(f"{metric} {one:g}" for metric, one in zip(row.metric, row.value, strict=True))
        status = row.status if row.confidence is None else f"{row.status} ({row.confidence} confidence)"
        model = row.model if row.variant is None else f"{row.model} ({row.variant})"
        line = [task_title(row.task), model, row.split, numbers or row.claim, status, row.source, row.conditions or ""]
        lines.append([Text(text) for text in line])
    lines.sort(key=lambda line: line[0].text)
    header = ["task", "model", "split", "published", "status", "source", "conditions"]
    title = "Published (not measured here; other splits and data)"
    words = "Copied from the named sources. No paired comparison with the tables above is possible."
    return [Heading(2, title), Words(words), Grid(title, header, lines, published=True)]
