"""The csv of the VCR leaderboard: per question 4 answer scores, and 4 rationale scores for each of the 4 answers.

Columns: annot_id, answer_0..3, then for each answer a rationale_conditioned_on_a{a}_0..3. Scores may be probabilities
or raw; only the largest of each four counts, the first of equals. Rationales are judged in the block of the correct
answer.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.contract import LegPredictions
from madbench.tasks.vcr.reader import CHOICES, VcrRow
from madbench.tasks.vcr.score import align

HEADER = [
    "annot_id",
    *(f"answer_{choice}" for choice in range(CHOICES)),
    *(f"rationale_conditioned_on_a{answer}_{choice}" for answer in range(CHOICES) for choice in range(CHOICES)),
]


def read_submission(path: Path, rows: Sequence[VcrRow]) -> dict[str, LegPredictions]:
    """Predicted choices of both legs in the order of `rows`, which must have labels.

    Raises DataMissing, or DataMalformed with file:line for: another header, a wrong number of columns, a score that is
    no finite number, a repeated, missing or unknown annot_id.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise DataMissing("file not found", fix="check the path", where=path) from None
    except UnicodeDecodeError:
        raise DataMalformed("not valid UTF-8", fix="write the file in UTF-8", where=path) from None
    lines = csv.reader(io.StringIO(text, newline=""))
    if next(lines, None) != HEADER:
        raise DataMalformed(
            "the header is not the leaderboard's",
            fix=f"write {HEADER[0]}, {HEADER[1]} ... {HEADER[-1]}",
            where=f"{path}:1",
        )
    correct = {row.example_id: row.labels[0] for row in rows if row.labels is not None}
    answers, rationales = [], []
    for cells in lines:
        if not cells:
            continue
        where = f"{path}:{lines.line_num}"
        scores = _scores(cells, where)
        answers.append((cells[0], _best(scores[:CHOICES])))
        block = CHOICES * (1 + correct.get(cells[0], 0))
        rationales.append((cells[0], _best(scores[block : block + CHOICES])))
    ids = [row.example_id for row in rows]
    return {
        leg: LegPredictions(labels=align(ids, predicted, str(path)))
        for leg, predicted in (("q2a", answers), ("qa2r", rationales))
    }


def _scores(cells: Sequence[str], where: str) -> list[float]:
    if len(cells) != len(HEADER):
        raise DataMalformed(f"{len(cells)} columns instead of {len(HEADER)}", fix="write every column", where=where)
    scores = []
    for name, cell in zip(HEADER[1:], cells[1:], strict=True):
        try:
            score = float(cell)
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise DataMalformed(f"{name} is {cell!r}, not a finite number", fix="write a number", where=where)
        scores.append(score)
    return scores


def _best(scores: Sequence[float]) -> str:
    return str(max(range(len(scores)), key=scores.__getitem__))
