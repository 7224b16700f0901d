"""Pictures of COCO 2014 for sets that mix the two folders: `<folder>/COCO_<folder>_<12 digits>.jpg`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from madbench.tasks.columns import Columns, shared
from madbench.tasks.regions import region_path
from madbench.tasks.table import Part
from madbench.tasks.vqa.columns import VqaColumns
from madbench.tasks.vqa.rows import VqaRow

FOLDERS = ("train2014", "val2014")
Places = tuple[Path | None, Path | None]  # of an image, and of its region features


class CocoImages:
    """Where images lie, by number. folders: `train2014` and `val2014` -> folder or None. regions: as `Layout.regions`.

    stated: image -> its folder, as far as `at` was asked.
    """

    def __init__(self, folders: Mapping[str, Path | None], regions: Path | None = None):
        self.stated: dict[int, str] = {}
        self._folders = folders
        self._regions = regions
        self._known: dict[tuple[str, int], Places] = {}
        self._in_val: frozenset[str] | None = None

    def at(self, folder: str, image: int) -> Places:
        """The places of an image whose folder is stated; the files need not exist."""
        self.stated[image] = folder
        return self._places(folder, image)

    def found(self, image: int) -> Places:
        """The places of an image whose folder nobody states: no number is in both. One listing, not a look a file."""
        if self._in_val is None:
            place = self._folders.get("val2014")
            self._in_val = frozenset(() if place is None else os.listdir(place))
        in_val = f"COCO_val2014_{image:012d}.jpg" in self._in_val or self._folders.get("train2014") is None
        return self._places("val2014" if in_val else "train2014", image)

    def _places(self, folder: str, image: int) -> Places:
        if (folder, image) not in self._known:
            name = f"COCO_{folder}_{image:012d}.jpg"
            place = self._folders.get(folder)
            self._known[folder, image] = None if place is None else place / name, region_path(self._regions, name)
        return self._known[folder, image]


class MixedColumns(Columns):
    """The columns of a VQA split, and the folder of each picture where the rows' file states it.

    images: what the reader of the rows asks for places, so that it holds what they stated.
    """

    def __init__(self, folders: Mapping[str, Path | None], regions: Path | None):
        self._where = folders, regions
        self._plain = VqaColumns(None, "", None)
        self.images = CocoImages(folders, regions)

    def __getstate__(self):
        return self._where

    def __setstate__(self, where) -> None:
        self.__init__(*where)

    def encode(self, rows: Sequence[VqaRow]):
        columns, tables = self._plain.encode(rows)
        columns["folder"] = shared([self.images.stated.get(int(row.image_id)) for row in rows])
        return columns, tables

    def decode(self, part: Part) -> list[VqaRow]:
        rows = self._plain.decode(part)
        for row, folder, group in zip(rows, part.shared("folder"), part.shared("group"), strict=True):
            image = int(row.image_id)
            places = self.images.found(image) if folder is None else self.images.at(folder, image)
            # Nobody has seen the row yet, so it may still be given its fields.
            for name, value in (("image_path", places[0]), ("region_path", places[1]), ("group", group)):
                object.__setattr__(row, name, value)
        return rows
