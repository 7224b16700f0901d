"""How a plan is run and what came of it; one cell at a time. What every executor shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from madbench.errors import MadbenchError
from madbench.harness.cell import Cell
from madbench.harness.processes import lost_others, wait_for_the_end
from madbench.harness.runner import Settings, run_cell
from madbench.harness.store import Store

Chain = tuple[Cell, ...]  # cells of one training: the first trains, the others predict what is missing


@dataclass
class Outcome:
    """folders of finished cells, and (cell label, error) of failed ones; `not_started` counts the rest."""

    done: list[Cell] = field(default_factory=list)
    failed: list[tuple[Cell, MadbenchError]] = field(default_factory=list)
    not_started: int = 0


@dataclass(frozen=True)
class Execution:
    """How to run a plan. jobs: cells at once with `local`, None for a sensible number; 1 runs in this process.

    executor: `local`, `slurm` or `ray`. cluster: parameters for its jobs.
    """

    store: Store
    settings: Settings
    jobs: int | None = None
    keep_going: bool = False
    plugins: tuple[str, ...] = ()
    executor: str = "local"
    cluster: Mapping[str, Any] = field(default_factory=dict)


def attempt(cell: Cell, how: Execution, progress: Callable[[int, int, str], None]) -> MadbenchError | None:
    """Run one cell; an error is written beside it and returned."""
    folder = how.store.folder(cell)
    try:
        run_cell(cell, how.store, how.settings, progress)
    except Exception as error:
        if lost_others(error):
            wait_for_the_end()
            error = MadbenchError("another process of this training ended", fix="run it again; it goes on from here")
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.write_error(error)
        except OSError:
            pass  # whatever kept the cell from writing is the error to tell
        if isinstance(error, MadbenchError):
            return error
        return MadbenchError(
            f"{type(error).__name__}: {error}", fix=f"see the traceback in {folder.path / 'error.json'}"
        )
    return None
