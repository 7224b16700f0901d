"""Low-shot curves: one model's score against the share of training data, across protocols, with what follows from it.

Protocols meet in one curve when they evaluate the same items of the same source with the same metric. The axis is the
logarithm of the share of the training rows whose labels were used. Between fractions a curve is a straight line on it.

    area = sum over fractions of weight * score, weights of the trapezoid rule on the logarithm of the fraction, adding up
           to 1: the score at a fraction drawn evenly from the logarithmic axis, in the unit of the score

The area and the difference at any point are weighted sums of scores on one set of items, so their variance is that of
numbers.py: residuals of an image go together over all fractions, and so do draws that fractions share. Where fractions
rest on different draws (the full data has one), their spreads count as independent.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from madbench.files import sha256_of_lines
from madbench.report import cells
from madbench.report.cells import Text
from madbench.report.inline import codes
from madbench.report.intervals import combined_quantile
from madbench.report.numbers import Standing
from madbench.report.statistics import NOISE, Estimate, Totals

STEPS = (
    100  # points at which a segment is looked at for the crossing; on a log axis about 2 % apart for a factor of ten
)

ABOUT = (
    "Scores on the unshifted split at each share of the training data, with verdict and bold as in the tables below. Area: "
    "mean score over the logarithm of the fraction between the first and the last that are named (trapezoid rule; points of "
    "the score); its difference is a tie where the 95% interval includes 0, not corrected. Stops helping: the fraction at which the difference to the baseline falls to 0 for good, straight lines "
    "between the row's fractions on the logarithmic axis; behind it the fractions at which the 95% interval of the difference "
    "includes 0 (pointwise, not corrected). Fractions are of the training rows whose labels were used, train and select, "
    "rounded to two digits. Protocols may differ in more than their data (budget, selection)."
)


@dataclass(frozen=True)
class Point:
    """One row of one table in one task, on an unshifted condition. standing: None without item scores.

    rank, verdict: those of its cell in the table.
    """

    fraction: float
    title: str
    condition: str
    metric: str
    version: str
    items: int | None
    closed: bool
    spec_hash: str
    estimate: Estimate
    standing: Standing | None
    blind: bool = False
    rank: int | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class Crossing:
    """Where a line meets the baseline. at: None when it does not. low, high: None where the interval never clears 0.

    words: the whole in words.
    """

    at: float | None
    low: float | None
    high: float | None
    words: str


@dataclass
class Line:
    """One model. title: its label with its marks. points, differences (to the baseline): by fraction.

    areas, area_differences: by the fractions they go over, spans of the curve.
    """

    label: str
    title: str
    baseline: bool
    points: dict[float, Point] = field(default_factory=dict)
    differences: dict[float, Estimate] = field(default_factory=dict)
    areas: dict[tuple[float, ...], Estimate] = field(default_factory=dict)
    area_differences: dict[tuple[float, ...], Estimate] = field(default_factory=dict)
    crossing: Crossing | None = None


@dataclass
class Curve:
    """number: tells curves of one source, task and condition apart. fractions: ascending. protocols: by fraction.

    spans: the fractions that areas go over: those that most rows have, and the most that any row has.
    """

    source: str
    task: str
    condition: str
    metric: str
    number: int
    fractions: list[float]
    protocols: dict[float, str]
    spans: list[tuple[float, ...]]
    lines: list[Line]
    notes: list[str]


def rounded(fraction: float) -> float:
    """Two significant digits: draws of 1 % differ in rows, and are 1 % all the same."""
    return float(f"{fraction:.2g}")


def build_curves(tables: Sequence, baseline: str) -> list[Curve]:
    """The curves that tables of a board allow; each needs two fractions. Limited rows and tables apart stay out."""
    families: dict[tuple, dict[str, dict[str, Point]]] = defaultdict(lambda: defaultdict(dict))
    digests: dict[int, str] = {}
    standard: dict[tuple[str, str], set[str]] = defaultdict(set)
    for table in tables:
        for row in [] if table.why else table.rows:
            for task, point in row.points.items():
                if row.limited or point.fraction <= 0:
                    continue
                known = point.standing.items if point.standing else None
                if known is not None and id(known) not in digests:
                    digests[id(known)] = sha256_of_lines(known.ids.tolist())
                items = "" if known is None else digests[id(known)]
                family = (
                    table.source != "mini",
                    table.source,
                    task != "vcr",
                    task,
                    point.condition,
                    point.metric,
                    point.version,
                )
                cell = next(
                    one
                    for column, one in row.cells.items()
                    if (column.task, column.role) == (task, "id")
                    and (column.condition, column.metric) == (point.condition, point.metric)
                )
                point = replace(point, blind=row.blind, rank=cell.rank, verdict=cell.verdict)
                families[(*family, point.closed, point.items or 0, items)][table.protocol][row.label] = point
                if row.baseline and row.model == baseline.partition("#")[0]:
                    standard[table.source, task].add(row.label)
    curves: list[Curve] = []
    for key in sorted(families):
        chosen, left_out = _one_protocol_a_fraction(families[key])
        seen = Counter(label for _, points in chosen.values() for label in points)
        if any(count > 1 for count in seen.values()):
            number = 1 + sum((one.source, one.task, one.condition) == (key[1], key[3], key[4]) for one in curves)
            labels = standard[key[1], key[3]]
            curves.append(_curve(key, number, chosen, left_out, labels, baseline))
    return curves


def _one_protocol_a_fraction(protocols: Mapping[str, Mapping[str, Point]]) -> tuple[dict, list[str]]:
    """fraction -> (protocol, points), the protocol with most rows where several have it; and what was left out."""
    at: dict[float, list[str]] = defaultdict(list)
    for protocol, points in protocols.items():
        at[next(iter(points.values())).fraction].append(protocol)
    chosen, left_out = {}, []
    for fraction in sorted(at):
        first, *others = sorted(at[fraction], key=lambda name: (-len(protocols[name]), name))
        chosen[fraction] = first, protocols[first]
        left_out += [f"{percent(fraction)}: {codes(sorted(others))} stand for the same fraction" for _ in others[:1]]
    return chosen, left_out


def _curve(key, number, chosen, left_out, labels, baseline) -> Curve:
    _, source, _, task, condition, metric, *_ = key
    fractions = list(chosen)
    by_label: dict[str, dict[float, Point]] = defaultdict(dict)
    for fraction, (_, points) in chosen.items():
        for label, point in points.items():
            by_label[label][fraction] = point
    single = sorted(label for label, points in by_label.items() if len(points) == 1)
    by_label = {label: points for label, points in by_label.items() if len(points) > 1}
    reference = by_label.get(next(iter(labels))) if len(labels) == 1 else None
    spans = spans_of(list(by_label.values()), reference)
    lines = [_line(label, points, spans, None if label in labels else reference) for label, points in by_label.items()]
    lines.sort(key=lambda line: (not line.baseline, any(one.blind for one in line.points.values()), line.label))
    protocols = {fraction: protocol for fraction, (protocol, _) in chosen.items()}
    return Curve(
        source,
        task,
        condition,
        metric,
        number,
        fractions,
        protocols,
        spans,
        lines,
        _notes(by_label, single, chosen, left_out),
    )


def spans_of(rows: Sequence[Mapping[float, Point]], reference: Mapping[float, Point] | None) -> list[tuple[float, ...]]:
    """The fractions that areas go over, shortest first. rows: the points of each; reference: those of the baseline."""
    held = [tuple(sorted(fraction for fraction, point in points.items() if point.standing)) for points in rows]
    known = {one for one in held if len(one) > 1}
    if reference is not None:
        known = {one for one in known if set(one) <= set(reference)} or known
    if not known:
        return []
    having = {one: sum(set(one) <= set(other) for other in held) for one in known}
    most = max(known, key=lambda one: (having[one], len(one), one))
    longest = max(known, key=lambda one: (len(one), having[one], one))
    return sorted({most, longest}, key=lambda one: (len(one), one))


def _line(label: str, points: Mapping[float, Point], spans: Sequence[tuple[float, ...]], reference) -> Line:
    line = Line(label, next(iter(points.values())).title, reference is None, dict(points))
    whole = {
        one: (point.standing.rested, point.standing.totals)
        for one, point in points.items()
        if point.standing is not None
    }
    apart: dict[float, tuple] = {}
    for fraction in [] if reference is None else sorted(whole.keys() & reference.keys()):
        theirs = reference[fraction].standing
        if theirs is not None and theirs.rested == whole[fraction][0]:
            apart[fraction] = theirs.rested, whole[fraction][1].minus(theirs.totals)
            line.differences[fraction] = combined([(1.0, apart[fraction])])
    for span in spans:
        for areas, known in ((line.areas, whole), (line.area_differences, apart)):
            if set(span) <= known.keys():
                areas[span] = combined(list(zip(trapezoid(span), [known[one] for one in span], strict=True)))
    if len(apart) > 1:
        line.crossing = crossing(apart)
    return line


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
    return f"{float(f'{100 * fraction:.2g}'):g} %"


def table(curve: Curve) -> tuple[list[str], list[list[Text]]]:
    """Header and lines: scores by fraction, areas, and against the baseline the areas and where a method stops helping."""
    header = ["model", *(f"{percent(one)} ({curve.protocols[one]}) ↑" for one in curve.fractions)]
    for span in curve.spans:
        header += [f"area, {_reach(span, curve.fractions)} ↑", f"Δ area, {_reach(span, curve.fractions)}"]
    header.append("stops helping at")
    lines = []
    for line in curve.lines:
        cell = [Text(line.title), *(_score(line.points.get(fraction)) for fraction in curve.fractions)]
        for span in curve.spans:
            cell += [cells.estimate(line.areas.get(span)), _area_difference(line.area_differences.get(span))]
        stops = Text(cells.NOTHING) if line.crossing is None else Text(line.crossing.words, number=line.crossing.at)
        lines.append([*cell, stops])
    return header, lines


def _reach(span: Sequence[float], fractions: Sequence[float]) -> str:
    """`1 % to 10 %`, or every fraction by name where one between them is left out."""
    between = [one for one in fractions if span[0] <= one <= span[-1]]
    return f"{percent(span[0])} to {percent(span[-1])}" if between == list(span) else ", ".join(map(percent, span))


def _score(point: Point | None) -> Text:
    if point is None:
        return Text(cells.NOTHING)
    found = cells.estimate(point.estimate)
    verdict = f" {point.verdict}" if point.verdict else ""
    return Text(f"{found.text}{verdict}", bold=point.rank == 1, number=found.number)


def _area_difference(found: Estimate | None) -> Text:
    if found is None:
        return Text(cells.NOTHING)
    return Text(cells.interval(found) + ("" if found.excludes_zero else " tie"), number=found.value)


def _notes(by_label, single, chosen, left_out) -> list[str]:
    lines = [f"At {one}, not drawn." for one in left_out]
    once = [
        percent(fraction)
        for fraction, (_, points) in chosen.items()
        if all(point.estimate.runs < 2 for point in points.values())
    ]
    if once:
        lines.append(
            f"One run at {', '.join(once)}: its band counts the items only, not the luck of draw and training."
        )
    changed = sorted(label for label, points in by_label.items() if len({one.spec_hash for one in points.values()}) > 1)
    if changed:
        lines.append(f"Options differ between the points of {codes(changed)}.")
    if single:
        lines.append(f"At one fraction only, so not in the curve: {codes(single)}.")
    bare = sorted(label for label, points in by_label.items() if any(one.standing is None for one in points.values()))
    if bare:
        lines.append(f"Without item scores there is no band, area or crossing: {codes(bare)}.")
    return lines
