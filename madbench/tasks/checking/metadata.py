"""VCR's json file beside each image: does it describe the objects of the annotation rows?

A released file has 20 to 100 KB, nearly all of it outlines, and ends with the names and the size. So only the end is
read; a file that is written in another order is read whole.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from madbench.errors import DataError, DataMalformed, DataMissing
from madbench.tasks.reading import field, read_json, safe_path
from madbench.tasks.vcr.metadata import check_metadata

TAIL = 4096  # bytes; the names of some 250 objects
_NAMES = b'"names"'
_TAIL_KEYS = {"names", "width", "height"}


def wrong_names(images: Path, name: str, objects: tuple[str, ...]) -> DataError | None:
    """What is wrong with the names and the size in a metadata file, or None. Boxes and outlines are not looked at."""
    path = images / name
    try:
        found = _tail(path)
        if found is None:
            found = read_json(safe_path(images, name))
            if not isinstance(found, dict):
                raise DataMalformed("the metadata is not a JSON object", fix="get the file again", where=path)
        names = field(found, "names", list, path, None)
        if tuple(names) != objects:
            raise DataMalformed(
                _difference(names, objects), fix="use annotations and images of one release", where=path
            )
        for side in ("width", "height"):
            if field(found, side, (int, float), path, None) <= 0:
                raise DataMalformed(f"field '{side}' is not positive", fix="get the file again", where=path)
    except DataError as error:
        return error
    return None


def wrong_boxes(images: Path, name: str, objects: tuple[str, ...]) -> DataError | None:
    """What is wrong with a metadata file, boxes and outlines included, or None; it is read whole."""
    try:
        check_metadata(images, name, objects)
    except DataError as error:
        return error
    return None


def _tail(path: Path) -> dict[str, Any] | None:
    """The end of the object from `names` on, or None when the file does not end with exactly names, width, height."""
    try:
        with open(path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - TAIL))
            end = stream.read()
    except OSError as problem:
        raise DataMissing(f"file cannot be read: {problem.strerror}", fix="check its permissions", where=path) from None
    start = end.rfind(_NAMES)
    if start < 0:
        return None
    try:
        found = orjson.loads(b"{" + end[start:])
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.keys() == _TAIL_KEYS else None


def _difference(names: list, objects: tuple[str, ...]) -> str:
    if len(names) != len(objects):
        return f"field 'names' has {len(names)} objects, the annotation rows of the image have {len(objects)}"
    place = next(place for place, (one, other) in enumerate(zip(names, objects, strict=True)) if one != other)
    return f"field 'names': object {place} is {names[place]!r}, in the annotation rows it is {objects[place]!r}"
