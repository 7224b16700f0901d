import random

import pytest

from madbench.tasks.contract import ShiftInputs
from madbench.tasks.snli_ve.hypothesis_only import HypothesisOnly
from madbench.tasks.snli_ve.rows import LABELS
from madbench.tasks.snli_ve.shifts import SHIFTS

CUE = {"contradiction": "nobody", "entailment": "outdoors", "neutral": "sister"}


@pytest.fixture
def biased(row):
    """Make rows whose cue word agrees with the label in a share of the cases."""

    def make(count: int, share: float, seed: int):
        draw = random.Random(seed)
        rows = []
        for number in range(count):
            label = draw.choice(LABELS)
            cue = CUE[label] if draw.random() < share else CUE[draw.choice(LABELS)]
            rows.append(row(number, f"A person {cue} thing{number % 7}", label, image=str(1000 + number)))
        return rows

    return make


def test_ve_hard_is_what_the_hypothesis_alone_gets_wrong(biased):
    train, dev = biased(600, 0.7, seed=1), biased(300, 0.7, seed=2)
    hard = SHIFTS["ve-hard"].apply(dev, ShiftInputs(lambda: train))
    model = HypothesisOnly([r.hypothesis for r in train], [r.label for r in train])
    right = {r.example_id for r in dev if model.predict([r.hypothesis]) == [r.label]}
    assert set(hard) == {r.example_id for r in dev} - right
    assert 30 < len(hard) < 120


def test_the_cue_is_worse_than_guessing_on_ve_hard(biased):
    train, dev = biased(600, 0.7, seed=1), biased(300, 0.7, seed=2)
    hard = set(SHIFTS["ve-hard"].apply(dev, ShiftInputs(lambda: train)))
    agree = [CUE[r.label] in r.hypothesis for r in dev if r.example_id in hard]
    assert sum(agree) / len(agree) < 1 / 3


def test_ids_come_in_the_order_of_the_rows_and_need_no_file_order_in_training(biased):
    train, dev = biased(600, 0.7, seed=1), biased(300, 0.7, seed=2)
    apply = SHIFTS["ve-hard"].apply
    hard = apply(dev, ShiftInputs(lambda: train))
    assert hard == [r.example_id for r in dev if r.example_id in set(hard)]
    assert apply(dev[::-1], ShiftInputs(lambda: train[::-1])) == hard[::-1]


def test_the_card_says_what_it_is():
    shift = SHIFTS["ve-hard"]
    assert (shift.kind, shift.task, shift.name) == ("rows", "snli_ve", "ve-hard")
    assert "naive Bayes" in shift.card


@pytest.mark.slow
def test_the_size_of_mini_takes_seconds(biased):
    import time

    train, dev = biased(40000, 0.5, seed=1), biased(2000, 0.5, seed=2)
    started = time.process_time()
    SHIFTS["ve-hard"].apply(dev, ShiftInputs(lambda: train))
    assert time.process_time() - started < 8
