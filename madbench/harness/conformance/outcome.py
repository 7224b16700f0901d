"""How a check ends, what an error of adapter code is told as, and what steps cost."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from madbench.errors import MadbenchError, debugging
from madbench.harness.provenance import peak_memory, reset_peak_memory


class Failed(Exception):
    """A check is not met: what was seen, in one line."""


class Skipped(Exception):
    """A check says nothing about this adapter: why, in one line."""


@contextmanager
def adapter_code(what: str, source: str | None) -> Iterator[None]:
    """Whatever adapter code raises fails the check. what: the call. source: the file the adapter is defined in."""
    try:
        yield
    except (Failed, Skipped):
        raise
    except (Exception, SystemExit) as error:
        show_if_debugging(error)
        raise Failed(f"{what}: {told(error, source)}") from error


def show_if_debugging(error: BaseException) -> None:
    """With --debug the whole traceback goes to stderr, and the checks go on."""
    if debugging():
        traceback.print_exception(error)


def told(error: BaseException, source: str | None) -> str:
    """An error in one line, with the last line of the adapter's own file that led to it."""
    what = str(error) if isinstance(error, MadbenchError) else f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if source is not None and frame.filename == source]
    if not own and isinstance(error, MadbenchError):
        return what  # ours: it says what is wrong with what the adapter gave
    place = (own or frames)[-1:]
    return " ".join(what.split()) + "".join(f" ({frame.filename}:{frame.lineno})" for frame in place)


@dataclass(frozen=True)
class Step:
    """What a step took: wall seconds, and the highest memory of the process (and the GPU) during it, in MiB.

    Where the system cannot count a process's memory anew, memory_mb is the highest so far.
    """

    task: str
    name: str
    seconds: float
    memory_mb: float | None
    cuda_mb: float | None = None


@dataclass
class Meter:
    """Measures the steps of one task."""

    task: str
    device: str
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Steps that fail are not noted."""
        _count_memory_anew()
        reset_peak_memory(self.device)
        began = time.perf_counter()
        yield
        memory = peak_memory(self.device)
        self.steps.append(
            Step(
                self.task,
                name,
                round(time.perf_counter() - began, 3),
                memory["peak_rss_mb"],
                memory["peak_cuda_mb"],
            )
        )


def _count_memory_anew() -> None:
    """Linux: the highest resident size of this process begins again at what it is now."""
    try:
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")
    except OSError:
        return
