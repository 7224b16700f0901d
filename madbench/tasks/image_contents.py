"""What an image is, as content: a hash of its file's bytes, remembered for each state of the file.

Questions, splits and sources may name the same picture differently; caches that go by content share their work on it.
A full data set has 100,000 pictures, so what is known lies in one file of lines for each folder, appended to and never
rewritten; a line that a crash or another process cut off does not parse and is left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from pathlib import Path, PurePosixPath

from madbench.errors import DataMissing
from madbench.files import sha256_of, sha256_of_file
from madbench.home import home

_logger = logging.getLogger(__name__)
_known: dict[Path, dict[str, tuple[int, int, str]]] = {}
_reading = threading.Lock()


def content_of(path: Path, name: str, corruption: str | None) -> str:
    """Hex digest of what is seen when an image is opened. name: its file name in the annotations.

    A corruption is drawn from its own name and the stem of the file's name, so both count, and only then.
    Raises DataMissing when the file is not there.
    """
    digest = _sha256(path)
    return digest if corruption is None else sha256_of([digest, corruption, PurePosixPath(name).stem])


def _sha256(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:
        raise DataMissing("file not found", fix="check the root, or put the file there", where=path) from None
    folder = path.parent
    known = _known.get(folder)
    if known is None:
        with _reading:
            known = _known.setdefault(folder, _read(folder))
    size, changed, digest = known.get(path.name, (-1, -1, ""))
    if (size, changed) != (state.st_size, state.st_mtime_ns):
        try:
            digest = sha256_of_file(path)
        except OSError as problem:
            raise DataMissing(
                f"file cannot be read: {problem.strerror}", fix="check its permissions", where=path
            ) from None
        known[path.name] = (state.st_size, state.st_mtime_ns, digest)
        _append(folder, [path.name, state.st_size, state.st_mtime_ns, digest])
    return digest


def _file(folder: Path) -> Path:
    place = hashlib.sha256(os.fspath(folder.resolve()).encode()).hexdigest()[:24]
    return home() / "cache" / "image-contents" / f"{place}.jsonl"


def _read(folder: Path) -> dict[str, tuple[int, int, str]]:
    found: dict[str, tuple[int, int, str]] = {}
    try:
        lines = _file(folder).read_bytes().splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            name, size, changed, digest = json.loads(line)
            if len(bytes.fromhex(digest)) == 32:
                found[name] = (int(size), int(changed), digest)
        except (ValueError, TypeError):
            continue
    return found


def _append(folder: Path, entry: list) -> None:
    file = _file(folder)
    line = json.dumps(entry).encode() + b"\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending: lines of several processes do not mix.
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
    except OSError as problem:
        _logger.info("image hashes cannot be remembered in %s: %s", file.parent, problem)
