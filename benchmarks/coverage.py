"""How often the 95 % intervals of tables hold the true value, over invented studies whose truth is known.

    python benchmarks/coverage.py                     the whole table of docs/statistics.md: about six minutes on one core
    python benchmarks/coverage.py --studies 500       a quick look
    python benchmarks/coverage.py --power             the power that a minimum detectable difference really has

A study: D draws score the same items; items lie on images. What varies, each a normal variable:

    draw (the luck of one training)  image  item (the same under every draw)  chance of one item under one draw

The columns are the standard deviation of the draws in points. Forms of a score: `plain` is the sum of all; `right` is 1 where the
sum is above a threshold (an accuracy of 60 %), `rare` the same at 3 % (draws move it by a tenth of the column); `pair` is the difference of two models' `right` that
share images and items and have draws of their own, `soft` the sum cut to the steps of VQA's credit. Images: `even`, 4 items
each; `uneven`, 1 to 12 items; `sized`, uneven and easier the more items they have. Each cell: share of intervals that hold
the truth, in percent, and their mean length over that of the exact interval (normal, true variance known).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from madbench.report.bootstrap import resampled
from madbench.report.design import minimum_detectable
from madbench.report.statistics import Term, Totals, totals

POINTS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
IMAGE, ITEM, CHANCE = 0.3, 0.7, 0.5  # standard deviations
CREDIT = np.array([0.0, 0.3, 0.6, 0.9, 1.0])
# images, score, sizes: mini has 223 to 560 images, the official sets 1,000 to 40,504.
STUDIES = (
    (20, "right", "uneven"),
    (200, "plain", "even"),
    (200, "right", "even"),
    (200, "right", "uneven"),
    (200, "right", "sized"),
    (200, "rare", "uneven"),
    (200, "soft", "uneven"),
    (200, "pair", "uneven"),
    (1500, "pair", "uneven"),
)


@dataclass(frozen=True)
class World:
    """One kind of study. draw_sd is on the scale of the sum of effects, before any threshold."""

    draws: int
    images: int
    form: str
    sizes: str
    draw_sd: float

    def study(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """scores `[draws, items]` and the image of each item."""
        sizes = np.full(self.images, 4) if self.sizes == "even" else rng.integers(1, 13, self.images)
        units = np.repeat(np.arange(self.images), sizes)
        shared = IMAGE * rng.normal(size=self.images)[units] + ITEM * rng.normal(size=len(units))
        if self.sizes == "sized":
            shared = shared + 0.05 * (sizes[units] - self.mean_size)
        if self.form == "pair":
            return self._one(shared, rng, 0.6) - self._one(shared, rng, 0.5), units
        return self._one(shared, rng, 0.03 if self.form == "rare" else 0.6), units

    def _one(self, shared: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
        draw = self.draw_sd * rng.normal(size=(self.draws, 1))
        latent = shared + draw + CHANCE * rng.normal(size=(self.draws, len(shared)))
        if self.form == "plain":
            return latent
        scale = math.sqrt(self.draw_sd**2 + IMAGE**2 + ITEM**2 + CHANCE**2)
        if self.form == "soft":
            return CREDIT[np.searchsorted(scale * ndtri([0.2, 0.3, 0.4, 0.5]), latent)]
        return (latent + scale * ndtri(level) > 0).astype(float)

    @property
    def mean_size(self) -> float:
        """Size of the image of a random item."""
        return 4.0 if self.sizes == "even" else sum(size * size for size in range(1, 13)) / sum(range(1, 13))

    def truth(self) -> float:
        """The mean of the form over all draws, images, items and chance, exactly."""
        if self.form == "plain":
            return 0.0
        if self.form == "pair":
            return self._above(0.6) - self._above(0.5)
        if self.form == "soft":
            steps = np.diff(CREDIT)
            return float(
                sum(step * self._above(1 - cut) for step, cut in zip(steps, (0.2, 0.3, 0.4, 0.5), strict=True))
            )
        return self._above(0.03 if self.form == "rare" else 0.6)

    def _above(self, level: float) -> float:
        scale = math.sqrt(self.draw_sd**2 + IMAGE**2 + ITEM**2 + CHANCE**2)
        if self.sizes != "sized":
            return level
        sizes = np.arange(1, 13)
        return float(np.average(ndtr(ndtri(level) + 0.05 * (sizes - self.mean_size) / scale), weights=sizes))


def draw_sd_for(form: str, points: float) -> float:
    """The draw effect, on the scale before any threshold, that moves the score by `points` (standard deviation, percent).

    By the slope of the normal distribution at the threshold. `rare` moves by a tenth of that: 3 % cannot vary by 4 points.
    """
    slope = {"plain": 0.39, "soft": 0.35}.get(form) or normal_density(ndtri(0.03 if form == "rare" else 0.6))
    moved = points / (1000 if form == "rare" else 100) / slope
    return math.sqrt(IMAGE**2 + ITEM**2 + CHANCE**2) * moved / math.sqrt(1 - moved**2)


def normal_density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def cochran_cox(found: Totals) -> float:
    return found.estimate("draws").half_width


def satterthwaite(found: Totals) -> float:
    """The same variance with Satterthwaite's degrees, for comparison: (sum v)^2 / sum(v^2 / df), Biometrics Bulletin 2, 1946."""
    parts = found.parts()
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0
    degrees = 1 / sum((variance / total) ** 2 / one for variance, one in parts)
    return stdtrit(degrees, 0.975) * math.sqrt(total)


