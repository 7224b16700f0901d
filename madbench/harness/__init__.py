"""From a request to records: plan, run, store. `madbench.run(...)` is the same as `madbench run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from madbench.errors import MadbenchError
    from madbench.harness.plan import Plan


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
    options: Sequence[str] = (),
    plugins: Sequence[str] = (),
    dry_run: bool = False,
    overwrite: bool = False,
    executor: str = "local",
    jobs: int | None = 1,
    limit: int | None = None,
    keep_checkpoint: str = "selected",
    on_error: str = "stop",
    quiet: bool = False,
) -> RunResult:
    """Run models through protocols; finished cells are left alone, interrupted ones go on.

    model, protocol, task, data: one or several, as on the command line. draws, seeds: `"0-2"`, `"all"` or numbers.
    options: `key.path=value`. jobs: worker processes; None chooses, 1 stays in this process (adapters registered in a
    script are known there only). Raises MadbenchError before anything has started; errors of single cells are in the
    result.
    """
    from madbench.harness.executor import Execution, check_executor, execute
    from madbench.harness.plan import Request, make_plan
    from madbench.harness.progress import make_display
    from madbench.harness.runner import Settings
    from madbench.harness.store import Store
    from madbench.plugins import load_plugin

    _check_choices(device, precision, nproc, keep_checkpoint, on_error, jobs)
    check_executor(executor)
    for plugin in plugins:
        load_plugin(plugin)
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
    )
    plan = make_plan(request)
    store = Store(request.out)
    refused = tuple(refusal.error for refusal in plan.refusals)
    if dry_run:
        return RunResult(plan, request.out, (), refused, refused[0].exit_code if refused else 0)
    if refused and on_error == "stop":
        raise _together(plan)
    store.check_writable()
    how = Execution(store, Settings(device, keep_checkpoint, overwrite), jobs, on_error == "continue", tuple(plugins))
    with make_display(len(plan.to_do), quiet) as display:
        for line in plan.notices:
            display.say(line)
        display.say(f"{len(plan.cells)} cells, {len(plan.cells) - len(plan.to_do)} of them done before")
        outcome = execute([planned.cell for planned in plan.to_do], how, display)
        if outcome.not_started:
            display.say(f"{outcome.not_started} cells were not started (--on-error continue goes on after a failure)")
    failed = tuple(error for _, error in outcome.failed)
    finished = [one.cell for one in plan.cells if store.done(one.cell) is not None]
    return RunResult(
        plan,
        request.out,
        tuple(store.folder(cell).path for cell in finished),
        (*refused, *failed),
        refused[0].exit_code if refused else 1 if failed else 0,
    )


def _together(plan: Plan) -> MadbenchError:
    """All refusals as one error of the first one's kind."""
    first = plan.refusals[0].error
    others = list(dict.fromkeys(f"\n  also: {one.error}" for one in plan.refusals if str(one.error) != str(first)))
    return type(first)(str(first) + "".join(others), fix=first.fix or "see `madbench plan`")


def _check_choices(device, precision, nproc, keep_checkpoint, on_error, jobs) -> None:
    from madbench.errors import UsageError
    from madbench.harness.device import DEVICES

    for option, value, known in (
        ("--device", device, DEVICES),
        ("--precision", precision, ("auto", "fp32")),
        ("--keep-checkpoint", keep_checkpoint, ("last", "selected", "none")),
        ("--on-error", on_error, ("stop", "continue")),
    ):
        if value not in known:
            later = " (bf16 comes in a later version)" if value == "bf16" else ""
            raise UsageError(f"{option} {value}: expected {', '.join(known)}{later}", fix=f"use {option} {known[0]}")
    if nproc != 1:
        raise UsageError(f"--nproc {nproc} comes in a later version", fix="use --jobs N: several cells at once")
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: expected at least 1", fix="leave it out")


def _several(value: str | Path | Sequence[str]) -> tuple[str, ...]:
    return (str(value),) if isinstance(value, (str, Path)) else tuple(value)


def _numbers(value: str | Sequence[int] | None) -> str | None:
    return value if value is None or isinstance(value, str) else ",".join(map(str, value))
