"""Chains of cells as jobs of Slurm (through submitit) or tasks of Ray, on machines that see the same folders.

A job does what a worker process does here, and writes into the same results folder. This process waits for all of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from madbench.errors import MadbenchError, UsageError
from madbench.harness.execution import POLL_SECONDS, Chain, Execution, Outcome, attempt
from madbench.harness.locks import Busy, is_locked
from madbench.harness.progress import Lines

LOGS = ".jobs"  # below the results folder: what jobs print

Errors = list[MadbenchError | None]  # one for each cell of a chain that was tried


class Job(Protocol):
    """A chain that runs elsewhere. name: what the cluster calls it, with the place of its log."""

    name: str

    def ended(self) -> bool: ...

    def result(self) -> Errors:
        """Raises whatever when the job ended without a result."""

    def cancel(self) -> None: ...


Submit = Callable[[Sequence[Chain], Execution, Mapping[str, Any]], list[Job]]


def run_elsewhere(
    submit: Submit, chains: Sequence[Chain], how: Execution, parameters: Mapping[str, Any], display: Lines
) -> Outcome:
    """Submit a job for each chain, and wait. The first failure cancels what is left, unless `keep_going`; so does ^C."""
    outcome, waiting, held = Outcome(), {}, []
    to_submit = list(chains)
    try:
        while to_submit or waiting or held:
            if to_submit:
                jobs = submit(to_submit, how, parameters)
                display.say(f"submitted {len(jobs)} jobs: {jobs[0].name}{' ...' if len(jobs) > 1 else ''}")
                waiting.update(zip(jobs, to_submit, strict=True))
            for job in [job for job in waiting if job.ended()]:
                held += _take(job, waiting.pop(job), outcome, display)
            if outcome.failed and not how.keep_going:
                break
            to_submit = [] if waiting else _free(held, how, outcome, display)
            if waiting or held:
                time.sleep(POLL_SECONDS)
    finally:
        for job in waiting:
            job.cancel()
    outcome.not_started += sum(len(chain) for chain in (*waiting.values(), *held))
    return outcome


def _free(held: list[Chain], how: Execution, outcome: Outcome, display: Lines) -> list[Chain]:
    """What other runs had and have no more, less what they finished; it is taken out of `held`."""
    free = [chain for chain in held if not is_locked(how.store.folder(chain[0]).path)]
    left = []
    for chain in free:
        held.remove(chain)
        while chain and how.store.finished(chain[0]):
            outcome.take(chain[0], None, display)
            chain = chain[1:]
        left += [chain] if chain else []
    return left


def run_chain(chain: Chain, how: Execution, folder: str) -> Errors:
    """What a job does: the cells of a chain, to the first that fails. folder: from where paths are given."""
    from madbench.plugins import load_plugin

    os.chdir(folder)
    for plugin in how.plugins:
        load_plugin(plugin)
    errors: Errors = []
    for cell in chain:
        errors.append(attempt(cell, how, lambda *_: None))
        if errors[-1] is not None:
            break
    return errors


def _take(job: Job, chain: Chain, outcome: Outcome, display: Lines) -> list[Chain]:
    """Note what came of a job. Returns what of its chain another run was working on, as a chain, or nothing."""
    try:
        errors = job.result()
    except Exception as problem:  # killed, out of time, out of memory: the cluster says it in many words
        last = next((line for line in reversed(str(problem).splitlines()) if line.strip()), type(problem).__name__)
        errors = [MadbenchError(f"{job.name} ended without a result: {last.strip()}", fix="run it again; it goes on")]
    if errors and isinstance(errors[-1], Busy):
        held = chain[len(errors) - 1 :]
        display.elsewhere(held[0].label)
        errors, chain = errors[:-1], chain[: len(errors) - 1]
    else:
        held = ()
    for cell, error in zip(chain, errors, strict=False):
        outcome.take(cell, error, display)
    outcome.not_started += len(chain) - len(errors)
    return [held] if held else []


# --------------------------------------------------------------------------- Slurm


class SlurmJob:
    def __init__(self, job: Any):
        self._job = job
        self.name = f"job {job.job_id} (its output: {job.paths.stderr})"

    def ended(self) -> bool:
        return self._job.done()

    def result(self) -> Errors:
        return self._job.result()

    def cancel(self) -> None:
        self._job.cancel()


def slurm(chains: Sequence[Chain], how: Execution, parameters: Mapping[str, Any]) -> list[Job]:
    """Jobs of one array. parameters: of submitit's AutoExecutor (`timeout_min`, `gpus_per_node`, `slurm_partition`, ...).

    `cluster` `local` runs them as processes of this machine, to try it. Raises UsageError for what submitit refuses.
    """
    try:
        import submitit
    except ModuleNotFoundError:
        raise UsageError("--executor slurm needs submitit", fix="pip install 'madbench[slurm]'") from None
    chosen = dict(parameters)
    try:
        executor = submitit.AutoExecutor(folder=how.store.out / LOGS, cluster=chosen.pop("cluster", "slurm"))
        executor.update_parameters(**{"name": "madbench", **chosen})
    except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as problem:
        text = " ".join(str(problem).split())
        raise UsageError(f"--executor slurm: {text}", fix="correct --cluster, or use --executor print") from None
    with executor.batch():
        jobs = [executor.submit(run_chain, chain, how, os.getcwd()) for chain in chains]
    return [SlurmJob(job) for job in jobs]


# --------------------------------------------------------------------------- Ray


class RayJob:
    def __init__(self, ray: Any, reference: Any):
        self._ray, self._reference = ray, reference
        self.name = f"task {reference.task_id().hex()[:16]}"

    def ended(self) -> bool:
        return bool(self._ray.wait([self._reference], timeout=0)[0])

    def result(self) -> Errors:
        return self._ray.get(self._reference)

    def cancel(self) -> None:
        self._ray.cancel(self._reference, force=True)


def ray(chains: Sequence[Chain], how: Execution, parameters: Mapping[str, Any]) -> list[Job]:
    """Tasks of one processor each, and of one GPU where there are any and the device may be one.

    parameters: of ray's `options` (`num_gpus`, `num_cpus`, `resources`, ...); `address` of the cluster, else one is
    started here or found by RAY_ADDRESS. Raises UsageError for what Ray refuses.
    """
    try:
        import ray as library
    except ModuleNotFoundError:
        raise UsageError("--executor ray needs ray", fix="pip install 'madbench[ray]'") from None
    chosen = dict(parameters)
    ours = {name: value for name, value in os.environ.items() if name.startswith("MADBENCH_")}
    try:
        if not library.is_initialized():
            address = chosen.pop("address", None)
            started = {} if address or os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
            quietly = {"log_to_driver": False, "logging_level": "ERROR"}
            library.init(address, runtime_env={"env_vars": ours}, **quietly, **started)
        gpus = how.settings.device != "cpu" and library.cluster_resources().get("GPU", 0) >= 1
        options = {"num_cpus": 1, "max_retries": 0, **({"num_gpus": 1} if gpus else {}), **chosen}
        task = library.remote(run_chain).options(**options)
    except (ConnectionError, TypeError, ValueError) as problem:
        text = " ".join(str(problem).split())
        raise UsageError(f"--executor ray: {text}", fix="correct --cluster, or use --executor print") from None
    return [RayJob(library, task.remote(chain, how, os.getcwd())) for chain in chains]