def draws_only(found: Totals) -> float:
    """What most papers print: t over the draws' means, the items taken as the whole world."""
    return stdtrit(len(found.means) - 1, 0.975) * math.sqrt(np.var(found.means, ddof=1) / len(found.means))


METHODS: dict[str, Callable[[Totals], float]] = {
    "madbench": cochran_cox,
    "Satterthwaite": satterthwaite,
    "draws only": draws_only,
}


def coverage(world: World, studies: int, seed: int = 0) -> dict[str, tuple[float, float]]:
    """method -> (share of intervals that hold the truth, mean half-width over 1.96 true standard errors)."""
    rng = np.random.default_rng([seed, world.draws, world.images])
    truth, values = world.truth(), np.empty(studies)
    widths = {name: np.empty(studies) for name in METHODS if world.draws > 1 or name == "madbench"}
    for place in range(studies):
        scores, units = world.study(rng)
        found = totals([Term(1.0, scores, units)])
        values[place] = found.value
        for name, width in widths.items():
            width[place] = METHODS[name](found)
    exact = 1.96 * values.std()
    return {
        name: (float(np.mean(np.abs(values - truth) <= width)), float(width.mean() / exact))
        for name, width in widths.items()
    }


def bootstrap_coverage(world: World, studies: int, resamples: int = 2000, seed: int = 0) -> float:
    rng = np.random.default_rng([seed, world.images])
    held = 0
    for _ in range(studies):
        scores, units = world.study(rng)
        low, high = np.quantile(resampled([Term(1.0, scores, units)], rng, resamples), [0.025, 0.975])
        held += low <= world.truth() <= high
    return held / studies


def power(world: World, studies: int, seed: int = 0) -> float:
    """How often a true difference as large as the minimum detectable one of the true variances is found."""
    rng = np.random.default_rng([seed, 7])
    items = world.images * 4
    parts = [((4 * IMAGE**2 + ITEM**2 + CHANCE**2 / world.draws) / items, world.images - 1)]
    if world.draws > 1:
        parts.append(((world.draw_sd**2 + CHANCE**2 / items) / world.draws, world.draws - 1))
    shift, found = minimum_detectable(parts), 0
    for _ in range(studies):
        scores, units = world.study(rng)
        estimate = totals([Term(1.0, scores + shift, units)]).estimate("draws", test=True)
        found += estimate.p < 0.05 and estimate.value > 0
    return found / studies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--power", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    if options.power:
        _print_power(options.studies)
    else:
        _print_coverage(options.studies)
    print(f"\n{options.studies} studies a number, {time.perf_counter() - start:.0f} s")


def _print_coverage(studies: int) -> None:
    print("| draws | images | score | sizes | method | " + " | ".join(f"{points:g}" for points in POINTS) + " |")
    print("|---|---|---|---|---|" + "---|" * len(POINTS))
    worst: dict[tuple[int, str], list[float]] = {}
    for draws in (1, 2, 3, 5):
        for images, form, sizes in STUDIES:
            by_points = []
            for points in POINTS if draws > 1 else POINTS[:1]:
                world = World(draws, images, form, sizes, draw_sd_for(form, points))
                by_points.append(coverage(world, studies))
                if draws == 1:
                    by_points[-1]["bootstrap"] = bootstrap_coverage(world, max(200, studies // 4)), math.nan
            for name in by_points[0]:
                cells = [f"{100 * one[name][0]:.1f} ({one[name][1]:.2f})" for one in by_points]
                cells += [""] * (len(POINTS) - len(cells))
                print(f"| {draws} | {images} | {form} | {sizes} | {name} | " + " | ".join(cells) + " |", flush=True)
                worst.setdefault((draws, name), []).extend(one[name][0] for one in by_points)
    print()
    for (draws, name), found in worst.items():
        print(f"{draws} draws, {name}: {100 * min(found):.1f} to {100 * max(found):.1f} %")


def _print_power(studies: int) -> None:
    print("| draws | " + " | ".join(f"{points:g}" for points in POINTS) + " |")
    print("|---|" + "---|" * len(POINTS))
    for draws in (1, 2, 3, 5):
        cells = [
            f"{100 * power(World(draws, 200, 'plain', 'even', draw_sd_for('plain', points)), studies):.0f}"
            for points in (POINTS if draws > 1 else POINTS[:1])
        ]
        print(f"| {draws} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
