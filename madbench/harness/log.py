"""What happens in a run, as lines of a file beside the results: time, level, cell, message; what adapters log is in it.

`<out>/log.txt` is only appended to, by every process that runs cells. It is a diary, not a result: no command reads it,
and no digest, `verify` or `pack` knows it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from madbench.errors import one_line

LOG = "log.txt"
TREE = "madbench"  # adapters log below it: `context.logger`

_cell: ContextVar[str] = ContextVar("cell", default="-")


@contextmanager
def logged(file: Path | None, verbose: bool = False) -> Iterator[None]:
    """Lines of madbench and of adapters go to a file, and warnings (with `verbose`, all) to stderr.

    Inside another `logged` nothing is added. A program that has set up logging itself gets what its own level asks for
    instead of lines on stderr.
    """
    tree, root = logging.getLogger(TREE), logging.getLogger()
    if any(isinstance(one, _Ours) for one in tree.handlers):
        yield
        return
    ours: list[logging.Handler] = [_ToRoot() if root.handlers and not verbose else _ToScreen(verbose)]
    if file is not None:
        ours.append(_ToFile(file))
    before = tree.level, tree.propagate
    tree.setLevel(logging.INFO)
    tree.propagate = False  # libraries give the root logger a handler, which would repeat every line
    for handler in ours:
        tree.addHandler(handler)
    try:
        yield
    finally:
        for handler in ours:
            tree.removeHandler(handler)
        tree.level, tree.propagate = before


@contextmanager
def about(cell: str) -> Iterator[None]:
    """Lines are about this cell."""
    token = _cell.set(cell)
    try:
        yield
    finally:
        _cell.reset(token)


class _Ours(logging.Handler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be written, or made, stops no run."""


class _ToFile(_Ours):
    def __init__(self, path: Path):
        super().__init__(logging.INFO)
        self.path = path

    def emit(self, record: logging.LogRecord) -> None:
        try:
            at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            line = f"{at} {record.levelname} [{_cell.get()}] {one_line(record.getMessage())}\n"
            # Opened for each line: other processes append too, and one write of a line stays whole.
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.write(line)
        except (OSError, ValueError, TypeError):
            self.handleError(record)


class _ToScreen(_Ours):
    def __init__(self, verbose: bool):
        super().__init__(logging.INFO if verbose else logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _EVENTS:  # the display shows these
            return
        try:
            mark = "warning: " if record.levelno >= logging.WARNING else ""
            where = "" if _cell.get() == "-" else f"{_cell.get()}: "
            print(f"      {where}{mark}{one_line(record.getMessage())}", file=sys.stderr, flush=True)
        except (OSError, ValueError, TypeError):
            self.handleError(record)


class _ToRoot(_Ours):
    def emit(self, record: logging.LogRecord) -> None:
        root = logging.getLogger()
        if root.isEnabledFor(record.levelno):
            root.handle(record)


_EVENTS = f"{TREE}.run"
events = logging.getLogger(_EVENTS)
