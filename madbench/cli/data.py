"""`madbench data ...`: the embedded data, registering a data set, and checking one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Register, check and write data sets.")
TaskName = Annotated[str, typer.Argument(help="vcr, snli_ve or vqa.")]


@data.command("mini")
def mini_command(
    out: Annotated[Path, typer.Option(help="The folder to write to; a folder per task is made in it.")],
) -> None:
    """Write the mini data in the official layouts."""
    from madbench.errors import UsageError
    from madbench.mini.build import TASKS, write_world

    for task in TASKS:
        if (out / task).exists():
            raise UsageError(f"{out / task} is there already", fix="name a new folder, or remove it")
    for task in TASKS:
        typer.echo(f"{task}: {write_world(task, out / task)}")


@data.command("register")
def register_command(
    task: TaskName,
    root: Annotated[Path, typer.Option(help="The folder that holds the data set in its official layout.")],
) -> None:
    """Remember where a data set lies.

    Every run uses it from then on.
    """
    from madbench.tasks.sources import register

    layout = register(task, root.expanduser())
    typer.echo(f"{task}: {root.resolve()}, splits {', '.join(layout.files)}")
    typer.echo(f"check its content with: madbench data check {task} --root {root}")


@data.command("check")
def check_command(
    task: TaskName,
    root: Annotated[Path | None, typer.Option(help="The folder of the data set (default: as registered).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a data set with the official one.

    Reads every file and counts rows and images; exit code 3 on any difference.
    """
    import json

    from madbench.errors import DataMissing
    from madbench.tasks.checking import check_source
    from madbench.tasks.sources import registered

    folder = root.expanduser() if root is not None else registered().get(task)
    if folder is None:
        raise DataMissing(f"no data registered for {task}", fix=f"madbench data check {task} --root DIR")
    report = check_source(task, folder)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=1))
    else:
        typer.echo(report.text())
    if report.problems:
        raise typer.Exit(DataMissing.exit_code)
