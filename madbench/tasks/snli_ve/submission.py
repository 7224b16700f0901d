"""A predictions file for SNLI-VE: csv with the header `pairID,prediction`. The format is ours; there is no official one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from madbench.errors import DataMalformed, DataMissing
from madbench.files import write_text
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow

HEADER = ["pairID", "prediction"]
_FIX = "give exactly one prediction for every pair of the annotation file"


def read_submission(path: Path, rows: Sequence[SnliVeRow]) -> list[str]:
    """The predicted class names in the order of `rows`.

    Raises DataMissing, or DataMalformed with file:line for: another header, a wrong number of columns, another class
    name, a repeated pair, a pair without a prediction, a pair that is not asked.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise DataMissing("file not found", fix="check the path", where=path) from None
    except UnicodeDecodeError:
        raise DataMalformed("not valid UTF-8", fix="write the file in UTF-8", where=path) from None
    lines = csv.reader(io.StringIO(text, newline=""))
    if next(lines, None) != HEADER:
        raise DataMalformed(f"the header is not {','.join(HEADER)}", fix="write that header", where=f"{path}:1")
    predictions: dict[str, str] = {}
    asked = {row.example_id for row in rows}
    for cells in lines:
        if not cells:
            continue
        where = f"{path}:{lines.line_num}"
        if len(cells) != len(HEADER):
            raise DataMalformed(f"{len(cells)} columns instead of two", fix="write pairID,prediction", where=where)
        pair, label = cells
        if label not in LABELS:
            raise DataMalformed(f"{label!r} is not a class", fix=f"use {', '.join(LABELS)}", where=where)
        if pair in predictions:
            raise DataMalformed(f"pairID {pair} occurs a second time", fix=_FIX, where=where)
        if pair not in asked:
            raise DataMalformed(f"pairID {pair} is not in the annotation file", fix=_FIX, where=where)
        predictions[pair] = label
    missing = [row.example_id for row in rows if row.example_id not in predictions]
    if missing:
        raise DataMalformed(f"{len(missing)} pairs have no prediction, the first {missing[0]}", fix=_FIX, where=path)
    return [predictions[row.example_id] for row in rows]


def write_submission(path: Path, rows: Sequence[SnliVeRow], labels: Sequence[str]) -> None:
    """One class name a row, in the order of `rows`."""
    if len(rows) != len(labels):
        raise DataMalformed(f"{len(labels)} predictions for {len(rows)} pairs", fix=_FIX, where=path)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows((row.example_id, label) for row, label in zip(rows, labels, strict=True))
    write_text(path, table.getvalue())
