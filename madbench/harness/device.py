"""Where a cell computes. torch is imported only when there may be a GPU to ask it about."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from madbench.errors import UsageError

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def resolve_device(device: str) -> str:
    """`cpu` or `cuda`. Raises UsageError for an unknown name, or for cuda where there is none."""
    if device not in DEVICES:
        raise UsageError(f"--device {device}: expected {', '.join(DEVICES)}", fix="use auto")
    if device == "cpu" or (device == "auto" and not may_have_gpu()):
        return "cpu"
    before_cuda()
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise UsageError("--device cuda: torch sees no GPU here", fix="use --device cpu, or auto")
    return "cpu"


def resolve_precision(precision: str, device: str) -> str:
    """`fp32`, `bf16` or `fp16`; auto: bf16 on a GPU that computes in it, else fp32. Raises UsageError.

    device: as asked for (`auto`, `cpu` or `cuda`).
    """
    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision}: expected {', '.join(PRECISIONS)}", fix="use auto")
    if precision in ("fp32", "bf16"):
        return precision
    where = resolve_device(device)
    if precision == "fp16":
        if where == "cpu":
            raise UsageError("--precision fp16 is for GPUs", fix="use fp32 or bf16 on a CPU")
        return precision
    if where == "cpu":
        return "fp32"
    import torch

    return "bf16" if torch.cuda.is_bf16_supported() else "fp32"


def before_cuda() -> None:
    """cuBLAS repeats its results only with a workspace of fixed size, and reads that when it starts."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def may_have_gpu() -> bool:
    """False when this machine certainly has no GPU that torch could use."""
    if not sys.platform.startswith("linux"):
        return sys.platform == "win32"
    return any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"))


def gpu_names() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES would name them one by one. Asks no torch."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
    names = [name.strip() for name in listed.split(",")]
    # -1, or nothing, ends the list.
    return names[: next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))]


def one_thread() -> None:
    """One thread a process, unless OMP_NUM_THREADS says otherwise.

    Two processes with two threads each on two cores collapse; and sums do not depend on how many cores there are.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
    torch = sys.modules.get("torch")
    if torch is not None and os.environ["OMP_NUM_THREADS"].isdigit():
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
