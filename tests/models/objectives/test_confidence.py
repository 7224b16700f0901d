import pytest
import torch

from madbench.models.objectives.confidence import confidence_weight
from madbench.models.options import Confidence

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
