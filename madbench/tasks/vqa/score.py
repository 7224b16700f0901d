"""The official VQA accuracy, to the last bit, in both of its versions.

`2021`: the head of GT-Vision-Lab/VQA (since 2021-03-11). `2016`: the version before, which many training code bases
still ship; it normalises predictions always and annotators' answers only in part.

Accuracy of one question: the mean over its ten annotators of min(1, matches among the *other* nine / 3). The mean is
added left to right in file order, because the last bit depends on where the matches stand. Everything is added with
plain loops: since Python 3.12 `sum` of floats rounds differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Literal

import numpy as np

from madbench.errors import DataMalformed, UsageError, did_you_mean
from madbench.tasks.contract import Scores
from madbench.tasks.vqa.normalise import clean, normalise, punctuation
from madbench.tasks.vqa.rows import VqaRow

VERSIONS = ("2021", "2016")
DEFAULT_VERSION = "2021"


def compared(answers: Sequence[str], prediction: str, version: str = DEFAULT_VERSION) -> tuple[tuple[str, ...], str]:
    """The annotators' answers and the prediction as the official scorer compares them, character by character.

    2021: all are cleaned; unless the cleaned answers are all equal, all are normalised too.
    2016: the prediction is always normalised; the answers get the punctuation step alone, unless all equal.
    """
    if version == "2021":
        cleaned = tuple(map(clean, answers))
        if len(set(cleaned)) == 1:
            return cleaned, clean(prediction)
        return tuple(map(normalise, answers)), normalise(prediction)
    if version == "2016":
        if len(set(answers)) > 1:
            answers = map(punctuation, answers)
        return tuple(answers), normalise(prediction)
    raise unknown_version(version)


def accuracy(answers: Sequence[str], prediction: str, version: str = DEFAULT_VERSION) -> float:
    """Official accuracy of one question, a fraction. answers: the annotators' (ten), raw, in file order."""
    truth, guess = compared(answers, prediction, version)
    return _accuracy_of_matches(tuple([answer == guess for answer in truth]))


def simple_accuracy(answers: Sequence[str], prediction: str, version: str = DEFAULT_VERSION) -> float:
    """min(matches / 3, 1) on the same normalised strings: the shorter formula many papers quote."""
    truth, guess = compared(answers, prediction, version)
    return _simple_of_count(truth.count(guess))


def score_answers(rows: Sequence[VqaRow], answers: Sequence[str], version: str = DEFAULT_VERSION) -> Scores:
    """Metrics of one answer string a row, over rows in annotation order.

    metrics: `vqa_accuracy`, the same per `:answer_type=` and `:question_type=` in order of first appearance, and
    `vqa_accuracy_simple`. correct: `main`, float64 `[rows]`, the official accuracy of each row.
    Raises DataMalformed when answers are not one string a row, or a row has no annotators' answers.
    """
    if version not in VERSIONS:
        raise unknown_version(version)
    if len(rows) != len(answers):
        raise DataMalformed(
            f"{len(answers)} answers for {len(rows)} questions", fix="give exactly one answer for every question"
        )
    accuracies: list[float] = []
    overall = simple = 0.0
    answer_types: dict[str, list[float]] = {}  # name -> [sum, members]
    question_types: dict[str, list[float]] = {}
    for row, answer in zip(rows, answers, strict=True):
        _check(row, answer)
        truth, guess = compared(row.answers, answer, version)
        # A list inside tuple(): a generator costs twice as much, and this line runs 214,354 times.
        one = _accuracy_of_matches(tuple([given == guess for given in truth]))
        accuracies.append(one)
        overall += one
        simple += _simple_of_count(truth.count(guess))
        for groups, name in ((answer_types, row.answer_type), (question_types, row.question_type)):
            group = groups.setdefault(name, [0.0, 0])
            group[0] += one
            group[1] += 1
    metrics: dict[str, float] = {}
    if rows:
        metrics["vqa_accuracy"] = overall / len(rows)
        for kind, groups in (("answer_type", answer_types), ("question_type", question_types)):
            metrics |= {f"vqa_accuracy:{kind}={name}": total / members for name, (total, members) in groups.items()}
        metrics["vqa_accuracy_simple"] = simple / len(rows)
    return Scores(metrics=metrics, correct={"main": np.array(accuracies, dtype=np.float64)})


def official_percent(accuracies: Iterable[float], rounding: Literal["py3", "py2"] = "py3") -> float:
    """100 * sum / n of per-question accuracies with two decimals, the number the official tool prints.

    rounding: `py3` takes exact halves to even, `py2` away from zero, as the tool does on either Python.
    Raises DataMalformed for no accuracies at all.
    """
    total, count = 0.0, 0
    for one in accuracies:
        total += float(one)
        count += 1
    if not count:
        raise DataMalformed("no questions to average over", fix="give at least one question")
    return rounded(100 * total / count, rounding)


def rounded(value: float, rounding: Literal["py3", "py2"] = "py3") -> float:
    """A number with two decimals, as `round(value, 2)` gives it on Python 3 or on Python 2."""
    if rounding == "py3":
        return round(float(value), 2)
    if rounding == "py2":
        # Decimal holds the float's exact value: a half is a half only when it really is one.
        return float(Decimal(float(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))
    raise UsageError(f"no rounding mode '{rounding}'", fix="use py3 or py2")


def unknown_version(version: object) -> UsageError:
    hint = did_you_mean(str(version), VERSIONS)
    return UsageError(
        f"no version '{version}' of vqa_accuracy" + (f"; {hint}" if hint else ""), fix=f"use {' or '.join(VERSIONS)}"
    )


@lru_cache(None)  # at most 1024 patterns of ten
def _accuracy_of_matches(matches: tuple[bool, ...]) -> float:
    """matches: whether each annotator agrees. Added left to right: two matches give 0.6 or a neighbour of it."""
    count = sum(matches)
    total = 0.0
    for match in matches:
        total += min(1.0, float(count - match) / 3)
    return total / len(matches)


def _simple_of_count(count: int) -> float:
    return min(count / 3, 1.0)


def _check(row: VqaRow, answer: object) -> None:
    if not isinstance(answer, str):
        raise DataMalformed(
            f"the answer to question {row.example_id} is {answer!r}, not text",
            fix="write every answer as a string, numbers too",
        )
    if not row.answers:
        raise DataMalformed(
            f"question {row.example_id} has no annotators' answers", fix="score a split that has annotations"
        )
