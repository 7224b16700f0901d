"""Bootstrap intervals over evaluation items, whole images resampled together; never over draws.

A handful of draws cannot be resampled: with three there are ten distinct resamples, and their spread is a third too small.
So only numbers of a single run have a bootstrap interval; docs/statistics.md says what it is good for.

An image enters a mean only through (the sum of its scores, the number of its items). Images with equal pairs are
interchangeable, so a resample is one multinomial over the distinct pairs instead of thousands of picked images.
Source of the interval: the percentile method, Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from madbench.report.intervals import LEVEL
from madbench.report.statistics import Estimate, Term, dense_units

RESAMPLES = 10_000
SEED = 0
# Images picked at once (times 8 bytes and a few arrays of that size) where pairs hardly repeat.
BLOCK = 2_000_000


def with_bootstrap(
    found: Estimate, terms: Sequence[Term], *, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL
) -> Estimate:
    """`found`, its interval replaced by the bootstrap's if it rests on the items of one run; else as it is.

    terms: what `found` was computed from, scores `[1, items]`. The same seed for every number: equal scores get equal
    intervals wherever they stand.
    """
    if found.basis != "items" or found.half_width is None:
        return found
    values = resampled(terms, np.random.default_rng(seed), resamples)
    low, high = (float(one) for one in np.quantile(values, [(1 - level) / 2, (1 + level) / 2]))
    return replace(found, bounds=(low, high), half_width=(high - low) / 2, degrees=None)


def resampled(terms: Sequence[Term], rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """The contrast of `terms` under resampling of images: `[resamples]`.

    A resample that holds no item of some term has no mean there and is left out.
    """
    pairs, times = distinct_pairs(terms)
    images = int(times.sum())
    if len(pairs) * 16 < images:
        sums = rng.multinomial(images, times / images, size=resamples) @ pairs  # (resamples, 2 * terms)
    else:
        sums = _picked(np.repeat(pairs, times, axis=0), rng, resamples)
    totals, counts = sums[:, 0::2], sums[:, 1::2]
    whole = (counts > 0).all(axis=1)
    weights = np.array([term.weight for term in terms])
    return (totals[whole] / counts[whole]) @ weights


def distinct_pairs(terms: Sequence[Term]) -> tuple[np.ndarray, np.ndarray]:
    """The distinct (sum, count) of images, two columns a term, `[distinct, 2 * terms]`, and how many images have each.

    Sums are rounded to 1e-9: 0.3 + 0.6 and 0.9 are one pair.
    """
    index, images = dense_units([term.units for term in terms])
    columns, start = [], 0
    for term in terms:
        scores = np.atleast_2d(term.scores)
        if len(scores) != 1:
            raise ValueError("a bootstrap over items takes the scores of one run")
        mine = index[start : start + scores.shape[1]]
        start += scores.shape[1]
        columns.append(np.round(np.bincount(mine, weights=scores[0], minlength=images), 9) + 0.0)
        columns.append(np.bincount(mine, minlength=images).astype(np.float64))
    codes = np.zeros(images, dtype=np.int64)
    for column in columns:
        # One number for each row so far: numpy's unique over rows sorts bytes and takes ten times as long.
        _, place = np.unique(column, return_inverse=True)
        _, codes = np.unique(codes * (int(place.max()) + 1) + place, return_inverse=True)
    _, first, times = np.unique(codes, return_index=True, return_counts=True)
    # Frequent pairs first: a multinomial that has used up its images draws the rest in no time.
    order = np.argsort(-times, kind="stable")
    return np.stack(columns, axis=1)[first[order]], times[order]


def _picked(pairs: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """The plain way, image by image, for scores that hardly repeat. pairs: one row an image."""
    images = len(pairs)
    step = max(1, BLOCK // images)
    sums = np.empty((resamples, pairs.shape[1]))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        picks = rng.integers(images, size=(stop - start, images), dtype=np.int32)
        for place in range(pairs.shape[1]):
            sums[start:stop, place] = pairs[:, place][picks].sum(axis=1)
    return sums
