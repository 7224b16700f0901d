"""A board as a document: headings, sentences, tables and figures in reading order. Formats only write it down.

Which boards a document shows: `protocol` (scores and differences), `curve` (low-shot), `shift`, `cost`, `groups`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from madbench.report import cells, costs, curves, groups, shifts
from madbench.report.cells import Text
from madbench.report.inline import code, codes, plain
from madbench.report.notes import task_title
from madbench.report.tables import BOARDS, Board, Column, Table

# More columns than this and the headline is split into one table per task, or no line fits a screen.
WIDEST = 8
TITLE = "madbench board"

LEGEND = """\
Percent, `mean ± half-width of the 95% interval (n=draws×seeds)`; gaps and differences (Δ) in points.
With two draws or more the interval counts the spread of draws and the evaluation items clustered by image; with one
draw only the items ("items only"), so the luck of that one training is not in it. Δ is paired on shared draws and items;
better, worse, tie: tested at 5 % with Holm's correction for the column, which the interval beside it does not have.
`#`: rank, 1 + the number of rows that are significantly better in paired tests, corrected likewise; ties share a rank and
are not transitive. **Bold**: rank 1. Without ±: no interval, for want of item scores (classes, answer types, predictions
not kept); ± 0.00: all images scored alike, so there was no spread to judge by. `–` not run or not known, `X` failed,
`n/a` not available, `*` limited, `†` declared exposure of the initial weights."""

BOOTSTRAP = (
    "Intervals of numbers from a single run are percentile intervals of 10,000 resamples of whole images (seed 0), ± half "
    "their length; more draws or seeds: Student's t. Tests and ranks are those of the t intervals."
)


@dataclass(frozen=True)
class Heading:
    """level: 1 is the title, 2 a table's section, 3 a part of it."""

    level: int
    text: str


@dataclass(frozen=True)
class Words:
    """A paragraph, with the markup of inline.py."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """Sentences, each with the markup of inline.py."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Grid:
    """A table. caption: what it is, for formats whose tables stand alone. The first cell of a line names the line."""

    caption: str
    header: Sequence[str]
    lines: Sequence[Sequence[Text]]
    published: bool = False


@dataclass(frozen=True)
class Figure:
    """key: a file name without its ending. kind: a drawing of figures.py, of content. The table above has its numbers."""

    key: str
    kind: str
    caption: str
    content: Any


Block = Heading | Words | Bullets | Grid | Figure


def build(board: Board) -> list[Block]:
    parts: list[Block] = [Heading(1, TITLE), Words(LEGEND)]
    if board.interval == "bootstrap":
        parts.append(Words(BOOTSTRAP))
    if "shift" in board.shown and any(column.role == "shift-worst" for one in board.tables for column in one.columns):
        parts.append(Words(shifts.PICKED))
    for table in board.tables:
        parts += _section(board, table)
    for curve in board.curves:
        parts += _curve(board, curve)
    if "curve" in board.shown and not board.curves and board.shown != BOARDS:
        parts.append(Words("No low-shot curve: no task has records at two fractions of its training data."))
    if board.incomplete:
        parts += [Heading(2, "Outside these tables"), _listed(board.incomplete)]
    if board.published:
        parts += _published(board.published)
    return parts


def figures(board: Board) -> list[Figure]:
    return [block for block in build(board) if isinstance(block, Figure)]


# --------------------------------------------------------------------------- one protocol on one source


def section_title(table: Table) -> str:
    return f"{table.protocol} on {source_title(table.source)}" + (", apart" if table.why else "")


def source_title(source: str) -> str:
    return "mini data" if source == "mini" else f"{source} data"


def _section(board: Board, table: Table) -> list[Block]:
    parts: list[Block] = []
    if "protocol" in board.shown:
        parts += _headline(board, table)
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
    notes = [*_items_only(table), *table.notes]
    if notes:
        parts += [Heading(3, "Notes"), Bullets(notes)]
    if table.incomplete:
        parts += [Heading(3, "Incomplete"), _listed(table.incomplete)]
    parts += [Heading(3, "What stands behind it"), Bullets(_facts(table))]
    start: list[Block] = [Heading(2, section_title(table))]
    if table.contents:
        start += _contents(table)
    return [*start, *([Words(plain(table.why))] if table.why else []), *parts]


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


