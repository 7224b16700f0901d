"""What every metric says of a fixed set of invented answers: the golden outputs that protocols.lock holds.

A scorer that changes changes its output here, and a test then asks for a new version of the metric. The cases are part
of the lock: leave them as they are, and add new ones together with a new version. (That the outputs are the official
ones is another matter, held by the golden files of tests/data.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from madbench.registry import TASKS
from madbench.tasks.contract import LegPredictions, Scores
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow
from madbench.tasks.vcr.reader import VcrRow
from madbench.tasks.vqa.gqa import GqaRow
from madbench.tasks.vqa.rows import VqaRow
from madbench.tasks.vqa.score import VERSIONS

# (annotators' answers as {answer: count}, predictions to score): what the normalisation has to get right.
VQA_CASES: tuple[tuple[Mapping[str, int], tuple[str, ...]], ...] = (
    ({"yes": 10}, ("yes", "Yes", "yes.", "no", "", "yes yes")),
    ({"yes": 9, "no": 1}, ("yes", "Yes", "YES ", "no", "no.")),
    ({"2": 3, "two": 3, "a pair": 4}, ("2", "two", "Two", "pair", "the pair")),
    ({"the dog": 2, "dog": 1, "a dog": 1, "puppy": 6}, ("dog", "the dog", "an dog", "Dog!", "puppy")),
    ({"don't know": 1, "dont know": 2, "do not know": 7}, ("dont know", "don't know", "do not know")),
    ({"1,000": 5, "1000": 5}, ("1000", "1,000", "1.000", "1, 000")),
    ({"t-shirt": 4, "t shirt": 4, "tshirt": 2}, ("t shirt", "t-shirt", "tshirt")),
    ({"10:30": 6, "10 30": 4}, ("10:30", "10 30", "1030")),
    ({"blue/white": 3, "blue and white": 5, "white": 2}, ("blue white", "blue and white", "blue/white", "white")),
    ({"it's": 2, "its": 3, "it is": 5}, ("its", "it's", "it is")),
    ({"none": 4, "0": 3, "zero": 3}, ("0", "none", "zero", "no")),
    ({"$5": 3, "5 dollars": 3, "5": 4}, ("$5", "5", "5 dollars", "five")),
    ({"red": 1, "pink": 2, "orange": 3, "maroon": 4}, ("red", "pink", "orange", "maroon", "brown")),
    ({"a": 5, "an": 3, "the": 2}, ("", "a", "an the")),
    ({"left\n": 5, "left": 5}, ("left", "left\t", "le ft")),
    ({"3.5": 6, "3,5": 4}, ("3.5", "3,5", "35")),
)


def outputs() -> dict[str, Any]:
    """`metric@version` -> what it gives: item scores and values, rounded to 12 digits (a sum may end in another bit)."""
    found: dict[str, Any] = {}
    for case, versions, scores in _all():
        for metric, value in scores.metrics.items():
            base = metric.partition(":")[0]
            of = found.setdefault(f"{base}@{versions.get(base, '1')}", {})
            of[f"{case} {metric}"] = [round(float(value), 12), _items(scores, base)]
    return {name: found[name] for name in sorted(found)}


def _items(scores: Scores, metric: str) -> list[float] | None:
    """The item scores that average to a metric; None for one that has none of its own."""
    of = "main" if metric in ("accuracy", "vqa_accuracy") else metric
    return [round(float(value), 12) for value in scores.correct[of]] if of in scores.correct else None


def _all() -> Iterator[tuple[str, Mapping[str, str], Scores]]:
    """Each scorer in each of its versions: (case, versions, what it gives). A new version must not touch the others."""
    vqa = TASKS.load("vqa")
    rows, answers = _vqa(group=False)
    for version in VERSIONS:
        versions = {**vqa.metric_versions, "vqa_accuracy": version}
        scores = vqa.score(rows, _one_leg(answers), versions)
        yield "vqa", versions, scores if version == VERSIONS[0] else _only(scores, "vqa_accuracy:", "vqa_accuracy=")
    versions = dict(vqa.metric_versions)
    rows, answers = _vqa(group=True)
    yield "groups", versions, _only(vqa.score(rows, _one_leg(answers), versions), "consensus", "vqa_accuracy:origin")
    exact = [GqaRow(str(place), "0", answers=(one,)) for place, one in enumerate(("yes", "the left", "2", "t-shirt"))]
    yield "gqa", versions, vqa.score(exact, _one_leg(["Yes", "left", "two", "shirt"]), versions)
    yield "snli_ve", *_snli_ve()
    yield "vcr", *_vcr()


def _only(scores: Scores, *beginnings: str) -> Scores:
    kept = {name: value for name, value in scores.metrics.items() if f"{name}=".startswith(beginnings)}
    return Scores(metrics=kept, correct=scores.correct)


def _vqa(group: bool) -> tuple[list[VqaRow], list[str]]:
    rows, answers = [], []
    for place, (counts, predictions) in enumerate(VQA_CASES):
        # Not in blocks: the last bit of an accuracy depends on where its matches stand.
        told = [answer for answer, count in counts.items() for _ in range(count)]
        told = told[place % 3 :: 3] + told[(place + 1) % 3 :: 3] + told[(place + 2) % 3 :: 3]
        for number, prediction in enumerate(predictions):
            kinds = ("yes/no", "number", "other")
            rows.append(
                VqaRow(
                    example_id=f"{place}-{number}",
                    image_id=str(place),
                    group=f"{place}-0" if group else None,
                    question_type=("is the", "how many", "what color", "none of the above")[place % 4],
                    answer_type=kinds[place % 3],
                    answers=tuple(told),
                )
            )
            answers.append(prediction)
    return rows, answers


def _snli_ve() -> tuple[Mapping[str, str], Scores]:
    task = TASKS.load("snli_ve")
    gold = [LABELS[place % 3 if place % 5 else 0] for place in range(50)]
    said = [LABELS[(place * 7 + place // 9) % 3] for place in range(50)]
    rows = [SnliVeRow(str(place), str(place // 4), label=label) for place, label in enumerate(gold)]
    return task.metric_versions, task.score(rows, _one_leg(said), dict(task.metric_versions))


def _vcr() -> tuple[Mapping[str, str], Scores]:
    task = TASKS.load("vcr")
    rows = [
        VcrRow(str(place), str(place // 3), labels=(place % 4, (place // 4 + place) % 4)) for place in range(50)
    ]  # fmt: skip
    said = {
        "q2a": LegPredictions(tuple(str((place * place) % 4) for place in range(50))),
        "qa2r": LegPredictions(tuple(str((place * 3 + place // 7) % 4) for place in range(50))),
    }
    return task.metric_versions, task.score(rows, said, dict(task.metric_versions))


def _one_leg(answers: list[str]) -> dict[str, LegPredictions]:
    return {"main": LegPredictions(tuple(answers))}
