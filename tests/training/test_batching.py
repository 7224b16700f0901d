"""Batches as pure functions: every example once, within the budget, the same after a resume, little padding."""

import numpy as np
import pytest

from madbench.training.batching import ExampleBatches, GlobalBatch, TokenBatches, batches, padding_waste


def recorded_lengths(name: str, count: int = 20_000) -> np.ndarray:
    """Lists with the shapes of the real data sets (invented, fixed): text tokens, or text and image tokens."""
    rng = np.random.default_rng(5)
    question = np.clip(np.rint(rng.lognormal(1.95, 0.3, count)), 4, 23).astype(int) + 2
    if name == "vqa questions":
        return question
    if name == "vqa questions and 36 regions":
        return np.stack([question, np.full(count, 36)], 1)
    if name == "vqa questions and 10 to 100 regions":
        return np.stack([question, np.clip(np.rint(rng.gamma(4.0, 10.0, count)), 10, 100).astype(int)], 1)
    four = np.clip(np.rint(rng.lognormal(3.6, 0.35, count)), 12, 160).astype(int)
    return 4 * four


NAMES = ["vqa questions", "vqa questions and 36 regions", "vqa questions and 10 to 100 regions", "vcr four choices"]


@pytest.mark.parametrize("limits", [{"budget_tokens": 5120}, {"batch_examples": 64}])
@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_in_exactly_one_batch_of_an_epoch(name, limits):
    lengths = recorded_lengths(name, 3000)
    made = batches(lengths, **limits, seed=0, epoch=0)
    assert sorted(np.concatenate(made).tolist()) == list(range(3000))


@pytest.mark.parametrize("name", NAMES)
def test_padding_wastes_less_than_two_percent(name):
    lengths = recorded_lengths(name)
    assert padding_waste(lengths, batches(lengths, budget_tokens=5120, seed=0, epoch=0)) < 0.02
    shuffled = [np.arange(start, start + 64) for start in range(0, 19_968, 64)]
    assert padding_waste(lengths, shuffled) > 0.05


def test_text_and_image_count_together_because_students_pack_them():
    """3 + 1 and 1 + 3 are as long as one another: 8 tokens hold both, and none is padding."""
    lengths = np.array([[3, 1], [1, 3]])
    (both,) = batches(lengths, budget_tokens=8, seed=0, epoch=0)
    assert sorted(both.tolist()) == [0, 1]
    assert padding_waste(lengths, [both]) == 0
    assert padding_waste(np.array([[3, 1], [1, 1]]), [both]) == 0.25


def test_no_batch_costs_more_than_the_budget_unless_it_is_one_example():
    lengths = np.array([3, 3, 4, 9, 50, 4])
    made = batches(lengths, budget_tokens=12, seed=1, epoch=0)
    assert all(len(rows) == 1 or lengths[rows].max() * len(rows) <= 12 for rows in made)
    assert any(rows.tolist() == [4] for rows in made)


def test_batches_are_a_function_of_lengths_seed_and_epoch():
    lengths = recorded_lengths("vqa questions", 500)

    def made(**changes):
        given = {"budget_tokens": 300, "seed": 0, "epoch": 0, **changes}
        return [rows.tolist() for rows in batches(lengths, **given)]

    assert made() == made()
    assert made() != made(seed=1)
    assert made() != made(epoch=1)


def test_batches_by_tokens_go_on_from_any_step_as_if_never_interrupted():
    lengths = recorded_lengths("vqa questions", 200)
    straight = TokenBatches(lengths, budget_tokens=256, seed=3)
    rows = [straight.rows(step).tolist() for step in range(30)]
    assert TokenBatches(lengths, budget_tokens=256, seed=3).rows(29).tolist() == rows[29]
    assert straight.rows(0).tolist() == rows[0]


def test_updates_stop_before_the_budget_of_examples_is_passed():
    by_tokens = TokenBatches(recorded_lengths("vqa questions", 200), budget_tokens=256, seed=3)
    updates = by_tokens.updates(500)
    assert by_tokens.seen(updates) <= 500 < by_tokens.seen(updates + 1)
    assert ExampleBatches(10, 4, 0).updates(11) == 2
    assert ExampleBatches(10, 4, 0).seen(2) == 8


def test_a_batch_needs_a_limit_and_an_example():
    with pytest.raises(ValueError, match="budget_tokens"):
        batches(np.array([1, 2]), seed=0, epoch=0)
    with pytest.raises(ValueError, match="no examples"):
        batches(np.array([], int), batch_examples=2, seed=0, epoch=0)


def test_parts_hold_every_row_once_and_know_the_whole():
    rows = {"train": np.array([5, 9, 2, 7, 4]), "pool": np.array([1])}
    whole = GlobalBatch(rows, {"train": np.array([3, 1, 9, 2, 4])}, step=8)
    parts = whole.parts(2)
    assert sorted(np.concatenate([part.rows["train"] for part in parts]).tolist()) == [2, 4, 5, 7, 9]
    assert [part.rows["pool"].tolist() for part in parts] == [[1], []]
    assert all(part.totals == {"train": 5, "pool": 1} and part.step == 8 for part in parts)


def test_one_part_is_the_batch_itself_in_its_own_order():
    whole = GlobalBatch({"train": np.array([5, 9, 2])}, {"train": np.array([3, 1, 9])})
    assert whole.parts(1)[0] is whole
