"""How sure a number is: pure functions of score arrays, no files and no global randomness.

A score is `[replicates, items]`: what each item of an evaluation set got under each replicate of the training (a draw
of the subset, seeds already averaged; or, where one draw is all there is, a seed). Two things could have come out
otherwise, and both are counted:

    variance = spread of replicate means / replicates  +  image-clustered variance of the replicate-averaged scores

The first part has D - 1 degrees of freedom, the second G - 1 (G images); intervals.py makes an interval of the two. The
chance of one item under one draw is in both parts, which widens the interval a little. How often the intervals hold the
true value: docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from madbench.report.intervals import LEVEL, Parts, combined_quantile, equivalent_degrees, p_value
from madbench.report.multiplicity import SIGNIFICANT

# Equal scores leave rounding noise around 1e-32 behind; it is no doubt about anything.
NOISE = 1e-28


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; all fractions, not percent.

    half_width, degrees: None when not computable (a single image, or scores that were not stored). degrees: those at
    which Student's t has the quantile used.
    basis: what the interval counts: `items` (one replicate), `draws` or `seeds` (with the items), None without one.
    draws, seeds, runs: how many runs it rests on; seeds is the number within a draw, runs = draws * seeds if none lacks.
    draw_variance, item_variance: the two parts of the variance of the value; draw_variance is None with one replicate.
    p, p_holm: of a difference, that the true one is zero: alone, and corrected for the differences beside it in a column.
    bounds: the ends of an interval that is not value ± half_width (bootstrap); half_width is then half its length.
    thin: of a difference, whether it rests on one run of each row although one of them has more: the luck of training,
    which the scores beside it count, is then not in it.
    """

    value: float
    half_width: float | None = None
    degrees: float | None = None
    basis: str | None = None
    draws: int = 1
    seeds: int = 1
    runs: int = 1
    items: int | None = None
    units: int | None = None
    draw_variance: float | None = None
    item_variance: float | None = None
    p: float | None = None
    p_holm: float | None = None
    bounds: tuple[float, float] | None = None
    thin: bool = False

    @property
    def low(self) -> float | None:
        if self.bounds is not None:
            return self.bounds[0]
        return None if self.half_width is None else self.value - self.half_width

    @property
    def high(self) -> float | None:
        if self.bounds is not None:
            return self.bounds[1]
        return None if self.half_width is None else self.value + self.half_width

    @property
    def excludes_zero(self) -> bool | None:
        """Whether the interval leaves zero out. None when there is no interval: not known is not a tie."""
        return None if self.half_width is None else self.low > 0 or self.high < 0

    @property
    def verdict(self) -> str | None:
        """Of a difference: `better`, `worse` or `tie`, by the corrected p-value; None when nothing was tested."""
        p = self.p if self.p_holm is None else self.p_holm
        if p is None:
            return None
        if p >= SIGNIFICANT:
            return "tie"
        return "better" if self.value > 0 else "worse"

    def over(self, *, draws: int, seeds: int, runs: int) -> Estimate:
        return replace(self, draws=draws, seeds=seeds, runs=runs)


@dataclass(frozen=True)
class Term:
    """One mean in a contrast: `weight` times the mean of `scores [replicates, items]`; units: image of each item."""

    weight: float
    scores: np.ndarray
    units: np.ndarray


@dataclass(frozen=True)
class Totals:
    """What is left of scores once images are summed up: all that an interval needs, and linear in the scores.

    means: `[replicates]`. residuals: `[images]`, for the replicate-averaged scores the sum over an image's items of
    (score - mean) / items. The difference of two Totals over the same items is the Totals of the difference.
    """

    means: np.ndarray
    residuals: np.ndarray
    items: int

    def minus(self, other: Totals) -> Totals:
        return Totals(self.means - other.means, self.residuals - other.residuals, self.items)

    @property
    def value(self) -> float:
        return float(np.mean(self.means))

    def parts(self) -> Parts | None:
        """The variances with their degrees: items, then draws if there are several. None with a single image."""
        images = len(self.residuals)
        if images < 2:
            return None
        variance = images / (images - 1) * float(self.residuals @ self.residuals)
        found = [(0.0 if variance < NOISE else variance, images - 1)]
        count = len(self.means)
        if count > 1:
            spread = float(np.var(self.means, ddof=1)) / count
            found.append((0.0 if spread < NOISE else spread, count - 1))
        return found

    def test(self) -> tuple[float, float] | None:
        """(value, p-value of a true value of zero), None with a single image."""
        parts = self.parts()
        return None if parts is None else (self.value, p_value(self._whole(parts), parts))

    def estimate(self, basis: str, level: float = LEVEL, test: bool = False) -> Estimate:
        parts, images = self.parts(), len(self.residuals)
        if parts is None:
            return Estimate(self.value, items=self.items, units=images)
        variance = sum(one for one, _ in parts)
        return Estimate(
            self.value,
            combined_quantile(parts, level) * math.sqrt(variance) if variance else 0.0,
            equivalent_degrees(parts, level),
            basis if len(parts) > 1 else "items",
            items=self.items,
            units=images,
            item_variance=parts[0][0],
            draw_variance=parts[1][0] if len(parts) > 1 else None,
            p=p_value(self._whole(parts), parts) if test else None,
        )

    def _whole(self, parts: Parts) -> float:
        """The value, with rounding noise taken for the zero it is where no spread could tell it from one."""
        return 0.0 if abs(self.value) < NOISE**0.5 and not any(variance for variance, _ in parts) else self.value


