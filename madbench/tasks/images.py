"""One `LazyImage` for all questions about a picture, so that caches can share work between them.

All three tasks make their images here: the key, the corruption of a row and its region features follow one rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from madbench.errors import DataMissing
from madbench.tasks.contract import LazyImage, Regions, Row
from madbench.tasks.image_contents import content_of
from madbench.tasks.reading import open_image, safe_path

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


class SharedImages:
    """Lazy images of one task; picklable, for loading in other processes.

    The key is opaque: sha256(task|file name)[:16], and sha256(task|file name|corruption)[:16] for a corrupted image,
    so that no cache takes one for the other.
    """

    def __init__(self, task: str):
        self._task = task
        self._known: dict[Hashable, LazyImage] = {}

    def of(self, row: Row) -> LazyImage | None:
        """The image of a row, named by its file; None where the source keeps neither images nor regions."""
        path, regions = row.image_path, row.region_path
        if path is None and regions is None:
            return None
        identity = (path, regions, row.corruption)
        image = self._known.get(identity)
        if image is None:
            if path is None:
                image = self._make(row, None, f"{regions.stem}.jpg", None)
            else:
                image = self._make(row, path.parent, path.name, None)
            self._known[identity] = image
        return image

    def named(
        self, row: Row, folder: Path, name: str, boxes: Callable[[], np.ndarray], boxes_key: Hashable
    ) -> LazyImage:
        """The image `name` below `folder`, which may have folders in it; the same object for equal arguments.

        boxes: gives the object boxes. boxes_key: what tells them from other boxes of the same image.
        """
        identity = (name, row.corruption, boxes_key)
        image = self._known.get(identity)
        if image is None:
            image = self._known[identity] = self._make(row, folder, name, boxes)
        return image

    def _make(self, row: Row, folder: Path | None, name: str, boxes: Callable[[], np.ndarray] | None) -> LazyImage:
        text = f"{self._task}|{name}" + ("" if row.corruption is None else f"|{row.corruption}")
        # Nobody ran a detector on the corrupted image, and the features of the clean one would undo the shift.
        has_regions = row.region_path is not None and row.corruption is None
        return LazyImage(
            hashlib.sha256(text.encode()).hexdigest()[:16],
            partial(_open, folder, name, row.corruption),
            boxes=boxes,
            regions=partial(_regions, row.region_path, name) if has_regions else None,
            content=partial(_content, folder, name, row.corruption),
        )


def _path(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise DataMissing(f"the source has no images, only region features (asked for {name})", fix="add the images")
    return safe_path(folder, name)


def _content(folder: Path | None, name: str, corruption: str | None) -> str:
    return content_of(_path(folder, name), name, corruption)


def _open(folder: Path | None, name: str, corruption: str | None) -> Image:
    image = open_image(_path(folder, name))
    if corruption is None:
        return image
    from madbench.tasks.corruptions import corrupted

    return corrupted(image, corruption, PurePosixPath(name).stem)


def _regions(path: Path, name: str) -> Regions:
    """The regions at a path that ends like the image's name. Raises DataMissing or DataMalformed."""
    from madbench.tasks.regions import present, read_regions

    folder = path.parents[len(PurePosixPath(name).parts) - 1]
    found = present(path)
    return read_regions(safe_path(folder, str(found.relative_to(folder))))
