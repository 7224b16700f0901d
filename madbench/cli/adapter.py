"""`madbench adapter new` and `adapter check`: a model to start from, and whether one keeps the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from madbench.cli.predict import Verbose
from madbench.cli.run import Plugin, Set, Task
from madbench.errors import one_line

adapter = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Write a model adapter, or check one.")


@adapter.command("new")
def new_command(
    name: Annotated[str, typer.Argument(help="The model's name: lower-case words with hyphens, e.g. my-model.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder to write (default: called like the model).")
    ] = None,
) -> None:
    """Write a small adapter that runs, a model file with options, and a test; nothing is overwritten.

    The model is real: words and logistic scores, trained in seconds. It shows every part that madbench calls.
    """
    from shlex import join

    from madbench.harness.scaffold import write_scaffold

    made = write_scaffold(name, out)
    plugin = ("--plugin", str(made.plugin))
    typer.echo(f"{made.plugin}: the model; every part that madbench calls is in it")
    typer.echo(f"{made.variant}: the same model with other options")
    typer.echo(f"{made.test}: the conformance suite as a test\n\nnext:")
    for words in (
        ("madbench", "adapter", "check", name, *plugin),
        ("pytest", str(made.folder)),
        ("madbench", "run", "--model", name, *plugin, "--protocol", "lowshot-1pct", "--limit", "64"),
        ("madbench", "run", "--model", name, "--model", str(made.variant), *plugin, "--protocol", "lowshot-1pct"),
    ):
        typer.echo(f"  {join(words)}")


@adapter.command("check")
def check_command(
    name: Annotated[str, typer.Argument(help="A model: a registered adapter, or a model file by name or path.")],
    plugin: Plugin = None,
    task: Task = None,
    set_: Set = None,
    device: Annotated[
        str, typer.Option("--device", metavar="cpu|cuda|auto", help="Where to compute; bit for bit on the CPU only.")
    ] = "cpu",
    verbose: Verbose = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a model keeps the contract, on a very small world; exit code 4 when a check fails.

    Fits, predicts, is killed and resumed, and asked again, seconds per task for a small model. Your data and results
    are not touched.
    """
    import json
    import sys
    from contextlib import nullcontext, redirect_stdout

    from madbench.harness.conformance import check_adapter
    from madbench.harness.log import logged

    told = _Told()
    # What adapter code prints must not stand in the JSON.
    with redirect_stdout(sys.stderr) if as_json else nullcontext(), logged(None, verbose):
        report = check_adapter(
            name,
            plugins=plugin or (),
            tasks=task or (),
            options=set_ or (),
            device=device,
            on_result=(lambda _: None) if as_json else told,
        )
    typer.echo(json.dumps(report.content(), indent=1) if as_json else "\n".join(map(one_line, report.ending())))
    if not report.passed:
        raise typer.Exit(4)


class _Told:
    """Shows each check as it ends: a large model takes its time."""

    def __init__(self) -> None:
        self._task: str | None = None

    def __call__(self, result: Any) -> None:
        from madbench.harness.conformance.report import task_heading

        for line in (*task_heading(result.task, self._task), *result.lines()):
            typer.echo(one_line(line))
        self._task = result.task