def totals(terms: Sequence[Term]) -> Totals:
    """A weighted sum of means over item sets that may overlap, e.g. id minus shifted.

    Items of one image move together wherever they appear: all their residuals go into one total.
    Raises ValueError for no items, scores that are not finite, or terms with different numbers of replicates.
    """
    terms = [Term(term.weight, _checked(term.scores, term.units), np.asarray(term.units)) for term in terms]
    replicates = {len(term.scores) for term in terms}
    if len(replicates) != 1:
        raise ValueError(f"the terms of a contrast have different numbers of replicates: {sorted(replicates)}")
    means = sum(term.weight * term.scores.mean(axis=1) for term in terms)  # (replicates,)
    index, images = dense_units([term.units for term in terms])
    residuals = []
    for term in terms:
        averaged = term.scores.mean(axis=0) if len(term.scores) > 1 else term.scores[0]  # (items,)
        residuals.append(term.weight * (averaged - averaged.mean()) / len(averaged))
    summed = np.bincount(index, weights=np.concatenate(residuals), minlength=images)
    return Totals(means, summed, max(term.scores.shape[1] for term in terms))


def estimate(scores: np.ndarray, units: np.ndarray, *, basis: str = "draws", level: float = LEVEL) -> Estimate:
    """The mean of scores and its interval. scores: `[replicates, items]`; units: `[items]`."""
    return contrast([Term(1.0, scores, units)], basis=basis, level=level)


def paired_difference(
    scores: np.ndarray, baseline: np.ndarray, units: np.ndarray, *, basis: str = "draws", level: float = LEVEL
) -> Estimate:
    """scores minus baseline on the same replicates and items, both `[replicates, items]` in the same order; tested."""
    scores, baseline = np.atleast_2d(scores), np.atleast_2d(baseline)
    if scores.shape != baseline.shape:
        raise ValueError(f"a paired difference needs equal shapes, got {scores.shape} and {baseline.shape}")
    return totals([Term(1.0, scores - baseline, units)]).estimate(basis, level, test=True)


def contrast(terms: Sequence[Term], *, basis: str = "draws", level: float = LEVEL) -> Estimate:
    """A weighted sum of means with its interval; see `totals`."""
    return totals(terms).estimate(basis, level)


def clustered_variance(scores: np.ndarray, units: np.ndarray) -> float | None:
    """Variance of the mean of `scores [items]` when items of one unit (image) go together; None with one unit.

        G / (G - 1) * sum over units of (sum of the unit's residuals)^2 / n^2

    The mean over items is a ratio (sum of unit totals over sum of unit sizes), so residuals are taken from the overall
    mean and unequal unit sizes are allowed for. Source: Cochran, Sampling Techniques, 3rd ed. 1977, chapter 9A
    (ratio-to-size estimator), without the finite population factor. With one item per unit it is s^2 / n.
    """
    parts = totals([Term(1.0, np.atleast_2d(scores)[:1], units)]).parts()
    return None if parts is None else parts[0][0]


def dense_units(units: Sequence[np.ndarray]) -> tuple[np.ndarray, int]:
    """The image numbers of several item sets, concatenated and renumbered 0 .. images - 1, and the number of images."""
    joined = np.concatenate([np.asarray(one) for one in units])
    if joined.dtype.kind in "iu" and len(joined) and joined.min() >= 0 and joined.max() < 8 * len(joined) + 1024:
        # Counting instead of sorting: readers number the images of a task from 0.
        present = np.zeros(int(joined.max()) + 1, dtype=bool)
        present[joined] = True
        numbers = np.cumsum(present) - 1
        return numbers[joined], int(numbers[-1]) + 1
    found, index = np.unique(joined, return_inverse=True)
    return index.ravel(), len(found)


def _checked(scores: np.ndarray, units: np.ndarray) -> np.ndarray:
    scores = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"scores must be [replicates, items] and not empty, got shape {scores.shape}")
    if scores.shape[1] != len(units):
        raise ValueError(f"{scores.shape[1]} items but {len(units)} units")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold a value that is not finite")
    return scores
