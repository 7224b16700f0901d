"""VCR's json file beside each image: boxes, outlines, class names and size, in the order of the objects' tags.

    {"boxes": [[x1, y1, x2, y2, score], ...], "segms": [[[[x, y], ...], ...], ...], "names": [...], "width": w, "height": h}

Boxes are in pixels from the top left. `names` equals the `objects` of the annotation rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed
from madbench.tasks.json_places import line_of_key
from madbench.tasks.reading import field, read_json, safe_path


def read_boxes(images: Path, metadata_name: str, objects: tuple[str, ...]) -> np.ndarray:
    """Boxes `[objects, 4]` float32 as fractions 0..1 of width and height (x1, y1, x2, y2).

    Raises DataMissing, or DataMalformed with file:line and the field when the file does not describe exactly these
    objects, or a box is empty, has no score in 0..1 or lies outside of the picture. Outlines are not looked at.
    """
    path = safe_path(images, metadata_name)
    return _boxes(_metadata(path, objects), len(objects), path)


def check_metadata(images: Path, metadata_name: str, objects: tuple[str, ...]) -> None:
    """As `read_boxes`, and the outlines too: for each object polygons of whole-numbered points, where there are any."""
    path = safe_path(images, metadata_name)
    metadata = _metadata(path, objects)
    _boxes(metadata, len(objects), path)
    outlines = metadata.get("segms", [[]] * len(objects))
    if not isinstance(outlines, list) or len(outlines) != len(objects):
        raise _unfit(path, "segms", f"needs a list of polygons for each of the {len(objects)} objects")
    for place, polygons in enumerate(outlines):
        if not isinstance(polygons, list) or not all(map(_is_polygon, polygons)):
            raise _unfit(path, "segms", f"of object {place} is no list of polygons of [x, y] in whole pixels")


def _metadata(path: Path, objects: tuple[str, ...]) -> dict[str, Any]:
    """What a metadata file says of exactly these objects; its size is checked."""
    metadata = read_json(path)
    if not isinstance(metadata, dict):
        raise DataMalformed("the metadata is not a JSON object", fix="get the file again", where=f"{path}:1")
    for name, kind in (("names", list), ("width", int), ("height", int), ("boxes", list)):
        if name not in metadata or not isinstance(metadata[name], kind) or isinstance(metadata[name], bool):
            field(metadata, name, kind, path, line_of_key(path, name))
    if tuple(metadata["names"]) != objects:
        raise DataMalformed(
            f"field 'names' has {len(metadata['names'])} objects that are not the {len(objects)} of the annotation row",
            fix="use annotations and images of the same release",
            where=f"{path}:{line_of_key(path, 'names')}",
        )
    for name in ("width", "height"):
        if not 0 < metadata[name] < 1 << 31:
            raise _unfit(path, name, f"is {metadata[name]}, not a number of pixels")
    return metadata


def _boxes(metadata: dict[str, Any], n: int, path: Path) -> np.ndarray:
    raw, size = metadata["boxes"], (metadata["width"], metadata["height"])
    if len(raw) != n:
        raise _unfit(path, "boxes", f"has {len(raw)} boxes for {n} objects")
    for place, box in enumerate(raw):
        if not isinstance(box, list) or len(box) != 5 or not all(type(value) in (int, float) for value in box):
            raise _unfit(path, "boxes", f"of object {place} is not [x1, y1, x2, y2, score]")
        x1, y1, x2, y2, score = box
        if not (x1 < x2 and y1 < y2):
            raise _unfit(path, "boxes", f"of object {place} needs x1 < x2 and y1 < y2, got {box[:4]}")
        # Detectors round: a box may end a pixel beyond the picture, or have a score a little above 1.
        if min(x1, y1) < -1 or x2 > size[0] + 1 or y2 > size[1] + 1:
            raise _unfit(
                path, "boxes", f"of object {place} lies outside of the {size[0]} x {size[1]} pixels: {box[:4]}"
            )
        if not -0.001 <= score <= 1.001:
            raise _unfit(path, "boxes", f"of object {place} has the score {score}, not one in 0..1")
    corners = np.array([box[:4] for box in raw], dtype=np.float64).reshape(-1, 4)
    return np.clip(corners / np.array([*size, *size]), 0.0, 1.0).astype(np.float32)


def _is_polygon(points: Any) -> bool:
    return isinstance(points, list) and all(
        isinstance(point, list) and len(point) == 2 and type(point[0]) is type(point[1]) is int for point in points
    )


def _unfit(path: Path, name: str, what: str) -> DataMalformed:
    return DataMalformed(f"field '{name}' {what}", fix="get the file again", where=f"{path}:{line_of_key(path, name)}")
