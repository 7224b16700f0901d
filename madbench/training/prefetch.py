"""Batches made ahead in background threads, in order, so that a device does not wait for pictures to be opened."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Prefetcher(Generic[Made]):
    """Gives `make(step)` for start, start + 1, ... stop - 1. waited_s: seconds that the consumer waited.

    ahead: how many are made before they are asked for; 0 makes each when it is asked for, in the calling thread.
    What `make` raises is raised where its batch is asked for. Use as a context manager: leaving it ends the threads.
    """

    def __init__(self, make: Callable[[int], Made], start: int, stop: int, ahead: int = 3, threads: int = 2):
        self.make, self.start, self.stop, self.ahead = make, start, stop, ahead
        self.waited_s = 0.0
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="batches") if ahead > 0 else None

    def __enter__(self) -> Prefetcher[Made]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[Made]:
        waiting: deque = deque()
        following = self.start
        for _ in range(self.start, self.stop):
            began = time.monotonic()
            if self._pool is None:
                made = self.make(following)
                following += 1
            else:
                while following < self.stop and len(waiting) <= self.ahead:
                    waiting.append(self._pool.submit(self.make, following))
                    following += 1
                made = waiting.popleft().result()
            self.waited_s += time.monotonic() - began
            yield made
