import pytest

from madbench.errors import DataMalformed
from madbench.tasks.vqa.score import accuracy
from madbench.tasks.vqa.vocabulary import oracle, soft_target, threshold, training_answer, vocabulary


@pytest.mark.parametrize(("fraction", "least"), [(1.0, 9), (0.5, 4), (0.25, 2), (0.1, 1), (0.05, 1), (0.01, 1)])
def test_the_threshold_shrinks_with_the_training_fraction(fraction, least):
    assert threshold(fraction) == least


def test_labels_are_common_processed_answers_in_code_point_order(row):
    train = [row(n, "yes") for n in range(9)] + [row(20 + n, "The Cat") for n in range(9)]
    train += [row(40 + n, "rare") for n in range(8)]
    assert vocabulary(train, 1.0) == ("cat", "yes")
    assert vocabulary(train, 0.1) == ("cat", "rare", "yes")


def test_spellings_of_one_answer_count_together(row):
    train = [row(n, "none") for n in range(5)] + [row(20 + n, "0") for n in range(4)] + [row(50, "x")]
    assert vocabulary(train, 1.0) == ("0",)


def test_a_handful_of_rows_keeps_all_its_answers(row):
    assert vocabulary([row(1, "sea"), row(2, "bee")], 1.0) == ("bee", "sea")


def test_the_scorer_can_match_every_label():
    for raw in ("none", "black, white", "coca-cola", "the dog", "2,000-3,000", "dont", "?"):
        assert accuracy([raw] * 9 + ["other"], training_answer(raw)) == 1.0


def test_soft_scores_count_raw_answers(row):
    answers = ["a cat"] + ["red"] * 2 + ["blue"] * 3 + ["cat"] * 4
    target = soft_target(row(1, "cat", answers=answers), {"blue": 0, "cat": 1, "green": 2, "red": 3})
    assert target.answer == "cat"
    assert target.scores == {3: 0.6, 0: 0.9, 1: 1.0}
    assert soft_target(row(1, "cat"), {"dog": 0}).scores == {}


def test_the_ceiling_is_the_mean_best_label(row):
    rows = [row(1, "cat"), row(2, "dog", answers=["dog"] * 8 + ["cat", "fox"]), row(3, "fox")]
    assert oracle(("cat",)).ceiling(rows) == pytest.approx((1 + 0.3 + 0) / 3)
    assert oracle(("cat", "dog", "fox")).ceiling(rows) == 1.0


def test_the_ceiling_is_what_trying_every_label_gives(golden, row):
    lines, _ = golden
    rows = [row(n, line["prediction"], answers=line["answers"]) for n, line in enumerate(lines[:60])]
    labels = sorted({training_answer(answer) for one in rows for answer in one.answers})[::2]
    best = sum(max(accuracy(one.answers, label) for label in labels) for one in rows) / len(rows)
    assert oracle(tuple(labels)).ceiling(rows) == pytest.approx(best, abs=1e-12)


def test_rows_without_answers_are_refused(row):
    from dataclasses import replace

    bare = replace(row(1, "x"), answers=(), multiple_choice_answer=None)
    for use in (lambda: vocabulary([bare], 1.0), lambda: soft_target(bare, {}), lambda: vocabulary([], 1.0)):
        with pytest.raises(DataMalformed):
            use()
