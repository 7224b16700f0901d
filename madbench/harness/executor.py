"""Running the cells of a plan, in this process or in a few worker processes on this machine.

Cells of one training form a chain that stays in one worker: the first trains, the others predict what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from madbench.errors import UsageError
from madbench.harness.cell import Cell
from madbench.harness.device import may_have_gpu
from madbench.harness.execution import Chain, Execution, Outcome, attempt
from madbench.harness.processes import launched
from madbench.harness.progress import Lines
from madbench.harness.workers import Pool


def check_executor(name: str) -> None:
    if name in ("ray", "slurm"):
        raise UsageError(f"--executor {name} is not in this version", fix="use --executor local --jobs N")
    if name != "local":
        raise UsageError(f"--executor {name}: expected local", fix="use --executor local --jobs N")


def execute(cells: Sequence[Cell], how: Execution, display: Lines) -> Outcome:
    """Run cells; a failed one leaves error.json, and ends the run unless `keep_going`."""
    chains = chains_of(cells)
    jobs = how.jobs or default_jobs(len(chains), how.settings.device)
    if launched():
        return _with_others(chains, how, display)
    if min(jobs, len(chains)) <= 1:
        return _in_process(chains, how, display)
    return Pool(chains, how, display, min(jobs, len(chains))).run()


def chains_of(cells: Sequence[Cell]) -> list[Chain]:
    """Cells grouped by training, in the order of the first of each."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.train_id, []).append(cell)
    return [tuple(group) for group in groups.values()]


def default_jobs(chains: int, device: str) -> int:
    """One for a GPU; on CPUs at most two: more would need the memory of as many data sets."""
    if device == "cuda" or (device == "auto" and may_have_gpu()):
        return 1
    return max(1, min(chains, os.cpu_count() or 1, 2))


def _with_others(chains: Sequence[Chain], how: Execution, display: Lines) -> Outcome:
    """As rank 0 of several processes: the others follow each training, and end when there is no more."""
    from madbench.harness.device import one_thread, resolve_device
    from madbench.training.distribution import group

    one_thread()
    ours = group(resolve_device(how.settings.device))
    outcome = _in_process(chains, how, display)
    if not outcome.failed:  # after a failure they wait somewhere in a training; the launcher ends them
        ours.broadcast(None)
        ours.close()
    return outcome


def _in_process(chains: Sequence[Chain], how: Execution, display: Lines) -> Outcome:
    outcome = Outcome()
    cells = [cell for chain in chains for cell in chain]
    for place, cell in enumerate(cells):
        display.started(cell.label)
        error = attempt(cell, how, lambda *progress, label=cell.label: display.progress(label, *progress))
        if error is None:
            display.finished(cell.label)
            outcome.done.append(cell)
            continue
        display.failed(cell.label, str(error))
        outcome.failed.append((cell, error))
        if not how.keep_going:
            outcome.not_started = len(cells) - place - 1
            break
    return outcome
