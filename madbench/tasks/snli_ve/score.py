"""Accuracy and the recall of each class. SNLI-VE has no official script; these are plain means over all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from madbench.errors import DataMalformed
from madbench.tasks.contract import Scores
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow


def score_labels(rows: Sequence[SnliVeRow], labels: Sequence[str]) -> Scores:
    """metrics: `accuracy`, `recall:<class>`; a class without rows has no entry. correct: `main`, 0.0 or 1.0 a row.

    Raises DataMalformed when labels are not one class name a row.
    """
    if len(rows) != len(labels):
        raise DataMalformed(f"{len(labels)} predictions for {len(rows)} pairs", fix="give exactly one for every pair")
    for row, label in zip(rows, labels, strict=True):
        if label not in LABELS:
            raise DataMalformed(
                f"the prediction for {row.example_id} is {label!r}, not a class", fix=f"use {', '.join(LABELS)}"
            )
    hits = [row.label == label for row, label in zip(rows, labels, strict=True)]
    metrics: dict[str, float] = {}
    if rows:
        metrics["accuracy"] = sum(hits) / len(hits)
    for name in LABELS:
        of_class = [hit for hit, row in zip(hits, rows, strict=True) if row.label == name]
        if of_class:
            metrics[f"recall:{name}"] = sum(of_class) / len(of_class)
    return Scores(metrics=metrics, correct={"main": np.array(hits, dtype=np.float64)})
