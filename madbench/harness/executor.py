"""Running the cells of a plan: in this process, in worker processes on this machine, or as jobs of a cluster.

Cells of one training form a chain that stays together: the first trains, the others predict what is missing.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import yaml

from madbench.errors import UsageError
from madbench.harness.cell import Cell
from madbench.harness.device import gpu_names, may_have_gpu
from madbench.harness.execution import POLL_SECONDS, Chain, Execution, Outcome, attempt
from madbench.harness.locks import Busy, is_locked
from madbench.harness.processes import launched
from madbench.harness.progress import Lines
from madbench.harness.workers import Pool

EXECUTORS = ("local", "slurm", "ray")


def check_executor(name: str, cluster: Sequence[str]) -> dict[str, Any]:
    """The parameters of a cluster's jobs, from `KEY=VALUE` words (values as in YAML). Raises UsageError."""
    if name == "print":
        raise UsageError("executor print is of the command line", fix="use `madbench run --executor print`")
    if name not in EXECUTORS:
        raise UsageError(f"--executor {name}: expected {', '.join(EXECUTORS)} or print", fix="use --executor local")
    if name == "local" and cluster:
        raise UsageError("--cluster is for --executor slurm and ray", fix="leave it out, or choose one of them")
    if name != "local" and launched():
        raise UsageError(
            f"--executor {name} starts jobs of one process, and this is one of several",
            fix="give the commands of --executor print to the cluster: they may have --nproc",
        )
    return parameters_of(cluster)


def parameters_of(words: Sequence[str]) -> dict[str, Any]:
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"--cluster {word}: expected KEY=VALUE", fix="e.g. --cluster timeout_min=240")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UsageError(f"--cluster {word}: the value is no YAML", fix="put it into quotes") from None
    return found


def execute(cells: Sequence[Cell], how: Execution, display: Lines) -> Outcome:
    """Run cells; a failed one leaves error.json, and ends the run unless `keep_going`."""
    chains = chains_of(cells)
    jobs = how.jobs or default_jobs(len(chains), how.settings.device)
    if how.executor != "local" and chains:
        return _elsewhere(chains, how, display)
    if launched():
        return _with_others(chains, how, display)
    if min(jobs, len(chains)) <= 1:
        return _in_process(chains, how, display)
    gpus = gpu_names() if on_gpus(how.settings.device) else []
    return Pool(chains, how, display, min(jobs, len(chains)), gpus).run()


def _elsewhere(chains: Sequence[Chain], how: Execution, display: Lines) -> Outcome:
    from madbench.harness import cluster

    submit = {"slurm": cluster.slurm, "ray": cluster.ray}[how.executor]
    return cluster.run_elsewhere(submit, chains, how, how.cluster, display)


def chains_of(cells: Sequence[Cell]) -> list[Chain]:
    """Cells grouped by training, in the order of the first of each."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.train_id, []).append(cell)
    return [tuple(group) for group in groups.values()]


def default_jobs(chains: int, device: str) -> int:
    """One for each GPU; on CPUs at most two: more would need the memory of as many data sets."""
    if on_gpus(device):
        return max(1, min(chains, len(gpu_names())))
    return max(1, min(chains, os.cpu_count() or 1, 2))


def on_gpus(device: str) -> bool:
    return device == "cuda" or (device == "auto" and may_have_gpu())


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
    """One after the other; what another process works on is left for the end, and waited for."""
    outcome, waiting, told = Outcome(), deque(chains), set()
    while waiting:
        chain = waiting.popleft()
        for place, cell in enumerate(chain):
            if cell.run_id in told and is_locked(how.store.folder(cell).path):
                time.sleep(POLL_SECONDS)
                waiting.append(chain[place:])
                break
            display.started(cell.label)
            error = attempt(cell, how, lambda *progress, label=cell.label: display.progress(label, *progress))
            if isinstance(error, Busy):
                display.elsewhere(cell.label)
                told.add(cell.run_id)
                waiting.append(chain[place:])  # the whole rest: it needs what this one trains
                break
            outcome.take(cell, error, display)
            if error is not None and not how.keep_going:
                outcome.not_started = len(chain) - place - 1 + sum(map(len, waiting))
                return outcome
    return outcome
