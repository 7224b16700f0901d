"""`madbench doctor`: versions, devices, folders and data, for the top of a bug report."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

PACKAGES = (
    "torch",
    "transformers",
    "open_clip_torch",
    "accelerate",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "pydantic",
    "typer",
    "safetensors",
    "pillow",
)


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show versions, devices, folders and data.

    Exit code 1 when something would stop a run.
    """
    import json

    findings = examine()
    if as_json:
        typer.echo(json.dumps(findings, indent=1))
    else:
        for line in as_lines(findings):
            typer.echo(line)
    if findings["problems"]:
        raise typer.Exit(1)


def examine() -> dict[str, Any]:
    """Everything a run depends on outside of its protocol and model, and what is wrong with it."""
    from madbench import __version__
    from madbench.home import home, shipped
    from madbench.tasks.sources import registered

    problems: list[str] = []
    folders = {"home": home(), "runs": Path.cwd() / "runs"}
    for name, folder in folders.items():
        if not writable(folder):
            problems.append(f"{name}: {folder} is not writable")
    for name in ("protocols", "baselines", "leaderboards"):
        if not any(shipped(name).glob("*.yaml")):
            problems.append(f"{name}: nothing below {shipped(name)}; the installation is incomplete")
    data = {}
    for task, root in registered().items():
        data[task] = str(root)
        if not root.is_dir():
            problems.append(f"data: {task} is registered at {root}, which is not there")
    versions = _versions()
    problems += [f"package {name} is not installed" for name, version in versions.items() if version is None]
    return {
        "madbench": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "executable": sys.executable,
        "packages": versions,
        "devices": _devices(),
        "cores": os.cpu_count(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "folders": {name: str(folder) for name, folder in folders.items()},
        "data": data or "none registered: everything runs on the embedded mini data",
        "problems": problems,
    }


def as_lines(findings: dict[str, Any]) -> Iterator[str]:
    for name, value in findings.items():
        if name == "problems":
            continue
        if isinstance(value, dict):
            yield f"{name}:"
            yield from (f"  {key}: {item}" for key, item in value.items())
        elif isinstance(value, list):
            yield f"{name}: {', '.join(value)}"
        else:
            yield f"{name}: {value}"
    yield from (f"problem: {problem}" for problem in findings["problems"])
    yield f"{len(findings['problems'])} problems" if findings["problems"] else "ready"


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the nearest parent it would be made in."""
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _versions() -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _devices() -> list[str]:
    import torch

    names = [f"cuda:{index} {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())]
    return ["cpu", *names]
