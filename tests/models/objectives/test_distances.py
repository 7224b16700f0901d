import math

import numpy as np
import pytest
import torch

from madbench.models.objectives.distances import Standardiser, distance, similarity_kl

STUDENT = torch.tensor([[0.0, 0.0], [1.0, 3.0]])
TEACHER = torch.tensor([[0.5, 2.0], [1.0, 3.0]])


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("l1", (0.5 + 2.0) / 2),
        ("mse", (0.25 + 4.0) / 2),
        ("smooth_l1", (0.5 * 0.25 + (2.0 - 0.5)) / 2),
        ("cosine", 1.0),
    ],
)
def test_distances_by_hand(name, first):
    value = distance(name, STUDENT, TEACHER)
    assert value.tolist() == pytest.approx([first, 0.0], abs=1e-6)


@pytest.mark.parametrize("name", ["l1", "mse", "smooth_l1", "cosine", "similarity_kl"])
def test_gradients_in_double_precision(name):
    student = torch.tensor([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([[0.1, 0.9, -2.0], [0.5, -1.5, 0.2]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda value: distance(name, value, teacher), (student,))


def test_a_wider_teacher_does_not_weigh_more():
    narrow = distance("smooth_l1", torch.zeros(1, 4), torch.ones(1, 4))
    wide = distance("smooth_l1", torch.zeros(1, 400), torch.ones(1, 400))
    assert narrow.item() == pytest.approx(wide.item())


def test_zscore_takes_its_scale_from_the_training_features_only():
    training = np.array([[0.0, 10.0], [2.0, 30.0]], np.float32)
    scale = Standardiser("zscore", training)
    assert scale(training).tolist() == [[-1, -1], [1, 1]]
    assert scale(np.array([[4.0, 20.0]], np.float32)).tolist() == [[3, 0]]


def test_l2_gives_every_row_the_length_of_the_square_root_of_its_width():
    rows = Standardiser("l2", np.ones((1, 4), np.float32))(np.array([[3.0, 4.0, 0.0, 0.0]], np.float32))
    assert np.linalg.norm(rows) == pytest.approx(2.0)


def test_similarity_kl_by_hand():
    """Two orthogonal features; the state lies on the second, the teacher's own feature is the first."""
    teacher = torch.eye(2)
    student = torch.tensor([[0.0, 3.0], [0.0, 1.0]])
    near = 1 / (1 + math.exp(-1))  # softmax of similarities 1 and 0 at temperature 1
    expected = near * math.log(near / (1 - near)) + (1 - near) * math.log((1 - near) / near)
    assert similarity_kl(student, teacher, 1.0).tolist() == pytest.approx([expected, 0.0], abs=1e-6)


def test_similarity_kl_looks_at_the_batch_but_not_at_its_order():
    values = np.random.default_rng(0)
    student, teacher = (torch.tensor(values.normal(size=(4, 3))) for _ in range(2))
    order = torch.tensor([2, 0, 3, 1])
    forward = similarity_kl(student, teacher, 0.1)
    assert torch.allclose(similarity_kl(student[order], teacher[order], 0.1), forward[order])
    assert not torch.allclose(similarity_kl(student[:2], teacher[:2], 0.1), forward[:2])
