"""Predictions of a split as files: the leaderboard's format, or parquet with every score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from madbench.files import atomic_path
from madbench.harness.import_files import check_format
from madbench.harness.predicting import ANSWERS, SplitPredictions
from madbench.harness.prediction_files import scores_column
from madbench.registry import resolve


def write_split_predictions(path: Path, predictions: SplitPredictions, legs: Sequence[str]) -> None:
    """Parquet: example_id, unit_id, <leg>_prediction and <leg>_scores (empty for a leg without), qa2r_scores_a0..3."""
    import pyarrow as arrow
    import pyarrow.parquet

    rows = predictions.rows
    columns: dict[str, Any] = {
        "example_id": arrow.array([row.example_id for row in rows], arrow.string()),
        "unit_id": arrow.array([row.image_id for row in rows], arrow.string()),
    }
    for leg in legs:
        one = predictions.legs.get(leg)
        columns[f"{leg}_prediction"] = arrow.array([None] * len(rows) if one is None else one.labels, arrow.string())
        columns[f"{leg}_scores"] = scores_column(None if one is None else one.scores, len(rows))
    if predictions.blocks is not None:
        for answer in range(ANSWERS):
            columns[f"{legs[-1]}_scores_a{answer}"] = scores_column(predictions.blocks[:, answer], len(rows))
    with atomic_path(path) as temporary:
        arrow.parquet.write_table(arrow.table(columns), temporary)


def write_submission(path: Path, task: str, predictions: SplitPredictions) -> None:
    """The leaderboard file of the task. Raises UsageError for rows that it cannot name, DataMalformed."""
    check_format(task, predictions.rows)
    write = resolve(f"madbench.tasks.{task}.submission:write_submission")
    first = next(iter(predictions.legs.values()))
    if predictions.blocks is None:
        write(path, predictions.rows, first.labels)
    else:
        write(path, predictions.rows, first.scores, predictions.blocks)
