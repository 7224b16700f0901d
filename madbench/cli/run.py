"""`madbench run` and `madbench plan`."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Annotated, Any

import typer

Model = Annotated[list[str], typer.Option("--model", help="A model: name or path. Repeatable.")]
Protocol = Annotated[list[str], typer.Option("--protocol", help="A protocol: name or path. Repeatable.")]
Task = Annotated[list[str] | None, typer.Option("--task", help="Only this task. Repeatable.", show_default=False)]
Draws = Annotated[
    str | None,
    typer.Option("--draws", metavar="0-4|all", help="Subset draws (default: the first).", show_default=False),
]
Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="0,1|all", help="Seeds (default: the first).", show_default=False)
]
Data = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="auto|mini|TASK=ROOT", help="Where the data lie. Repeatable.", show_default=False),
]
Out = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute.")]
Precision = Annotated[
    str,
    typer.Option("--precision", metavar="auto|fp32|bf16|fp16", help="Number format (auto: bf16 where a GPU has it)."),
]
Nproc = Annotated[int, typer.Option("--nproc", help="Processes that train one cell together.")]
BatchSize = Annotated[
    str | None,
    typer.Option(
        "--batch-size",
        metavar="N|auto",
        help="Examples at once, of those an update sees (auto: as many as fit).",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override a model option. Repeatable.", show_default=False),
]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="OLD=NEW",
        help="On real data, other weights for those that models name, e.g. mini:text=FOLDER. Repeatable.",
        show_default=False,
    ),
]
Plugin = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE|MODULE", help="Code that registers models. Repeatable.", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Run finished cells again.")]
Executor = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="local|slurm|ray|print",
        help="What runs the cells; print: a command for each training, nothing runs.",
    ),
]
Cluster = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="KEY=VALUE",
        help="A parameter of the jobs of slurm or ray, e.g. timeout_min=240. Repeatable.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", help="Cells at once (default: up to 2 on CPUs).", show_default=False)
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", help="Train on N units, score N rows; the record is not comparable.", show_default=False),
]
Keep = Annotated[str, typer.Option("--keep-checkpoint", metavar="last|selected|none", help="What stays of a training.")]
OnError = Annotated[str, typer.Option("--on-error", metavar="stop|continue", help="After a failed cell.")]
CacheSize = Annotated[
    float | None,
    typer.Option(
        "--cache-size",
        metavar="GIB",
        min=0,
        envvar="MADBENCH_CACHE_GIB",
        help="Most that teacher features may take on the disk (default: 20).",
        show_default=False,
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="What models log, on stderr (it is in OUT/log.txt in any case).")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no board.")]


def run_command(
    model: Model,
    protocol: Protocol,
    task: Task = None,
    draws: Draws = None,
    seeds: Seeds = None,
    data: Data = None,
    out: Out = Path("runs"),
    device: Device = "auto",
    precision: Precision = "auto",
    nproc: Nproc = 1,
    batch_size: BatchSize = None,
    set_: Set = None,
    weights: Weights = None,
    plugin: Plugin = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    overwrite: Overwrite = False,
    executor: Executor = "local",
    cluster: Cluster = None,
    jobs: Jobs = None,
    limit: Limit = None,
    keep_checkpoint: Keep = "selected",
    on_error: OnError = "stop",
    cache_size: CacheSize = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run models through protocols, and print the board of what was run.

    The same command again goes on where it stopped; what is finished is not done again. What happens is also written to
    log.txt in the folder of results.
    """
    _run_or_plan(**locals())


def plan_command(
    model: Model,
    protocol: Protocol,
    task: Task = None,
    draws: Draws = None,
    seeds: Seeds = None,
    data: Data = None,
    out: Out = Path("runs"),
    device: Device = "auto",
    precision: Precision = "auto",
    nproc: Nproc = 1,
    batch_size: BatchSize = None,
    set_: Set = None,
    weights: Weights = None,
    plugin: Plugin = None,
    overwrite: Overwrite = False,
    executor: Executor = "local",
    cluster: Cluster = None,
    jobs: Jobs = None,
    limit: Limit = None,
    keep_checkpoint: Keep = "selected",
    on_error: OnError = "stop",
    cache_size: CacheSize = None,
    quiet: Quiet = False,
) -> None:
    """Show what `run` with the same options would do: cells, labels, missing data. Starts nothing."""
    _run_or_plan(**locals(), dry_run=True)


