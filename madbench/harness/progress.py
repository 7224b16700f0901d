"""What a person sees while cells run: a live display on a terminal, otherwise one plain line per event.

Nothing here ever receives a metric of a reported condition.
"""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

from madbench.errors import one_line

PLAIN_SECONDS = 10.0
ELSEWHERE = "another process works on it; it comes last, if it is not done by then"


class Lines:
    """One line when a cell starts or ends, and one about every ten seconds of a long one."""

    def __init__(self, cells: int, stream: TextIO | None = None):
        self.cells, self.ended = cells, 0
        self.stream = stream or sys.stderr
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def __enter__(self):
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def say(self, line: str) -> None:
        print(line, file=self.stream, flush=True)

    def started(self, label: str) -> None:
        self._started[label] = self._said[label] = time.monotonic()
        self.say(f"      {label}: started")

    def progress(self, label: str, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self._said.get(label, 0) >= PLAIN_SECONDS:
            self._said[label] = now
            self.say(f"      {label}: {_share(done, total)}{' ' + what if what else ''}, {self._seconds(label)}")

    def finished(self, label: str, note: str = "") -> None:
        self.ended += 1
        told = [*([self._seconds(label)] if label in self._started else []), *([note] if note else [])]
        self.say(f"[{self.ended}/{self.cells}] {label}: {', '.join(['done', *told])}")

    def failed(self, label: str, error: str) -> None:
        self.ended += 1
        first, *more = error.split("\n")
        self.say(f"[{self.ended}/{self.cells}] {label}: FAILED: {one_line(first)}{' ...' if more else ''}")

    def elsewhere(self, label: str) -> None:
        """Another process works on a cell: it is done last, or waited for. Said with --quiet too: it may take hours."""
        Lines.say(self, f"      {label}: {ELSEWHERE}")

    def _seconds(self, label: str) -> str:
        return f"{time.monotonic() - self._started[label]:.0f} s"


class Quiet(Lines):
    """Failures only."""

    def say(self, line: str) -> None:
        if "FAILED" in line:
            super().say(line)


class Live(Lines):
    """A bar for each running cell; finished ones scroll away above."""

    def __init__(self, cells: int):
        super().__init__(cells)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[what]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar_of: dict[str, Any] = {}

    def __enter__(self):
        self._bars.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bars.stop()

    def say(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)

    def started(self, label: str) -> None:
        self._started[label] = time.monotonic()
        self._bar_of[label] = self._bars.add_task(label, total=None, what="reading")

    def progress(self, label: str, done: int, total: int, what: str) -> None:
        if label in self._bar_of:
            self._bars.update(self._bar_of[label], completed=done, total=total, what=what or _share(done, total))

    def finished(self, label: str, note: str = "") -> None:
        self._remove(label)
        super().finished(label, note)

    def failed(self, label: str, error: str) -> None:
        self._remove(label)
        super().failed(label, error)

    def elsewhere(self, label: str) -> None:
        self._remove(label)
        self.say(f"      {label}: {ELSEWHERE}")

    def _remove(self, label: str) -> None:
        if label in self._bar_of:
            self._bars.remove_task(self._bar_of.pop(label))


def make_display(cells: int, quiet: bool = False, plain: bool = False) -> Lines:
    """plain: lines on a terminal too, where other lines come between."""
    if quiet:
        return Quiet(cells)
    return Live(cells) if sys.stderr.isatty() and not plain else Lines(cells)


def _share(done: int, total: int) -> str:
    return f"{done}/{total} ({100 * done // total} %)" if total else str(done)
