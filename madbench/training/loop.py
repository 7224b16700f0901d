"""The training loop: any module that turns a part of a batch into a loss, no knowledge of tasks or adapters.

accelerate does the device, the precision and the data parallel. An update is the same whatever computes it: rows and the
learning rate are functions of the step, each process takes its share of the update's rows, in pieces where they do not
fit at once, and every loss is a sum divided by the number of examples of the whole update.

Resuming is exact on a CPU: the dropout generator is seeded from (seed, step), and module and optimiser come back from the
saved state bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import nn

from madbench.errors import MadbenchError
from madbench.training.batching import GlobalBatch
from madbench.training.distribution import accelerator_for, group
from madbench.training.memory import is_out_of_memory, most_that_fit, out_of_memory, room_for_moments
from madbench.training.optimizer import adamw, load_state, state_of
from madbench.training.prefetch import Prefetcher
from madbench.training.schedule import learning_rate_factor

CHECKPOINT_SECONDS = 30.0
# Reading a loss makes the host wait for the device, so where there is one, losses are read this many at a time.
LOSSES_AT_ONCE = 20
# Apart from each other by more than any number of updates, so that no two processes drop out alike.
RANK_SEED = 1_000_003 * 7919


class Trainable(Protocol):
    """What can be trained. A module without `prepare` may define `training_step(step) -> loss` instead: it is trained
    whole, in one process, without batches made ahead."""

    def batch(self, step: int) -> GlobalBatch:
        """The rows of update `step`, of all processes."""

    def prepare(self, part: GlobalBatch) -> Any:
        """A part of them as tensors on the CPU; called in background threads, so without random numbers."""

    def forward(self, prepared: Any) -> torch.Tensor:
        """The sum of the part's losses, each divided by its `totals`."""

    def largest(self, examples: int) -> GlobalBatch:
        """The rows that need the most memory, to find out how many fit."""


@dataclass(frozen=True)
class LoopOptions:
    """updates: how many. learning_rate: peak. multipliers: name prefix -> factor on it (heads, projections).

    gradient_clip: longest gradient of an update, None for any. epsilon: AdamW's.

    device, precision: `cpu` or `cuda`; `fp32`, `bf16` or `fp16`. accumulate: pieces of a process's share, at least.
    at_once: most examples of one piece, `auto` to find out, None for all. ahead, threads: batches made before they are
    needed, and by how many threads. deterministic: ask torch for algorithms that repeat.
    """

    updates: int
    learning_rate: float
    warmup: float = 0.1
    weight_decay: float = 0.01
    gradient_clip: float | None = 1.0
    epsilon: float = 1e-8
    seed: int = 0
    multipliers: dict[str, float] = field(default_factory=dict)
    device: str = "cpu"
    precision: str = "fp32"
    accumulate: int = 1
    at_once: int | Literal["auto"] | None = None
    ahead: int = 0
    threads: int = 2
    deterministic: bool = False


@dataclass
class Hooks:
    """What happens beside the updates. `evaluate` runs after the updates listed in `evaluate_at`, in every process;
    `save` and `progress` in the first only."""

    evaluate_at: Sequence[int] = ()
    evaluate: Callable[[int], Any] = lambda step: None
    save: Callable[[dict], None] = lambda state: None
    progress: Callable[[int, int], None] = lambda done, total: None


@dataclass
class Ran:
    """What a training took. seconds: in updates, data_wait_s of them waiting for batches. examples: seen by all
    processes in these updates. losses: of each update, over all processes. at_once: most examples of one forward pass."""

    seconds: float = 0.0
    data_wait_s: float = 0.0
    examples: int = 0
    losses: list[float] = field(default_factory=list)
    at_once: int | None = None
    processes: int = 1

    def booked(self) -> dict[str, float | int | None]:
        """For a record: what was measured in this process, since the training was begun or resumed."""
        return {
            "examples_per_s": self.examples / self.seconds if self.seconds else None,
            "data_wait_s": self.data_wait_s,
            "examples_at_once": self.at_once,
            "processes": self.processes,
        }


def train(module: nn.Module, options: LoopOptions, hooks: Hooks, state: dict | None = None) -> Ran:
    """Run the updates (from a saved `state` on, if given).

    Raises MadbenchError when the loss stops being a number, naming the update, and when memory does not suffice.
    """
    with _determinism(options.deterministic):
        return _Loop(module, options, hooks).run(state)


