"""The folders of cells: where things lie, how they come to exist, and what is already there."""

from __future__ import annotations

import json
import os
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed, MadbenchError, UsageError
from madbench.files import read_json, write_json, write_text
from madbench.harness.cell import Cell
from madbench.harness.checkpoints import Checkpoints
from madbench.harness.digests import DIGESTS, RESCORING, sealed
from madbench.harness.locks import PATIENCE_S, Busy, locked
from madbench.harness.record_schema import FIELDS

RECORD, MANIFEST, ERROR, HISTORY = "record.json", "manifest.json", "error.json", "history.jsonl"
AGAIN = "run it again with --overwrite"


@dataclass(frozen=True)
class CellFolder:
    """The files of one cell."""

    path: Path

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / "checkpoint")

    def record(self) -> dict[str, Any] | None:
        """None as long as the cell is not finished. Raises DataMalformed for a file that is no record."""
        file = self.path / RECORD
        if not file.is_file():
            return None
        content = _object(file)
        absent = [name for name in FIELDS if "." not in name and name not in content]
        if absent:
            raise DataMalformed(f"no record: {absent[0]} is missing", where=file, fix=AGAIN)
        return content

    def manifest(self) -> dict[str, Any]:
        """Raises DataMalformed when it is not there or no manifest."""
        return _object(self.path / MANIFEST)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        write_json(self.path / MANIFEST, manifest)

    def write_record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The last file of a cell, sealed by digests.json just before: from now on it is done. Returns what is written."""
        self.forget_error()
        content = sealed(self.path, record)
        write_json(self.path / RECORD, content)
        return content

    def write_error(self, error: BaseException, about: Mapping[str, Any]) -> None:
        """about: whose error it is, for `Store.drop_failures_of_other_code`."""
        what = str(error) if isinstance(error, MadbenchError) else f"{type(error).__name__}: {error}"
        write_json(
            self.path / ERROR,
            {
                "error": what,
                "fix": getattr(error, "fix", "") or "",
                "traceback": "".join(traceback.format_exception(error)),
                **about,
            },
        )

    def forget_error(self) -> None:
        (self.path / ERROR).unlink(missing_ok=True)

    # ----- history: one line per evaluation point

    def history(self) -> list[dict[str, Any]]:
        """Raises DataMalformed with the line that cannot be read."""
        file = self.path / HISTORY
        if not file.is_file():
            return []
        points = []
        for number, line in enumerate(file.read_bytes().splitlines(), start=1):
            try:
                points.append(dict(json.loads(line)))
                _ = points[-1]["step"], points[-1]["select"], points[-1]["conditions"]
            except (ValueError, KeyError, TypeError):
                raise DataMalformed("no evaluation point", where=f"{file}:{number}", fix=AGAIN) from None
        return points

    def write_history(self, points: Sequence[Mapping[str, Any]]) -> None:
        lines = [json.dumps(point, sort_keys=True, allow_nan=False) + "\n" for point in points]
        write_text(self.path / HISTORY, "".join(lines))

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
        for name in (DIGESTS, RESCORING, ERROR, HISTORY, MANIFEST):
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
        """The record of a finished cell, else None. Raises DataMalformed for one that cannot be read."""
        record = self.folder(cell).record()
        return record if record is not None and record["run_id"] == cell.run_id else None

    def finished(self, cell: Cell) -> bool:
        """Whether a cell has a record that can be read."""
        try:
            return self.done(cell) is not None
        except DataMalformed:
            return False

    def trained(self, cell: Cell) -> list[CellFolder]:
        """Other finished cells with the same training, in the order of their paths; what cannot be read is none."""
        found = []
        for file in sorted(self.out.glob(f"{cell.spec.name}/*/{cell.task}/*/{RECORD}")):
            try:
                record = CellFolder(file.parent).record()
            except DataMalformed:
                continue
            if record is not None and record["train_id"] == cell.train_id and record["run_id"] != cell.run_id:
                found.append(CellFolder(file.parent))
        return found

    def drop_failures_of_other_code(self, cell: Cell) -> None:
        """Delete failed attempts at a cell by code that its adapter's file no longer holds: they would look like gaps."""
        own = self.folder(cell).path
        for file in own.parent.glob(f"{cell.source.kind}-d{cell.draw}-s{cell.seed}-*/{ERROR}"):
            try:
                about = _object(file)
                other = about.get("code") not in (None, cell.code) and about.get("spec") == cell.identified.hash
                if file.parent == own or not other or (file.parent / RECORD).exists():
                    continue
                with locked(file.parent, str(file.parent), patience=0):
                    shutil.rmtree(file.parent)
            except (DataMalformed, Busy, OSError):
                continue  # somebody else's, or not to be deleted: it stays

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
    def locked(self, cell: Cell, patience: float = PATIENCE_S) -> Iterator[CellFolder]:
        """A cell's folder, for this process alone. Raises Busy."""
        folder = self.folder(cell)
        with locked(folder.path, cell.label, patience):
            yield folder


def _object(file: Path) -> dict[str, Any]:
    """A JSON object. Raises DataMalformed for anything else, also for no file."""
    try:
        content = read_json(file)
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else f"not JSON: {problem}"
        raise DataMalformed(f"cannot be read: {why}", where=file, fix=AGAIN) from None
    if not isinstance(content, dict):
        raise DataMalformed(f"cannot be read: it holds {type(content).__name__}, not an object", where=file, fix=AGAIN)
    return content
