from dataclasses import replace

import numpy as np
import pytest

from madbench.tasks.contract import LegPredictions
from madbench.tasks.vqa.consensus import by_origin, consensus
from madbench.tasks.vqa.task import TASK


@pytest.fixture
def group(row):
    """Rows of one group: `group("7", 4)` is the original and three rephrasings."""

    def make(original: str, size: int):
        return [
            replace(row(1, "cat"), example_id=original if not k else f"{original}:{k}", group=original)
            for k in range(size)
        ]

    return make


def test_two_of_four_answered_is_one_pair_in_six(group):
    found = consensus(group("7", 4), np.array([1.0, 0.0, 0.3, 0.0]))
    assert found == {"consensus:k=1": 2 / 4, "consensus:k=2": 1 / 6, "consensus:k=3": 0.0, "consensus:k=4": 0.0}


def test_a_group_too_small_for_k_is_left_out_of_that_mean(group):
    rows = group("7", 3) + group("8", 1)
    found = consensus(rows, np.array([1.0, 1.0, 0.0, 0.0]))
    assert found["consensus:k=1"] == (2 / 3 + 0) / 2
    assert found["consensus:k=2"] == 1 / 3
    assert found["consensus:k=3"] == 0
    assert "consensus:k=4" not in found


def test_all_answered_is_one_whatever_the_accuracy(group):
    assert set(consensus(group("7", 4), np.full(4, 0.3)).values()) == {1.0}


def test_originals_and_rephrasings_apart(group):
    found = by_origin(group("7", 3), np.array([1.0, 0.6, 0.0]))
    assert found == {"vqa_accuracy:origin=original": 1.0, "vqa_accuracy:origin=rephrased": 0.3}


def test_the_task_adds_them_where_rows_have_groups(group, row):
    rows = group("7", 2)
    metrics = TASK.score(rows, {"main": LegPredictions(("cat", "dog"))}, {}).metrics
    assert metrics["vqa_accuracy"] == 0.5
    assert metrics["consensus:k=1"] == 0.5 and metrics["consensus:k=2"] == 0.0
    assert metrics["vqa_accuracy:origin=rephrased"] == 0.0
    plain = TASK.score([row(1, "cat")], {"main": LegPredictions(("cat",))}, {}).metrics
    assert not any(name.startswith("consensus") or "origin" in name for name in plain)