def _headline(board: Board, table: Table) -> list[Block]:
    """Primary metric: id, shifted, gap, and the difference to the baseline; one table, or one per task when wide."""
    blocks = {task: _headline_columns(board, table, task) for task in table.tasks}
    parts: list[Block] = []
    # In a mixed table a row of another content has one task only.
    if sum(map(len, blocks.values())) <= WIDEST and (not table.contents or len(blocks) == 1):
        columns = [column for block in blocks.values() for column in block]
        parts.append(_grid(f"Scores, {section_title(table)}", columns, table, table.tasks[0]))
    else:
        for task, block in blocks.items():
            title = f"{task_title(task)}, {table.primary[task]}"
            parts += [Heading(3, title), _grid(f"{title}: {section_title(table)}", block, table, task)]
    for task in table.tasks:
        parts += _differences(board, table, task)
    return parts


def _headline_columns(board: Board, table: Table, task: str) -> list[tuple]:
    block = []
    for column in table.columns:
        if column.task != task or column.metric != table.headline.get((task, column.condition)):
            continue
        name = f"{task_title(task)} {column.condition}"
        if column.role in ("id", "shifted"):
            kind = "" if column.role == "id" else " (shifted)"
            block.append((f"{name}{kind}, {column.metric} ↑", column, cells.value))
            block.append((f"Δ {board.baseline}, {column.condition}", column, cells.difference))
        elif column.role == "gap":
            block.append((f"gap {column.condition} (id - shifted)", column, cells.value))
    return block


def _differences(board: Board, table: Table, task: str) -> list[Block]:
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
    caption = f"{task_title(task)}, {table.primary[task]}: difference to {board.baseline}, {section_title(table)}"
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
            numbers = [
                cells.value(row.cells[by_metric[metric]]) if metric in by_metric else Text(cells.NOTHING)
                for metric in metrics
            ]
            lines.append([*cells.named(table, row, task), Text(condition), *numbers])
    title = f"{task_title(task)} in detail"
    header = [*cells.naming(table), "condition", *(f"{name} ↑" for name in metrics)]
    return [Heading(3, title), Grid(f"{title}: {section_title(table)}", header, lines)]


# --------------------------------------------------------------------------- the other boards


def _shifts(table: Table) -> list[Block]:
    parts: list[Block] = []
    for task in table.tasks:
        title = f"{task_title(task)}, {table.primary[task]}"
        summary, detail = shifts.summary(table, task), shifts.detail(table, task)
        if summary:
            caption = f"Mean and worst over shifts, {title}: {section_title(table)}"
            parts += [Words(f"{plain(title)}: mean and worst over shifts"), _grid(caption, summary, table, task)]
        if detail:
            caption = f"Shift effects, {title}: {section_title(table)}"
            parts += [Words(plain(title)), _grid(caption, detail, table, task)]
        drawn = shifts.drawing(table, task)
        if drawn:
            caption = f"{title}: scores under each condition, {section_title(table)}"
            parts.append(Figure(_key("shifts", table, task), "shifts", caption, drawn))
    return [Heading(3, "Shift detail"), *parts] if parts else []


def _groups(board: Board, table: Table) -> list[Block]:
    parts: list[Block] = []
    without: dict[str, list[str]] = {}
    for task in table.tasks:
        header, lines, unknown = groups.table(table, task)
        if lines:
            title = f"Worst group, {task_title(task)}"
            parts += [Words(plain(title)), Grid(f"{title}: {section_title(table)}", header, lines)]
        if unknown:
            without[task] = unknown
    said = groups.unknown(without, {task: len(table.rows_of(task)) for task in table.tasks}, board.minimum)
    if said:
        parts.append(Bullets(said))
    return [Heading(3, "Worst groups"), Words(groups.about(board.minimum)), *parts] if parts else []


