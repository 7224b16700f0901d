"""The board as Markdown: percent with two decimals, made to be read in a terminal and to be diffed in git."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from madbench.report.board import Board, Cell, Column, Row, Table
from madbench.report.notes import EXTERNAL, task_title
from madbench.report.statistics import Estimate

NOTHING = "–"
# More columns than this and the headline is split into one table per task, or no line fits a screen.
WIDEST = 8

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

EFFECTS = {
    "control": "control (same ids, unshifted)",
    "complement": "complement (the other rows)",
    "selection": "selection effect (id - control)",
    "modification": "modification effect (control - shifted)",
    "relative-drop": "relative drop (gap / id)",
}


def render(board: Board) -> str:
    parts = ["# madbench board", LEGEND]
    if board.interval == "bootstrap":
        parts.append(BOOTSTRAP)
    for table in board.tables:
        parts += _section(board, table)
    if board.incomplete:
        parts += ["## Outside these tables", _bullets(board.incomplete)]
    if board.published:
        parts += _published(board.published)
    return "\n\n".join(parts) + "\n"


def _section(board: Board, table: Table) -> list[str]:
    data = "mini data" if table.source == "mini" else f"{table.source} data"
    parts = [f"## {table.protocol} on {data}" + (", apart" if table.why else "")]
    if table.why:
        parts.append(table.why)
    parts += _headline(board, table)
    parts += _shift_detail(table)
    for task in table.tasks:
        parts += _task_detail(table, task)
    parts += ["### Cost (mean over runs)", _cost(table)]
    notes = [*_items_only(table), *table.notes]
    if notes:
        parts += ["### Notes", _bullets(notes)]
    if table.incomplete:
        parts += ["### Incomplete", _bullets(table.incomplete)]
    parts += ["### What stands behind it", _bullets(_facts(table))]
    return parts


# --------------------------------------------------------------------------- tables


def _headline(board: Board, table: Table) -> list[str]:
    """Primary metric: id, shifted, gap, and the difference to the baseline; one table, or one per task when wide."""
    blocks = {task: _headline_columns(board, table, task) for task in table.tasks}
    if sum(map(len, blocks.values())) <= WIDEST:
        return [_grid(["model"], [column for block in blocks.values() for column in block], table.rows)]
    parts = []
    for task, block in blocks.items():
        parts += [f"### {task_title(task)}, {table.primary[task]}", _grid(["model"], block, table.rows)]
    return parts


def _headline_columns(board: Board, table: Table, task: str) -> list[tuple]:
    block = []
    for column in table.columns:
        if column.task != task or column.metric != table.headline[task, column.condition]:
            continue
        name = f"{task_title(task)} {column.condition}"
        if column.role in ("id", "shifted"):
            kind = "" if column.role == "id" else " (shifted)"
            block.append((f"{name}{kind}, {column.metric} ↑", column, _value))
            block.append((f"Δ {board.baseline}, {column.condition}", column, _difference))
        elif column.role == "gap":
            block.append((f"gap {column.condition} (id - shifted)", column, _value))
    return block


def _shift_detail(table: Table) -> list[str]:
    columns = [
        column
        for column in table.columns
        if column.role in EFFECTS and column.metric == table.headline[column.task, column.condition]
    ]
    if not columns:
        return []
    parts = ["### Shift detail"]
    for task in table.tasks:
        block = [
            (
                f"{_shift_name(column)}: {EFFECTS[column.role]}",
                column,
                _relative if column.role == "relative-drop" else _value,
            )
            for column in sorted((one for one in columns if one.task == task), key=_shift_order)
        ]
        if block:
            parts += [f"{task_title(task)}, {table.primary[task]}", _grid(["model"], block, table.rows)]
    return parts


def _task_detail(table: Table, task: str) -> list[str]:
    """Every metric of the id and shifted conditions, where there is more than the primary one."""
    here = [column for column in table.columns if column.task == task and column.role in ("id", "shifted")]
    # vqa has 65 question types: csv and json hold them.
    metrics = list(dict.fromkeys(column.metric for column in here if ":question_type=" not in column.metric))
    if len(metrics) < 2:
        return []
    lines = []
    for condition in dict.fromkeys(column.condition for column in here):
        by_metric = {column.metric: column for column in here if column.condition == condition}
        for row in table.rows:
            cells = [_value(row.cells[by_metric[metric]]) if metric in by_metric else NOTHING for metric in metrics]
            lines.append([_label(row), condition, *cells])
    return [
        f"### {task_title(task)} in detail",
        _table(["model", "condition", *(f"{name} ↑" for name in metrics)], lines),
    ]


def _cost(table: Table) -> str:
    header = [
        "model", "task", "updates", "examples seen", "sequences seen", "fit s", "teacher s", "parameters at inference",
        "in training", "labels: train", "select", "tune", "teacher", "unlabelled",
    ]  # fmt: skip
    names = [
        "updates", "examples_seen", "sequences_seen", "fit_s", "teacher_s", "parameters_inference",
        "parameters_training", "labels_train", "labels_select", "labels_tune", "labels_teacher", "unlabelled",
    ]  # fmt: skip
    lines = []
    for row in table.rows:
        for task in table.tasks:
            if task in row.costs:
                amounts = [_amount(row.costs[task][name], name.endswith("_s")) for name in names]
                lines.append([_label(row), task_title(task), *amounts])
    return _table(header, lines)


def _published(rows: Iterable) -> list[str]:
    lines = []
    for row in rows:
        numbers = ", ".join(f"{metric} {value:.2f}" for metric, value in zip(row.metric, row.value, strict=True))
        status = row.status if row.confidence is None else f"{row.status} ({row.confidence} confidence)"
        model = row.model if row.variant is None else f"{row.model} ({row.variant})"
        lines.append(
            [task_title(row.task), model, row.split, numbers or row.claim, status, row.source, row.conditions or ""]
        )
    lines.sort(key=lambda line: line[0])
    header = ["task", "model", "split", "published", "status", "source", "conditions"]
    words = "Copied from the named sources. No paired comparison with the tables above is possible."
    return ["---", "## Published (not measured here; other splits and data)", words, _table(header, lines)]


# --------------------------------------------------------------------------- footers


def _items_only(table: Table) -> list[str]:
    """Which rows have an interval without the spread of draws."""
    said = []
    for basis, words in (
        ("items", "Items only (one draw; the interval is clustered by image and leaves out the luck of training)"),
        ("seeds", "Seeds and items (one draw; the interval leaves out the choice of the training examples)"),
    ):
        labels = [
            row.label
            for row in table.rows
            if any(cell.estimate is not None and cell.estimate.basis == basis for cell in row.cells.values())
        ]
        if labels:
            said.append(f"{words}: {', '.join(labels)}.")
    return said


def _facts(table: Table) -> list[str]:
    lines = []
    for task in table.tasks:
        facts = dict(table.facts[task])
        for name in ("protocol hash", "data fingerprint"):
            facts[name] = f"`{facts[name][:12]}`"
        lines.append(f"{task_title(task)}: " + "; ".join(f"{name} {text}" for name, text in facts.items() if text))
        sizes = {
            column.condition: f"{column.condition} {_count(column.items)} items, {_count(column.images)} images"
            for column in table.columns
            if column.task == task and column.role in ("id", "shifted", "control", "complement")
        }
        lines.append(f"{task_title(task)} evaluation sets: " + "; ".join(sizes.values()))
    return lines


# --------------------------------------------------------------------------- cells


def _value(cell: Cell) -> str:
    if cell.estimate is None:
        return {"failed": "X", "unavailable": "n/a"}.get(cell.state, NOTHING)
    found = cell.estimate
    half_width = "" if found.half_width is None else f" ± {percent(found.half_width)}"
    rank = "" if cell.rank is None else f" #{cell.rank}"
    text = f"{percent(found.value)}{'†' if cell.exposed else ''}{half_width} (n={_runs(found)}){rank}"
    return f"**{text}**" if cell.rank == 1 else text


def _difference(cell: Cell) -> str:
    found = cell.difference
    if found is None:
        return NOTHING
    # Fewer runs than the row has: only shared draws can be paired.
    runs = "" if _runs(found) == _runs(cell.estimate) else f" (n={_runs(found)})"
    if found.half_width is None:
        return f"{percent(found.value, sign=True)}{runs}"
    text = f"{percent(found.value, sign=True)} [{percent(found.low, sign=True)}, {percent(found.high, sign=True)}]"
    return f"{text} {found.verdict or NOTHING}{runs}"


def _relative(cell: Cell) -> str:
    if cell.estimate is None:
        return _value(cell)
    return f"{percent(cell.estimate.value)}%{'†' if cell.exposed else ''}"


def percent(fraction: float, sign: bool = False) -> str:
    """A fraction as percent with two decimals; no `-0.00`."""
    rounded = round(100 * fraction, 2) + 0.0
    return f"{rounded:+.2f}" if sign and rounded else f"{rounded:.2f}"


def _runs(found: Estimate) -> str:
    whole = found.runs == found.draws * found.seeds
    return f"{found.draws}×{found.seeds}" if whole else f"{found.runs} of {found.draws}×{found.seeds}"


def _amount(value: float | None, seconds: bool) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if seconds else f"{value:,.0f}"


def _count(number: int | None) -> str:
    return "a differing number of" if number is None else f"{number:,}"


def _label(row: Row) -> str:
    declared = (("blind", row.blind), ("baseline", row.baseline), ("white-box", row.white_box))
    marks = [word for word, on in declared if on]
    signs = ("†" if row.seen else "") + (EXTERNAL if row.division == "external" else "")
    return row.label + signs + (f" ({', '.join(marks)})" if marks else "")


def _shift_name(column: Column) -> str:
    return column.condition.partition(":")[0]


def _shift_order(column: Column) -> tuple:
    return _shift_name(column), list(EFFECTS).index(column.role)


# --------------------------------------------------------------------------- layout


def _grid(first: list[str], block: Sequence[tuple], rows: Sequence[Row]) -> str:
    header = first + [title for title, _, _ in block]
    return _table(header, [[_label(row), *(show(row.cells[column]) for _, column, show in block)] for row in rows])


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded columns, so that it also reads as plain text."""
    grid = [[_escape(text) for text in line] for line in (header, *lines)]
    widths = [max(len(line[place]) for line in grid) for place in range(len(header))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in grid
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def _escape(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
