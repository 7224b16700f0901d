"""From a request to records: plan, run, store. `madbench.run(...)` is the same as `madbench run`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from madbench.errors import MadbenchError
    from madbench.harness.plan import Plan
    from madbench.harness.runner import Settings


@dataclass(frozen=True)
class RunResult:
    """plan: what was to run. folders: of all finished cells, earlier ones included. errors: of failed and refused ones.

    exit_code: 0, or that of the first error (1 for a failed cell).
    """

    plan: Plan
    out: Path
    folders: tuple[Path, ...]
    errors: tuple[MadbenchError, ...]
    exit_code: int


def run(
    model: str | Sequence[str],
    protocol: str | Sequence[str],
    *,
    task: str | Sequence[str] = (),
    draws: str | Sequence[int] | None = None,
    seeds: str | Sequence[int] | None = None,
    data: str | Sequence[str] = (),
    out: str | Path = "runs",
    device: str = "auto",
    precision: str = "auto",
    nproc: int = 1,
    batch_size: str | int | None = None,
    options: Sequence[str] = (),
    weights: Sequence[str] = (),
    plugins: Sequence[str] = (),
    dry_run: bool = False,
    overwrite: bool = False,
    executor: str = "local",
    cluster: Sequence[str] = (),
    jobs: int | None = 1,
    limit: int | None = None,
    keep_checkpoint: str = "selected",
    on_error: str = "stop",
    quiet: bool = False,
    verbose: bool = False,
) -> RunResult:
    """Run models through protocols; finished cells are left alone, interrupted ones go on.

    model, protocol, task, data: one or several, as on the command line. draws, seeds: `"0-2"`, `"all"` or numbers.
    options: `key.path=value`. weights: `OLD=NEW`, names of weights in the models' options and what stands for them on
    real data. precision: `auto`, `fp32`, `bf16` or `fp16`. batch_size: examples of one forward pass,
    `auto` to find out; updates see what the model's options say all the same. executor: `local`, `slurm` or `ray`;
    cluster: `KEY=VALUE` parameters of its jobs (docs/clusters.md). jobs: worker processes of `local`; None chooses, 1
    stays in this process (adapters registered in a script are known there only). verbose: what adapters log, on stderr;
    it is in `<out>/log.txt` in any case. nproc: of the command line only; a
    script trains in several processes when it is started with `accelerate launch`.
    Raises MadbenchError before anything has started; errors of single cells are in the result.
    """
    from madbench import __version__
    from madbench.harness.device import resolve_precision
    from madbench.harness.execution import Execution
    from madbench.harness.executor import check_executor, execute
    from madbench.harness.log import events
    from madbench.harness.plan import Request, make_plan
    from madbench.harness.processes import end_with, launched, rank
    from madbench.harness.progress import make_display
    from madbench.harness.runner import Settings
    from madbench.harness.store import Store
    from madbench.plugins import load_plugin

    _check_choices(device, nproc, keep_checkpoint, on_error, jobs)
    settings = Settings(device, keep_checkpoint, overwrite, _at_once(batch_size))
    parameters = check_executor(executor, cluster)
    for plugin in plugins:
        load_plugin(plugin)
    if launched():
        end_with(os.getppid())
    if rank() > 0:
        return _followed(settings, Path(out))
    request = Request(
        models=_several(model),
        protocols=_several(protocol),
        tasks=_several(task),
        draws=_numbers(draws),
        seeds=_numbers(seeds),
        data=_several(data),
        out=Path(out),
        limit=limit,
        overrides=tuple(options),
        overwrite=overwrite,
        weights=tuple(weights),
        precision=resolve_precision(precision, device),
    )
    plan = make_plan(request)
    store = Store(request.out)
    refused = tuple(refusal.error for refusal in plan.refusals)
    if dry_run:
        return RunResult(plan, request.out, (), refused, refused[0].exit_code if refused else 0)
    if refused and on_error == "stop":
        raise _together(plan)
    store.check_writable()
    how = Execution(store, settings, jobs, on_error == "continue", tuple(plugins), executor, parameters, verbose)
    with make_display(len(plan.to_do), quiet, plain=verbose) as display, how.logged():
        for line in plan.notices:
            display.say(line)
            events.info("%s", line)
        for refusal in plan.refusals:
            events.error("refused: %s %s %s: %s", refusal.model, refusal.protocol, refusal.task, refusal.error)
        events.info("madbench %s: %d cells, %d to do", __version__, len(plan.cells), len(plan.to_do))
        display.say(f"{len(plan.cells)} cells, {len(plan.cells) - len(plan.to_do)} of them done before")
        if executor != "local" and precision == "auto":
            display.say(f"--precision auto is {request.precision} on this machine, and so in every job")
        outcome = execute([planned.cell for planned in plan.to_do], how, display)
        if outcome.not_started:
            display.say(f"{outcome.not_started} cells were not started (--on-error continue goes on after a failure)")
    failed = tuple(error for _, error in outcome.failed)
    finished = [one.cell for one in plan.cells if store.finished(one.cell)]
    return RunResult(
        plan,
        request.out,
        tuple(store.folder(cell).path for cell in finished),
        (*refused, *failed),
        refused[0].exit_code if refused else 1 if failed else 0,
    )


def _followed(settings: Settings, out: Path) -> RunResult:
    """What the processes beside rank 0 return: nothing was planned or written here."""
    from madbench.harness.following import follow
    from madbench.harness.plan import Plan

    follow(settings)
    return RunResult(Plan((), (), {}, ()), out, (), (), 0)


def _together(plan: Plan) -> MadbenchError:
    """All refusals as one error of the first one's kind."""
    first = plan.refusals[0].error
    others = list(dict.fromkeys(f"\n  also: {one.error}" for one in plan.refusals if str(one.error) != str(first)))
    return type(first)(str(first) + "".join(others), fix=first.fix or "see `madbench plan`")


