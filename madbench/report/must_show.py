"""What a good mini must show, checked on a results folder: pure functions over records and predictions.

The targets are those of mini's design; what falls short is said, not hidden. One draw and one seed: the standard errors
are those of the items, clustered by image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from madbench.report.predictions import Predictions
from madbench.report.records import Record
from madbench.report.statistics import clustered_variance

MODELS = ("student", "text-only", "image-only", "majority", "overlap")
BLIND = MODELS[1:]
FULL, LOW = "domainshift", "lowshot-1pct"
METRICS = {"vcr": ("q2a", "qa2r", "q2ar"), "snli_ve": ("accuracy",), "vqa": ("vqa_accuracy",)}
# vqa: a uniform guess among 39 answers; what the question type alone gives is the blind row `majority`.
CHANCE = {"q2a": 1 / 4, "qa2r": 1 / 4, "q2ar": 1 / 16, "accuracy": 1 / 3, "vqa_accuracy": 1 / 39}
BLIND_MARGIN = LOW_MARGIN = 0.15
STANDARD_ERRORS = 3


@dataclass(frozen=True)
class Line:
    """One checked property. met: None when the runs for it are missing."""

    what: str
    target: str
    measured: str
    met: bool | None


def check(records: Sequence[Record]) -> list[Line]:
    """The accuracy lines, from mini records of draw 0, seed 0."""
    found = {
        (one.model, one.content["protocol"]["name"], one.task): one
        for one in records
        if one.source == "mini" and one.run == (0, 0) and not one.limited
    }
    lines = []
    for task, metrics in METRICS.items():
        for metric in metrics:
            lines += [_over_blind(found, task, metric), _low(found, task, metric), _below_full(found, task, metric)]
        lines += _shifted(found, task, metrics[-1])
    return lines


def _identity(record: Record) -> str:
    return next(name for name, one in record.conditions.items() if one["role"] == "id")


def _value(record: Record | None, metric: str, condition: str | None = None) -> float | None:
    return None if record is None else record.metrics.get((condition or _identity(record), metric))


def _over_blind(found, task: str, metric: str) -> Line:
    what, target = f"{task} {metric}: 100 %, student over the better blind model", "at least +15 points"
    student = _value(found.get(("student", FULL, task)), metric)
    blind = {name: _value(found.get((name, FULL, task)), metric) for name in BLIND}
    if student is None or any(value is None for value in blind.values()):
        return Line(what, target, "not run", None)
    best = max(blind, key=lambda name: blind[name])
    margin = student - blind[best]
    measured = f"{student:.3f} against {blind[best]:.3f} ({best}): {100 * margin:+.1f}"
    return Line(what, target, measured, margin >= BLIND_MARGIN)


def _low(found, task: str, metric: str) -> Line:
    what, target = f"{task} {metric}: 1 %, student over chance", f"more than {STANDARD_ERRORS} standard errors"
    record = found.get(("student", LOW, task))
    value = _value(record, metric)
    scored = None if record is None else Predictions().scored(record, _identity(record))
    if value is None or scored is None:
        return Line(what, target, "not run", None)
    leg = metric if metric in scored.scores else "main"
    variance = clustered_variance(scored.scores[leg], scored.items.units)
    if not variance:
        return Line(what, target, f"{value:.3f}, no spread between images to judge by", None)
    away = (value - CHANCE[metric]) / variance**0.5
    return Line(what, target, f"{value:.3f}, chance {CHANCE[metric]:.3f}: {away:+.1f} SE", away > STANDARD_ERRORS)


def _below_full(found, task: str, metric: str) -> Line:
    what, target = f"{task} {metric}: student, 1 % below 100 %", "at least 15 points"
    low, full = (_value(found.get(("student", name, task)), metric) for name in (LOW, FULL))
    if low is None or full is None:
        return Line(what, target, "not run", None)
    return Line(what, target, f"{low:.3f} and {full:.3f}: {100 * (full - low):+.1f}", full - low >= LOW_MARGIN)


def _shifted(found, task: str, metric: str) -> list[Line]:
    record = found.get(("student", FULL, task))
    target = "lower than id, above chance"
    if record is None:
        return [Line(f"{task} {metric}: 100 %, shifted", target, "not run", None)]
    identity = _value(record, metric)
    lines = []
    for name, one in record.conditions.items():
        if one["role"] == "shifted":
            value = _value(record, metric, name)
            met = CHANCE[metric] < value < identity
            lines.append(Line(f"{task} {metric}: 100 %, {name}", target, f"{value:.3f}, id {identity:.3f}", met))
    return lines


def render(lines: Sequence[Line]) -> str:
    """A markdown table and a closing line that counts what falls short."""
    say = {True: "met", False: "**falls short**", None: "not measured"}
    rows = ["| property | target | measured | |", "|---|---|---|---|"]
    rows += [f"| {one.what} | {one.target} | {one.measured} | {say[one.met]} |" for one in lines]
    short = sum(one.met is False for one in lines)
    missing = sum(one.met is None for one in lines)
    closing = f"{len(lines) - short - missing} of {len(lines)} met, {short} fall short, {missing} not measured."
    return "\n".join([*rows, "", closing])
