"""UNITER's detector features, out of their LMDB into region files.

An entry is a msgpack-numpy dictionary, or the bytes of a compressed .npz, with `norm_bb` `[n, 6]` (x1, y1, x2, y2,
width, height as fractions; some have the area too), `features` `[n, 2048]` float16, `conf` `[n]`, and in some
`soft_labels` `[n, 1601]`, class 0 being the background. `__keys__` lists the names.
Source: github ChenRocks/UNITER, scripts/convert_imgdir.py (writes it) and data/data.py (reads it). Nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed, DataMissing, UsageError
from madbench.files import read_json, write_json
from madbench.tasks.arrays import read_msgpack, read_npz
from madbench.tasks.contract import Regions
from madbench.tasks.regions import region_path, select_regions, write_regions
from madbench.tasks.uniter_names import boxes_of

FIELDS = ("norm_bb", "features", "conf", "soft_labels")
LIST = "conversion.json"
KEYS = b"__keys__"
# Half precision is coarser than a narrow box in places; a side that vanished gets the step at 1 back.
NARROWEST = 2.0**-10
_OVERSHOOT = 0.02  # how far norm_bb may leave 0..1 before it is an error; it is cut off there


@dataclass(frozen=True)
class Selection:
    """Which regions of an entry are kept; UNITER's own numbers."""

    threshold: float = 0.2
    minimum: int = 10
    maximum: int = 100


@dataclass
class Conversion:
    """What happened to each entry. written, kept: counts (kept: the file was there). widened: boxes given an area.

    unmapped: keys without an image name. refused: key -> what is wrong. missing: keys listed but not there.
    """

    written: int = 0
    kept: int = 0
    widened: int = 0
    unmapped: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not (self.unmapped or self.refused or self.missing)


