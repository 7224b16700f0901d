import pytest

from madbench.errors import DataMalformed
from madbench.tasks.snli_ve.score import score_labels


def test_accuracy_and_recall_are_means_over_rows(row):
    rows = [row(n, "h", label) for n, label in enumerate(["neutral", "neutral", "entailment", "contradiction"])]
    scores = score_labels(rows, ["neutral", "entailment", "entailment", "neutral"])
    assert scores.metrics == {
        "accuracy": 0.5,
        "recall:contradiction": 0.0,
        "recall:entailment": 1.0,
        "recall:neutral": 0.5,
    }
    assert scores.correct["main"].tolist() == [1.0, 0.0, 1.0, 0.0]


def test_a_class_without_rows_has_no_recall(row):
    metrics = score_labels([row(1, "h", "neutral")], ["neutral"]).metrics
    assert set(metrics) == {"accuracy", "recall:neutral"}
    assert score_labels([], []).metrics == {}


@pytest.mark.parametrize("label", ["Neutral", "-", "", None, 2])
def test_only_class_names_are_predictions(row, label):
    with pytest.raises(DataMalformed, match="not a class"):
        score_labels([row(1, "h", "neutral")], [label])


def test_predictions_must_fit_the_pairs(row):
    with pytest.raises(DataMalformed, match="2 predictions for 1 pairs"):
        score_labels([row(1, "h", "neutral")], ["neutral"] * 2)
