"""Worker processes on this machine: each takes a chain of cells, runs it, says so, and takes another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait

from madbench.errors import MadbenchError
from madbench.harness.cell import Cell
from madbench.harness.execution import POLL_SECONDS, Chain, Execution, Outcome, attempt, note_error
from madbench.harness.locks import Busy, is_locked
from madbench.harness.processes import end_with
from madbench.harness.progress import Lines

PROGRESS_SECONDS = 0.5


class _Worker:
    """A process, the chain it works on, and the pipe to it."""

    def __init__(self, context, how: Execution, gpu: str | None):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, how, os.getpid(), gpu), daemon=True)
        self.process.start()
        theirs.close()
        self.chain: Chain | None = None
        self.place = 0
        self.task: str | None = None

    def give(self, chain: Chain | None) -> None:
        self.chain, self.place = chain, 0
        if chain is not None:
            self.task = chain[0].task
        self.pipe.send(chain)


class Pool:
    """jobs: how many workers. gpus: shared out among them, where there is more than one."""

    def __init__(self, chains: Sequence[Chain], how: Execution, display: Lines, jobs: int, gpus: Sequence[str] = ()):
        self.waiting = list(chains)
        self.elsewhere: deque[Chain] = deque()  # what other runs work on; tried again when nothing else is left
        self.gpus = gpus
        self.how, self.display, self.jobs = how, display, jobs
        self.outcome = Outcome()
        self.stopping = False
        self.tasks_given: set[str] = set()
        self.told: set[str] = set()

    def run(self) -> Outcome:
        # Workers read these when they start torch; sums then do not depend on the number of cores.
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        context = multiprocessing.get_context("spawn")
        workers = [_Worker(context, self.how, self._gpu(number)) for number in range(self.jobs)]
        try:
            for worker in workers:
                self._next(worker)
            while busy := [worker for worker in workers if worker.chain is not None]:
                for pipe in wait([worker.pipe for worker in busy]):
                    self._receive(next(worker for worker in busy if worker.pipe is pipe))
        except BaseException:
            for worker in workers:
                worker.process.kill()
            raise
        finally:
            for worker in workers:
                worker.process.join(timeout=10)
        self.outcome.not_started = sum(len(chain) for chain in (*self.waiting, *self.elsewhere))
        return self.outcome

    def _gpu(self, number: int) -> str | None:
        return self.gpus[number % len(self.gpus)] if len(self.gpus) > 1 else None

    def _next(self, worker: _Worker) -> None:
        """Another chain for a worker, of the task whose rows it has read if there is one; None ends it."""
        if self.stopping or not (self.waiting or self.elsewhere):
            worker.give(None)
            return
        if not self.waiting:
            worker.give(self.elsewhere.popleft())
            return
        place = next((at for at, chain in enumerate(self.waiting) if chain[0].task == worker.task), 0)
        if worker.task is None:  # spread the tasks over the workers
            place = next((at for at, chain in enumerate(self.waiting) if chain[0].task not in self.tasks_given), 0)
        chain = self.waiting.pop(place)
        self.tasks_given.add(chain[0].task)
        worker.give(chain)

    def _receive(self, worker: _Worker) -> None:
        try:
            kind, content = worker.pipe.recv()
        except EOFError:
            self._died(worker)
            return
        cell = worker.chain[worker.place] if worker.place < len(worker.chain) else None
        if kind == "started":
            self.display.started(cell.label)
        elif kind == "progress":
            self.display.progress(cell.label, *content)
        elif kind == "ended":
            worker.place += 1
            self._ended(cell, content)
        elif kind == "busy":
            self._busy(worker, cell)
        elif kind == "idle":
            self._not_started(worker)
            self._next(worker)

    def _ended(self, cell: Cell, error: MadbenchError | None) -> None:
        self.outcome.take(cell, error, self.display)
        self.stopping = self.stopping or (error is not None and not self.how.keep_going)

    def _busy(self, worker: _Worker, cell: Cell) -> None:
        """Another run works on a cell: it and the rest of its chain, which needs what it trains, come last."""
        if cell.run_id not in self.told:
            self.display.elsewhere(cell.label)
        self.told.add(cell.run_id)
        self.elsewhere.append(worker.chain[worker.place :])
        worker.chain = worker.chain[: worker.place]

    def _not_started(self, worker: _Worker) -> None:
        rest = worker.chain[worker.place :]
        if rest:
            self.waiting.append(rest)

    def _died(self, worker: _Worker) -> None:
        """A worker that is gone without a word, usually for want of memory. Its cells are not tried again."""
        cell = worker.chain[worker.place]
        worker.process.join(timeout=10)
        error = MadbenchError(
            f"the worker process ended with code {worker.process.exitcode}",
            fix="it may have run out of memory: try --jobs 1",
        )
        note_error(cell, self.how.store, error)
        self._ended(cell, error)
        worker.chain = None
        self.stopping = True


def _work(pipe: Connection, how: Execution, parent: int, gpu: str | None) -> None:
    """A worker's whole life: take a chain, run its cells, say so; until it is given None."""
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before torch looks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    end_with(parent)
    from madbench.plugins import load_plugin

    for plugin in how.plugins:
        load_plugin(plugin)
    told: set[str] = set()
    while (chain := pipe.recv()) is not None:
        for cell in chain:
            if cell.run_id in told and is_locked(how.store.folder(cell).path):
                time.sleep(POLL_SECONDS)
                pipe.send(("busy", None))
                break
            pipe.send(("started", None))
            error = attempt(cell, how, _Throttled(pipe))
            if isinstance(error, Busy):
                told.add(cell.run_id)
                pipe.send(("busy", None))
                break
            pipe.send(("ended", error))
            if error is not None and not how.keep_going:
                break
        pipe.send(("idle", None))


class _Throttled:
    """Sends progress at most twice a second."""

    def __init__(self, pipe: Connection):
        self.pipe, self.last = pipe, 0.0

    def __call__(self, done: int, total: int, what: str = "") -> None:
        if time.monotonic() - self.last >= PROGRESS_SECONDS:
            self.last = time.monotonic()
            self.pipe.send(("progress", (done, total, what)))
