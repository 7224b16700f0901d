"""The training loop: any module with a `training_step(step) -> loss`, no knowledge of tasks or adapters.

Resuming is exact on a CPU: rows and the learning rate are functions of the step, the dropout generator is seeded from
(seed, step), and module and optimiser come back from the saved state bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from madbench.errors import MadbenchError
from madbench.training.schedule import learning_rate_factor

CHECKPOINT_SECONDS = 30.0


class Trainable(Protocol):
    """A module that turns an update number into a loss (a mean over its batch)."""

    def training_step(self, step: int) -> torch.Tensor: ...


@dataclass(frozen=True)
class LoopOptions:
    """updates: how many. learning_rate: peak. multipliers: name prefix -> factor on it (heads, projections)."""

    updates: int
    learning_rate: float
    warmup: float = 0.1
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    seed: int = 0
    multipliers: dict[str, float] = field(default_factory=dict)


@dataclass
class Hooks:
    """What happens beside the updates. `evaluate` runs after the updates listed in `evaluate_at`."""

    evaluate_at: Sequence[int] = ()
    evaluate: Callable[[int], Any] = lambda step: None
    save: Callable[[dict], None] = lambda state: None
    progress: Callable[[int, int], None] = lambda done, total: None


def train(module: nn.Module, options: LoopOptions, hooks: Hooks, state: dict | None = None) -> float:
    """Run the updates (from a saved `state` on, if given); returns the seconds spent in updates.

    Raises MadbenchError when the loss stops being a number, naming the update.
    """
    optimizer = _optimizer(module, options)
    start = 0
    if state is not None:
        start = load_state(module, optimizer, state)
    module.train()
    seconds, last_saved = 0.0, time.monotonic()
    for step in range(start, options.updates):
        began = time.monotonic()
        torch.manual_seed(options.seed * 1_000_003 + step)
        factor = learning_rate_factor(step, options.updates, options.warmup)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        loss = module.training_step(step)
        if not torch.isfinite(loss):
            raise MadbenchError(
                f"the loss is {loss.item()} at update {step + 1} of {options.updates}",
                fix="lower it: --set training.learning_rate=..., or training.gradient_clip",
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), options.gradient_clip)
        optimizer.step()
        seconds += time.monotonic() - began
        done = step + 1
        hooks.progress(done, options.updates)
        if done in hooks.evaluate_at:
            module.eval()
            hooks.evaluate(done)
            module.train()
        if done in hooks.evaluate_at or time.monotonic() - last_saved > CHECKPOINT_SECONDS:
            hooks.save(state_of(module, optimizer, done))
            last_saved = time.monotonic()
    module.eval()
    return seconds


def state_of(module: nn.Module, optimizer: torch.optim.Optimizer | None, step: int) -> dict:
    """Everything needed to go on after `step` updates: tensors, numbers and nested dicts only."""
    state = {"step": step, "module": {name: value.detach().clone() for name, value in module.state_dict().items()}}
    if optimizer is not None:
        moments = optimizer.state_dict()["state"]
        # Cloned: the optimiser goes on writing into its moments after the state was taken.
        state["optimizer"] = {
            str(key): {name: value.clone() for name, value in entry.items()} for key, entry in moments.items()
        }
    return state


def load_state(module: nn.Module, optimizer: torch.optim.Optimizer, state: dict) -> int:
    """Put a saved state back; returns the number of updates done."""
    module.load_state_dict(state["module"])
    if "optimizer" in state:
        current = optimizer.state_dict()
        current["state"] = {int(key): dict(value) for key, value in state["optimizer"].items()}
        optimizer.load_state_dict(current)
    return int(state["step"])


def _optimizer(module: nn.Module, options: LoopOptions) -> torch.optim.Optimizer:
    groups: dict[tuple[float, float], list] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        factor = next((value for prefix, value in options.multipliers.items() if name.startswith(prefix)), 1.0)
        # As in UNITER and BERT: no decay on biases and normalisation, which are the one-dimensional parameters.
        decay = options.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "peak": options.learning_rate * factor, "weight_decay": decay}
            for (factor, decay), parameters in groups.items()
        ],
        lr=options.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