class _Loop:
    def __init__(self, module: nn.Module, options: LoopOptions, hooks: Hooks):
        self.options, self.hooks = options, hooks
        self.group = group(options.device)
        self.accelerator = accelerator_for(options.device, options.precision)
        self.module = module.to(self.accelerator.device)
        self.whole = not hasattr(module, "prepare")
        if self.whole and self.group.world > 1:
            raise MadbenchError("this model is trained whole, in one process", fix="leave --nproc out")
        self.ran = Ran(processes=self.group.world)
        self._unread: list[torch.Tensor] = []

    def run(self, state: dict | None) -> Ran:
        options, hooks, ran = self.options, self.hooks, self.ran
        at_once = self._at_once()
        plain = adamw(self.module, options.learning_rate, options.weight_decay, options.multipliers, options.epsilon)
        self.compute, self.optimizer = self.accelerator.prepare(self.module, plain)
        start = 0
        if state is not None:
            start = load_state(self.module, self.optimizer, state, self.accelerator.scaler)
        self.module.train()
        last_saved = time.monotonic()

        def make(step: int) -> tuple[int, list[tuple[int, Any]]]:
            return self._made(step, at_once)

        with Prefetcher(make, start, options.updates, 0 if self.whole else options.ahead, options.threads) as batches:
            made = iter(batches)
            for step in range(start, options.updates):
                began = time.monotonic()
                examples, pieces = next(made)
                self._update(step, pieces)
                ran.seconds += time.monotonic() - began
                ran.examples += examples
                done = step + 1
                if self.group.rank == 0:
                    hooks.progress(done, options.updates)
                if done in hooks.evaluate_at:
                    self._read_losses(done)
                    self.module.eval()
                    hooks.evaluate(done)
                    self.module.train()
                due = done in hooks.evaluate_at or time.monotonic() - last_saved > CHECKPOINT_SECONDS
                if due and self.group.rank == 0:
                    hooks.save(state_of(self.module, self.optimizer, done, self.accelerator.scaler))
                    last_saved = time.monotonic()
            self._read_losses(options.updates)
        ran.data_wait_s = batches.waited_s
        self.accelerator.unwrap_model(self.compute, keep_fp32_wrapper=False)
        self.module.eval()
        return ran

    def _made(self, step: int, at_once: int | None) -> tuple[int, list[tuple[int, Any]]]:
        """Examples of the whole update, and this process's pieces of it: (examples, prepared)."""
        if self.whole:
            return 1, [(1, step)]
        everything = self.module.batch(step)
        own = everything.parts(self.group.world)[self.group.rank]
        count = self.options.accumulate
        if at_once is not None:
            count = max(count, -(-len(own) // at_once))
        # Data parallel needs every process in every update: one without rows computes a loss of 0.
        pieces = [piece for piece in own.parts(count) if len(piece)] or [own]
        return len(everything), [(len(piece), self.module.prepare(piece)) for piece in pieces]

    def _update(self, step: int, pieces: Sequence[tuple[int, Any]]) -> None:
        options = self.options
        torch.manual_seed(options.seed * 1_000_003 + step + self.group.rank * RANK_SEED)
        factor = learning_rate_factor(step, options.updates, options.warmup)
        for each in self.optimizer.param_groups:
            each["lr"] = each["peak"] * factor
        self.optimizer.zero_grad(set_to_none=True)
        total = None
        for place, (examples, prepared) in enumerate(pieces):
            self.ran.at_once = max(self.ran.at_once or 0, examples)
            try:
                loss = self._backward(prepared, last=place + 1 == len(pieces), step=step)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise out_of_memory(examples, self._effective(step), options.device) from None
            total = loss if total is None else total + loss
        if options.gradient_clip is not None:
            self.accelerator.clip_grad_norm_(self.module.parameters(), options.gradient_clip)
        self.optimizer.step()
        self._unread.append(total)
        if len(self._unread) >= (1 if options.device == "cpu" and self.group.world == 1 else LOSSES_AT_ONCE):
            self._read_losses(step + 1)

    def _backward(self, prepared: Any, last: bool, step: int) -> torch.Tensor:
        """Gradients of one piece; they are summed over the processes with the last one. Returns its loss, detached."""
        with nullcontext() if last else self.accelerator.no_sync(self.compute):
            loss = self.module.training_step(step) if self.whole else self.compute(prepared)
            if self.options.device == "cpu" and not torch.isfinite(loss):
                raise self._not_a_number(loss.item(), step + 1)
            # Data parallel takes the mean over processes of what is to be summed.
            self.accelerator.backward(loss * self.group.world if self.group.world > 1 else loss)
        return loss.detach()

    def _read_losses(self, done: int) -> None:
        """Losses since the last call, summed over the processes. Raises MadbenchError for one that is no number."""
        if not self._unread:
            return
        losses = torch.stack([one.float() for one in self._unread])
        if self.group.world > 1:
            losses = self.accelerator.reduce(losses, "sum")
        first = done - len(self._unread)
        self._unread = []
        for place, loss in enumerate(losses.tolist()):
            if not torch.isfinite(torch.tensor(loss)):
                raise self._not_a_number(loss, first + place + 1)
            self.ran.losses.append(loss)

    def _not_a_number(self, loss: float, update: int) -> MadbenchError:
        return MadbenchError(
            f"the loss is {loss} at update {update} of {self.options.updates}",
            fix="lower it: --set training.learning_rate=..., or training.gradient_clip",
        )

    def _effective(self, step: int) -> int:
        return 1 if self.whole else len(self.module.batch(step))

    def _at_once(self) -> int | None:
        """Most examples of one piece, the same in every process."""
        wanted = self.options.at_once
        if wanted != "auto" or self.whole:
            return None if wanted == "auto" else wanted
        share = -(-len(self.module.batch(0)) // self.group.world)
        fits = most_that_fit(self._try, share, self.options.device)
        return self.group.broadcast(min(self.group.gather(fits), default=None))

    def _try(self, examples: int) -> None:
        """One forward and backward pass over the largest rows, with room for the optimiser."""
        self.module.train()
        reserved = room_for_moments(self.module) if self.options.device != "cpu" else []
        try:
            with self.accelerator.autocast():
                loss = self.module(self.module.prepare(self.module.largest(examples)))
            loss.backward()
        finally:
            del reserved
            self.module.zero_grad(set_to_none=True)


@contextmanager
def _determinism(wanted: bool) -> Iterator[None]:
    """torch's choice of algorithms for the time of a training; it warns where an operation has none that repeats."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    if wanted:
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Meant to find reads of memory nobody wrote; it costs time and changes nothing else.
        torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = filling