def _run_or_plan(**given: Any) -> None:
    from madbench.cli.errors import show_errors
    from madbench.errors import Interrupted, UsageError
    from madbench.harness import run

    typed = dict(given)
    printing = given["executor"] == "print" and not given["dry_run"]
    if given["executor"] == "print":
        given.update(executor="local", nproc=1, dry_run=True)
    elif given["executor"] != "local" and given["jobs"] is not None:
        raise UsageError(
            f"--jobs is for cells on this machine, --executor {given['executor']} has its own bounds",
            fix="e.g. --cluster slurm_array_parallelism=8, or num_cpus=4 for ray",
        )
    if (gib := given.pop("cache_size")) is not None:
        # In the environment, so that it holds for workers and launched processes too.
        os.environ["MADBENCH_CACHE_GIB"] = str(gib)
    if given["nproc"] > 1:
        _launch_once_planned(given)
    try:
        result = run(
            given.pop("model"),
            given.pop("protocol"),
            task=given.pop("task") or (),
            data=given.pop("data") or (),
            options=given.pop("set_") or (),
            weights=given.pop("weights") or (),
            plugins=given.pop("plugin") or (),
            cluster=given.pop("cluster") or (),
            **given,
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted", fix="the same command again goes on where this one stopped") from None
    if printing:
        from madbench.cli.arguments import commands_of

        typer.echo("".join(f"{line}\n" for line in commands_of(result.plan, typed, _defaults())), nl=False)
    elif given["dry_run"]:
        from madbench.cli.plan_text import plan_text

        typer.echo(plan_text(result.plan, Path(given["out"])), nl=False)
    else:
        _print_result(result, given["quiet"])
    show_errors(result.errors)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _launch_once_planned(given: dict[str, Any]) -> None:
    """`--nproc N`: hand over to N processes, unless this is one of them or only a plan is wanted."""
    from madbench.cli.arguments import as_arguments
    from madbench.errors import UsageError
    from madbench.harness.launch import launch
    from madbench.harness.processes import launched

    nproc, given["nproc"] = given["nproc"], 1
    if launched() or given["dry_run"]:
        return
    if given["executor"] != "local":
        raise UsageError(
            f"--nproc starts processes here, --executor {given['executor']} jobs of one process",
            fix="--executor print gives commands with --nproc, for jobs of several GPUs",
        )
    code = launch(["run", *as_arguments(given)], nproc, given["device"])
    raise typer.Exit(code)


def _defaults() -> dict[str, Any]:
    return {name: one.default for name, one in inspect.signature(run_command).parameters.items()}


def _print_result(result: Any, quiet: bool) -> None:
    """The board of the protocols that were run, with everything else that lies there, and the folder."""
    if not result.folders:
        return
    if not quiet:
        typer.echo(_board(result), nl=False)
    typer.echo(f"results: {result.out}")


def _board(result: Any) -> str:
    from madbench.errors import MadbenchError, one_line
    from madbench.report import report

    cells = [planned.cell for planned in result.plan.cells]
    patterns = dict.fromkeys(f"*/{cell.protocol.id}/{cell.task}/{cell.source.kind}-d*" for cell in cells)
    folders = [folder for pattern in patterns for folder in sorted(result.out.glob(pattern))]
    limited = any(cell.limit is not None for cell in cells)
    try:
        return report(folders, published="none", include_limited=limited)
    except MadbenchError as error:
        # The run is done and recorded; what cannot stand in one table does not undo it.
        return f"no board: {one_line(error.what)}\n"
