"""The folders of cells: where things lie, how they come to exist, and what is already there."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed, MadbenchError, UsageError
from madbench.files import atomic_path, read_json, write_json, write_text
from madbench.harness.cell import Cell
from madbench.harness.checkpoints import Checkpoints
from madbench.harness.digests import DIGESTS, sealed
from madbench.tasks.contract import LegPredictions, Row

RECORD = "record.json"
# 214,354 questions x 3,129 answers would be 2.7 GB a condition; the predicted label is what is scored.
MOST_SCORES_STORED = 100
LOCK_SECONDS = 5.0


@dataclass(frozen=True)
class CellFolder:
    """The files of one cell."""

    path: Path

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / "checkpoint")

    def record(self) -> dict[str, Any] | None:
        file = self.path / RECORD
        return read_json(file) if file.is_file() else None

    def manifest(self) -> dict[str, Any]:
        return read_json(self.path / "manifest.json")

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        write_json(self.path / "manifest.json", manifest)

    def write_record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The last file of a cell, sealed by digests.json just before: from now on it is done. Returns what is written."""
        (self.path / "error.json").unlink(missing_ok=True)
        content = sealed(self.path, record)
        write_json(self.path / RECORD, content)
        return content

    def write_error(self, error: BaseException) -> None:
        what = str(error) if isinstance(error, MadbenchError) else f"{type(error).__name__}: {error}"
        write_json(
            self.path / "error.json",
            {
                "error": what,
                "fix": getattr(error, "fix", "") or "",
                "traceback": "".join(traceback.format_exception(error)),
            },
        )

    # ----- history: one line per evaluation point

    def history(self) -> list[dict[str, Any]]:
        import json

        file = self.path / "history.jsonl"
        if not file.is_file():
            return []
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def write_history(self, points: Sequence[Mapping[str, Any]]) -> None:
        import json

        lines = [json.dumps(point, sort_keys=True, allow_nan=False) + "\n" for point in points]
        write_text(self.path / "history.jsonl", "".join(lines))

    # ----- predictions

    def predictions(self, condition: str, step: int) -> Path:
        return self.path / "predictions" / f"{condition}@{step}.parquet"

    def keep_predictions(self, steps: set[int]) -> None:
        """Delete the predictions of all other steps."""
        for file in (self.path / "predictions").glob("*.parquet"):
            if int(file.stem.rpartition("@")[2]) not in steps:
                file.unlink()

    def clear(self) -> None:
        """Forget everything; record.json first, so that a kill in between leaves no half-emptied finished cell."""
        (self.path / RECORD).unlink(missing_ok=True)
        for name in (DIGESTS, "error.json", "history.jsonl", "manifest.json"):
            (self.path / name).unlink(missing_ok=True)
        for name in ("predictions", "checkpoint"):
            shutil.rmtree(self.path / name, ignore_errors=True)


@dataclass(frozen=True)
class Store:
    """Everything below an out folder."""

    out: Path

    def folder(self, cell: Cell) -> CellFolder:
        return CellFolder(self.out / cell.path)

    def done(self, cell: Cell) -> dict[str, Any] | None:
        """The record of a finished cell, else None."""
        record = self.folder(cell).record()
        return record if record is not None and record["run_id"] == cell.run_id else None

    def trained(self, cell: Cell) -> list[CellFolder]:
        """Other finished cells with the same training, in the order of their paths."""
        found = []
        for file in sorted(self.out.glob(f"{cell.spec.name}/*/{cell.task}/*/{RECORD}")):
            record = read_json(file)
            if record.get("train_id") == cell.train_id and record.get("run_id") != cell.run_id:
                found.append(CellFolder(file.parent))
        return found

    def check_writable(self) -> None:
        """Raises UsageError before anything is trained when the out folder cannot be written."""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            probe = self.out / f".writable-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"the out folder {self.out} cannot be written: {error.strerror}", fix="choose another with --out DIR"
            ) from None

    @contextmanager
    def locked(self, cell: Cell) -> Iterator[CellFolder]:
        """One process a cell. The lock goes with its process, however that ends."""
        folder = self.folder(cell)
        folder.path.mkdir(parents=True, exist_ok=True)
        with open(folder.path / ".lock", "w") as stream:
            _lock(stream, cell)
            yield folder


def _lock(stream, cell: Cell) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: no such lock; two processes on one cell would only do the work twice
        return
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise MadbenchError(
                    f"another process is working on {cell.label}", fix="wait for it, or stop it"
                ) from None
            time.sleep(0.2)


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
        column = table[f"{leg}_scores"]
        if column.null_count == 0:
            scores = np.asarray(column.to_pylist(), dtype=np.float32)[places]
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


def is_locked(folder: Path) -> bool:
    """Whether a process is working on a cell now."""
    try:
        import fcntl
    except ImportError:
        return False
    with open(folder / ".lock", "a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
