"""Which rows are in which batch: pure functions of (lengths, seed, epoch), so that a resumed run goes on exactly.

Length-bucketed batches put examples of like length together and fill them up to a budget of tokens. The idea is that of
UNITER's TokenBucketSampler (ChenRocks/UNITER 1dbfa62, data/sampler.py), without its global random state.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from madbench.training.schedule import batch_rows, epoch_order

BUCKET = 65_536


def batches(
    lengths: np.ndarray,
    *,
    budget_tokens: int | None = None,
    batch_examples: int | None = None,
    seed: int,
    epoch: int,
    bucket: int = BUCKET,
) -> list[np.ndarray]:
    """The batches of one epoch: int64 arrays of rows, every row in exactly one.

    lengths: tokens of each example, int [N]; or [N, 2], text and image, which a student packs one after the other.
    budget_tokens: a batch costs at most this many tokens after padding; one example alone may cost more.
    batch_examples: a batch has at most this many examples. Give one of the two, or both.
    bucket: examples of the shuffled epoch that are sorted together; more waste less and shuffle less.
    """
    if budget_tokens is None and batch_examples is None:
        raise ValueError("give budget_tokens, batch_examples, or both")
    tokens = _tokens(lengths)
    if not len(tokens):
        raise ValueError("no examples to make batches of")
    order = epoch_order(len(tokens), seed, epoch)
    found: list[np.ndarray] = []
    for start in range(0, len(order), bucket):
        rows = order[start : start + bucket]
        # Shuffled before, sorted stably: which of many equally long examples meet changes with the epoch.
        rows = rows[np.argsort(tokens[rows], kind="stable")]
        found += _filled(rows, tokens[rows], budget_tokens, batch_examples)
    places = np.random.default_rng([seed, epoch, len(tokens), 1]).permutation(len(found))
    return [found[place] for place in places]


def padding_waste(lengths: np.ndarray, batches_of_epoch: list[np.ndarray]) -> float:
    """Share of the padded tokens that are padding, in 0..1. lengths: as in `batches`."""
    tokens = _tokens(lengths)
    padded = sum(int(tokens[rows].max()) * len(rows) for rows in batches_of_epoch)
    return 1 - sum(int(tokens[rows].sum()) for rows in batches_of_epoch) / padded


def _tokens(lengths: np.ndarray) -> np.ndarray:
    """int64 [N]: text and image together."""
    table = np.asarray(lengths, np.int64)
    return table if table.ndim == 1 else table.sum(1)


def _filled(rows: np.ndarray, lengths: np.ndarray, tokens: int | None, examples: int | None) -> list[np.ndarray]:
    """Rows from the shortest to the longest, cut into batches that keep within the limits."""
    cut, start = [], 0
    for place, longest in enumerate(lengths.tolist()):
        count = place - start + 1
        too_many = examples is not None and count > examples
        too_long = tokens is not None and count * longest > tokens
        if count > 1 and (too_many or too_long):
            cut.append(rows[start:place])
            start = place
    return [*cut, rows[start:]]


class ExampleBatches:
    """Always `size` examples: consecutive slices of one endless sequence of epoch permutations."""

    def __init__(self, n: int, size: int, seed: int):
        self.n, self.size, self.seed = n, size, seed

    def rows(self, step: int) -> np.ndarray:
        return batch_rows(step, self.size, self.n, self.seed)

    def updates(self, examples: int) -> int:
        """How many updates see at most so many examples (at least one update)."""
        return max(1, examples // self.size)

    def seen(self, updates: int) -> int:
        """Examples that the first `updates` see."""
        return updates * self.size


class TokenBatches:
    """Length-bucketed batches, epoch after epoch. budget_tokens, batch_examples: as in `batches`."""

    def __init__(
        self,
        lengths: np.ndarray,
        *,
        budget_tokens: int,
        seed: int,
        batch_examples: int | None = None,
        bucket: int = BUCKET,
    ):
        self.lengths, self.seed, self.bucket = np.asarray(lengths), seed, bucket
        self.budget_tokens, self.batch_examples = budget_tokens, batch_examples
        self._starts = [0]  # first update of each epoch known so far
        self._kept: dict[int, list[np.ndarray]] = {}
        self._lock = threading.Lock()  # batches are made ahead in several threads

    def rows(self, step: int) -> np.ndarray:
        with self._lock:
            return self._rows(step)

    def _rows(self, step: int) -> np.ndarray:
        while self._starts[-1] <= step:
            self._starts.append(self._starts[-1] + len(self._epoch(len(self._starts) - 1)))
        epoch = bisect_right(self._starts, step) - 1
        return self._epoch(epoch)[step - self._starts[epoch]]

    def updates(self, examples: int) -> int:
        seen = updates = 0
        while (seen := seen + len(self.rows(updates))) <= examples:
            updates += 1
        return max(1, updates)

    def seen(self, updates: int) -> int:
        return sum(len(self.rows(step)) for step in range(updates))

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        if epoch not in self._kept:
            while len(self._kept) > 1:
                self._kept.pop(min(self._kept))
            self._kept[epoch] = batches(
                self.lengths,
                budget_tokens=self.budget_tokens,
                batch_examples=self.batch_examples,
                seed=self.seed,
                epoch=epoch,
                bucket=self.bucket,
            )
        return self._kept[epoch]


@dataclass(frozen=True)
class GlobalBatch:
    """What one update sees, over all processes. rows: name of a stream (`train`, `pool`) -> its rows.

    costs: per stream the tokens of each row, where parts should be balanced by them; totals: rows of the whole update,
    by which losses are divided. step: which update it is.
    """

    rows: Mapping[str, np.ndarray]
    costs: Mapping[str, np.ndarray] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    step: int = 0

    def __post_init__(self) -> None:
        if not self.totals:
            object.__setattr__(self, "totals", {name: len(rows) for name, rows in self.rows.items()})

    def __len__(self) -> int:
        """Rows of its longest stream."""
        return max((len(rows) for rows in self.rows.values()), default=0)

    def parts(self, pieces: int) -> list[GlobalBatch]:
        """As many batches of about equal size and cost that make up this one; some may be empty. One piece is itself."""
        if pieces == 1:
            return [self]
        cut: list[dict[str, np.ndarray]] = [{} for _ in range(pieces)]
        costs: list[dict[str, np.ndarray]] = [{} for _ in range(pieces)]
        for name, rows in self.rows.items():
            cost = self.costs.get(name)
            order = np.arange(len(rows)) if cost is None else np.argsort(cost, kind="stable")
            for place in range(pieces):
                own = order[place::pieces]
                cut[place][name] = rows[own]
                if cost is not None:
                    costs[place][name] = cost[own]
        return [GlobalBatch(rows, cost, self.totals, self.step) for rows, cost in zip(cut, costs, strict=True)]
