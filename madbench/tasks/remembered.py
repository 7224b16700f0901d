"""Hashes of files by content, computed once for each state of a file."""

from __future__ import annotations

import logging
from pathlib import Path

from madbench.files import read_json, write_json
from madbench.home import home
from madbench.tasks import archives

_logger = logging.getLogger(__name__)
_KNOWN: dict[str, str] = {}


def remembered_sha256(file: Path) -> str:
    """Hex sha256 of a file's content, computed once for each (path, size, mtime_ns). The file may lie in a zip.

    Remembered in MADBENCH_HOME, as far as that can be written.
    """
    state = archives.stat(file)
    key = f"{file.resolve()}|{state.size}|{state.mtime_ns}"
    if key not in _KNOWN:
        known_file = home() / "fingerprints.json"
        known = _read(known_file)
        if key in known:
            _KNOWN[key] = known[key]
        else:
            _KNOWN[key] = archives.sha256(file)
            try:
                # Read again: hashing takes a while, and another process may have added its own meanwhile.
                write_json(known_file, {**_read(known_file), key: _KNOWN[key]})
            except OSError as problem:
                _logger.info("hashes cannot be remembered in %s: %s", known_file, problem)
    return _KNOWN[key]


def _read(known_file: Path) -> dict[str, str]:
    try:
        return read_json(known_file)
    except (OSError, ValueError):
        return {}  # a cache: what cannot be read is computed again
