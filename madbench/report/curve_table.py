"""A low-shot curve as a table: scores by fraction, areas, and where a method stops helping."""

from __future__ import annotations

from collections.abc import Sequence

from madbench.report import cells
from madbench.report.cells import Text
from madbench.report.curve_numbers import percent
from madbench.report.curves import Curve, Point
from madbench.report.statistics import Estimate

ABOUT = (
    "Scores on the unshifted split at each share of the training data, with verdict and bold as in the tables below. Area: "
    "mean score over the logarithm of the fraction between the first and the last that are named (trapezoid rule; points of "
    "the score); its difference is a tie where the 95% interval includes 0, not corrected. Stops helping: the fraction at which the difference to the baseline falls to 0 for good, straight lines "
    "between the row's fractions on the logarithmic axis; behind it the fractions at which the 95% interval of the difference "
    "includes 0 (pointwise, not corrected). Fractions are of the training rows whose labels were used, train and select, "
    "rounded to two digits. Protocols may differ in more than their data (budget, selection)."
)


def curve_table(curve: Curve) -> tuple[list[str], list[list[Text]]]:
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
