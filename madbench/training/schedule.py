"""Pure functions of the step: how many examples, which rows, which learning rate."""

from __future__ import annotations

import functools
import math

import numpy as np


def examples_to_see(n_train: int, passes: float, minimum: int, maximum: int, budget: int | None = None) -> int:
    """passes x n_train, at least `minimum`, at most `maximum` and never more than the protocol's budget, if given."""
    wanted = min(max(round(passes * n_train), minimum), maximum)
    return max(1, wanted if budget is None else min(wanted, budget))


def learning_rate_factor(step: int, total: int, warmup: float) -> float:
    """Linear warm-up over the first `warmup` share of updates, then linear decay to 0. step counts from 0."""
    rising = max(1, math.ceil(warmup * total))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (total - step) / max(1, total - rising))


@functools.lru_cache(maxsize=8)
def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of 0..n-1 that depends on (n, seed, epoch) only."""
    return np.random.default_rng([seed, epoch, n]).permutation(n)


def batch_rows(step: int, batch: int, n: int, seed: int) -> np.ndarray:
    """Rows of update `step`: consecutive slices of one endless sequence of epoch permutations."""
    start = step * batch
    rows = []
    while len(rows) < batch:
        position = start + len(rows)
        epoch, offset = divmod(position, n)
        rows.extend(epoch_order(n, seed, epoch)[offset : offset + batch - len(rows)].tolist())
    return np.array(rows, np.int64)


def evaluation_steps(total: int, points: int) -> list[int]:
    """`points` evenly spaced update counts, the last at the end; fewer when there are fewer updates."""
    return sorted({max(1, round(total * point / points)) for point in range(1, points + 1)})
