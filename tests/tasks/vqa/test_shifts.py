import random
from dataclasses import replace

import pytest

from madbench.errors import DataMalformed
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.vqa.shifts import SHIFTS, changed_prior, heads


@pytest.fixture
def train(row):
    """`how many`: 6 one, 2 two, 2 three; `is the`: 5 yes, 5 no."""
    answers = ["1"] * 6 + ["2"] * 2 + ["3"] * 2
    rows = [row(n, answer, question_type="how many") for n, answer in enumerate(answers)]
    return rows + [row(100 + n, "yes" if n % 2 else "no", question_type="is the") for n in range(10)]


def test_the_head_is_the_shortest_run_covering_half(train):
    assert heads(train) == {"how many": (frozenset({"1"}), 6, 4), "is the": (frozenset({"no"}), 5, 5)}


def test_all_of_the_tail_stays_and_the_head_shrinks_to_the_inverted_ratio(train, row):
    rows = [row(1000 + n, "1", question_type="how many") for n in range(60)]
    rows += [row(2000 + n, "9" if n else "2", question_type="how many") for n in range(10)]
    kept = changed_prior(rows, ShiftInputs(lambda: train))
    assert sum(number.startswith("2") for number in kept) == 10
    assert len(kept) == 10 + 10 * 4 // 6
    assert kept == [one.example_id for one in rows if one.example_id in set(kept)]


def test_the_choice_depends_on_ids_alone(train, row):
    rows = [row(n, answer, question_type="is the") for n in range(1000, 1200) for answer in ["no" if n % 3 else "yes"]]
    shuffled = random.Random(1).sample(rows, len(rows))
    assert set(changed_prior(shuffled, ShiftInputs(lambda: train[::-1]))) == set(
        changed_prior(rows, ShiftInputs(lambda: train))
    )


def test_types_with_only_one_side_or_unseen_in_training_are_left_out(train, row):
    rows = [row(1, "1", question_type="how many"), row(2, "yes", question_type="is the")]
    rows += [row(3, "x", question_type="new"), row(4, "y", question_type="new")]
    assert changed_prior(rows, ShiftInputs(lambda: train)) == []


def test_a_head_that_is_already_rare_stays_whole(train, row):
    rows = [row(1, "no", question_type="is the")] + [row(10 + n, "yes", question_type="is the") for n in range(5)]
    assert len(changed_prior(rows, ShiftInputs(lambda: train))) == 6


def test_rows_without_annotations_are_refused(train, row):
    with pytest.raises(DataMalformed, match="has no annotation"):
        changed_prior([replace(row(1, "x"), question_type=None)], ShiftInputs(lambda: train))


def test_the_card_says_what_it_is():
    shift = SHIFTS["changed-prior"]
    assert (shift.kind, shift.task, shift.name) == ("rows", "vqa", "changed-prior")
    assert "the same training, another prior" in " ".join(shift.card.split())
