"""States of a training on disk: for resume while it runs, and the one that is kept. No pickle.

A state is nested dicts, lists and tuples of tensors, arrays, numbers, strings, booleans and None. Tensors and arrays go
into one safetensors file; everything else, as JSON, into its header: one file, so a state is whole or not there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import MadbenchError
from madbench.files import atomic_path, read_json, write_json

RESUME = "resume.safetensors"
BEST = "best.safetensors"
KEPT = "kept.safetensors"


def write_state(path: Path, state: Any, **about) -> None:
    """Write a state atomically. about: JSON values to find beside it. Raises MadbenchError for a type it cannot hold."""
    tensors: dict[str, Any] = {}
    skeleton = _flatten(state, tensors, "state")
    header = {"state": json.dumps(skeleton), "about": json.dumps(about)}
    with atomic_path(path) as temporary:
        if any(not isinstance(value, np.ndarray) for value in tensors.values()):
            import torch
            from safetensors.torch import save_file

            # Clones, because a state may hold views of one memory, which the format refuses.
            plain = {
                name: (torch.from_numpy(value) if isinstance(value, np.ndarray) else value.detach().cpu())
                .clone()
                .contiguous()
                for name, value in tensors.items()
            }
            save_file(plain, temporary, metadata=header)
        else:
            from safetensors.numpy import save_file

            save_file(
                {name: np.ascontiguousarray(value) for name, value in tensors.items()}, temporary, metadata=header
            )


def read_state(path: Path) -> tuple[Any, dict]:
    """(state, about) as written. Tensors come back on the CPU. Raises MadbenchError for a file that is no state."""
    try:
        header = _header(path)
        skeleton, about = json.loads(header["state"]), json.loads(header["about"])
        return _unflatten(skeleton, _Tensors(path)), about
    except (OSError, ValueError, KeyError) as error:
        raise MadbenchError(
            f"not a checkpoint: {error}", where=path, fix="delete the folder of this checkpoint and run again"
        ) from error


@dataclass
class Kept:
    """A checkpoint that outlived its training."""

    path: Path
    step: int

    def read(self) -> Any:
        return read_state(self.path)[0]


class Checkpoints:
    """The states of one running cell.

    A state is matched to an evaluation point by its own "step" entry; a state without one serves resume only.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._step: int | None = None  # of the state in RESUME
        self._evaluated: int | None = None
        self._best: int | None = None

    def save(self, state: Any, **about) -> None:
        """Replace the state to resume from."""
        write_state(self.folder / RESUME, state, **about)
        step = state.get("step") if isinstance(state, Mapping) else None
        self._step = step if isinstance(step, int) else None
        self._mark_best()

    def load(self) -> tuple[Any, dict] | None:
        file = self.folder / RESUME
        if not file.is_file():
            return None
        state, about = read_state(file)
        step = state.get("step") if isinstance(state, Mapping) else None
        self._step = step if isinstance(step, int) else None
        return state, about

    def evaluated(self, step: int, best: int) -> None:
        """An evaluation point is done; `best` is the one the select split prefers so far."""
        self._evaluated, self._best = step, best
        self._mark_best()

    def keep(self, which: str, last: int, chosen: int) -> None:
        """End of the cell: keep one state (`last`, `selected`: that of step `chosen`, or `none`), delete the others."""
        step = {"last": last, "selected": chosen, "none": None}[which]
        file = self._file_of(step) if step is not None else None
        if file is not None:
            os.replace(file, self.folder / KEPT)
            write_json(self.folder / "kept.json", {"step": step, "which": which})
        for name in (RESUME, BEST, "best.json"):
            (self.folder / name).unlink(missing_ok=True)
        if file is None:
            self.clear()

    def kept(self) -> Kept | None:
        note = self.folder / "kept.json"
        if not note.is_file() or not (self.folder / KEPT).is_file():
            return None
        return Kept(self.folder / KEPT, read_json(note)["step"])

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mark_best(self) -> None:
        # Both orders occur: a state saved before the evaluation of its step, and one saved right after it.
        if self._step is None or self._step != self._evaluated or self._evaluated != self._best:
            return
        target = self.folder / BEST
        temporary = self.folder / f".{BEST}"
        temporary.unlink(missing_ok=True)
        try:
            os.link(self.folder / RESUME, temporary)
        except OSError:
            shutil.copyfile(self.folder / RESUME, temporary)
        os.replace(temporary, target)
        write_json(self.folder / "best.json", {"step": self._step})

    def _file_of(self, step: int) -> Path | None:
        if self._step == step and (self.folder / RESUME).is_file():
            return self.folder / RESUME
        note = self.folder / "best.json"
        if note.is_file() and (self.folder / BEST).is_file() and read_json(note)["step"] == step:
            return self.folder / BEST
        return None


def _flatten(value: Any, tensors: dict[str, Any], path: str) -> Any:
    """A JSON form of a value in which every array is replaced by its name in `tensors`."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": repr(value)}
    if isinstance(value, Mapping):
        # Pairs, because JSON would turn the integer keys of optimiser states into text.
        return {"dict": [[_key(key, path), _flatten(item, tensors, f"{path}.{key}")] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_flatten(item, tensors, f"{path}.{place}") for place, item in enumerate(value)]}
    if isinstance(value, np.generic):
        return _flatten(value.item(), tensors, path)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        name = f"{len(tensors):06d}"
        tensors[name] = value
        return {"array": name}
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        name = f"{len(tensors):06d}"
        tensors[name] = value
        return {"tensor": name}
    raise MadbenchError(
        f"a state to save holds a {type(value).__name__} at {path}",
        fix="keep tensors, arrays, numbers, strings, and nested dicts or lists of these",
    )


def _key(key: Any, path: str) -> Any:
    if isinstance(key, (str, int)):
        return key
    raise MadbenchError(f"a state to save has a {type(key).__name__} key at {path}", fix="use text or whole numbers")


def _unflatten(value: Any, tensors: Callable[[str, str], Any]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "dict":
            return {key: _unflatten(item, tensors) for key, item in content}
        case "list":
            return [_unflatten(item, tensors) for item in content]
        case "tuple":
            return tuple(_unflatten(item, tensors) for item in content)
        case "float":
            return float(content)
        case _:
            return tensors(kind, content)


class _Tensors:
    """Gives the tensors of a file as numpy arrays or torch tensors; torch is imported only if one is asked for."""

    def __init__(self, path: Path):
        self._path = path

    def __call__(self, kind: str, name: str) -> Any:
        from safetensors import safe_open

        with safe_open(self._path, framework="pt" if kind == "tensor" else "np") as file:
            return file.get_tensor(name)


def _header(path: Path) -> dict[str, str]:
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > 1 << 30:
            raise ValueError("no safetensors header")
        return json.loads(stream.read(length))["__metadata__"]