def convert(
    database: Path,
    output: Path,
    name_of: Callable[[str], str | None],
    selection: Selection = Selection(),
    *,
    limit: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Conversion:
    """Write a region file below `output` for each entry that has an image name; files that are there are kept.

    An entry that cannot be believed is refused and the others go on; `conversion.json` in `output` lists what was not
    written. Raises UsageError without the package lmdb, or when `output` holds regions selected otherwise;
    DataMissing or DataMalformed for the database as a whole.
    """
    found = Conversion()
    names: dict[str, str] = {}
    database = find_database(database)
    with _entries(database) as (missing, entries, total):
        todo = total if limit is None else min(limit, total)
        for done, (key, value) in enumerate(entries):
            if done == todo:
                break
            progress(done, todo)
            name = name_of(key)
            if name is None:
                found.unmapped.append(key)
                continue
            if name in names:
                found.refused[key] = f"{names[name]} has the same image, {name}"
                continue
            if not names:
                _same_settings(output, {"boxes": boxes_of(key), **vars(selection)})
            names[name] = key
            path = region_path(output, f"{name}.jpg")
            if path.exists() and not overwrite:
                found.kept += 1
                continue
            try:
                regions, widened = _regions(bytes(value), f"{database}: {key}")
                write_regions(path, select_regions(regions, **vars(selection)))
            except DataMalformed as problem:
                found.refused[key] = problem.what
                continue
            found.written += 1
            found.widened += widened
        progress(todo, todo)
        found.missing = missing
    if found.unmapped and not names:
        raise DataMalformed(
            f"none of {len(found.unmapped):,} names is that of an image of the task, the first is {found.unmapped[0]}",
            fix="check --task and --root, or name the images with --names FILE.csv",
            where=database,
        )
    if names:
        _write_list(output, database, found)
    return found


# --------------------------------------------------------------------------- the database


def find_database(folder: Path) -> Path:
    """The LMDB itself: the folder with `data.mdb`, or the only one below it. Raises DataMissing or UsageError."""
    if (folder / "data.mdb").is_file():
        return folder
    below = sorted(path.parent for path in folder.glob("*/data.mdb")) if folder.is_dir() else []
    if not below:
        raise DataMissing("no LMDB here: no data.mdb in the folder or below it", fix="check --input", where=folder)
    if len(below) > 1:
        names = ", ".join(path.name for path in below)
        raise UsageError(f"{folder} holds several databases: {names}", fix="name one of them with --input")
    return below[0]


def first_key(database: Path) -> str | None:
    """The first name in a database, by which to tell what it is about; None when it is empty. Raises as `convert`."""
    with _entries(find_database(database)) as (_, entries, _total):
        return next((key for key, _ in entries), None)


@contextmanager
def _entries(database: Path) -> Iterator[tuple[list[str], Iterator[tuple[str, memoryview]], int]]:
    """(keys that are listed and not there, the entries in key order, their number)."""
    try:
        import lmdb
        import msgpack  # noqa: F401
    except ImportError as problem:
        raise UsageError(
            f"reading an LMDB needs the package {problem.name}", fix="pip install 'madbench[lmdb]'"
        ) from None
    try:
        environment = lmdb.open(str(database), readonly=True, create=False, lock=False, readahead=False, max_readers=1)
    except lmdb.Error as problem:
        raise DataMalformed(f"not a readable LMDB: {problem}", fix="get it again", where=database) from None
    try:
        with environment.begin(buffers=True) as transaction:
            listed = _listed(transaction.get(KEYS), database)
            # Only looked up, not read: a limit must not make the rest look missing.
            missing = [key for key in listed if transaction.get(key.encode(errors="replace")) is None]
            held = environment.stat()["entries"] - (transaction.get(KEYS) is not None)
            yield missing, _decoded(transaction.cursor()), held
    except lmdb.Error as problem:
        raise DataMalformed(f"the LMDB is damaged: {problem}", fix="get it again", where=database) from None
    finally:
        environment.close()


def _decoded(cursor: Any) -> Iterator[tuple[str, memoryview]]:
    for key, value in cursor:
        if bytes(key) != KEYS:
            yield bytes(key).decode("utf-8", "backslashreplace"), value


def _listed(raw: Any, database: Path) -> list[str]:
    if raw is None:
        return []
    try:
        keys = json.loads(bytes(raw))
    except ValueError:
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise DataMalformed("__keys__ is not a JSON list of names", fix="get the database again", where=database)
    return sorted({key for key in keys if key})


# --------------------------------------------------------------------------- one entry


def _regions(value: bytes, where: str) -> tuple[Regions, int]:
    """The regions of an entry, features as stored, and how many boxes had to be widened. Raises DataMalformed."""
    read = read_npz if value.startswith(b"PK\x03\x04") else read_msgpack
    fields = read(value, FIELDS, where)
    for name in ("norm_bb", "features", "conf"):
        if name not in fields or fields[name].dtype.kind != "f":
            raise DataMalformed(f"field '{name}' is missing or not made of fractions", where=where)
    bounds, features = fields["norm_bb"], fields["features"]
    if features.ndim != 2 or bounds.ndim != 2 or bounds.shape[1] not in (4, 6, 7) or len(bounds) != len(features):
        raise DataMalformed(
            f"field 'norm_bb' is {list(bounds.shape)} beside features {list(features.shape)}", where=where
        )
    if (
        not np.isfinite(bounds).all()
        or bounds[:, :4].min(initial=0) < -_OVERSHOOT
        or bounds[:, :4].max(initial=1) > 1 + _OVERSHOOT
    ):
        raise DataMalformed("field 'norm_bb' is not made of fractions 0 to 1", where=where)
    boxes, widened = _with_area(bounds[:, :4].astype(np.float32).clip(0, 1))
    if features.dtype not in (np.float16, np.float32):
        features = features.astype(np.float32)
    classes = None
    labels = fields.get("soft_labels")
    if labels is not None and labels.ndim == 2 and labels.shape[1] > 1 and len(labels) == len(features):
        # As UNITER does: the background is no class of an object.
        classes = labels[:, 1:].argmax(axis=1).astype(np.int64) + 1
    return Regions(boxes, features, _flat(fields["conf"], len(features), where), classes), widened


def _with_area(boxes: np.ndarray) -> tuple[np.ndarray, int]:
    """Boxes whose sides half precision rounded to nothing, made `NARROWEST` wide or high."""
    empty = boxes[:, :2] >= boxes[:, 2:]
    # Sides the wrong way round by more than that are left as they are: the check refuses them.
    rounded = empty & (boxes[:, :2] - boxes[:, 2:] <= NARROWEST)
    low = np.minimum(boxes[:, :2], 1 - np.float32(NARROWEST))
    boxes = np.where(
        np.concatenate([rounded, rounded], 1), np.concatenate([low, low + np.float32(NARROWEST)], 1), boxes
    )
    return boxes, int(rounded.any(axis=1).sum())


def _flat(confidences: np.ndarray, n: int, where: str) -> np.ndarray:
    if confidences.size != n:
        raise DataMalformed(f"field 'conf' is {list(confidences.shape)} beside {n} features", where=where)
    return confidences.reshape(n).astype(np.float32)


# --------------------------------------------------------------------------- what the output remembers


def _same_settings(output: Path, settings: dict[str, Any]) -> None:
    """Files kept from before must be of the same kind. Raises UsageError when they are not."""
    file = output / LIST
    before = read_json(file)["settings"] if file.is_file() else settings
    if before != settings:
        raise UsageError(
            f"{output} holds regions with other settings: {before}, not {settings}",
            fix="choose another --output, or the same settings",
        )
    write_json(file, {"settings": settings, **(read_json(file) if file.is_file() else {})})


def _write_list(output: Path, database: Path, found: Conversion) -> None:
    """What became of one database, beside what became of others that were converted into the same folder."""
    content = read_json(output / LIST)
    write_json(
        output / LIST, {**content, "databases": {**content.get("databases", {}), str(database.resolve()): vars(found)}}
    )
