"""The numbers of one row in one task: runs over draws and seeds to a value, an interval, a difference.

Values come from the records, intervals from the stored item scores. Without item scores there is a value and no
interval. Seeds are averaged within a draw, then draws are the replicates. With a single draw and several seeds (fraction
1.0 has one draw) the seeds are the replicates, and the interval says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from madbench.report.bootstrap import with_bootstrap
from madbench.report.marks import exposure
from madbench.report.predictions import Items, Predictions, leg_of, main_metric
from madbench.report.records import Record
from madbench.report.statistics import Estimate, Term, Totals, contrast, paired_difference, totals

# Stored float sums may be added up in another order than the scorer's; nothing larger is tolerated.
AGREE = 1e-6


@dataclass
class Replicates:
    """Runs as replicates: what each inner list holds is averaged. basis: whether they are `draws` or `seeds`."""

    basis: str
    records: list[list[Record]]
    _means: dict[str, dict[str, float]] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, int]:
        """draws, seeds (within a draw, the largest number) and runs."""
        draws = Counter(record.run[0] for records in self.records for record in records)
        return {"draws": len(draws), "seeds": max(draws.values()), "runs": draws.total()}

    def mean(self, condition: str, metric: str) -> float | None:
        """The mean over replicates of a metric in the records, None when a run lacks it."""
        if condition not in self._means:
            self._means[condition] = self._all_means(condition)
        return self._means[condition].get(metric)

    def _all_means(self, condition: str) -> dict[str, float]:
        """metric -> mean, of those that every run has. All at once: columns ask for them one by one, runs are thousands."""
        tables = [
            [(record.conditions.get(condition) or {}).get("metrics") or {} for record in records]
            for records in self.records
        ]
        shared = set(tables[0][0])
        for metrics in chain(*tables):
            if metrics.keys() != shared:
                shared &= metrics.keys()
        if not shared:
            return {}
        names = sorted(shared)
        numbers = itemgetter(*names)
        means = [np.mean(np.reshape(list(map(numbers, table)), (-1, len(names))), axis=0) for table in tables]
        return dict(zip(names, np.mean(means, axis=0).tolist(), strict=True))


@dataclass
class Group:
    """The runs of one row in one task, by (draw, seed), and where their predictions are read."""

    runs: dict[tuple[int, int], Record]
    predictions: Predictions
    interval: str = "t"  # or `bootstrap`, for what rests on the items of one run
    problems: list[str] = field(default_factory=list)
    _own: tuple[int, Replicates] | None = None
    _unions: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)

    @property
    def any(self) -> Record:
        return next(iter(self.runs.values()))

    def counts(self) -> dict[str, int]:
        return self.replicates().counts

    def replicates(self) -> Replicates:
        if self._own is None or self._own[0] != len(self.runs):
            self._own = len(self.runs), _replicates(self.runs, self.runs)
        return self._own[1]

    def metric(self, condition: str, metric: str) -> Estimate | None:
        """A metric of a condition, None when a run lacks it."""
        replicates = self.replicates()
        value = replicates.mean(condition, metric)
        if value is None:
            return None
        scores = self.scores(replicates, condition, metric)
        found = Estimate(value)
        if scores is not None:
            # The record's own number is what is shown: it is the official scorer's.
            return replace(self.weighted([Term(1.0, scores[0], scores[1].units)]), value=value)
        return found.over(**self.counts())

    def contrast(self, metric: str, plus: str, minus: str) -> Estimate | None:
        """A metric on condition `plus` minus the same on `minus`, within each run."""
        return self.combination(metric, {plus: 1.0, minus: -1.0})

    def combination(self, metric: str, weights: Mapping[str, float]) -> Estimate | None:
        """A weighted sum of a metric over conditions, within each run. weights: condition -> weight."""
        replicates = self.replicates()
        means = {condition: replicates.mean(condition, metric) for condition in weights}
        if any(mean is None for mean in means.values()):
            return None
        found = Estimate(sum(weight * means[condition] for condition, weight in weights.items()))
        terms = []
        for condition, weight in weights.items():
            scores = self.scores(replicates, condition, metric)
            if scores is None:
                return found.over(**self.counts())
            terms.append(Term(weight, scores[0], scores[1].units))
        return self.weighted(terms)

    def drop(self, metric: str, start: str, ends: Sequence[str]) -> Estimate | None:
        """What is lost from condition `start` to the mean of `ends`, as a share of `start`; None where that scores 0.

        Interval by the delta method: the share is 1 - end / start, and moves with end by -1 / start and with start by
        end / start^2.
        """
        replicates = self.replicates()
        before = replicates.mean(start, metric)
        after = [replicates.mean(end, metric) for end in ends]
        if not before or any(one is None for one in after):
            return None
        end = float(np.mean(after))
        weights = {one: -1 / (before * len(ends)) for one in ends}
        weights[start] = weights.get(start, 0.0) + end / before**2
        share = (before - end) / before
        found = self.combination(metric, weights)
        bounds = found.bounds and tuple(share - found.value + bound for bound in found.bounds)
        return replace(found, value=share, bounds=bounds)

    def difference(self, baseline: Group, condition: str, metric: str) -> Estimate | None:
        """This row minus the baseline on shared draws and shared items, None without a shared draw."""
        if self.runs.keys() == baseline.runs.keys():
            mine, theirs = self.replicates(), baseline.replicates()
        else:
            mine, theirs = _replicates(self.runs, baseline.runs), _replicates(baseline.runs, self.runs)
        if not mine.records:
            return None
        ours, others = mine.mean(condition, metric), theirs.mean(condition, metric)
        if ours is None or others is None:
            return None
        found = Estimate(ours - others)
        first = self.scores(mine, condition, metric)
        second = baseline.scores(theirs, condition, metric)
        if first is not None and second is not None:
            aligned = _shared_items(first, second)
            if aligned is not None:
                found = paired_difference(*aligned, basis=mine.basis)
                if self.interval == "bootstrap":
                    found = with_bootstrap(found, [Term(1.0, aligned[0] - aligned[1], aligned[2])])
        thin = len(mine.records) == 1 and max(len(self.runs), len(baseline.runs)) > 1
        fewest = {name: min(count, theirs.counts[name]) for name, count in mine.counts.items()}
        return replace(found, thin=thin).over(**fewest)

    def totals(self, condition: str, metric: str) -> Standing | None:
        """What comparisons with other rows need of this one, None without item scores."""
        replicates = self.replicates()
        if replicates.mean(condition, metric) is None:
            return None
        scores = self.scores(replicates, condition, metric)
        if scores is None:
            return None
        rested = tuple(tuple(record.run for record in records) for records in replicates.records)
        return Standing(self, rested, scores[1], totals([Term(1.0, scores[0], scores[1].units)]))

    def scores(self, replicates: Replicates, condition: str, metric: str) -> tuple[np.ndarray, Items] | None:
        """`[replicates, items]`, seeds averaged, and the items; None when a run has no item scores for this metric."""
        declared = self.any.conditions.get(condition, {}).get("metrics") or {}
        leg = leg_of(metric, main_metric(declared, self.any.content["primary"]))
        if leg is None:
            return None
        rows, items = [], None
        for records in replicates.records:
            arrays = []
            for record in records:
                scored = self.predictions.scored(record, condition)
                if scored is None or leg not in scored.scores:
                    return None
                if items is not None and scored.items is not items:
                    self._say(f"{record.where()}: '{condition}' has other rows than the runs beside it; no interval")
                    return None
                items = scored.items
                values = scored.scores[leg]
                if abs(float(values.mean()) - record.conditions[condition]["metrics"][metric]) > AGREE:
                    self._say(
                        f"{record.where()}: stored predictions do not give the recorded {metric} of '{condition}'; "
                        "no interval"
                    )
                    return None
                arrays.append(values)
            rows.append(np.mean(arrays, axis=0))
        return np.stack(rows), items

    def averages(self, paths: Mapping[str, tuple[str, ...]]) -> dict[str, float | None]:
        """The means over runs of numbers in the records, by name; None when a run lacks one.

        paths: name -> where it stands in a record, e.g. (`usage`, `updates`).
        """
        holders: dict[tuple[str, ...], list[Any]] = {(): [record.content for record in self.runs.values()]}
        found = {}
        for name, path in paths.items():
            for place in range(1, len(path)):
                if path[:place] not in holders:
                    above = [one.get(path[place - 1]) for one in holders[path[: place - 1]]]
                    holders[path[:place]] = [one if isinstance(one, dict) else {} for one in above]
            values = [one.get(path[-1]) for one in holders[path[:-1]]]
            found[name] = float(sum(values) / len(values)) if set(map(type, values)) <= {int, float} else None
        return found

    def unavailable(self) -> frozenset[str]:
        """Conditions that the source of some run lacks."""
        return self._once("unavailable", lambda record: record.unavailable)

    def exposed(self) -> frozenset[str]:
        """Conditions of which the initial weights of some run saw something."""
        return self._once("exposed", lambda record: {one.get("condition") for one in exposure(record)})

    def _once(self, name: str, of_record: Callable[[Record], Iterable[str]]) -> frozenset[str]:
        """A union over runs, worked out once: every cell of the row asks."""
        key = name, len(self.runs)
        if key not in self._unions:
            self._unions[key] = frozenset().union(*map(of_record, self.runs.values()))
        return self._unions[key]

    def weighted(self, terms: list[Term]) -> Estimate:
        """A weighted sum of means over the runs of the row, with the kind of interval that was asked for."""
        found = contrast(terms, basis=self.replicates().basis)
        return (with_bootstrap(found, terms) if self.interval == "bootstrap" else found).over(**self.counts())

    def forget(self) -> None:
        for record in self.runs.values():
            self.predictions.forget(record)

    def _say(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


@dataclass(frozen=True)
class Standing:
    """One row in one column. rested: the runs of each replicate; items: the very set of items."""

    group: Group
    rested: tuple[tuple[tuple[int, int], ...], ...]
    items: Items
    totals: Totals

    def test(self, other: Standing, condition: str, metric: str) -> tuple[float, float] | None:
        """(this minus the other, p-value) on shared draws and items; None where they cannot be compared."""
        if self.items is other.items and _draws(self.rested) == _draws(other.rested):
            return self.totals.minus(other.totals).test()
        # Rare, and it reads the predictions again: only shared draws and items can be paired.
        found = self.group.difference(other.group, condition, metric)
        return None if found is None or found.p is None else (found.value, found.p)

    def may_judge(self, other: Standing) -> bool:
        """Whether a test against `other` counts the luck of its training, where `other` has runs that tell of it.

        One lucky draw beats the mean of five in a third of all comparisons of equal models, were it tested on that draw's
        items alone; so a row with a single run in common pushes no row down that has several.
        """
        if len(other.group.runs) == 1 or _draws(self.rested) == _draws(other.rested):
            return True
        return len(_replicates(self.group.runs, other.group.runs).records) > 1


def _draws(rested: tuple[tuple[tuple[int, int], ...], ...]) -> tuple:
    """What must agree for replicates to pair one by one: their draws; the seeds where a single draw has several."""
    draws = tuple(runs[0][0] for runs in rested)
    seeds = tuple(runs[0][1] for runs in rested) if len(set(draws)) < len(draws) else ()
    return draws, seeds


def _replicates(mine: dict[tuple[int, int], Record], theirs: Iterable[tuple[int, int]]) -> Replicates:
    """The runs of `mine` as replicates, kept to what `theirs` has too: draws, or the seeds of a single draw."""
    theirs = set(theirs)
    draws = sorted({draw for draw, _ in mine} & {draw for draw, _ in theirs})
    if len(draws) == 1:
        seeds = sorted(run for run in mine if run[0] == draws[0] and run in theirs)
        if len(seeds) > 1:
            return Replicates("seeds", [[mine[run]] for run in seeds])
    by_draw: dict[int, list[Record]] = {draw: [] for draw in draws}
    for run in sorted(mine):
        if run[0] in by_draw:
            by_draw[run[0]].append(mine[run])
    return Replicates("draws", list(by_draw.values()))


def _shared_items(
    first: tuple[np.ndarray, Items], second: tuple[np.ndarray, Items]
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    if first[1] is second[1]:
        return first[0], second[0], first[1].units
    shared, left, right = np.intersect1d(first[1].ids, second[1].ids, assume_unique=True, return_indices=True)
    if not len(shared) or not np.array_equal(first[1].units[left], second[1].units[right]):
        return None  # none in common, or the same names for items of other images
    return first[0][:, left], second[0][:, right], first[1].units[left]
