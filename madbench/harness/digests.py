"""digests.json: what a finished cell consisted of, so that a later edit of any of its files is found and named.

    {"files": {"history.jsonl": sha256, "predictions/val@300.parquet": sha256, ...},
     "record": {"data.n_train": 16 hex digits, "conditions[0].metrics": 16 hex digits, ...}}

It is written just before record.json, as canonical JSON, and its own sha256 stands in the record as `digests_sha256`;
so the record's own parts are hashed without that field. The parts of the record are there to say *what* was changed.
Nothing here is secret: whoever makes all of it anew makes a folder that agrees with itself. It catches edits, not forgers.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from madbench.files import canonical_json, sha256_of, sha256_of_file, write_text

DIGESTS, RECORD, FIELD = "digests.json", "record.json", "digests_sha256"
CHECKPOINT = "checkpoint/"
RESCORING = ".rescoring"  # there while `rescore` rewrites a cell
# A part is told apart from its own edits, not from a collision somebody searched for; the files have all 64 digits.
PART_DIGITS = 16


def sealed(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Writes digests.json for the files that lie in a cell's folder and returns the record with its hash in it."""
    content = {name: value for name, value in record.items() if name != FIELD}
    # As it will be read again: a tuple becomes a list, and a key that is a number becomes text.
    content = json.loads(canonical_json(content))
    digests = {
        "files": {name: sha256_of_file(folder / name) for name in files_of(folder)},
        "record": record_parts(content),
    }
    write_text(folder / DIGESTS, canonical_json(digests))
    return {**content, FIELD: sha256_of(digests)}


def files_of(folder: Path) -> list[str]:
    """The files of a cell that digests cover, sorted: all but the record, the digests, and hidden ones (locks)."""
    names = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file() or file.is_symlink())
    kept = (name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts))
    return sorted(name for name in kept if name not in (RECORD, DIGESTS))


def record_parts(record: Mapping[str, Any]) -> dict[str, str]:
    """Path -> hash of each part of a record: fields, the fields of those that are objects, and of objects in lists."""
    return {
        path: sha256_of(value)[:PART_DIGITS]
        for path, value in _parts("", {name: value for name, value in record.items() if name != FIELD}, 2)
    }


def broken_digests(folder: Path, record: Mapping[str, Any], waived: Collection[str] = ()) -> list[str] | None:
    """What was changed since the cell was finished, one sentence each; None for a cell of the time before digests.

    waived: files that may differ. A checkpoint that is gone is nobody's loss: see `without_checkpoint`.
    """
    path = folder / DIGESTS
    if FIELD not in record:
        return [f"{DIGESTS} lies there, and record.json has no {FIELD}"] if path.is_file() else None
    if not path.is_file():
        return [f"{DIGESTS} is missing, and record.json has its {FIELD}"]
    try:
        digests = json.loads(path.read_text(encoding="utf-8"))
        files, parts = dict(digests["files"]), dict(digests["record"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{DIGESTS} cannot be read: {type(error).__name__}: {error}"]
    problems = []
    if sha256_of(digests) != record[FIELD]:
        problems.append(f"record.json: {FIELD} is not the hash of {DIGESTS}: one of the two was changed after the run")
    problems += _changed_files(folder, files, waived)
    now = record_parts(record)
    for name in sorted(parts.keys() | now.keys()):
        if parts.get(name) != now.get(name):
            what = "was added" if name not in parts else "was removed" if name not in now else "was changed"
            problems.append(f"record.json: {name} {what} after the run")
    return problems


def without_checkpoint(folder: Path, record: Mapping[str, Any]) -> bool:
    """Whether digests.json names a checkpoint that is not kept any more (`pack` leaves it out)."""
    path = folder / DIGESTS
    if FIELD not in record or not path.is_file():
        return False
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["files"]
        return any(name.startswith(CHECKPOINT) and not (folder / name).is_file() for name in names)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _changed_files(folder: Path, files: Mapping[str, str], waived: Collection[str]) -> list[str]:
    problems, here = [], set(files_of(folder))
    for name in sorted(files.keys() | here):
        if name in waived:
            continue
        if name not in files:
            problems.append(f"{name} was added after the run")
        elif name not in here:
            if not name.startswith(CHECKPOINT):
                problems.append(f"{name} is missing")
        elif (folder / name).is_symlink() or sha256_of_file(folder / name) != files[name]:
            problems.append(f"{name} was changed after the run")
    return problems


def _parts(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value and depth:
        for name, inner in value.items():
            yield from _parts(f"{path}.{name}" if path else name, inner, depth - 1)
    elif isinstance(value, list) and value and depth and all(isinstance(one, Mapping) for one in value):
        for place, inner in enumerate(value):
            yield from _parts(f"{path}[{place}]", inner, depth)
    else:
        yield path, value
