"""`madbench data register`: where the data sets of this user lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer


def register_from(task: str | None, root: Path | None, files: Sequence[str], show: bool, forget: str | None) -> None:
    """One of three: remember a root and files of a task, print what is remembered, or forget a task."""
    from madbench.errors import UsageError

    wanted = [name for name, given in (("--list", show), ("--forget", forget), ("TASK", task)) if given]
    if len(wanted) != 1 or (wanted != ["TASK"] and (root is not None or files)):
        raise UsageError(
            "choose one thing to do", fix="TASK with --root DIR or --file NAME=PATH; or --list; or --forget TASK"
        )
    if show:
        _show()
    elif forget is not None:
        _forget(forget)
    elif task is not None:
        _register(task, root, files)


def _register(task: str, root: Path | None, files: Sequence[str]) -> None:
    from madbench.errors import UsageError
    from madbench.tasks.sources import attach, register

    if root is None and not files:
        raise UsageError("nothing to register", fix="give --root DIR, --file NAME=PATH, or both")
    named = {}
    for given in files:
        name, equals, path = given.partition("=")
        if not equals or not name or not path:
            raise UsageError(f"--file {given}: expected NAME=PATH", fix="`madbench data register --list` has the names")
        named[name] = Path(path).expanduser()
    layout = None if root is None else register(task, root.expanduser())
    for name, path in named.items():
        attach(task, name, path)
        typer.echo(f"{task}: {name} is {path.resolve()}")
    if layout is not None and root is not None:
        _print_found(task, root.expanduser())
        typer.echo(f"\nnext: madbench data check {task}")


def _print_found(task_name: str, root: Path) -> None:
    """What the root holds, and what it lacks."""
    from madbench.registry import TASKS
    from madbench.tasks.checking import missing_files, missing_text
    from madbench.tasks.sources import locate

    task = TASKS.load(task_name)
    layout = locate(task, root)
    typer.echo(f"{task_name}: {root.resolve()}")
    for split, paths in layout.files.items():
        images = layout.images.get(split)
        shown = str(images) if layout.has_images(split) else "no images"
        typer.echo(f"  {split}: {', '.join(path.name for path in paths)}; {shown}")
    if layout.regions is not None:
        typer.echo(f"  region features: {layout.regions}")
    for name, path in sorted(layout.extras.items()):
        typer.echo(f"  {name}: {path}")
    for line in missing_text(missing_files(task, root, layout)):
        typer.echo(line)


def _show() -> None:
    from madbench.registry import TASKS
    from madbench.tasks.sources import attached, registered

    roots = registered()
    for task in TASKS.names():
        root = roots.get(task)
        gone = "" if root is None or root.is_dir() else "  (no longer there)"
        typer.echo(f"{task}: {'not registered' if root is None else root}{gone}")
        files = attached(task)
        for name in TASKS.load(task).extra_files:
            if name in files:
                gone = "" if files[name].is_file() else "  (no longer there)"
                typer.echo(f"  --file {name}={files[name]}{gone}")
            else:
                typer.echo(f"  --file {name}=PATH is not given")


def _forget(task: str) -> None:
    from madbench.errors import UsageError
    from madbench.registry import TASKS
    from madbench.tasks.sources import forget

    TASKS.load(task)  # a misspelt task is told as such
    if not forget(task):
        raise UsageError(f"nothing is registered for {task}", fix="`madbench data register --list` prints what is")
    typer.echo(f"{task}: forgotten; the data itself is untouched")
