"""Where madbench keeps what it makes: `MADBENCH_HOME`, else the platform's cache folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """The folder for the mini data, caches and registered roots; not created here."""
    chosen = os.environ.get("MADBENCH_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "madbench"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))) / "madbench"
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "madbench"


def shipped(folder: str) -> Path:
    """A folder that ships with madbench: `protocols`, `baselines` or `leaderboards`.

    In a checkout (also installed with `pip install -e .`) it lies beside the package; in a wheel, inside it.
    """
    inside = Path(__file__).parent / "_shipped" / folder
    return inside if inside.is_dir() else Path(__file__).parent.parent / folder
