"""Checks of the plain calls: constructor, fit without a select split, predict. See `checks` for the table of all."""

from __future__ import annotations

from typing import Any

import numpy as np

from madbench.harness.conformance.exam import ALLOWED, Exam
from madbench.harness.conformance.outcome import Failed, Skipped
from madbench.harness.conformance.predictions import difference, first_difference, taken
from madbench.harness.conformance.trials import Arranged, Trial
from madbench.harness.conformance.watch import first_change, snapshot
from madbench.tasks.contract import LegPredictions

ZERO_SHOT = "zero-shot: it defines no fit"


def constructs(exam: Exam) -> None:
    exam.trial("another").construct()
    with exam.meter.step("construct"):
        exam.first.construct()


def fits(exam: Exam) -> str:
    trial = exam.first
    if not trial.has_fit:
        raise Skipped(ZERO_SHOT)
    train = exam.shown["train", ""] = trial.train_split()
    exam.before["train", ""] = snapshot(train)
    with exam.meter.step("fit"):
        trial.fit(train)
    return f"on {len(train)} examples"


def labels_withheld(exam: Exam) -> None:
    """Judged by what happens with and without targets, so code that fit and predict share may look at them."""
    trial = exam.first
    condition = trial.conditions[0]
    for leg in trial.legs:
        what = f"{condition.name}, leg {leg}"
        withheld, failure = _tried(trial, trial.split(condition, leg), what)
        given, other = _tried(trial, trial.split(condition, leg, labelled=True), what)
        again, _ = _tried(trial, trial.split(condition, leg), what)
        if failure is not None and other is None:
            raise Failed(f"predict works only where example.target is given: {failure}")
        if withheld is None or given is None or again is None:
            raise Skipped("predict fails with and without targets: see `predicts`")
        if difference(withheld, again, what) is not None:
            raise Skipped("the same call gives other scores: see `repeats`")
        changed = difference(withheld, given, what)
        if changed is not None:
            raise Failed(f"predict reads example.target: with targets in the examples, {changed}")


def predicts(exam: Exam) -> str:
    trial = exam.first
    with exam.meter.step("predict"):
        for leg in trial.legs:
            for condition in trial.conditions:
                split = exam.shown[condition.name, leg] = trial.split(condition, leg)
                exam.before[condition.name, leg] = snapshot(split)
                exam.predictions[condition.name, leg] = trial.predict(split, f"{condition.name}, leg {leg}")
    rows = sum(len(condition.rows) for condition in trial.conditions) * len(trial.legs)
    names = ", ".join(condition.name for condition in trial.conditions)
    return f"{rows} examples of {names}" + (f", legs {' and '.join(trial.legs)}" if len(trial.legs) > 1 else "")


def repeats(exam: Exam) -> None:
    found = first_difference(exam.predictions, exam.first.predict_all())
    if found is not None:
        raise Failed(f"the same split predicted twice: {found}; draw no random numbers, or seed them per example")


def row_order(exam: Exam) -> str:
    trial, allowed = exam.first, ALLOWED[exam.device]
    for (name, leg), expected in exam.first_condition().items():
        split = exam.shown[name, leg]
        backwards = np.arange(len(split))[::-1]
        for order in (backwards, np.random.default_rng(0).permutation(len(split))):
            found = trial.predict(Arranged([split[place] for place in order], split), f"{name}, rows in another order")
            apart = difference(found, taken(expected, order), f"{name}, leg {leg},", allowed)
            if apart is not None:
                raise Failed(f"with the rows in another order {apart}, {_more_than(allowed)}")
    return f"scores move by no more than {allowed:g}"


def other_rows(exam: Exam) -> str:
    trial, allowed = exam.first, ALLOWED[exam.device]
    for (name, leg), expected in exam.first_condition().items():
        split = exam.shown[name, leg]
        everything = np.arange(len(split))
        for part, said in (
            (everything[::2], "with every second row alone"),
            (everything[1::2], "with every second row alone"),
            *((everything[place : place + 1], "with a row alone") for place in (0, len(split) // 2)),
        ):
            found = trial.predict(Arranged([split[place] for place in part], split), f"{name}, {len(part)} of its rows")
            apart = difference(found, taken(expected, part), f"{name}, leg {leg},", allowed)
            if apart is not None:
                raise Failed(f"{said} {apart}, {_more_than(allowed)}")
    return f"scores move by no more than {allowed:g}"


def unchanged_examples(exam: Exam) -> None:
    for (name, leg), before in exam.before.items():
        field = first_change(before, exam.shown[name, leg])
        if field is not None:
            where = "fit" if name == "train" else f"predict on {name}"
            raise Failed(f"{where} changed example.{field}: copy what you change")


def _tried(trial: Trial, split: Any, what: str) -> tuple[LegPredictions | None, Failed | None]:
    try:
        return trial.predict(split, what), None
    except Failed as failure:
        return None, failure


def _more_than(allowed: float) -> str:
    return f"more than the allowed {allowed:g} (absolute and relative)"
