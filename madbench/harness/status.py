"""What the folders of cells say about them, without any plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from madbench.errors import DataMissing
from madbench.files import read_json
from madbench.harness.store import CellFolder, is_locked


def cell_states(out: Path) -> list[dict[str, Any]]:
    """One entry per cell folder below `out`, by path: cell, state (done, failed, running, unfinished), detail.

    Raises DataMissing when there is no such folder.
    """
    if not out.is_dir():
        raise DataMissing(f"there is no folder {out}", fix="name the --out folder of a run")
    states = []
    for lock in sorted(out.glob("**/.lock")):
        folder = CellFolder(lock.parent)
        state, detail = _state(folder)
        states.append({"cell": str(folder.path.relative_to(out)), "state": state, "detail": detail})
    return states


def _state(folder: CellFolder) -> tuple[str, str]:
    record = folder.record()
    if record is not None:
        return "done", f"finished {record['finished_at']}"
    if is_locked(folder.path):
        return "running", _points(folder)
    error = folder.path / "error.json"
    if error.is_file():
        return "failed", read_json(error)["error"]
    return "unfinished", _points(folder)


def _points(folder: CellFolder) -> str:
    points = len(folder.history())
    return f"{points} evaluation points" if points else ""
