"""The parquet files of predictions: what stands in them, and their item scores, which a scorer may compute again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed
from madbench.files import atomic_path
from madbench.tasks.contract import LegPredictions, Row

# 214,354 questions x 3,129 answers would be 2.7 GB a condition; the predicted label is what is scored.
MOST_SCORES_STORED = 100
# Scores are sums in a fixed order; this only allows for another number of bits in another library.
SAME = 1e-12


def write_predictions(
    path: Path, rows: Sequence[Row], legs: Mapping[str, LegPredictions], correct: Mapping[str, np.ndarray]
) -> None:
    """One row per example: example_id, unit_id, then <leg>_prediction, _scores, _correct of each leg, q2ar_correct.

    correct may be empty (a leg whose item is not complete yet). Scores of more than 100 answers are not stored.
    With correct comes a column group_<kind> for each kind of group that rows are counted in (null: in none).
    """
    import pyarrow as arrow
    import pyarrow.parquet

    columns: dict[str, Any] = {
        "example_id": arrow.array([row.example_id for row in rows], arrow.string()),
        "unit_id": arrow.array([row.image_id for row in rows], arrow.string()),
    }
    for leg, one in legs.items():
        columns[f"{leg}_prediction"] = arrow.array(one.labels, arrow.string())
        columns[f"{leg}_scores"] = scores_column(one.scores, len(rows))
        if leg in correct:
            columns[f"{leg}_correct"] = arrow.array(np.asarray(correct[leg], dtype=np.float64))
    for name in correct:
        if name not in legs:
            columns[f"{name}_correct"] = arrow.array(np.asarray(correct[name], dtype=np.float64))
    if correct:
        groups = [row.groups for row in rows]
        for kind in dict.fromkeys(kind for one in groups for kind in one):
            names = arrow.array([one.get(kind) for one in groups], arrow.string())
            columns[f"group_{kind}"] = names.dictionary_encode()
    with atomic_path(path) as temporary:
        arrow.parquet.write_table(arrow.table(columns), temporary)


def read_predictions(path: Path, rows: Sequence[Row], legs: Sequence[str]) -> dict[str, LegPredictions]:
    """Predictions in the order of `rows`. Raises DataMalformed when the file does not fit them one to one."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    place_of = {example: place for place, example in enumerate(table["example_id"].to_pylist())}
    if len(place_of) != table.num_rows or set(place_of) != {row.example_id for row in rows}:
        raise DataMalformed(
            f"{table.num_rows} predictions do not fit {len(rows)} rows", where=path, fix="run again with --overwrite"
        )
    places = [place_of[row.example_id] for row in rows]
    found = {}
    for leg in legs:
        labels = table[f"{leg}_prediction"].to_pylist()
        scores = None
        name = f"{leg}_scores"  # not there, or empty, for a leg without scores
        if name in table.column_names and table[name].null_count == 0:
            scores = np.asarray(table[name].to_pylist(), dtype=np.float32)[places]
        found[leg] = LegPredictions(tuple(labels[place] for place in places), scores)
    return found


def scores_column(scores: np.ndarray | None, rows: int):
    """An arrow column of lists of float32; empty without scores, or with too many of them a row."""
    import pyarrow as arrow

    kind = arrow.list_(arrow.float32())
    if scores is None or scores.shape[1] > MOST_SCORES_STORED:
        return arrow.nulls(rows, kind)
    offsets = np.arange(0, scores.size + 1, scores.shape[1], dtype=np.int32)
    values = np.ascontiguousarray(scores, dtype=np.float32).ravel()
    return arrow.ListArray.from_arrays(arrow.array(offsets), arrow.array(values), type=kind)


# --------------------------------------------------------------------------- item scores


def stale_items(path: Path, rows: Sequence[Row], correct: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Leg -> what is wrong with its stored item scores, which intervals are made of. correct: as the scorer gives them."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    places = _places(table, rows)
    found = {}
    for leg, values in correct.items():
        column = f"{leg}_correct"
        if column not in table.column_names:
            found[leg] = f"its predictions lack the column {column}"
        elif not np.allclose(table[column].to_numpy()[places], values, rtol=0, atol=SAME):
            found[leg] = f"the stored item scores of {leg} are not those of its predictions"
    return found


def rewrite_items(path: Path, rows: Sequence[Row], correct: Mapping[str, np.ndarray]) -> None:
    """Put the scorer's item scores into a file; its order and all else stay. correct: in the order of `rows`."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    places = np.argsort(_places(table, rows))  # place in the file -> place among the rows
    for leg, values in correct.items():
        name = f"{leg}_correct"
        column = pyarrow.array(np.asarray(values, dtype=np.float64)[places])
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(table, temporary)


def answers_sha256(path: Path) -> str:
    """Hex sha256 of what was answered, whatever it scores: ids, predictions and scores of a file, in its order."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    digest = hashlib.sha256()
    for name in sorted(table.column_names):
        if name == "example_id" or name.endswith("_prediction"):
            digest.update(json.dumps([name, table[name].to_pylist()]).encode())
        elif name.endswith("_scores"):
            column = table[name].combine_chunks()
            digest.update(
                json.dumps([name, column.is_valid().to_pylist(), column.value_lengths().to_pylist()]).encode()
            )
            digest.update(np.asarray(column.flatten(), dtype=np.float32).tobytes())
    return digest.hexdigest()


def _places(table: Any, rows: Sequence[Row]) -> list[int]:
    """The place in the file of each of `rows`."""
    place_of = {example: place for place, example in enumerate(table["example_id"].to_pylist())}
    return [place_of[row.example_id] for row in rows]
