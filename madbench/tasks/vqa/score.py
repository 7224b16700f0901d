"""The official VQA accuracy, to the last bit, in both of its versions.

`2021`: the head of GT-Vision-Lab/VQA (since 2021-03-11). `2016`: the version before, which many training code bases
still ship; it normalises predictions always and annotators' answers only in part.

Accuracy of one question: the mean over its ten annotators of min(1, matches among the *other* nine / 3). The mean is
added left to right in file order, because the last bit depends on where the matches stand. Everything is added one by
one, in order: since Python 3.12 `sum` of floats rounds differently, and numpy's `sum` adds in pairs.

`accuracy` states the rule for one question; `score_answers` applies it to hundreds of thousands in less than a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np

from madbench.errors import DataMalformed, UsageError, did_you_mean
from madbench.tasks.contract import Scores
from madbench.tasks.vqa.normalise import clean, normalise, punctuation, remembered
from madbench.tasks.vqa.rows import VqaRow

VERSIONS = ("2021", "2016")
DEFAULT_VERSION = "2021"
ROUNDINGS = ("py3", "py2")

_punctuation = remembered(punctuation)


def compared(answers: Sequence[str], prediction: str, version: str = DEFAULT_VERSION) -> tuple[tuple[str, ...], str]:
    """The annotators' answers and the prediction as the official scorer compares them, character by character.

    2021: all are cleaned; unless the cleaned answers are all equal, all are normalised too.
    2016: the prediction is always normalised; the answers get the punctuation step alone, unless all equal.
    """
    return _compare(version)(tuple(answers), prediction)


def accuracy(answers: Sequence[str], prediction: str, version: str = DEFAULT_VERSION) -> float:
    """Official accuracy of one question, a fraction. answers: the annotators' (ten), raw, in file order."""
    truth, guess = compared(answers, prediction, version)
    return _accuracy_of_matches(tuple([one == guess for one in truth]))


def score_answers(rows: Sequence[VqaRow], answers: Sequence[str], version: str = DEFAULT_VERSION) -> Scores:
    """Metrics of one answer string a row, over rows in annotation order.

    metrics: `vqa_accuracy`, the same per `:answer_type=` and `:question_type=` in order of first appearance, and
    `vqa_accuracy_simple`, the shorter formula min(matches / 3, 1) that many papers quote, on the same normalised
    strings. correct: `main`, float64 `[rows]`, the official accuracy of each row.
    Raises DataMalformed when answers are not one string a row, or a row has no annotators' answers.
    """
    compare = _compare(version)
    _check(rows, answers)
    if not rows:
        return Scores(metrics={}, correct={"main": np.zeros(0)})
    matching, values = [], []
    for row, answer in zip(rows, answers, strict=True):
        truth, guess = compare(row.answers, answer)
        count = truth.count(guess)
        matching.append(count)
        # None and four or more need no sum: it comes to exactly 0 or 1, wherever the matches stand.
        values.append(_accuracy_of_matches(tuple([one == guess for one in truth])) if 0 < count < 4 else count > 0)
    accuracies = np.array(values, dtype=np.float64)
    metrics = {"vqa_accuracy": _sum(accuracies) / len(rows)}
    for kind, groups in _groups(rows, accuracies).items():
        metrics |= {f"vqa_accuracy:{kind}={name}": total / members for name, (total, members) in groups.items()}
    metrics["vqa_accuracy_simple"] = _sum(np.minimum(np.array(matching) / 3, 1.0)) / len(rows)
    return Scores(metrics=metrics, correct={"main": accuracies})


def official_table(rows: Sequence[VqaRow], accuracies: Sequence[float], rounding: str = "py3") -> dict[str, Any]:
    """What the official tool prints, in percent with two decimals: `overall`, `perAnswerType`, `perQuestionType`.

    accuracies: one a row, `correct["main"]`. Groups stand in order of first appearance.
    Raises DataMalformed for no rows at all, UsageError for an unknown rounding mode.
    """
    values = np.asarray(accuracies, dtype=np.float64)
    groups = {
        kind: {name: rounded(100 * total / members, rounding) for name, (total, members) in members_of.items()}
        for kind, members_of in _groups(rows, values).items()
    }
    return {
        "overall": official_percent(values, rounding),
        "perAnswerType": groups["answer_type"],
        "perQuestionType": groups["question_type"],
    }


