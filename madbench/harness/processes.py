"""The processes of one training, as a launcher starts them. Imports no torch: the variables say it all.

Every process runs the same command. Rank 0 plans, decides, scores, writes and prints; the others fit and predict their
share of what it says (`madbench.harness.following`). How many there are is not part of a cell's identity, as the device is
not: rows, effective batch and loss are the same, sums are taken in another order and dropout draws other numbers.
"""

from __future__ import annotations

import os
import threading
import time

# How long a process that has lost the others waits to be ended by the launcher, which knows who failed first.
PATIENCE_S = 10.0


def launched() -> bool:
    """Whether a launcher (`accelerate launch`, torchrun) started this process beside others."""
    return world() > 1


def world() -> int:
    if not {"RANK", "LOCAL_RANK", "MASTER_ADDR"} <= os.environ.keys():
        return 1
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    return int(os.environ["RANK"]) if launched() else 0


def lost_others(error: BaseException) -> bool:
    """Whether an error only says that another process is gone: that one's error is the one to tell."""
    words = str(error)
    return launched() and isinstance(error, RuntimeError) and any(one in words for one in ("gloo", "NCCL", "peer"))


def end_with(parent: int) -> None:
    """A process whose parent was killed must not go on: the next run would find its cell taken."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def wait_for_the_end() -> None:
    time.sleep(PATIENCE_S)
