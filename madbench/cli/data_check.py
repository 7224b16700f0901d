"""`madbench data check`: print what a check finds, with its progress on stderr."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import typer


def check_and_print(task: str, root: Path | None, images: bool, features: bool, as_json: bool) -> None:
    """Raises typer.Exit(3) when there is a problem, DataMissing when no root is known."""
    from madbench.errors import DataMissing
    from madbench.registry import TASKS
    from madbench.tasks.checking import Depth, as_text, check_source
    from madbench.tasks.sources import registered

    TASKS.load(task)  # a misspelt task is told as such
    known = registered().get(task)
    folder = root.expanduser() if root is not None else known
    if folder is None:
        raise DataMissing(f"no data registered for {task}", fix=f"madbench data check {task} --root DIR")
    progress = _Progress()
    try:
        report = check_source(task, folder, Depth(images, features), progress)
    finally:
        progress.end()
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=1))
    else:
        typer.echo(as_text(report, known is not None and known == folder.resolve()))
    if report.problems:
        raise typer.Exit(DataMissing.exit_code)


class _Progress:
    """One line on a terminal that is written over, at most ten times a second; otherwise a line every ten seconds."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._told = time.monotonic()
        self._open = False

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told < (0.1 if self._on_terminal else 10):
            return
        self._told = now
        line = what if total <= 1 else f"{what} {done:,} of {total:,}"
        if self._on_terminal:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
            self._open = True
        else:
            typer.echo(line, err=True)

    def end(self) -> None:
        if self._open:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
