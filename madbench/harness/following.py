"""What the processes beside rank 0 do: train and predict with it what it says, until it says that there is no more."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from madbench.errors import MadbenchError
from madbench.harness.processes import lost_others, rank, wait_for_the_end, world
from madbench.tasks.contract import Split

if TYPE_CHECKING:
    from madbench.harness.runner import Settings

# Rank 0 usually fails of the same cause and tells it; only when it is silent, another process does.
SILENCE_S = 5.0


def follow(settings: Settings) -> None:
    """Serve rank 0. Raises MadbenchError for what went wrong here and not there."""
    from madbench.harness.device import one_thread, resolve_device
    from madbench.harness.runner import follow_cell
    from madbench.training.distribution import group

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ctrl-c: rank 0 says so, this process just ends
    one_thread()
    ours = group(resolve_device(settings.device))
    try:
        while (cell := ours.broadcast()) is not None:
            follow_cell(cell, settings, ours)
    except Exception as error:
        if lost_others(error):
            wait_for_the_end()
            raise SystemExit(1) from None
        time.sleep(SILENCE_S)
        what = str(error) if isinstance(error, MadbenchError) else f"{type(error).__name__}: {error}"
        fix = getattr(error, "fix", "") or "run it with one process, or with --debug"
        raise MadbenchError(f"process {rank() + 1} of {world()}: {what}", fix=fix) from error
    ours.close()


def predict_together(adapter: Any, split: Split, group: Any) -> np.ndarray | list[str] | None:
    """An adapter's output on a split of which each process predicts its share; None beside rank 0.

    group: `madbench.training.distribution.Group`. Every example is predicted once.
    """
    if group.world == 1:
        return adapter.predict(split)
    own = split[group.rank :: group.world]
    output = adapter.predict(Split(own, leg=split.leg, n_choices=split.n_choices)) if own else []
    shares = group.gather(output)
    return merged(shares, len(split)) if group.rank == 0 else None


def merged(shares: Sequence[Any], count: int) -> np.ndarray | list[str]:
    """Strided shares put together again. Raises MadbenchError when one has another length than its share."""
    found: list[Any] = [None] * count
    for place, share in enumerate(shares):
        try:
            found[place :: len(shares)] = list(share)
        except ValueError:
            raise MadbenchError(
                f"process {place + 1} of {len(shares)} predicted {len(share)} examples, its share is another number",
                fix="return one row per example of the split",
            ) from None
    return found if isinstance(found[0], str) else np.stack(found)
