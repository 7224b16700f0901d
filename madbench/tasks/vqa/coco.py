"""Pictures of COCO 2014 for sets that mix the two folders: `<folder>/COCO_<folder>_<12 digits>.jpg`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from madbench.tasks.regions import region_path

FOLDERS = ("train2014", "val2014")
Places = tuple[Path | None, Path | None]  # of an image, and of its region features


class CocoImages:
    """Where images lie, by number. folders: `train2014` and `val2014` -> folder or None. regions: as `Layout.regions`."""

    def __init__(self, folders: Mapping[str, Path | None], regions: Path | None = None):
        self._folders = folders
        self._regions = regions
        self._known: dict[tuple[str, int], Places] = {}
        self._in_val: frozenset[str] | None = None

    def at(self, folder: str, image: int) -> Places:
        """The places of an image whose folder is stated; the files need not exist."""
        if (folder, image) not in self._known:
            name = f"COCO_{folder}_{image:012d}.jpg"
            place = self._folders.get(folder)
            self._known[folder, image] = None if place is None else place / name, region_path(self._regions, name)
        return self._known[folder, image]

    def found(self, image: int) -> Places:
        """The places of an image whose folder nobody states: no number is in both. One listing, not a look a file."""
        if self._in_val is None:
            place = self._folders.get("val2014")
            self._in_val = frozenset(() if place is None else os.listdir(place))
        in_val = f"COCO_val2014_{image:012d}.jpg" in self._in_val or self._folders.get("train2014") is None
        return self.at("val2014" if in_val else "train2014", image)
