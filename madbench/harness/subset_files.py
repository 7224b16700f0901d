"""The subset of a draw for other people's training code: its manifest, and its rows in the official layout.

A subset is the same whoever asks for it, so the manifest printed here is the one that lies beside the record of a run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import madbench
from madbench.errors import UsageError
from madbench.files import read_json, write_json
from madbench.harness.data import load_subset, read_rows
from madbench.protocols import load_protocol
from madbench.protocols.schema import Protocol, Select, Subset
from madbench.registry import TASKS, resolve
from madbench.tasks.sources import Source, fingerprint
from madbench.tasks.subsets import carve, ids_sha256
from madbench.tasks.table import column

# Their select rule is the one of their fraction; other fractions have none unless one is asked for.
SHIPPED = ("lowshot-1pct", "lowshot-5pct", "lowshot-10pct", "full")
MANIFEST = "manifest.json"
PARTS = ("train", "select")


@dataclass(frozen=True)
class SubsetRequest:
    """Which subset. fraction or shots, or a protocol that says both size and select rule.

    select_every: `none`, or every which unit of the subset order selects; None leaves it to the protocol of that size.
    """

    task: str
    draw: int
    fraction: float | None = None
    unit: str | None = None
    shots: int | None = None
    select_every: str | None = None
    protocol: str | None = None


def subset_manifest(request: SubsetRequest, source: Source) -> dict[str, Any]:
    """The manifest that a run writes, and besides: madbench, protocol, training_split, data.

    `evaluated`, where a condition is carved out of the training split: its name -> split, n, sha256 and ids, for those
    rows stand in no file of their own. protocol: where size or select rule come from, None when they were asked for. Raises UsageError, DataError.
    """
    rule = _rule(request)
    _, drawn = load_subset(
        source,
        request.draw,
        subset=rule.subset,
        select=rule.select,
        training=rule.training,
        carved=rule.carved,
    )
    splits = {rule.training} | ({rule.select.split} if rule.select is not None and rule.select.split else set())
    return {
        **drawn.manifest,
        "madbench": madbench.__version__,
        "protocol": rule.protocol,
        "training_split": rule.training,
        "data": {"source": source.kind, "fingerprint": fingerprint(source.layout, splits)},
        **({} if rule.carved is None else {"evaluated": {rule.carved_for: _carved(rule, request.task, source)}}),
    }


def _carved(rule: _Rule, task: str, source: Source) -> dict[str, Any]:
    rows = carve(read_rows(source, rule.training), task, rule.carved)[1]
    ids = sorted(column(rows, "example_id"))
    return {"split": rule.training, "n": len(ids), "sha256": ids_sha256(rows), "ids": ids}


def write_subset(folder: Path, manifest: Mapping[str, Any], source: Source, overwrite: bool = False) -> dict[str, Any]:
    """Write `manifest.json`, `train/` and `select/` (when there are select rows); the manifest with the file names.

    The folder appears whole or not at all. Raises UsageError for a folder with something in it: without `overwrite`,
    or when it is no such subset.
    """
    _check_free(folder, overwrite)
    task = manifest["task"]
    write_part = resolve(f"madbench.tasks.{task}.subset_files:write_part")
    left_out = resolve(f"madbench.tasks.{task}.subset_files:LEFT_OUT")
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        rule = manifest["select_rule"] or {}
        files = {}
        for part, split in (
            ("train", manifest["training_split"]),
            ("select", rule.get("split") or manifest["training_split"]),
        ):
            if manifest[part] is not None:
                files[part] = write_part(source.layout.files[split], manifest[part]["ids"], temporary / part)
        written = {**manifest, "files": files, "left_out": list(left_out)}
        write_json(temporary / MANIFEST, written)
        temporary.chmod(0o755)
        _put(temporary, folder)
        return written
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True)
class _Rule:
    subset: Subset
    select: Select | None
    training: str = "train"
    carved: float | None = None
    carved_for: str | None = None
    protocol: str | None = None


def _rule(request: SubsetRequest) -> _Rule:
    """Size and select rule, from the options or a protocol."""
    task = request.task
    if task not in TASKS:
        raise TASKS.unknown(task)
    if request.draw < 0:
        raise UsageError(f"--draw {request.draw}: expected 0 or more", fix="use --draw 0")
    sized = [name for name in ("fraction", "shots", "protocol") if getattr(request, name) is not None]
    if len(sized) != 1:
        raise UsageError(
            "give one of --fraction, --shots and --protocol" + (f", not {' and '.join(sized)}" if sized else ""),
            fix="e.g. --fraction 0.05, or --protocol lowshot-5pct",
        )
    if request.protocol is not None:
        if request.unit is not None or request.select_every is not None:
            raise UsageError("a protocol says the unit and the select rule", fix="leave out --unit and --select-every")
        protocol = load_protocol(request.protocol)
        if task not in protocol.tasks:
            raise UsageError(f"{protocol.id} has no task {task}", fix=f"it has {', '.join(protocol.tasks)}")
        return _of_protocol(protocol, task)
    if request.fraction is not None and not 0 < request.fraction <= 1:
        raise UsageError(f"--fraction {request.fraction}: expected above 0, up to 1", fix="0.01 is 1 %")
    if request.shots is not None and (request.shots < 1 or request.unit == "image"):
        raise UsageError(f"--shots {request.shots} with unit image" if request.shots > 0 else "--shots below 1",
                         fix="shots count single rows: --shots 16 --unit example")  # fmt: skip
    unit = request.unit or ("image" if request.shots is None else "example")
    if unit not in ("image", "example"):
        raise UsageError(f"--unit {unit}: expected image or example", fix="use --unit image")
    subset = Subset(fraction=request.fraction, shots=request.shots, unit=unit)
    if request.select_every is not None:
        return _Rule(subset, _every(request.select_every))
    for name in SHIPPED:
        protocol = load_protocol(name)
        if protocol.subset == subset and task in protocol.tasks:
            return _of_protocol(protocol, task)
    return _Rule(subset, None)


def _every(text: str) -> Select | None:
    if text == "none":
        return None
    if not text.isdigit() or int(text) < 2:
        raise UsageError(f"--select-every {text}: expected none, or a number from 2", fix="use --select-every 5")
    return Select(every=int(text))


def _of_protocol(protocol: Protocol, task: str) -> _Rule:
    carved = next((one for one in protocol.conditions[task] if one.images is not None), None)
    part = (None, None) if carved is None else (carved.images, carved.name)
    return _Rule(protocol.subset, protocol.select.get(task), protocol.training_split(task), *part, protocol.id)


def _check_free(folder: Path, overwrite: bool) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not folder.exists():
        return
    if not overwrite:
        raise UsageError(f"{folder} is there already", fix="name a new folder, or add --overwrite")
    # --overwrite deletes a folder, so it must be one that this command wrote, and nothing else.
    ours = folder.is_dir() and {path.name for path in folder.iterdir()} <= {MANIFEST, *PARTS}
    if not ours or not (folder / MANIFEST).is_file() or "select_rule" not in read_json(folder / MANIFEST):
        raise UsageError(f"{folder} holds other things than a subset", fix="name a new folder")


def _put(temporary: Path, folder: Path) -> None:
    """Rename a finished folder into place; an earlier subset there goes."""
    if folder.exists() and any(folder.iterdir()):
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        os.replace(folder, aside / "before")
        os.replace(temporary, folder)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        os.replace(temporary, folder)
