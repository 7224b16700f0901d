"""The csv of the VCR leaderboard: per question 4 answer scores, and 4 rationale scores for each of the 4 answers.

Columns: annot_id, answer_0..3, then for each answer a rationale_conditioned_on_a{a}_0..3. Scores may be probabilities
or raw; only the largest of each four counts, the first of equals. Rationales are judged in the block of the correct
answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from madbench.errors import DataMalformed
from madbench.tasks.contract import LegPredictions
from madbench.tasks.csv_files import read_csv, write_csv
from madbench.tasks.vcr.reader import CHOICES, VcrRow

HEADER = (
    "annot_id",
    *(f"answer_{choice}" for choice in range(CHOICES)),
    *(f"rationale_conditioned_on_a{answer}_{choice}" for answer in range(CHOICES) for choice in range(CHOICES)),
)


def read_submission(path: Path, rows: Sequence[VcrRow]) -> dict[str, LegPredictions]:
    """Predicted choices of both legs in the order of `rows`, which must have labels.

    Raises what `read_scores` raises, and DataMalformed for rows without labels.
    """
    unlabelled = next((row for row in rows if row.labels is None), None)
    if unlabelled is not None:
        what = f"row '{unlabelled.example_id}' has no labels, so it cannot be scored"
        raise DataMalformed(what, fix="score a split with labels (val)")
    answers, rationales = read_scores(path, rows)
    correct = [row.labels[0] for row in rows if row.labels is not None]
    conditioned = rationales[np.arange(len(rows)), correct] if rows else answers
    # argmax takes the first of equals, as the leaderboard's own evaluation does.
    return {
        leg: LegPredictions(labels=tuple(map(str, scores.argmax(axis=1).tolist())))
        for leg, scores in (("q2a", answers), ("qa2r", conditioned))
    }


def read_scores(path: Path, rows: Sequence[VcrRow]) -> tuple[np.ndarray, np.ndarray]:
    """Answer scores float64 `[rows, 4]`, and rationale scores `[rows, 4 answers, 4 rationales]`, in the order of `rows`.

    Raises DataMissing, or DataMalformed with file:line for a score that is no finite number and for what `read_csv`
    refuses.
    """
    place = {row.example_id: index for index, row in enumerate(rows)}
    table = np.empty((len(rows), len(HEADER) - 1))
    for where, cells in read_csv(path, HEADER, list(place)):
        table[place[cells[0]]] = _scores(cells, where)
    return table[:, :CHOICES], table[:, CHOICES:].reshape(-1, CHOICES, CHOICES)


def write_submission(path: Path, rows: Sequence[VcrRow], answers: np.ndarray, rationales: np.ndarray) -> None:
    """The leaderboard file, in the order of `rows` (as r2c writes it; UNITER sorts by the number in annot_id).

    answers: `[rows, 4]`. rationales: `[rows, 4 answers, 4 rationales]`; `[n, a, r]` scores rationale r given answer a.
    Scores are written so that reading gives the same float64 again. Raises DataMalformed for another shape or a score
    that is not finite; writes nothing then.
    """
    answers, rationales = np.asarray(answers, dtype=np.float64), np.asarray(rationales, dtype=np.float64)
    wanted = ((len(rows), CHOICES), (len(rows), CHOICES, CHOICES))
    if (answers.shape, rationales.shape) != wanted:
        what = f"answers have the shape {answers.shape}, rationales {rationales.shape}"
        raise DataMalformed(what, fix=f"give {wanted[0]} and {wanted[1]}", where=path)
    table = np.concatenate([answers, rationales.reshape(len(rows), -1)], axis=1)
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0]
        what = f"{HEADER[1 + column]} of row '{rows[row].example_id}' is {table[row, column]}, not a finite number"
        raise DataMalformed(what, fix="look at what the model returns", where=path)
    scores = table.tolist()
    write_csv(path, HEADER, ([row.example_id, *map(repr, one)] for row, one in zip(rows, scores, strict=True)))


def _scores(cells: Sequence[str], where: str) -> list[float]:
    scores = []
    for name, cell in zip(HEADER[1:], cells[1:], strict=True):
        try:
            # Python would also take 1_000 and the digits of other scripts, which no other tool does.
            score = float(cell) if cell.isascii() and "_" not in cell else math.nan
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise DataMalformed(f"{name} is {cell!r}, not a finite number", fix="write a number", where=where)
        scores.append(score)
    return scores
