"""One table of a board as a section of its document: scores, shifts, details, groups, costs, and what stands behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from madbench.report import cells, costs, groups, shifts
from madbench.report.blocks import Block, Bullets, Figure, Grid, Heading, Words
from madbench.report.cells import Text
from madbench.report.inline import code, codes, plain
from madbench.report.tables import Board, Column, Row, Table
from madbench.report.titles import source_title, task_title

# More columns than this and the headline is split into one table per task, or no line fits a screen.
WIDEST = 8


def section_title(table: Table) -> str:
    return f"{table.protocol} on {source_title(table.source)}" + (", apart" if table.why else "")


def section(board: Board, table: Table, said: Sequence[str] = ()) -> list[Block]:
    """said: notes that stand above all sections and need not be repeated here."""
    parts: list[Block] = []
    if "protocol" in board.shown:
        parts += _headline(table)
    if "shift" in board.shown:
        parts += _shifts(table)
    if "protocol" in board.shown:
        for task in table.tasks:
            parts += _task_detail(table, task)
    if "groups" in board.shown:
        parts += _groups(board, table)
    if "cost" in board.shown:
        parts += _costs(table)
    if not parts:
        return []
    notes = [*_items_only(table), *(line for line in table.notes if line not in said)]
    if notes:
        parts += [Heading(3, "Notes"), Bullets(notes)]
    if table.incomplete:
        parts += [Heading(3, "Incomplete"), listed(table.incomplete)]
    parts += [Heading(3, "What stands behind it"), Bullets(_facts(table))]
    start: list[Block] = [Heading(2, section_title(table))]
    start += _contents(table) if table.contents else [Words(_design(table))]
    return [*start, *([Words(plain(table.why))] if table.why else []), *parts]


def _design(table: Table) -> str:
    """How its rows were trained and chosen, in a line."""
    parts = []
    for name in ("selection", "draws", "seeds", "training data"):
        said = {task: table.facts[task].get(name, "") for task in table.tasks}
        if len(set(said.values())) == 1:
            text = plain(next(iter(said.values())))
        else:
            text = ", ".join(f"{task_title(task)} {plain(text)}" for task, text in said.items() if text)
        if text:
            parts.append(f"{name} {text}")
    words = "; ".join(parts)
    return f"{words[:1].upper()}{words[1:]}."


def _contents(table: Table) -> list[Block]:
    """Which contents a mixed table holds, each in full, and among which of them rows are compared."""
    among = {task: content.letter for task, content in table.compared.items()}
    every = set(among.values())
    where = every.pop() if len(every) == 1 else ", ".join(f"{one} ({task_title(task)})" for task, one in among.items())
    whose = "that of the baseline" if any(row.baseline for row in table.rows) else "which has most records"
    about = (
        "Mixed: rows of more than one content. The column `content` names each row's by its letter, the protocol hash "
        "and the data fingerprint; rows of another content than A carry its letter in brackets. Differences, ranks and "
        f"bold are among the rows of content {where} only, {whose}; `mixed` stands where a difference would "
        "cross contents, and numbers of two contents are answers to two questions."
    )
    lines = []
    for content in table.contents:
        for task, facts in content.facts.items():
            said = [
                f"protocol hash {code(facts['protocol hash'])}",
                f"data fingerprint {code(facts['data fingerprint'])}",
            ]
            said.append(f"metrics {plain(facts['metrics'])}")
            for name, files in content.files.get(task, {}).items():
                said.append(f"files of {plain(name)} {codes(files)}")
            said.append(f"{content.records[task]:,} record" + ("s" if content.records[task] > 1 else ""))
            other = f" (not as A: {plain(content.reasons)})" if content.reasons else ""
            lines.append(f"**{content.letter}**, {task_title(task)}: {'; '.join(said)}{other}")
    return [Words(about), Bullets(lines)]


# --------------------------------------------------------------------------- scores


def _headline(table: Table) -> list[Block]:
    """Primary metric: id, shifted, gap, and the difference to the baseline; one table, or one per task when wide."""
    alone = {task: _headline_columns(table, task, f"{task_title(task)} ") for task in table.tasks}
    parts: list[Block] = []
    # In a mixed table a row of another content has one task only.
    if sum(map(len, alone.values())) <= WIDEST and (not table.contents or len(alone) == 1):
        columns = [column for block in alone.values() for column in block]
        parts.append(_grid(f"Scores, {section_title(table)}", columns, table, table.tasks[0], runs="cells"))
        return [*parts, *(figure for task in table.tasks for figure in _differences(table, task))]
    for task in table.tasks:
        title = f"{task_title(task)}, {table.primary[task]}"
        block = _headline_columns(table, task)
        caption = f"{title}: {section_title(table)}"
        parts += [Heading(3, title), _grid(caption, block, table, task, runs="column"), *_differences(table, task)]
    return parts


def _headline_columns(table: Table, task: str, start: str = "") -> list[tuple]:
    """start: the name of the task, where tables of several tasks stand together."""
    block = []
    for column in table.columns:
        if column.task != task or column.metric != table.headline.get((task, column.condition)):
            continue
        name = f"{start}{column.condition}"
        if column.role in ("id", "shifted"):
            kind = f" ({column.role})"
            metric = f", {column.metric}" if start or column.metric != table.primary[task] else ""
            block.append((f"{name}{kind}{metric} ↑", column, cells.value))
            compared = [row.cells[column] for row in table.rows_of(task)]
            if any(cell.difference is not None or cell.mixed for cell in compared):
                block.append((f"Δ {name}", column, cells.difference))
        elif column.role == "gap":
            block.append((f"gap {name}", column, cells.value))
    return block


def _differences(table: Table, task: str) -> list[Block]:
    """A figure of the differences to the baseline, where there are any."""
    panels = []
    for column in table.columns:
        if column.task == task and column.role in ("id", "shifted"):
            found = [(row.label, row.cells[column].difference) for row in table.rows_of(task)]
            shown = [(name, one) for name, one in found if one is not None]
            if shown and column.metric == table.headline[task, column.condition]:
                panels.append((column.condition, shown))
    if not panels:
        return []
    caption = f"{task_title(task)}, {table.primary[task]}: difference to the baseline, {section_title(table)}"
    return [Figure(_key("differences", table, task), "differences", caption, panels)]


def _task_detail(table: Table, task: str) -> list[Block]:
    """Every metric of the id and shifted conditions, where there is more than the primary one."""
    here = [column for column in table.columns if column.task == task and column.role in ("id", "shifted")]
    # vqa has 65 question types: csv and json hold them.
    metrics = list(dict.fromkeys(column.metric for column in here if ":question_type=" not in column.metric))
    if len(metrics) < 2:
        return []
    lines = []
    for condition in dict.fromkeys(column.condition for column in here):
        by_metric = {column.metric: column for column in here if column.condition == condition}
        for row in table.rows_of(task):
            usual = cells.usual_runs(row, task)
            numbers = [
                cells.value(row.cells[by_metric[metric]], usual) if metric in by_metric else Text(cells.NOTHING)
                for metric in metrics
            ]
            lines.append([*cells.named(table, row, task), Text(condition), *numbers])
    title = f"{task_title(task)} in detail"
    names = [metric.removeprefix(f"{table.primary[task]}:").replace("_type=", " type ") for metric in metrics]
    header = [*cells.naming(table), "condition", *(f"{name} ↑" for name in names)]
    return [Heading(3, title), Grid(f"{title}: {section_title(table)}", header, lines)]


# --------------------------------------------------------------------------- the other boards


def _shifts(table: Table) -> list[Block]:
    parts: list[Block] = []
    for task in table.tasks:
        title = f"{task_title(task)}, {table.primary[task]}"
        summary, detail = shifts.summary(table, task), shifts.detail(table, task)
        if summary:
            caption = f"Mean and worst over shifts, {title}: {section_title(table)}"
            over = dict.fromkeys(name for _, column, _ in summary for name in column.over)
            parts += [Words(f"{plain(title)}: mean and worst over {codes(over)}"), _grid(caption, summary, table, task)]
        if detail:
            caption = f"Shift effects, {title}: {section_title(table)}"
            parts += [Words(f"{plain(title)}: effects of each shift"), _grid(caption, detail, table, task)]
        drawn = shifts.drawing(table, task)
        if drawn and (summary or detail):
            caption = f"{title}: scores under each condition, {section_title(table)}"
            parts.append(Figure(_key("shifts", table, task), "shifts", caption, drawn))
    return [Heading(3, "Shift detail"), Words(shifts.about(table)), *parts] if parts else []


def _groups(board: Board, table: Table) -> list[Block]:
    parts: list[Block] = []
    without: dict[str, list[str]] = {}
    for task in table.tasks:
        for title, header, lines in groups.tables(table, task, board.minimum):
            parts += [Words(plain(title)), Grid(f"{title}: {section_title(table)}", header, lines)]
        if unknown := groups.without(table, task):
            without[task] = unknown
    said = groups.unknown(without, {task: len(table.rows_of(task)) for task in table.tasks}, board.minimum)
    if said:
        parts.append(Bullets(said))
    return [Heading(3, "Worst groups"), Words(groups.about(board.minimum)), *parts] if parts else []


def _costs(table: Table) -> list[Block]:
    header, lines, said = costs.table(table)
    parts: list[Block] = [Heading(3, "Cost (mean over runs)"), Words(f"{costs.ABOUT} {said}".strip())]
    parts.append(Grid(f"Cost: {section_title(table)}", header, lines))
    for task in table.tasks:
        drawn = costs.drawing(table, task)
        if drawn:
            caption = f"{task_title(task)}: training time against {table.primary[task]}, {section_title(table)}"
            parts.append(Figure(_key("cost", table, task), "cost", caption, drawn))
    return parts


# --------------------------------------------------------------------------- footers


def _items_only(table: Table) -> list[str]:
    """Which rows have an interval without the spread of draws."""
    said = []
    known = [row for row in table.rows if any(cell.estimate is not None for cell in row.cells.values())]
    for basis, words in (
        ("items", "Items only (one draw; the interval is clustered by image and leaves out the luck of training)"),
        ("seeds", "Seeds and items (one draw; the interval leaves out the choice of the training examples)"),
    ):
        labels = [
            plain(row.label)
            for row in known
            if any(cell.estimate is not None and cell.estimate.basis == basis for cell in row.cells.values())
        ]
        if labels:
            said.append(f"{words}: {'every row' if len(labels) == len(known) > 1 else ', '.join(labels)}.")
    return said


def _facts(table: Table) -> list[str]:
    gone = {
        one.anywhere()
        for one in table.columns
        if all(row.cells[one].state == "unavailable" for row in _with(table, one))
    }
    if not table.contents:
        sizes = {one: (one.items, one.images) for one in table.columns if one.anywhere() not in gone}
        return [line for task in table.tasks for line in _facts_of(task, table.facts[task], sizes)]
    return [
        f"{content.letter}, {line}"
        for content in table.contents
        for task, facts in content.facts.items()
        for line in _facts_of(task, facts, {one: size for one, size in content.sizes.items() if one not in gone})
    ]


def _with(table: Table, column: Column) -> list[Row]:
    """The rows that have runs of a column's task."""
    return [row for row in table.rows if column.task in row.costs]


