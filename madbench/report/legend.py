"""How to read a board: what its signs mean, and only the signs that it has."""

from __future__ import annotations

from madbench.report import shifts
from madbench.report.blocks import Block, Bullets, Words
from madbench.report.cells import ITEMS_ONLY
from madbench.report.inline import code
from madbench.report.marks import EXTERNAL
from madbench.report.tables import Board

ABOUT = "Scores are percent, gaps and differences are points. Higher is better where the head of a column has ↑."
SCORE = (
    "`12.34 ± 1.20`: the mean and the half-width of its 95% interval. With two draws or more it counts the spread of draws "
    "and the evaluation items clustered by image. With one draw it counts the items only, or seeds and items; the notes say "
    "for which rows, and what else could have come out otherwise is then not in it. Without ±: no interval, for want of item "
    "scores (classes, answer types, predictions not kept). ± 0.00: all images scored alike, so there was no spread to judge by."
)
RUNS = "`n`: draws×seeds behind the numbers of a row. A cell that rests on other runs names its own."
DIFFERENCE = (
    "Δ: the row minus the baseline, {baseline}, paired on shared draws and items. **better**, **worse**, **tie**: tested at "
    "5 % with Holm's correction for the column. The interval beside it does not have that correction, so at a tie it may leave "
    "out 0."
)
THIN = (
    f"`{ITEMS_ONLY}` behind a difference: the two rows share one run although one of them has more, so the luck of that training "
    "is not counted; such a row changes no other row's verdict and pushes none down."
)
RANK = (
    "`#`: rank, 1 + the number of rows that are significantly better in paired tests, corrected likewise; ties share a rank "
    "and are not transitive. **Bold**: rank 1, nobody was shown to be better."
)
SIGNS = (
    "`–` not run or not known, `X` failed, `n/a` not available, `*` limited, `†` declared exposure of the initial weights, "
    f"`{EXTERNAL}` training not witnessed. Blind rows leave out the image or the text."
)
BOOTSTRAP = (
    "Intervals of numbers from a single run are percentile intervals of 10,000 resamples of whole images (seed 0), ± half "
    "their length; more draws or seeds, and areas under curves: Student's t. Tests and ranks are those of the t intervals."
)


def legend(board: Board) -> list[Block]:
    lines = [SCORE]
    if board.interval == "bootstrap":
        lines.append(BOOTSTRAP)
    lines.append(RUNS)
    rows = [row for table in board.tables for row in table.rows]
    if any(row.baseline for row in rows):
        lines.append(DIFFERENCE.format(baseline=code(board.baseline)))
    if any(cell.difference is not None and cell.difference.thin for row in rows for cell in row.cells.values()):
        lines.append(THIN)
    lines.append(RANK)
    if "shift" in board.shown and any(column.role == "shift-worst" for one in board.tables for column in one.columns):
        lines.append(shifts.PICKED)
    lines.append(SIGNS)
    return [Words(ABOUT), Bullets(lines)]
