"""One `LazyImage` for all questions about a picture, so that caches can share work between them."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from madbench.tasks.contract import LazyImage
from madbench.tasks.reading import open_image, safe_path


class SharedImages:
    """Lazy images of one task by path. The key is opaque: sha256(task|file name)[:16]."""

    def __init__(self, task: str):
        self._task = task
        self._known: dict[Path, LazyImage] = {}

    def at(self, path: Path | None) -> LazyImage | None:
        """The image at a path, the same object each time; None where the source keeps no images."""
        if path is None:
            return None
        if path not in self._known:
            key = hashlib.sha256(f"{self._task}|{path.name}".encode()).hexdigest()[:16]
            self._known[path] = LazyImage(key, partial(_open, path))
        return self._known[path]


def _open(path: Path):
    return open_image(safe_path(path.parent, path.name))
