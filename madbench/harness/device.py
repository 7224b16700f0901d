"""Where a cell computes. torch is imported only when there may be a GPU to ask it about."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from madbench.errors import UsageError

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(device: str) -> str:
    """`cpu` or `cuda`. Raises UsageError for an unknown name, or for cuda where there is none."""
    if device not in DEVICES:
        raise UsageError(f"--device {device}: expected {', '.join(DEVICES)}", fix="use auto")
    if device == "cpu" or (device == "auto" and not may_have_gpu()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise UsageError("--device cuda: torch sees no GPU here", fix="use --device cpu, or auto")
    return "cpu"


def may_have_gpu() -> bool:
    """False when this machine certainly has no GPU that torch could use."""
    if not sys.platform.startswith("linux"):
        return sys.platform == "win32"
    return any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"))


def one_thread() -> None:
    """One thread a process, unless OMP_NUM_THREADS says otherwise.

    Two processes with two threads each on two cores collapse; and sums do not depend on how many cores there are.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
    torch = sys.modules.get("torch")
    if torch is not None and os.environ["OMP_NUM_THREADS"].isdigit():
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
