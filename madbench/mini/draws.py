"""Random numbers that are the same on every machine, cheap enough for millions of small choices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# What a generator is for: two roles never share one, so pretraining images never coincide with evaluated ones.
ROLES = {"pretraining": 1, "scenes": 2, "noise": 3, "test": 4, "regions": 5}


def generator(role: str, *numbers: int) -> np.random.Generator:
    """A PCG64 generator for one purpose; other numbers or another role give an independent stream."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([20220422, ROLES[role], *numbers])))


class Draws:
    """Scalar choices out of blocks of uniform doubles.

    One call of a numpy generator costs microseconds; a world needs millions of choices. Only `Generator.random` is
    used, and only through products that are exact in double arithmetic, so no platform or numpy release differs.
    """

    def __init__(self, rng: np.random.Generator, block: int = 1 << 14):
        self._rng = rng
        self._block = block
        self._values: list[float] = []

    def uniform(self) -> float:
        """A double in [0, 1)."""
        if not self._values:
            self._values = self._rng.random(self._block).tolist()
        return self._values.pop()

    def below(self, n: int) -> int:
        """An integer 0 .. n-1."""
        return int(self.uniform() * n)

    def between(self, low: int, high: int) -> int:
        """An integer low .. high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return self.uniform() < probability

    def pick(self, items: Sequence):
        return items[int(self.uniform() * len(items))]

    def weighted(self, weights: Sequence[int]) -> int:
        """An index with probability proportional to its integer weight."""
        point = int(self.uniform() * sum(weights))
        for index, weight in enumerate(weights):
            point -= weight
            if point < 0:
                return index
        return len(weights) - 1

    def other(self, n: int, taken: int) -> int:
        """An integer 0 .. n-1 other than `taken`."""
        value = self.below(n - 1)
        return value + (value >= taken)

    def shuffled(self, items: Sequence) -> list:
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            place = self.below(last + 1)
            order[last], order[place] = order[place], order[last]
        return order