def official_percent(accuracies: Sequence[float], rounding: str = "py3") -> float:
    """100 * sum / n of per-question accuracies with two decimals, the number the official tool prints.

    Raises DataMalformed for no accuracies at all, UsageError for an unknown rounding mode.
    """
    values = np.asarray(accuracies, dtype=np.float64)
    if not len(values):
        raise DataMalformed("no questions to average over", fix="give at least one question")
    return rounded(100 * _sum(values) / len(values), rounding)


def rounded(value: float, rounding: str = "py3") -> float:
    """A number with two decimals, as `round(value, 2)` gives it on one Python or the other.

    rounding: `py3` takes exact halves to even, `py2` away from zero. Raises UsageError for another mode.
    """
    if rounding == "py3":
        return round(float(value), 2)
    if rounding == "py2":
        # Decimal holds the float's exact value: a half is a half only when it really is one.
        return float(Decimal(float(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))
    raise UsageError(f"no rounding mode '{rounding}'", fix=f"use {' or '.join(ROUNDINGS)}")


def unknown_version(version: object) -> UsageError:
    hint = did_you_mean(str(version), VERSIONS)
    return UsageError(
        f"no version '{version}' of vqa_accuracy" + (f"; {hint}" if hint else ""), fix=f"use {' or '.join(VERSIONS)}"
    )


def _compare(version: str) -> Callable[[tuple[str, ...], str], tuple[tuple[str, ...], str]]:
    if version not in VERSIONS:
        raise unknown_version(version)
    return _compared_2021 if version == "2021" else _compared_2016


def _compared_2021(answers: tuple[str, ...], prediction: str) -> tuple[tuple[str, ...], str]:
    if _all_equal(answers):
        return (clean(answers[0]),) * len(answers), clean(prediction)
    truth = tuple(map(normalise, answers))
    # Cleaned answers can only be equal where normalised ones are: most questions need not be looked at again.
    if _all_equal(truth) and _all_equal(cleaned := tuple(map(clean, answers))):
        return cleaned, clean(prediction)
    return truth, normalise(prediction)


def _compared_2016(answers: tuple[str, ...], prediction: str) -> tuple[tuple[str, ...], str]:
    return answers if _all_equal(answers) else tuple(map(_punctuation, answers)), normalise(prediction)


def _all_equal(texts: tuple[str, ...]) -> bool:
    return texts.count(texts[0]) == len(texts)


def _check(rows: Sequence[VqaRow], answers: Sequence[str]) -> None:
    if len(rows) != len(answers):
        raise DataMalformed(
            f"{len(answers)} answers for {len(rows)} questions", fix="give exactly one answer for every question"
        )
    for row, answer in zip(rows, answers, strict=True):
        if not isinstance(answer, str):
            raise DataMalformed(
                f"the answer to question {row.example_id} is {answer!r}, not text",
                fix="write every answer as a string, numbers too",
            )
        if not row.answers:
            raise DataMalformed(
                f"question {row.example_id} has no annotators' answers", fix="score a split that has annotations"
            )


def _groups(rows: Sequence[VqaRow], values: np.ndarray) -> dict[str, dict[str | None, tuple[float, int]]]:
    """answer_type and question_type -> name, in order of first appearance -> (sum, members)."""
    groups = {}
    for kind in ("answer_type", "question_type"):
        names = list(map(attrgetter(kind), rows))
        place = {name: index for index, name in enumerate(dict.fromkeys(names))}
        places = np.fromiter(map(place.__getitem__, names), np.int64, len(names))
        # bincount adds one by one, in order.
        totals = np.bincount(places, weights=values).tolist()
        groups[kind] = dict(zip(place, zip(totals, np.bincount(places).tolist(), strict=True), strict=True))
    return groups


def _sum(values: np.ndarray) -> float:
    """Added one by one, in order: each running total needs the one before."""
    return float(np.add.accumulate(values)[-1])


@lru_cache(1 << 10)
def _accuracy_of_matches(matches: tuple[bool, ...]) -> float:
    """matches: whether each annotator agrees. Added left to right: two matches give 0.6 or a neighbour of it."""
    count = sum(matches)
    total = 0.0
    for match in matches:
        total += min(1.0, (count - match) / 3)
    return total / len(matches)
