"""The mini world on disk: written once per content hash, task by task, safely beside other processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from madbench.errors import UsageError, did_you_mean
from madbench.files import sha256_of
from madbench.home import home
from madbench.mini import regions, snli_ve_world, vcr_files, vqa_files

# Raise it whenever any sentence, picture or file of mini changes.
GENERATOR = "mini-5"
TASKS = ("vcr", "snli_ve", "vqa")

# Images per split. About 40,000 training questions a task, so that 1 % is about 400, and 2,000 to 2,200 to report on.
SIZES: dict[str, dict[str, int]] = {
    "vcr": {"train": 10_000, "val": 560, "test": 50},
    "snli_ve": {"train": 4_450, "dev": 223, "test": 223},
    "vqa": {"train": 7_400, "val": 410, "test": 40},
}
# Worlds with different seeds share no picture; pretraining draws from generators of its own.
WORLD_SEED, TUNING_SEED = 0, 1
COMPLETE = "COMPLETE"

_WRITERS = {"vcr": vcr_files.write, "snli_ve": snli_ve_world.write, "vqa": vqa_files.write}


def content_hash(seed: int = WORLD_SEED, sizes: Mapping[str, Mapping[str, int]] | None = None) -> str:
    """Twelve hex digits of the generator's version and the configuration, not of the bytes.

    Annotations and pixels before compression are the same on every machine; JPEG bytes may differ between Pillow
    builds, and the fingerprint of a record covers the annotations only.
    """
    return sha256_of({"generator": GENERATOR, "seed": seed, "sizes": sizes or SIZES})[:12]


def folder(seed: int = WORLD_SEED) -> Path:
    """Where a world lies: `<madbench home>/mini-<hash12>`; not created here."""
    return home() / f"mini-{content_hash(seed)}"


def ensure(task: str | None = None, seed: int = WORLD_SEED) -> Path:
    """The root of a task's files, written first if need be (5 to 10 s a task); without a task, all three and the world's folder.

    seed: TUNING_SEED for the world that models are tuned on, which no table shows.

    Several processes may call it at once: each writes to a folder of its own, and the first to finish is kept.
    """
    if task is None:
        for one in TASKS:
            ensure(one, seed)
        return folder(seed)
    _known(task)
    root = folder(seed) / task
    if not (root / COMPLETE).is_file():
        _write_and_rename(root, lambda temporary: write_world(task, temporary, seed), _is_complete)
    return root


def ensure_regions(task: str, seed: int = WORLD_SEED) -> Path:
    """The folder of a task's region features in a world, written first if need be (some 20 s a task).

    They are no part of the world as it is first written: only models that read regions need them.
    """
    root = ensure(task, seed)
    out = root / regions.FOLDER
    return out if regions.is_complete(out, seed) else write_regions(task, root, seed)


def write_regions(task: str, root: Path, seed: int = WORLD_SEED) -> Path:
    """Write the region features of a whole world that lies at `root`, and return their folder; it appears complete."""
    out = root / regions.FOLDER
    write = lambda temporary: regions.write(task, temporary, seed, SIZES[task])  # noqa: E731
    _write_and_rename(out, write, lambda folder: regions.is_complete(folder, seed))
    return out


def write_world(task: str, out: Path, seed_base: int = WORLD_SEED, sizes: Mapping[str, int] | None = None) -> Path:
    """Write one task's files below `out` (created) and return it.

    seed_base: worlds with different ones share no picture. sizes: images per split; a split left out is not written.
    """
    _known(task)
    out.mkdir(parents=True, exist_ok=True)
    _WRITERS[task](out, seed_base, dict(sizes if sizes is not None else SIZES[task]))
    (out / COMPLETE).write_text(f"{GENERATOR} seed {seed_base}\n", encoding="utf-8")
    return out


def _is_complete(root: Path) -> bool:
    return (root / COMPLETE).is_file()


def _write_and_rename(root: Path, write: Callable[[Path], object], is_complete: Callable[[Path], bool]) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        temporary.chmod(0o755)
        write(temporary)
        if root.is_dir() and not is_complete(root):
            # Damaged by somebody, or of another version: ours appear complete, by a rename.
            shutil.rmtree(root, ignore_errors=True)
        try:
            os.replace(temporary, root)
        except OSError:
            # Another process was first; both wrote the same.
            if not is_complete(root):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _known(task: str) -> None:
    if task not in TASKS:
        hint = did_you_mean(task, TASKS)
        raise UsageError(
            f"mini has no task '{task}'" + (f"; {hint}" if hint else ""), fix=f"choose from {', '.join(TASKS)}"
        )
