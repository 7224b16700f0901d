import numpy as np
import pytest

from madbench.models.probes import (
    ProbeData,
    cross_fitted,
    fit_head,
    folds_by_image,
    head_logits,
    joint_features,
    right_scores,
)


def separable(n=240, choices=4, width=6, seed=0):
    """The right candidate has a larger first feature."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(choices, size=n)
    features = rng.normal(size=(n, choices, width)).astype(np.float32)
    features[np.arange(n), targets, 0] += 4
    return features, targets.astype(np.int64)


def test_a_head_learns_what_can_be_learned():
    features, targets = separable()
    head = fit_head(ProbeData(features, targets), None, seed=0, updates=200)
    assert (head_logits(head, features).argmax(1) == targets).mean() > 0.9


def test_cross_fitted_confidence_on_noise_stays_at_chance_where_own_rows_look_certain():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(120, 1, 40)).astype(np.float32)
    targets = rng.integers(3, size=120)
    data = ProbeData(features, targets, folds=np.arange(120) % 4)
    head = fit_head(data, 3, seed=0, updates=400)
    own, _ = right_scores(head_logits(head, features), data)
    held, score = cross_fitted(data, 3, seed=0)
    assert own.mean() > 0.8
    assert held.mean() < 0.5
    assert score.mean() < 0.5


def test_an_image_never_crosses_folds():
    keys = [f"image-{place // 5}" for place in range(100)]
    folds = folds_by_image(keys, 4)
    assert all(len(set(folds[start : start + 5])) == 1 for start in range(0, 100, 5))
    assert set(folds) == {0, 1, 2, 3}


def test_a_class_missing_from_the_fitting_folds_gets_the_floor():
    rng = np.random.default_rng(2)
    targets = np.array([0, 1] * 20 + [2])
    data = ProbeData(
        rng.normal(size=(41, 1, 5)).astype(np.float32), targets, folds=np.append(np.arange(40) // 2 % 2, 2)
    )
    probability, _ = cross_fitted(data, 3, seed=0)
    assert probability[-1] == 1 / 3  # the head itself, which never saw it, says next to nothing
    assert (probability[:-1] != 1 / 3).all()


def test_no_confidence_is_read_where_one_image_is_all_there_is():
    data = ProbeData(np.zeros((4, 1, 3), np.float32), np.array([0, 1, 0, 1]), folds=np.zeros(4, int))
    probability, score = cross_fitted(data, 4, seed=0)
    assert probability.tolist() == [0.25] * 4 and score.tolist() == [0] * 4


def test_soft_targets_are_scored_by_expected_soft_score():
    data = ProbeData(np.zeros((1, 1, 1)), np.array([-1]), soft=np.array([[1.0, 0.3, 0.0]]))
    probability, score = right_scores(np.log(np.array([[0.5, 0.3, 0.2]])), data)
    assert probability[0] == pytest.approx(0.5 + 0.3 * 0.3)
    assert score[0] == 1.0


def test_joint_features_hold_image_text_product_and_leg():
    image = np.array([[1.0, 0.0]], np.float32)
    text = np.array([[[0.5, 2.0], [1.0, 1.0]]], np.float32)
    joined = joint_features(image, text, np.array([1]), 2)
    assert joined.shape == (1, 2, 8)
    assert joined[0, 0].tolist() == pytest.approx([1, 0, 0.5, 2, 0.5 * 2**0.5, 0, 0, 1])
