"""The numbers of a low-shot curve: its area, the difference of two curves, and where that falls to 0.

The axis is the logarithm of the fraction; between fractions a curve is a straight line on it.

    area = sum over fractions of weight * score, weights of the trapezoid rule on the logarithm of the fraction, adding up
           to 1: the score at a fraction drawn evenly from the logarithmic axis, in the unit of the score

The area and the difference at any point are weighted sums of scores on one set of items, so their variance is that of
numbers.py: residuals of an image go together over all fractions, and so do draws that fractions share. Where fractions
rest on different draws (the full data has one), their spreads count as independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from madbench.report.intervals import combined_quantile
from madbench.report.statistics import NOISE, Estimate, Totals

# Points at which a segment is looked at for the crossing; on a log axis about 2 % apart for a factor of ten.
STEPS = 100


@dataclass(frozen=True)
class Crossing:
    """Where a line meets the baseline. at: None when it does not. low, high: None where the interval never clears 0.

    words: the whole in words.
    """

    at: float | None
    low: float | None
    high: float | None
    words: str


def trapezoid(fractions: Sequence[float]) -> list[float]:
    """Weights of the trapezoid rule on log(fraction), adding up to 1; fractions ascending, two or more."""
    at = np.log(np.asarray(fractions, dtype=np.float64))
    steps = np.diff(at) / (at[-1] - at[0])
    weights = np.zeros(len(at))
    weights[:-1] += steps / 2
    weights[1:] += steps / 2
    return weights.tolist()


def combined(terms: Sequence[tuple[float, tuple[tuple, Totals]]]) -> Estimate:
    """A weighted sum of scores on one set of items, with its interval. terms: weight, (runs rested on, totals).

    All totals are over the same images in the same order.
    """
    residuals = sum(weight * totals.residuals for weight, (_, totals) in terms)
    value = sum(weight * totals.value for weight, (_, totals) in terms)
    images = len(residuals)
    spreads: dict[tuple, np.ndarray] = {}
    for weight, (rested, totals) in terms:
        spreads[rested] = spreads.get(rested, 0.0) + weight * totals.means
    if images < 2:
        return Estimate(value, units=images)
    variance = images / (images - 1) * float(residuals @ residuals)
    parts = [(0.0 if variance < NOISE else variance, images - 1)]
    for means in spreads.values():
        if len(means) > 1:
            spread = float(np.var(means, ddof=1)) / len(means)
            parts.append((0.0 if spread < NOISE else spread, len(means) - 1))
    total = sum(one for one, _ in parts)
    half_width = combined_quantile(parts) * math.sqrt(total) if total else 0.0
    draws = max(len(means) for means in spreads.values())
    return Estimate(value, half_width, basis="draws" if len(parts) > 1 else "items", draws=draws, units=images)


def crossing(apart: Mapping[float, tuple[tuple, Totals]]) -> Crossing:
    """Where the difference falls to 0. apart: fraction, ascending -> (runs, totals of the difference)."""
    fractions = sorted(apart)
    grid: list[tuple[float, Estimate]] = [(fractions[0], combined([(1.0, apart[fractions[0]])]))]
    for start, end in pairwise(fractions):
        for step in range(1, STEPS + 1):
            share = step / STEPS
            at = math.exp((1 - share) * math.log(start) + share * math.log(end))
            terms = [(1 - share, apart[start]), (share, apart[end])] if share < 1 else [(1.0, apart[end])]
            grid.append((end if share == 1 else at, combined(terms)))
    first, last = fractions[0], fractions[-1]
    above = [one.value > 0 for _, one in grid]
    sure = [bool(one.excludes_zero) for _, one in grid]
    if not any(above):
        return Crossing(None, None, None, "never above the baseline")
    if above[-1]:
        if all(up and safe for up, safe in zip(above, sure, strict=True)):
            return Crossing(None, None, None, "helps throughout")
        since = next((place for place in reversed(range(len(grid))) if not (above[place] and sure[place])), None)
        if since == len(grid) - 1:
            return Crossing(None, None, None, f"above the baseline at {percent(last)}, 0 not excluded")
        return Crossing(None, None, None, f"helps to {percent(last)}, 0 excluded above {percent(grid[since][0])}")
    place = max(place for place in range(1, len(grid)) if above[place - 1] and not above[place])
    (before, positive), (after, negative) = grid[place - 1], grid[place]
    share = positive.value / (positive.value - negative.value)
    at = math.exp((1 - share) * math.log(before) + share * math.log(after))
    low = next((here for here, one in reversed(grid[:place]) if one.excludes_zero), None)
    high = next((here for here, one in grid[place:] if one.excludes_zero), None)
    reach = f"{percent(low) if low else f'below {percent(first)}'} to {percent(high) if high else f'beyond {percent(last)}'}"
    return Crossing(at, low, high, f"{percent(at)} ({reach})")


def percent(fraction: float) -> str:
    """`0.5 %`, in two significant digits."""
    return f"{float(f'{100 * fraction:.2g}'):g} %"