def _costs(table: Table) -> list[Block]:
    lines = costs.lines(table)
    parts: list[Block] = [Heading(3, "Cost (mean over runs)"), Words(costs.ABOUT)]
    parts.append(Grid(f"Cost: {section_title(table)}", costs.header(table), lines))
    for task in table.tasks:
        drawn = costs.drawing(table, task)
        if drawn:
            caption = f"{task_title(task)}: training time against {table.primary[task]}, {section_title(table)}"
            parts.append(Figure(_key("cost", table, task), "cost", caption, drawn))
    return parts


def _curve(board: Board, curve: curves.Curve) -> list[Block]:
    title = f"Low-shot curve: {task_title(curve.task)} {curve.condition}, {curve.metric}, {source_title(curve.source)}"
    header, lines = curves.table(curve, board.baseline)
    key = _safe(f"curve-{curve.source}-{curve.task}-{curve.condition}-{curve.number}")
    return [
        Heading(2, title),
        Words(curves.ABOUT),
        Grid(title, header, lines),
        Figure(key, "curve", title, curve),
        Bullets(curve.notes),
    ]


def _published(rows: Iterable) -> list[Block]:
    lines = []
    for row in rows:
        numbers = ", ".join(f"{metric} {one:.2f}" for metric, one in zip(row.metric, row.value, strict=True))
        status = row.status if row.confidence is None else f"{row.status} ({row.confidence} confidence)"
        model = row.model if row.variant is None else f"{row.model} ({row.variant})"
        line = [task_title(row.task), model, row.split, numbers or row.claim, status, row.source, row.conditions or ""]
        lines.append([Text(text) for text in line])
    lines.sort(key=lambda line: line[0].text)
    header = ["task", "model", "split", "published", "status", "source", "conditions"]
    title = "Published (not measured here; other splits and data)"
    words = "Copied from the named sources. No paired comparison with the tables above is possible."
    return [Heading(2, title), Words(words), Grid(title, header, lines, published=True)]


# --------------------------------------------------------------------------- footers


def _items_only(table: Table) -> list[str]:
    """Which rows have an interval without the spread of draws."""
    said = []
    for basis, words in (
        ("items", "Items only (one draw; the interval is clustered by image and leaves out the luck of training)"),
        ("seeds", "Seeds and items (one draw; the interval leaves out the choice of the training examples)"),
    ):
        labels = [
            plain(row.label)
            for row in table.rows
            if any(cell.estimate is not None and cell.estimate.basis == basis for cell in row.cells.values())
        ]
        if labels:
            said.append(f"{words}: {', '.join(labels)}.")
    return said


def _facts(table: Table) -> list[str]:
    if not table.contents:
        sizes = {column: (column.items, column.images) for column in table.columns}
        return [line for task in table.tasks for line in _facts_of(task, table.facts[task], sizes)]
    return [
        f"{content.letter}, {line}"
        for content in table.contents
        for task, facts in content.facts.items()
        for line in _facts_of(task, facts, content.sizes)
    ]


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


def _listed(lines: Iterable[str]) -> Bullets:
    return Bullets([plain(line) for line in lines])


def _grid(caption: str, block: Sequence[tuple[str, Column, Any]], table: Table, task: str) -> Grid:
    """task: whose rows they are; in a table that is not mixed every task has the same."""
    header = [*cells.naming(table), *(title for title, _, _ in block)]
    lines = [
        [*cells.named(table, row, task), *(show(row.cells[column]) for _, column, show in block)]
        for row in table.rows_of(task)
    ]
    return Grid(caption, header, lines)


def _key(kind: str, table: Table, task: str) -> str:
    apart = (
        f"-{table.facts[task]['protocol hash'][:8]}-{table.facts[task]['data fingerprint'][:8]}" if table.why else ""
    )
    return _safe(f"{kind}-{table.source}-{table.protocol}-{task}{apart}")


def _safe(name: str) -> str:
    """A file name from names that users chose: what is not a letter, a digit or a dash becomes a dash."""
    return "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name).strip("-").lower()
