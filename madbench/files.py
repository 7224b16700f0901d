"""Atomic writing and content hashes; the only places that decide how a file comes to exist."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_logger = logging.getLogger(__name__)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, ASCII only: equal values give equal text.

    Raises ValueError for NaN and infinities, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sha256_of(value: Any) -> str:
    """Hex sha256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def sha256_of_lines(lines) -> str:
    """Hex sha256 of strings joined by newlines (order counts)."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def sha256_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; renamed onto it (after fsync) when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None  # of the file asked for, not of ours
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes private files; results are meant to be read by colleagues.
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Indented, sorted, with a final newline: made to be diffed."""
    write_text(path, json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n")


def remember_json(path: Path, value: Any) -> None:
    """As `write_json`, into a cache: where it cannot be written, the value is computed again the next time."""
    try:
        write_json(path, value)
    except OSError as problem:
        _logger.info("%s cannot be remembered: %s", path, problem)


def recall_json(path: Path) -> Any:
    """What `remember_json` wrote; None where nothing is, or nothing that can be read."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
