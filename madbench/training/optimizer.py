"""AdamW with a learning rate per group of parameters, and the state that a resumed training needs."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def adamw(
    module: nn.Module, learning_rate: float, weight_decay: float, multipliers: dict[str, float], epsilon: float = 1e-8
) -> torch.optim.Optimizer:
    """Fused AdamW. multipliers: name prefix -> factor on the learning rate; each group keeps its peak as `peak`."""
    groups: dict[tuple[float, float], list] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        factor = next((value for prefix, value in multipliers.items() if name.startswith(prefix)), 1.0)
        # As in UNITER and BERT: no decay on biases and normalisation, which are the one-dimensional parameters.
        decay = weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "peak": learning_rate * factor, "weight_decay": decay}
            for (factor, decay), parameters in groups.items()
        ],
        lr=learning_rate,
        betas=(0.9, 0.98),
        eps=epsilon,
        fused=True,
    )


def state_of(module: nn.Module, optimizer: Any | None, step: int, scaler: Any | None = None) -> dict:
    """Everything needed to go on after `step` updates: tensors, numbers and nested dicts only."""
    state = {"step": step, "module": {name: value.detach().clone() for name, value in module.state_dict().items()}}
    if optimizer is not None:
        moments = optimizer.state_dict()["state"]
        # Cloned: the optimiser goes on writing into its moments after the state was taken.
        state["optimizer"] = {
            str(key): {name: value.clone() for name, value in entry.items()} for key, entry in moments.items()
        }
    if scaler is not None:
        state["scaler"] = scaler.state_dict()
    return state


def load_state(module: nn.Module, optimizer: Any, state: dict, scaler: Any | None = None) -> int:
    """Put a saved state back; returns the number of updates done."""
    module.load_state_dict(state["module"])
    if "optimizer" in state:
        current = optimizer.state_dict()
        current["state"] = {int(key): dict(value) for key, value in state["optimizer"].items()}
        optimizer.load_state_dict(current)
    if scaler is not None and "scaler" in state:
        scaler.load_state_dict(state["scaler"])
    return int(state["step"])
