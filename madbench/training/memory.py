"""Out of memory: telling it, and finding how many examples fit at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from madbench.errors import MadbenchError


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch found no memory, on a device or (as a plain RuntimeError) on the host."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def out_of_memory(at_once: int, effective: int, device: str) -> MadbenchError:
    """The error a person sees. at_once: examples of the attempt; effective: of a whole update, over all processes."""
    if at_once <= 1:
        return MadbenchError(
            f"out of memory on {device}: not even one example fits",
            fix="choose a smaller student, shorter texts (--set student.max_tokens=...) or --precision bf16",
        )
    half = at_once // 2
    return MadbenchError(
        f"out of memory on {device} with {at_once} examples at once",
        fix=f"use --batch-size {half} or --batch-size auto (updates still see {effective}), "
        f"or smaller updates: --set training.batch_examples={half}",
    )


def most_that_fit(attempt: Callable[[int], None], start: int, device: str = "cpu") -> int:
    """The first of start, start/2, start/4 ... for which `attempt` finds memory.

    Raises MadbenchError when one example does not fit.
    """
    size = max(1, start)
    while True:
        failed = False
        try:
            attempt(size)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            failed = True
        # Outside the handler: the error holds the frames, and they hold the tensors that did not fit.
        if not failed:
            return size
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
        if size == 1:
            raise out_of_memory(1, start, device)
        size //= 2


def room_for_moments(module: nn.Module) -> list[torch.Tensor]:
    """As much memory as the optimiser will take beside the gradients: two numbers a parameter."""
    trained = [one for one in module.parameters() if one.requires_grad]
    return [torch.empty_like(one) for one in trained for _ in range(2)]
