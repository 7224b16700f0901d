from itertools import pairwise

import numpy as np
import pytest

from madbench.training.schedule import batch_rows, evaluation_steps, examples_to_see, learning_rate_factor


def test_examples_seen_follow_passes_within_the_bounds():
    assert examples_to_see(400, 2, 1, 10_000, 60_000) == 800
    assert examples_to_see(400, 2, 4_800, 10_000, 60_000) == 4_800
    assert examples_to_see(40_000, 2, 1, 48_000, 60_000) == 48_000


def test_the_protocol_budget_is_never_exceeded():
    assert examples_to_see(400, 2, 4_800, 10_000, 100) == 100


def test_batches_walk_through_every_example_before_repeating_one():
    rows = np.concatenate([batch_rows(step, 3, 7, seed=5) for step in range(7)])
    assert sorted(rows[:7]) == list(range(7))
    assert sorted(rows[7:14]) == list(range(7))
    assert list(rows[:7]) != list(rows[7:14])


def test_a_batch_is_a_function_of_step_and_seed_only():
    first = batch_rows(40, 8, 100, seed=0)
    np.random.default_rng(0).random(10)
    assert (batch_rows(40, 8, 100, seed=0) == first).all()
    assert (batch_rows(40, 8, 100, seed=1) != first).any()


def test_seed_zero_is_a_seed():
    assert (batch_rows(0, 50, 100, seed=0) != batch_rows(0, 50, 100, seed=1)).any()


def test_learning_rate_rises_then_falls_to_nothing():
    factors = [learning_rate_factor(step, 100, 0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == 1.0
    assert factors[99] == pytest.approx(1 / 90)
    assert all(later <= earlier for earlier, later in pairwise(factors[10:]))


def test_evaluation_points_are_even_and_end_at_the_end():
    assert evaluation_steps(100, 4) == [25, 50, 75, 100]
    assert evaluation_steps(2, 5) == [1, 2]
