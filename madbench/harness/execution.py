"""How a plan is run and what came of it; one cell at a time. What every executor shares."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from madbench.errors import MadbenchError, debugging
from madbench.harness.cell import Cell
from madbench.harness.locks import Busy
from madbench.harness.log import LOG, about, events, logged
from madbench.harness.processes import lost_others, wait_for_the_end
from madbench.harness.progress import Lines
from madbench.harness.runner import Settings, run_cell
from madbench.harness.store import ERROR, Store

POLL_SECONDS = 1.0  # for a cell that another process works on

Chain = tuple[Cell, ...]  # cells of one training: the first trains, the others predict what is missing


@dataclass
class Outcome:
    """folders of finished cells, and (cell label, error) of failed ones; `not_started` counts the rest."""

    done: list[Cell] = field(default_factory=list)
    failed: list[tuple[Cell, MadbenchError]] = field(default_factory=list)
    not_started: int = 0

    def take(self, cell: Cell, error: MadbenchError | None, display: Lines) -> None:
        """Note, and show, how a cell ended."""
        if error is None:
            display.finished(cell.label)
            self.done.append(cell)
        else:
            display.failed(cell.label, str(error))
            self.failed.append((cell, error))


@dataclass(frozen=True)
class Execution:
    """How to run a plan. jobs: cells at once with `local`, None for a sensible number; 1 runs in this process.

    executor: `local`, `slurm` or `ray`. cluster: parameters for its jobs. verbose: what adapters log, on stderr too.
    """

    store: Store
    settings: Settings
    jobs: int | None = None
    keep_going: bool = False
    plugins: tuple[str, ...] = ()
    executor: str = "local"
    cluster: Mapping[str, Any] = field(default_factory=dict)
    verbose: bool = False

    def logged(self) -> AbstractContextManager[None]:
        """The log of this run, in whichever process it goes on."""
        return logged(self.store.out / LOG, self.verbose)


def attempt(cell: Cell, how: Execution, progress: Callable[[int, int, str], None]) -> MadbenchError | None:
    """Run one cell; an error is written beside it and returned. Busy, of a cell that another process has, is not written."""
    with how.logged(), about(cell.label):
        events.info("started in %s, process %d", how.store.folder(cell).path, os.getpid())
        began = time.monotonic()
        error = _attempted(cell, how, progress)
        if error is None:
            events.info("done, %.0f s", time.monotonic() - began)
        else:
            events.error("%s: %s", "busy" if isinstance(error, Busy) else "failed", error)
        return error


def _attempted(cell: Cell, how: Execution, progress: Callable[[int, int, str], None]) -> MadbenchError | None:
    try:
        run_cell(cell, how.store, how.settings, progress)
    except Busy as busy:
        return busy
    except (Exception, SystemExit) as error:  # an adapter may do anything, and one cell is no reason to end all
        if debugging():
            traceback.print_exception(error)
        if lost_others(error):
            wait_for_the_end()
            error = MadbenchError("another process of this training ended", fix="run it again; it goes on from here")
        note_error(cell, how.store, error)
        return error if isinstance(error, MadbenchError) else _told(error, how.store.folder(cell).path / ERROR)
    return None


def _told(error: BaseException, file: Path) -> MadbenchError:
    """What ended a cell, by code that knows no errors of ours. file: where its traceback is."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        fix = f"--out and MADBENCH_HOME name places that must be readable and writable; the traceback is in {file}"
        return MadbenchError(f"{error.filename}: {error.strerror}", fix=fix)
    return MadbenchError(f"{type(error).__name__}: {error}", fix=f"see the traceback in {file}")


def note_error(cell: Cell, store: Store, error: BaseException) -> None:
    """Leave error.json in a cell's folder, unless another process has taken the cell over meanwhile."""
    try:
        with store.locked(cell, patience=0) as folder:
            folder.write_error(error, {"spec": cell.identified.hash, "code": cell.code})
    except (Busy, OSError):
        pass  # whatever keeps the cell from being written is the error to tell