def _facts_of(task: str, facts: Mapping[str, str], sizes: Mapping[Column, tuple[int | None, int | None]]) -> list[str]:
    said = {name: plain(text) for name, text in facts.items() if text}
    for name in ("protocol hash", "data fingerprint"):
        said[name] = f"`{said[name][:12]}`"
    sets = {
        column.condition: plain(f"{column.condition} {_count(items)} items, {_count(images)} images")
        for column, (items, images) in sizes.items()
        if column.task == task and column.role in ("id", "shifted", "control", "complement")
    }
    return [
        f"{task_title(task)}: " + "; ".join(f"{name} {text}" for name, text in said.items()),
        f"{task_title(task)} evaluation sets: " + "; ".join(sets.values()),
    ]


def _count(number: int | None) -> str:
    return "a differing number of" if number is None else f"{number:,}"


def listed(lines: Iterable[str]) -> Bullets:
    return Bullets([plain(line) for line in lines])


def _grid(
    caption: str, block: Sequence[tuple[str, Column, Any]], table: Table, task: str, runs: str | None = None
) -> Grid:
    """task: whose rows they are; in a table that is not mixed every task has the same.

    runs: where to say how many runs numbers rest on: a `column` of its own, all `cells`, or only the cells that rest on
    others than the row usually does (None).
    """
    header = [*cells.naming(table), *(["n"] if runs == "column" else []), *(title for title, _, _ in block)]
    lines = []
    for row in table.rows_of(task):
        usual = None if runs == "cells" else cells.usual_runs(row, task)
        count = [Text(usual or cells.NOTHING)] if runs == "column" else []
        numbers = [show(row.cells[column], usual) for _, column, show in block]
        lines.append([*cells.named(table, row, task), *count, *numbers])
    return Grid(caption, header, lines)


def _key(kind: str, table: Table, task: str) -> str:
    apart = (
        f"-{table.facts[task]['protocol hash'][:8]}-{table.facts[task]['data fingerprint'][:8]}" if table.why else ""
    )
    return safe(f"{kind}-{table.source}-{table.protocol}-{task}{apart}")


def safe(name: str) -> str:
    """A file name from names that users chose: what is not a letter, a digit or a dash becomes a dash."""
    return "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name).strip("-").lower()
