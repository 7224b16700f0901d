"""q2ar is the conjunction per item; predictions that do not fit are an error, not a wrong answer."""

import numpy as np
import pytest

from madbench.errors import DataMalformed, DataMissing, UsageError
from madbench.tasks.contract import LegPredictions
from madbench.tasks.vcr import TASK

VERSIONS = dict(TASK.metric_versions)


@pytest.fixture
def rows(fixtures):
    return TASK.read(TASK.locate(fixtures), "val")


def leg(labels):
    return LegPredictions(labels=tuple(labels))


def test_the_conjunction_is_not_the_product(rows):
    gold = [tuple(str(label) for label in row.labels) for row in rows]
    wrong = [str((int(label) + 1) % 4) for _, label in gold]
    # Answers right on rows 0-2, rationales right on rows 2-4: both right on row 2 alone.
    answers = [gold[0][0], gold[1][0], gold[2][0], *(str((int(one[0]) + 1) % 4) for one in gold[3:])]
    rationales = [*wrong[:2], *(one[1] for one in gold[2:])]
    scores = TASK.score(rows, {"q2a": leg(answers), "qa2r": leg(rationales)}, VERSIONS)
    assert scores.metrics == {"q2a": 0.6, "qa2r": 0.6, "q2ar": 0.2}
    assert scores.correct["q2a"].tolist() == [1, 1, 1, 0, 0]
    assert scores.correct["q2ar"].tolist() == [0, 0, 1, 0, 0]


def test_one_leg_alone_has_no_joint_score(rows):
    scores = TASK.score(rows, {"q2a": leg("00000")}, VERSIONS)
    assert set(scores.metrics) == set(scores.correct) == {"q2a"}


def test_no_rows_have_no_metrics():
    assert TASK.score([], {"q2a": leg([]), "qa2r": leg([])}, VERSIONS).metrics == {}


@pytest.mark.parametrize("labels", ["0000", "000000", "00004", ["0", "0", "0", "0", np.int64(0)]])
def test_predictions_must_fit(rows, labels):
    with pytest.raises(DataMalformed, match="q2a"):
        TASK.score(rows, {"q2a": leg(labels)}, VERSIONS)


def test_unknown_legs_and_versions_are_refused(rows):
    with pytest.raises(DataMalformed, match="main"):
        TASK.score(rows, {"main": leg("00000")}, VERSIONS)
    with pytest.raises(UsageError, match="version"):
        TASK.score(rows, {"q2a": leg("00000")}, {"q2a": "2"})


def test_rows_without_labels_cannot_be_scored(fixtures):
    rows = TASK.read(TASK.locate(fixtures), "test")
    with pytest.raises(DataMissing, match="test-0"):
        TASK.score(rows, {"q2a": leg("00000")}, VERSIONS)
