"""A predictions file for SNLI-VE: csv with the header `pairID,prediction`. The format is ours; there is no official one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from madbench.errors import DataMalformed
from madbench.tasks.csv_files import read_csv, write_csv
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow

HEADER = ("pairID", "prediction")


def read_submission(path: Path, rows: Sequence[SnliVeRow]) -> list[str]:
    """The predicted class names in the order of `rows`.

    Raises DataMissing, or DataMalformed with file:line for another class name and for what `read_csv` refuses.
    """
    predictions: dict[str, str] = {}
    for where, (pair, label) in read_csv(path, HEADER, [row.example_id for row in rows]):
        if label not in LABELS:
            what = f"prediction is {label!r}, not a class"
            raise DataMalformed(what, fix=f"use {', '.join(LABELS)}", where=where)
        predictions[pair] = label
    return [predictions[row.example_id] for row in rows]


def write_submission(path: Path, rows: Sequence[SnliVeRow], labels: Sequence[str]) -> None:
    """One class name a row, in the order of `rows`. Raises DataMalformed when they are not that; writes nothing then."""
    if len(rows) != len(labels):
        what = f"{len(labels)} predictions for {len(rows)} pairs"
        raise DataMalformed(what, fix="give one class name for every pair", where=path)
    for row, label in zip(rows, labels, strict=True):
        if label not in LABELS:
            what = f"the prediction for {row.example_id} is {label!r}, not a class"
            raise DataMalformed(what, fix=f"use {', '.join(LABELS)}", where=path)
    write_csv(path, HEADER, ((row.example_id, label) for row, label in zip(rows, labels, strict=True)))
