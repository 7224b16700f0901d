"""What the folders of cells say about them, without any plan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed, DataMissing
from madbench.files import read_json
from madbench.harness.locks import LOCK, is_locked
from madbench.harness.store import ERROR, MANIFEST, RECORD, CellFolder

STATES = ("done", "failed", "running", "unfinished", "broken")


def cell_states(out: Path) -> list[dict[str, Any]]:
    """One entry per cell folder below `out`, by path: cell, state (one of STATES), detail.

    Raises DataMissing when there is no such folder.
    """
    if not out.is_dir():
        raise DataMissing(f"there is no folder {out}", fix="name the --out folder of a run")
    states = []
    for path in sorted(_cells(out)):
        try:
            state, detail = _state(CellFolder(path))
        except DataMalformed as problem:
            state, detail = "broken", str(problem)
        states.append({"cell": str(path.relative_to(out)), "state": state, "detail": detail})
    return states


def _cells(out: Path) -> Iterator[Path]:
    """Folders with any file of a cell; what was packed and unpacked elsewhere has no lock."""
    for folder, below, files in os.walk(out):
        if {RECORD, ERROR, MANIFEST, LOCK}.intersection(files):
            below.clear()
            yield Path(folder)
        below[:] = [name for name in below if not name.startswith(".")]


def _state(folder: CellFolder) -> tuple[str, str]:
    """Raises DataMalformed for files that cannot be read."""
    # A finished cell may be run again: until the record is gone, it is the cell's.
    record = folder.record()
    if record is not None:
        return "done", f"finished {record['finished_at']}"
    if is_locked(folder.path):
        return "running", _points(folder)
    if (folder.path / ERROR).is_file():
        return "failed", _error(folder)
    return "unfinished", _points(folder)


def _error(folder: CellFolder) -> str:
    try:
        return str(read_json(folder.path / ERROR)["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{ERROR} cannot be read"


def _points(folder: CellFolder) -> str:
    points = len(folder.history())
    return f"{points} evaluation points" if points else ""
