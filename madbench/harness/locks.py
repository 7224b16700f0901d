"""One process a cell: a lock in its folder that goes with its process, however that ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from madbench.errors import MadbenchError

LOCK = ".lock"
# A process that was just killed may take its children along a moment later.
PATIENCE_S = 5.0


class Busy(MadbenchError):
    """Another process works on a cell. Its folder is that process's: nothing may be written there."""


@contextmanager
def locked(folder: Path, label: str, patience: float = PATIENCE_S) -> Iterator[None]:
    """Hold a cell's folder, created if need be. Raises Busy when another process holds it for longer than `patience`."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "w") as stream:
        _lock(stream, label, patience)
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process is working on a cell now."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        file = os.open(folder / LOCK, os.O_RDONLY)  # somebody else's results can be looked at too
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _lock(stream, label: str, patience: float) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: no such lock; two processes on one cell would only do the work twice
        return
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() >= deadline:
                raise Busy(
                    f"another process is working on {label}", fix="wait for it, or stop it; then the same command again"
                ) from None
            time.sleep(0.2)
