import math

import pytest

from madbench.errors import DataMalformed, UsageError
from madbench.tasks.vqa.official_files import locate
from madbench.tasks.vqa.reader import read
from madbench.tasks.vqa.rows import VqaRow
from madbench.tasks.vqa.score import (
    accuracy,
    compared,
    official_percent,
    rounded,
    score_answers,
)


def test_every_golden_prediction_is_normalised_like_the_official_one(golden):
    lines, version = golden
    assert len(lines) == 1000
    for line in lines:
        assert compared(line["answers"], line["prediction"], version)[1] == line["normalized_prediction"]


def test_every_golden_accuracy_is_equal_to_the_last_bit(golden):
    lines, version = golden
    assert [accuracy(line["answers"], line["prediction"], version) for line in lines] == [
        line["accuracy"] for line in lines
    ]


def test_the_two_versions_differ():
    answers = ["the cat"] * 9 + ["dog"]
    assert accuracy(answers, "cat", "2021") == 1.0
    assert accuracy(answers, "cat", "2016") == 0.0


def test_nothing_is_normalised_when_all_annotators_agree():
    assert accuracy(["yes"] * 10, "Yes") == 0.0
    assert accuracy(["yes"] * 9 + ["no"], "Yes") == 1.0


def test_an_answer_that_is_only_an_article_matches_an_empty_prediction():
    assert accuracy(["the"] * 5 + ["dog"] * 5, "") == 1.0


def test_the_last_bit_depends_on_where_the_matches_stand():
    orders = {
        accuracy(["cat" if place in (first, second) else "dog" for place in range(10)], "cat")
        for first in range(10)
        for second in range(first)
    }
    assert len(orders) > 1
    assert all(abs(value - 0.6) < 1e-12 for value in orders)


@pytest.mark.parametrize(("matches", "official", "simple"), [(0, 0, 0), (1, 0.3, 1 / 3), (3, 0.9, 1), (4, 1, 1)])
def test_official_and_simple_accuracy_of_a_number_of_matches(matches, official, simple):
    answers = ["cat"] * matches + [f"dog {place}" for place in range(10 - matches)]
    assert accuracy(answers, "cat") == pytest.approx(official, abs=1e-12)
    row = VqaRow("1", "1", question_type="what", answer_type="other", answers=tuple(answers))
    scores = score_answers([row], ["cat"])
    assert scores.metrics["vqa_accuracy_simple"] == simple


def test_all_yes_on_the_fixture_is_twenty_percent_as_in_the_official_tool(root):
    rows = read(locate(root), "val")
    scores = score_answers(rows, ["yes"] * len(rows))
    assert official_percent(scores.correct["main"]) == 20.0
    assert scores.metrics == {
        "vqa_accuracy": 0.2,
        "vqa_accuracy:answer_type=other": 0.0,
        "vqa_accuracy:answer_type=number": 0.0,
        "vqa_accuracy:answer_type=yes/no": 1.0,
        "vqa_accuracy:question_type=what color is the": 0.0,
        "vqa_accuracy:question_type=how many": 0.0,
        "vqa_accuracy:question_type=is the": 1.0,
        "vqa_accuracy:question_type=none of the above": 0.0,
        "vqa_accuracy:question_type=why is the": 0.0,
        "vqa_accuracy_simple": 0.2,
    }


def test_sums_are_added_from_left_to_right(row):
    rows = [row(n, "cat", answers=["cat", *(f"dog {place}" for place in range(9))]) for n in range(10)]
    scores = score_answers(rows, ["cat"] * 10)
    assert scores.correct["main"].tolist() == [0.3] * 10
    # math.fsum, numpy's pairwise sum and, since Python 3.12, the built-in sum all give 0.3.
    assert scores.metrics["vqa_accuracy"] == 0.29999999999999993 != math.fsum([0.3] * 10) / 10


def test_many_questions_are_scored_as_one_and_added_in_order(golden):
    """Against plain loops; numpy's running sums and bincount must add one by one, as these do."""
    lines, version = golden
    rows = [
        VqaRow(str(n), "1", question_type=one["question_type"], answer_type=one["answer_type"], answers=tuple(answers))
        for n, one in enumerate(lines)
        # Not all with ten annotators: then the divisor is their number.
        for answers in [one["answers"][: 10 if n % 3 else 1 + n % 12]]
    ]
    predictions = [one["prediction"] for one in lines]
    scores = score_answers(rows, predictions, version)
    expected = [accuracy(row.answers, answer, version) for row, answer in zip(rows, predictions, strict=True)]
    assert scores.correct["main"].tolist() == expected
    total = 0.0
    groups = {}
    for row, one in zip(rows, expected, strict=True):
        total += one
        for name in (f"answer_type={row.answer_type}", f"question_type={row.question_type}"):
            before, members = groups.get(name, (0.0, 0))
            groups[name] = before + one, members + 1
    assert scores.metrics["vqa_accuracy"] == total / len(rows)
    for name, (before, members) in groups.items():
        assert scores.metrics[f"vqa_accuracy:{name}"] == before / members


def test_a_group_without_questions_is_absent(row):
    metrics = score_answers([row(1, "yes", answer_type="yes/no")], ["yes"]).metrics
    assert "vqa_accuracy:answer_type=number" not in metrics
    assert score_answers([], []).metrics == {}


def test_a_question_asked_twice_counts_twice(row):
    one, two = row(1, "yes"), row(2, "no")
    assert score_answers([one, one, two], ["yes"] * 3).metrics["vqa_accuracy"] == 2 / 3


@pytest.mark.parametrize(
    ("value", "py3", "py2"),
    [(83.125, 83.12, 83.13), (83.135, 83.14, 83.14), (0.125, 0.12, 0.13), (68.85, 68.85, 68.85)],
)
def test_halves_are_rounded_as_either_python_does(value, py3, py2):
    assert (rounded(value, "py3"), rounded(value, "py2")) == (py3, py2)


@pytest.mark.parametrize("answer", [None, 3, True, ["yes"]])
def test_an_answer_that_is_no_text_is_refused(row, answer):
    with pytest.raises(DataMalformed, match=r"question 17 is .* not text"):
        score_answers([row(17, "3")], [answer])


def test_answers_must_fit_the_questions(row):
    with pytest.raises(DataMalformed, match="1 answers for 2 questions"):
        score_answers([row(1, "a"), row(2, "b")], ["a"])


def test_questions_without_annotations_cannot_be_scored(root):
    rows = read(locate(root), "test")
    with pytest.raises(DataMalformed, match="has no annotators' answers"):
        score_answers(rows, ["yes"] * len(rows))


def test_an_unknown_version_is_named():
    with pytest.raises(UsageError, match="no version '2012'"):
        score_answers([], [], "2012")
