"""Several processes that train one model: who is who, and small messages between them.

The processes are those of `accelerate launch` (torchrun's environment variables); accelerate starts the process group.
Gradients travel by its data parallel; the messages here go over a CPU group of their own, on which a process may wait for
hours: rank 0 reads data, scores and writes while the others wait.
"""

from __future__ import annotations

import gc
import os
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, PartialState
from accelerate.state import AcceleratorState

PATIENCE = timedelta(days=14)
_NAMES = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


class Group:
    """The processes of this run. One process: `rank` 0 of `world` 1, and every message is its own answer."""

    rank, world = 0, 1

    def broadcast(self, value: Any = None) -> Any:
        """Rank 0's value, on every rank."""
        return value

    def gather(self, value: Any) -> list[Any]:
        """Everybody's value in the order of ranks, on rank 0; elsewhere an empty list."""
        return [value]


class LaunchedGroup(Group):
    """The processes of a launch. device: `cpu` or `cuda`; a GPU is the one of the local rank."""

    def __init__(self, device: str):
        self._state = PartialState(cpu=device == "cpu", timeout=PATIENCE)
        self.rank, self.world = self._state.process_index, self._state.num_processes
        self._messages = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)

    def broadcast(self, value: Any = None) -> Any:
        box = [value]
        torch.distributed.broadcast_object_list(box, src=0, group=self._messages, device=torch.device("cpu"))
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        found: list[Any] = [None] * self.world if self.rank == 0 else []
        torch.distributed.gather_object(value, found or None, dst=0, group=self._messages)
        return found

    def close(self) -> None:
        """Leave, and end the threads that carried messages and gradients.

        gloo's threads give tensors back to Python after a message has arrived. One that does so while the interpreter
        shuts down aborts the process, so every reference to a group goes first (data parallel keeps some in cycles):
        a group that nobody holds waits for its threads.
        """
        del self._messages
        gc.collect()
        torch.distributed.destroy_process_group()


_ours: Group | None = None


def group(device: str = "cpu") -> Group:
    """The group this process belongs to; started on the first call, whose device it keeps."""
    global _ours
    if _ours is None:
        launched = {"RANK", "LOCAL_RANK", "MASTER_ADDR"} <= os.environ.keys()
        _ours = LaunchedGroup(device) if launched and int(os.environ.get("WORLD_SIZE", "1")) > 1 else Group()
    return _ours


def accelerator_for(device: str, precision: str = "fp32") -> Accelerator:
    """An accelerator for one training. precision: `fp32`, `bf16` or `fp16`."""
    group(device)
    wanted = _NAMES[precision]
    known = AcceleratorState._shared_state
    if known and known.get("_mixed_precision") != wanted:
        # A process may train one model in float32 and then another in bfloat16; the process group stays.
        AcceleratorState._reset_state()
    # Which parameters a step uses depends on the options (a pooler, a head, a stream of unlabelled examples).
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(cpu=device == "cpu", mixed_precision=wanted, kwargs_handlers=[unused])
