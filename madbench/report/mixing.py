"""`report --mixed`: tables that stand apart because of their content put into one, each row saying which content it is of.

A content is what must be equal in one column: the protocol's part for a task, the data, the versions of the metrics and
the files of shifts. The numbers are those of the tables apart. What compares rows, differences and ranks, is kept only
among rows of the content that the baseline has; everywhere else it would hold a model against other questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from madbench.report.grouping import Part, content_of
from madbench.report.tables import Cell, Column, Content, Row, Table


def letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"Z{place}"


def suffix(place: int) -> str:
    """Behind the labels of rows of a part; those of the main part keep theirs, so that curves find them."""
    return f" [{letter(place)}]" if place else ""


def together(tables: Sequence[Table], parts: Sequence[Part]) -> Table:
    """One table of those of all parts of a protocol and source, the main one first; their labels carry suffixes."""
    contents = [_content(place, table, part) for place, (table, part) in enumerate(zip(tables, parts, strict=True))]
    main = tables[0]
    columns = _columns(tables)
    compared = {task: _compared(task, tables, contents) for task in main.tasks}
    tested = {task for table in tables for row in table.rows if row.baseline for task in row.costs}
    rows = []
    for table, content in zip(tables, contents, strict=True):
        for row in table.rows:
            # A model whose runs all failed is no row of another content: nobody knows what it would have been of.
            rows.append(_row(row, content, table.tasks, columns, compared, tested))
    rows.sort(key=lambda row: row.place)
    headline = {key: metric for table in reversed(tables) for key, metric in table.headline.items()}
    return replace(
        main,
        headline=headline,
        columns=list(columns.values()),
        rows=rows,
        notes=[line for table, content in zip(tables, contents, strict=True) for line in _notes(table, content, main)],
        incomplete=[
            *(_of_main(line) for line in main.incomplete),
            *(line for one in tables[1:] for line in one.incomplete),
        ],
        doubts=[line for table in tables for line in table.doubts],
        contents=contents,
        compared=compared,
        unclear={task: rows for table in reversed(tables) for task, rows in table.unclear.items()},
    )


def _content(place: int, table: Table, part: Part) -> Content:
    files: dict[str, dict[str, tuple[str, ...]]] = {}
    for record in part.records:
        for name, found in sorted(content_of(record)[3]):
            files.setdefault(record.task, {})[name] = found
    sizes = {column.anywhere(): (column.items, column.images) for column in table.columns}
    records = Counter(record.task for record in part.records)
    return Content(letter(place), part.reasons, table.facts, sizes, files, dict(records))


def _columns(tables: Sequence[Table]) -> dict[Column, Column]:
    """Column without its sizes -> column, with sizes that all contents share."""
    found: dict[Column, list[Column]] = {}
    for table in tables:
        for column in table.columns:
            found.setdefault(column.anywhere(), []).append(column)
    return {
        key: replace(key, items=_shared(one.items for one in same), images=_shared(one.images for one in same))
        for key, same in found.items()
    }


def _shared(values) -> int | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _compared(task: str, tables: Sequence[Table], contents: Sequence[Content]) -> Content:
    """The content of the baseline in a task, the first that has it; without a baseline the main one."""
    for table, content in zip(tables, contents, strict=True):
        if any(row.baseline and task in row.costs for row in table.rows):
            return content
    return contents[0]


def _row(row: Row, content: Content, tasks: Sequence[str], columns: dict[Column, Column], compared, tested) -> Row:
    """tested: tasks with a baseline."""
    cells = {column.anywhere(): cell for column, cell in row.cells.items()}
    kept = {
        column: _cell(cells.get(key, Cell("missing")), column, content, compared, tested)
        for key, column in columns.items()
        if column.task in tasks
    }
    baseline = row.baseline and any(compared[task] is content and task in row.costs for task in tasks)
    # A curve has one content at a fraction, the main one, as where tables stand apart.
    points = row.points if content.letter == letter(0) else {}
    return replace(row, cells=kept, baseline=baseline, points=points, content=content)


def _cell(cell: Cell, column: Column, content: Content, compared: dict[str, Content], tested: set[str]) -> Cell:
    if compared[column.task] is content:
        return cell
    mixed = cell.state == "done" and column.role in ("id", "shifted") and column.task in tested
    return replace(cell, difference=None, rank=None, mixed=mixed)


def _of_main(line: str) -> str:
    """Labels of the main content have no suffix, and the model may well have runs of another one."""
    return f"{line} of content {letter(0)}" if line.startswith("not run: ") else line


def _notes(table: Table, content: Content, main: Table) -> list[str]:
    if table is main:
        return table.notes
    mark = f"[{content.letter}]"
    return [line if mark in line else f"{mark} {line}" for line in table.notes if line not in main.notes]