def _at_once(batch_size: str | int | None) -> int | Literal["auto"] | None:
    from madbench.errors import UsageError

    if batch_size is None or batch_size == "auto":
        return batch_size
    if not str(batch_size).isdecimal() or int(batch_size) < 1:
        raise UsageError(f"--batch-size {batch_size}: expected a number from 1 on, or auto", fix="use auto")
    return int(batch_size)


def _check_choices(device, nproc, keep_checkpoint, on_error, jobs) -> None:
    from madbench.errors import UsageError
    from madbench.harness.device import DEVICES
    from madbench.harness.processes import launched

    for option, value, known in (
        ("--device", device, DEVICES),
        ("--keep-checkpoint", keep_checkpoint, ("last", "selected", "none")),
        ("--on-error", on_error, ("stop", "continue")),
    ):
        if value not in known:
            raise UsageError(f"{option} {value}: expected {', '.join(known)}", fix=f"use {option} {known[0]}")
    if nproc < 1:
        raise UsageError(f"--nproc {nproc}: expected at least 1", fix="leave it out")
    if nproc > 1 and not launched():
        raise UsageError(
            f"nproc {nproc} of a script: it is one process already",
            fix="use `madbench run --nproc`, or start the script with `accelerate launch`",
        )
    if launched() and (on_error == "continue" or (jobs or 1) > 1):
        raise UsageError(
            "several processes of one training end with the first cell that fails, and run one cell at a time",
            fix="leave out --on-error continue and --jobs, or --nproc",
        )
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: expected at least 1", fix="leave it out")


def _several(value: str | Path | Sequence[str]) -> tuple[str, ...]:
    return (str(value),) if isinstance(value, (str, Path)) else tuple(value)


def _numbers(value: str | Sequence[int] | None) -> str | None:
    return value if value is None or isinstance(value, str) else ",".join(map(str, value))
