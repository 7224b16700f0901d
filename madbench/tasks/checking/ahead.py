"""A second process that reads large splits into the row cache while the first one is busy with the largest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from madbench.errors import DataError
from madbench.registry import TASKS
from madbench.tasks import archives
from madbench.tasks.contract import Layout
from madbench.tasks.sources import locate

LARGE = 64 << 20  # bytes of annotations; less is read sooner than a process starts


@contextmanager
def reading_ahead(layout: Layout, splits: Sequence[str]) -> Iterator[subprocess.Popen | None]:
    """The process that reads `splits`, or None where it is not worth one; it does not outlive the block.

    A plain process, not `multiprocessing`: that would run the caller's script once more. Nothing comes back from it:
    what it reads lies in the cache afterwards, and what is wrong with a file is found again by whoever reads it.
    """
    if (os.cpu_count() or 1) < 2 or _size(layout, splits) < LARGE:
        yield None
        return
    code = "import sys; from madbench.tasks.checking.ahead import read; read(*sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, layout.task, str(layout.root), *splits],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read(task_name: str, root: str, *splits: str) -> None:
    """Read splits, for the cache alone."""
    task = TASKS.load(task_name)
    layout = locate(task, Path(root))
    for split in splits:
        with suppress(DataError):
            task.read(layout, split)


def _size(layout: Layout, splits: Sequence[str]) -> int:
    try:
        return sum(archives.stat(file).size for split in splits for file in layout.files.get(split, ()))
    except (OSError, DataError):
        return 0
