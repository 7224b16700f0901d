"""q2a, qa2r and their per-item conjunction q2ar: a question counts when both its legs are right.

q2ar is not the product of the two accuracies. Which choice wins a tie (the lowest index) is decided where scores
become labels, before this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from madbench.errors import DataMalformed, DataMissing, UsageError
from madbench.tasks.contract import LegPredictions, Scores
from madbench.tasks.vcr.reader import CHOICES, VcrRow

LEGS = ("q2a", "qa2r")
LABELS = tuple(str(choice) for choice in range(CHOICES))
METRIC_VERSIONS = {"q2a": "1", "qa2r": "1", "q2ar": "1"}


def score(
    rows: Sequence[VcrRow], predictions: Mapping[str, LegPredictions], versions: Mapping[str, str] | None = None
) -> Scores:
    """Plain means over all rows; q2ar where both legs are given.

    predictions: leg -> predictions in the order of `rows`.
    Raises DataMalformed when they do not fit one to one, DataMissing when a row has no labels.
    """
    for metric, version in (versions or {}).items():
        if metric in METRIC_VERSIONS and version != METRIC_VERSIONS[metric]:
            raise UsageError(f"metric '{metric}' has no version '{version}'", fix=f"use {METRIC_VERSIONS[metric]}")
    unknown = sorted(set(predictions) - set(LEGS))
    if unknown:
        raise DataMalformed(f"predictions for unknown legs {unknown}", fix=f"the legs of vcr are {', '.join(LEGS)}")
    correct = {
        leg: _correct(leg, _gold(rows, place), predictions[leg].labels)
        for place, leg in enumerate(LEGS)
        if leg in predictions
    }
    if len(correct) == len(LEGS):
        correct["q2ar"] = correct["q2a"] * correct["qa2r"]
    metrics = {name: float(values.mean()) for name, values in correct.items() if len(values)}
    return Scores(metrics=metrics, correct=correct)


def _gold(rows: Sequence[VcrRow], place: int) -> list[str]:
    gold = []
    for row in rows:
        if row.labels is None:
            raise DataMissing(
                f"row '{row.example_id}' has no labels, so it cannot be scored", fix="score a split with labels (val)"
            )
        gold.append(LABELS[row.labels[place]])
    return gold


def _correct(leg: str, gold: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
    if len(predicted) != len(gold):
        raise DataMalformed(
            f"{len(predicted)} predictions of leg {leg} for {len(gold)} rows", fix="give one prediction per row"
        )
    for label in predicted:
        if label not in LABELS:
            raise DataMalformed(f"leg {leg} predicts {label!r}, which is no choice", fix=f"use {', '.join(LABELS)}")
    return np.array([one == right for one, right in zip(predicted, gold, strict=True)], dtype=np.float64)
