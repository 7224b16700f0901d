"""Telling predictions apart: bit for bit, or within a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from madbench.tasks.contract import LegPredictions

Predictions = dict[tuple[str, str], LegPredictions]  # by condition and leg


@dataclass(frozen=True)
class Difference:
    """rows: of `of` that differ by more than allowed. largest: of all score differences, None for answers in words."""

    where: str
    rows: int
    of: int
    largest: float | None

    def __str__(self) -> str:
        by = "" if self.largest is None else f", by up to {self.largest:.3g}"
        return f"{self.rows} of {self.of} rows of {self.where} differ{by}"


def difference(one: LegPredictions, other: LegPredictions, where: str, allowed: float = 0.0) -> Difference | None:
    """How two predictions of the same rows differ, score by score; None when they do not.

    allowed: absolute and relative; 0 compares bit for bit.
    """
    if one.scores is None or other.scores is None:
        rows = sum(mine != yours for mine, yours in zip(one.labels, other.labels, strict=True))
        return Difference(where, rows, len(one.labels), None) if rows else None
    apart = np.abs(one.scores.astype(np.float64) - other.scores)
    wrong = (apart > allowed + allowed * np.abs(other.scores)).any(axis=1)
    return Difference(where, int(wrong.sum()), len(wrong), float(apart.max())) if wrong.any() else None


def first_difference(one: Predictions, other: Predictions, allowed: float = 0.0) -> Difference | None:
    """The first condition and leg on which two sets of predictions differ."""
    for (condition, leg), mine in one.items():
        found = difference(mine, other[condition, leg], f"{condition}, leg {leg},", allowed)
        if found is not None:
            return found
    return None


def taken(predictions: LegPredictions, places: Sequence[int]) -> LegPredictions:
    """Some of the rows, in the order given."""
    scores = None if predictions.scores is None else predictions.scores[places]
    return LegPredictions(tuple(predictions.labels[place] for place in places), scores)
