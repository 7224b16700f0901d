import numpy as np
import pytest
import torch

from madbench.models.objective_options import Confidence
from madbench.models.objectives.confidence import all_weights, competing_weights, confidence_weight, shuffled_order

TEACHER = torch.tensor([0.8, 0.2])
STUDENT = torch.tensor([0.2, 0.8])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("none", [1, 1]),
        ("ratio", [0.8, 0.2]),
        ("odds", [3.0, 0.25]),
        ("gap", [0.6, 0.0]),
        ("teacher", [0.8, 0.2]),
        ("constant", [0.5, 0.5]),
    ],
)
def test_weights_by_hand(mode, expected):
    options = Confidence(mode=mode, maximum=3.0, constant=0.5)
    assert confidence_weight(options, TEACHER, STUDENT).tolist() == pytest.approx(expected)


def test_scale_two_makes_the_ratio_neutral_where_both_are_equally_sure():
    options = Confidence(mode="ratio", scale=2.0)
    assert confidence_weight(options, torch.tensor([0.4]), torch.tensor([0.4])).item() == pytest.approx(1.0)


def test_no_gradient_flows_through_the_weight():
    student = torch.tensor([0.5], requires_grad=True)
    assert not confidence_weight(Confidence(mode="ratio"), torch.tensor([0.5]), student).requires_grad


def test_a_weak_teacher_counts_less_than_a_strong_one_in_every_adaptive_mode():
    for mode in ("ratio", "odds", "gap", "teacher"):
        strong, weak = confidence_weight(Confidence(mode=mode), TEACHER, torch.tensor([0.5, 0.5]))
        assert strong > weak, mode


def test_teachers_compete_by_softmax():
    options = Confidence(mode="softmax", per_teacher=True, temperature=0.5, scale=2.0)
    weights = competing_weights(options, torch.tensor([[0.9, 0.5], [0.4, 0.5]]))
    first = 2 / (1 + np.exp(-(0.9 - 0.4) / 0.5))
    assert weights[:, 0].tolist() == pytest.approx([first, 2 - first], rel=1e-5)
    assert weights[:, 1].tolist() == pytest.approx([1, 1])


def test_the_shuffled_control_keeps_the_weights_and_moves_them_together():
    teachers, student = torch.tensor([[0.8, 0.2, 0.5], [0.1, 0.6, 0.9]]), torch.tensor([0.5, 0.5, 0.5])
    plain = all_weights(Confidence(mode="ratio"), teachers, student)
    order = torch.tensor([2, 0, 1])
    moved = all_weights(Confidence(mode="ratio", control="shuffled"), teachers, student, order)
    assert torch.equal(moved, plain[:, order])


def test_the_mean_control_keeps_each_teachers_strength_and_forgets_the_example():
    teachers, student = torch.tensor([[0.8, 0.2], [0.1, 0.1]]), torch.tensor([0.2, 0.8])
    weights = all_weights(Confidence(mode="ratio", control="mean"), teachers, student)
    assert weights[0].tolist() == pytest.approx([0.5, 0.5])  # the mean of 0.8 and 0.2
    assert weights[1].tolist() == pytest.approx([(1 / 3 + 1 / 9) / 2] * 2)


def test_shuffling_depends_on_the_seed_and_on_which_examples_meet():
    examples = np.arange(40)
    first = shuffled_order(examples, 0)
    assert sorted(first) == list(range(40)) and not np.array_equal(first, np.arange(40))
    assert np.array_equal(first, shuffled_order(examples, 0))
    assert not np.array_equal(first, shuffled_order(examples, 1))
    assert not np.array_equal(first, shuffled_order(examples + 1, 0))


def test_shuffling_gives_an_example_the_same_weight_wherever_it_stands_in_the_batch():
    examples, turn = np.array([5, 9, 2, 7]), np.array([3, 1, 0, 2])
    sources = examples[shuffled_order(examples, 3)]
    turned = examples[turn]
    assert np.array_equal(turned[shuffled_order(turned, 3)], sources[turn])
