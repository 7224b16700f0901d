"""What stands in a table's cells: text for people, and the number a column can be sorted by. Percent, two decimals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from madbench.report.marks import EXTERNAL
from madbench.report.statistics import Estimate

if TYPE_CHECKING:
    from madbench.report.tables import Cell, Row, Table

NOTHING = "–"
ITEMS_ONLY = "items only"


@dataclass(frozen=True)
class Text:
    """text: taken as it is, without markup. number: what to sort by, None where there is none."""

    text: str
    bold: bool = False
    number: float | None = None


def value(cell: Cell, usual: str | None = None) -> Text:
    """usual: the runs that a number rests on without saying so; None: it always says."""
    if cell.estimate is None:
        return Text({"failed": "X", "unavailable": "n/a"}.get(cell.state, NOTHING))
    found = cell.estimate
    mark = "†" if cell.exposed else ""
    rank = "" if cell.rank is None else f" #{cell.rank}"
    text = f"{percent(found.value)}{mark}{_half_width(found)}{_count(found, usual)}{rank}"
    return Text(text, bold=cell.rank == 1, number=found.value)


def estimate(found: Estimate | None, sign: bool = False) -> Text:
    """A value with its half-width and nothing else."""
    if found is None:
        return Text(NOTHING)
    return Text(f"{percent(found.value, sign=sign)}{_half_width(found)}", number=found.value)


def difference(cell: Cell, usual: str | None = None) -> Text:
    """usual: of no use here; a difference says what it rests on where the score beside it rests on more."""
    found = cell.difference
    if found is None:
        return Text("mixed" if cell.mixed else NOTHING)
    # Fewer runs than the row has: only shared draws can be paired.
    about = [] if runs(found) == runs(cell.estimate) else [f"n={runs(found)}"]
    about += [ITEMS_ONLY] if found.thin else []
    count = f" ({', '.join(about)})" if about else ""
    if found.half_width is None:
        return Text(f"{percent(found.value, sign=True)}{count}", number=found.value)
    return Text(f"{interval(found)} {found.verdict or NOTHING}{count}", number=found.value)


def interval(found: Estimate) -> str:
    """Of a difference; the ends stand there where they are not as far from the value as each other."""
    if found.bounds is None:
        return f"{percent(found.value, sign=True)}{_half_width(found)}"
    low, high = (percent(end, sign=True) for end in found.bounds)
    return f"{percent(found.value, sign=True)} [{low}, {high}]"


def relative(cell: Cell, usual: str | None = None) -> Text:
    found = cell.estimate
    if found is None:
        return value(cell)
    count = "" if usual is None else _count(found, usual)
    return Text(f"{percent(found.value)}%{'†' if cell.exposed else ''}{_half_width(found)}{count}", number=found.value)


def amount(number: float | None, decimals: int = 0) -> Text:
    return Text(NOTHING) if number is None else Text(f"{number:,.{decimals}f}", number=number)


def percent(fraction: float, sign: bool = False) -> str:
    """A fraction as percent with two decimals; no `-0.00`."""
    rounded = round(100 * fraction, 2) + 0.0
    return f"{rounded:+.2f}" if sign and rounded else f"{rounded:.2f}"


def runs(found: Estimate) -> str:
    whole = found.runs == found.draws * found.seeds
    return f"{found.draws}×{found.seeds}" if whole else f"{found.runs} of {found.draws}×{found.seeds}"


def label(row: Row, baseline: bool | None = None) -> Text:
    """baseline: whether it is one, where that is not the same in all tasks of a row."""
    baseline = row.baseline if baseline is None else baseline
    declared = (("blind", row.blind), ("baseline", baseline), ("white-box", row.white_box))
    marks = [word for word, on in declared if on]
    signs = ("†" if row.seen else "") + (EXTERNAL if row.division == "external" else "")
    return Text(row.label + signs + (f" ({', '.join(marks)})" if marks else ""))


def naming(table: Table) -> list[str]:
    """The headers of `named`."""
    return ["model", "content"] if table.contents else ["model"]


def named(table: Table, row: Row, task: str) -> list[Text]:
    """The cells that say what a line is of: the row, and in a mixed table the content its runs were made from."""
    if row.content is None:
        return [label(row)]
    return [label(row, row.baseline and table.compared[task] is row.content), Text(row.content.short(task))]


def usual_runs(row: Row, task: str) -> str | None:
    """The runs (draws×seeds) that most numbers of a row rest on in a task, None without a number."""
    counts = Counter(
        runs(cell.estimate) for column, cell in row.cells.items() if column.task == task and cell.estimate is not None
    )
    return max(counts, key=lambda one: (counts[one], one)) if counts else None


def _count(found: Estimate, usual: str | None) -> str:
    return "" if runs(found) == usual else f" (n={runs(found)})"


def _half_width(found: Estimate) -> str:
    return "" if found.half_width is None else f" ± {percent(found.half_width)}"
