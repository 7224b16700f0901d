"""The smallest difference a design can be expected to find: before the runs from assumptions, after them from variances.

    minimum detectable difference = (t(1 - 0.05 / 2) + t(power)) * sqrt(V_draws + V_items)

with the quantile of intervals.py for the test and Student's t at its equivalent degrees for the power: two-sided test at
5 %, not corrected for other comparisons, of one paired difference to a baseline.
Source: Bloom, Minimum Detectable Effects, Evaluation Review 19 (1995), whose multiplier this is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from madbench.report.inline import code, plain
from madbench.report.intervals import LEVEL, Parts, combined_quantile, equivalent_degrees
from madbench.report.statistics import Estimate
from madbench.report.titles import task_title

POWER = 0.8


@dataclass(frozen=True)
class Spread:
    """What differences between two models vary by.

    draw_sd: standard deviation, over draws, of the difference of two models' scores (fraction).
    item_variance: variance, over items, of the difference of their scores on one item: for right or wrong answers about
    the share of items on which just one of the two is right. within_image: correlation of that difference within an image.
    """

    draw_sd: float
    item_variance: float
    within_image: float


# Stated wherever it is used. docs/statistics.md says where the numbers come from.
ASSUMED = Spread(draw_sd=0.01, item_variance=0.25, within_image=0.05)


def minimum_detectable(parts: Parts, power: float = POWER, level: float = LEVEL) -> float:
    """The true difference (fraction) that is found with probability `power`; 0 when nothing varies."""
    from scipy.special import stdtrit

    variance = sum(one for one, _ in parts)
    if variance == 0:
        return 0.0
    found = combined_quantile(parts, level) + float(stdtrit(equivalent_degrees(parts, level), power))
    return found * math.sqrt(variance)


def expected_parts(draws: int, images: int, items: int, spread: Spread = ASSUMED) -> Parts | None:
    """The variances a design leads one to expect, None for a single image. One draw: the items alone."""
    if images < 2:
        return None
    # Kish's design effect for images of equal size: items of one image repeat part of what the others say.
    crowding = 1 + max(items / images - 1, 0) * spread.within_image
    parts = [(spread.item_variance * crowding / items, images - 1)]
    if draws > 1:
        parts.append((spread.draw_sd**2 / draws, draws - 1))
    return parts


def observed_parts(differences: Sequence[Estimate]) -> Parts | None:
    """The medians of the variances that differences in one column had; None without any, or where they rest on other runs.

    Only those with the most replicates count: a row with one draw says nothing about draws.
    """
    known = [one for one in differences if one.item_variance is not None]
    if not known:
        return None
    most = max(_replicates(one) for one in known)
    chosen = [one for one in known if _replicates(one) == most]
    parts = [(median(one.item_variance for one in chosen), min(one.units for one in chosen) - 1)]
    if most > 1:
        parts.append((median(one.draw_variance for one in chosen), most - 1))
    return parts


def _replicates(found: Estimate) -> int:
    if found.basis == "draws":
        return found.draws
    return found.seeds if found.basis == "seeds" else 1


@dataclass(frozen=True)
class Detectable:
    """The smallest true difference to the baseline that the runs of a column find. several: whether draws or seeds count."""

    task: str
    condition: str
    metric: str
    difference: float
    several: bool


def detectable(table: Any) -> list[Detectable]:
    """For each id and shifted condition of a Table and the metric that stands for it, from the variances of its rows."""
    found = []
    for column in table.columns:
        if column.role not in ("id", "shifted") or column.metric != table.headline[column.task, column.condition]:
            continue
        cells = [row.cells[column].difference for row in table.rows_of(column.task) if not row.limited]
        parts = observed_parts([one for one in cells if one is not None])
        if parts is not None:
            smallest = minimum_detectable(parts)
            found.append(Detectable(column.task, column.condition, column.metric, smallest, len(parts) > 1))
    return found


def design_lines(table: Any, baseline: str) -> list[str]:
    """What `detectable` finds: a sentence for all tasks with several draws or seeds, one for those with a single run."""
    found: dict[str, list[str]] = {}
    known = detectable(table)
    for task in table.tasks:
        own = [one for one in known if one.task == task]
        if own:
            beyond = "" if any(one.several for one in own) else ", one draw: items only"
            said = ", ".join(f"{plain(one.condition)} {100 * one.difference:.2f}" for one in own)
            found.setdefault(beyond, []).append(f"{task_title(task)} {said}")
    return [
        f"Smallest true difference to {code(baseline)} that this design finds with {POWER:.0%} power (test at 5 %, not "
        f"corrected; median variances of the rows{beyond}), in points: {'; '.join(said)}."
        for beyond, said in found.items()
    ]
