"""Where a result comes from: versions, device, memory. No paths, no user names, no host names."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import madbench

PACKAGES = {"torch": "torch", "transformers": "transformers", "open_clip": "open_clip_torch", "numpy": "numpy"}


def environment(device: str) -> dict[str, Any]:
    """device: `cpu` or `cuda`, as resolved for the cell."""
    return {
        "madbench": madbench.__version__,
        "git": git_commit(),
        "python": platform.python_version(),
        **{name: _version(package) for name, package in PACKAGES.items()},
        "device": device_name(device),
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": int(os.environ.get("OMP_NUM_THREADS") or 0) or None,
    }


@cache
def git_commit() -> str | None:
    """The commit of the checkout that madbench runs from, `+changes` when edited; None for an installed package.

    Not of the working directory: that may be anybody's repository.
    """
    root = Path(madbench.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


@cache
def device_name(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return f"cuda: {torch.cuda.get_device_name()}"
    return "cpu"


def peak_memory(device: str) -> dict[str, float | None]:
    """Highest use so far of this process, in MiB: `peak_rss_mb`, `peak_cuda_mb` (None without a GPU)."""
    return {"peak_rss_mb": _peak_rss(), "peak_cuda_mb": _peak_cuda() if device.startswith("cuda") else None}


def reset_peak_memory(device: str) -> None:
    """Begin to count anew for a cell. The highest resident size is of the whole process and cannot be reset."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats()


def _peak_rss() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _peak_cuda() -> float:
    import torch

    return round(torch.cuda.max_memory_allocated() / 2**20, 1)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
