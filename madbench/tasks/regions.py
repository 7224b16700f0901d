"""Region features on disk: one file for each picture, named after it, below `regions/` in a source's root.

    vcr      regions/lsmdc_1054_Harry_Potter/1054_Harry_Potter_00.01.46.736@0.npz     (img_fn without its suffix)
    snli_ve  regions/4705552913.npz                                                   (the Flickr id)
    vqa      regions/COCO_val2014_000000000042.npz

docs/region-features.md has the fields. `.safetensors` files with the same fields are read where there is no `.npz`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from madbench.errors import DataMalformed, DataMissing
from madbench.files import atomic_path
from madbench.tasks.arrays import read_npz
from madbench.tasks.contract import Regions

FOLDER = "regions"
SUFFIX = ".npz"
OTHER_SUFFIX = ".safetensors"
FIELDS = ("boxes", "features", "confidences", "classes", "width", "height")
# Half precision has a step of 0.0005 below 1, so that a side or a probability may come out that much above it.
_SLACK = 1e-3
_FIX = "write the file again; docs/region-features.md has the layout"


# --------------------------------------------------------------------------- where


def regions_folder(root: Path) -> Path | None:
    """`root/regions` when it is there, for `Layout.regions`. A half-written one is never there: it comes by a rename."""
    folder = root / FOLDER
    return folder if folder.is_dir() else None


def region_path(folder: Path | None, image_name: str) -> Path | None:
    """Where the regions of a picture lie, for `Row.region_path`. image_name: with suffix, relative to the image folder."""
    return None if folder is None else folder / PurePosixPath(image_name).with_suffix(SUFFIX)


def present(path: Path) -> Path:
    """The `.npz` path itself, or its `.safetensors` neighbour when only that is there."""
    other = path.with_suffix(OTHER_SUFFIX)
    return other if not path.exists() and other.exists() else path


# --------------------------------------------------------------------------- reading and writing


def read_regions(path: Path) -> Regions:
    """What lies at a path, checked; features and boxes as float32.

    Raises DataMissing when there is no file; DataMalformed naming path and field for: a damaged file, an array of
    objects, no region, shapes that disagree, a value that is not finite, a box outside 0..1 or without area,
    a confidence outside 0..1, a negative class or size.
    """
    fields = _read_safetensors(path) if path.suffix == OTHER_SUFFIX else read_npz(path, FIELDS)
    return checked(fields, path)


def write_regions(path: Path, regions: Regions, *, compress: bool = False) -> None:
    """Write one `.npz`, atomically. Features stay float16 if they are, else they become float32.

    compress: about half the size for real features, read three times slower. Raises DataMalformed as reading would.
    """
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        save(stream, regions, path, compress=compress)


def save(stream: Any, regions: Regions, name: Path, *, compress: bool) -> None:
    """Write the bytes of one `.npz` to an open file; the same bytes for the same regions. name: for errors."""
    checked(
        {
            "boxes": regions.boxes,
            "features": regions.features,
            "confidences": regions.confidences,
            **({} if regions.classes is None else {"classes": regions.classes}),
        },
        name,
    )
    arrays = {
        "boxes": np.asarray(regions.boxes, np.float32),
        "features": regions.features if regions.features.dtype == np.float16 else regions.features.astype(np.float32),
        "confidences": np.asarray(regions.confidences, np.float32),
    }
    if regions.classes is not None:
        arrays["classes"] = np.asarray(regions.classes, np.int64)
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w") as archive:
        for field, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            # A ZipInfo of its own has a fixed date: the same regions give the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{field}.npy"), member.getvalue(), kind, 3 if compress else None)


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return {name: array for name, array in load_file(path).items() if name in FIELDS}
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DataMissing("file not found", fix="put it there", where=path) from None
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as problem:
        raise DataMalformed(f"not a readable .safetensors: {problem}", fix=_FIX, where=path) from None


# --------------------------------------------------------------------------- checking


def checked(fields: Mapping[str, np.ndarray], where: Path | str) -> Regions:
    """The fields of one file as Regions. Raises DataMalformed naming the field."""
    for name in ("boxes", "features", "confidences"):
        if name not in fields:
            raise _bad(name, "is missing", where)
    features = _numbers(fields, "features", (2,), where)
    n = len(features)
    if n == 0 or features.shape[1] == 0:
        raise _bad("features", f"is {n} x {features.shape[1]}: no regions", where)
    if fields["features"].dtype not in (np.float16, np.float32):
        raise _bad("features", f"is {fields['features'].dtype}, not float16 or float32", where)
    boxes = _boxes(_numbers(fields, "boxes", (2,), where), n, where)
    confidences, best = _confidences(_numbers(fields, "confidences", (1, 2), where), n, where)
    for name in ("width", "height"):
        if name in fields and not (
            fields[name].size == 1 and fields[name].dtype.kind in "iuf" and fields[name].min() > 0
        ):
            raise _bad(name, "is not one positive number", where)
    classes = best
    if "classes" in fields:
        classes = fields["classes"]
        if classes.shape != (n,) or classes.dtype.kind not in "iu" or (classes.astype(np.int64) < 0).any():
            raise _bad("classes", f"is not {n} whole numbers from 0", where)
    return Regions(boxes, features, confidences, None if classes is None else classes.astype(np.int64))


def _numbers(fields: Mapping[str, np.ndarray], name: str, dimensions: tuple[int, ...], where: Any) -> np.ndarray:
    array = fields[name]
    if array.dtype.kind != "f" or array.ndim not in dimensions:
        raise _bad(name, f"is {array.dtype} {list(array.shape)}", where)
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise _bad(name, "holds a value that is not finite", where)
    return array


def _boxes(boxes: np.ndarray, n: int, where: Any) -> np.ndarray:
    if boxes.shape != (n, 4):
        raise _bad("boxes", f"is {list(boxes.shape)} beside {n} features, not [{n}, 4]", where)
    if boxes.min() < -_SLACK or boxes.max() > 1 + _SLACK:
        raise _bad("boxes", f"reaches {boxes.min():.4g} to {boxes.max():.4g}, not fractions 0 to 1", where)
    boxes = boxes.clip(0.0, 1.0)
    empty = np.flatnonzero((boxes[:, :2] >= boxes[:, 2:]).any(axis=1))
    if empty.size:
        raise _bad("boxes", f"needs x1 < x2 and y1 < y2; box {empty[0]} is {boxes[empty[0]].tolist()}", where)
    return boxes


def _confidences(values: np.ndarray, n: int, where: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """`[n]`, and the best class when they were given for each class."""
    if len(values) != n or values.size == 0:
        raise _bad("confidences", f"is {list(values.shape)} beside {n} features", where)
    if values.min() < -_SLACK or values.max() > 1 + _SLACK:
        raise _bad("confidences", f"reaches {values.min():.4g} to {values.max():.4g}, not fractions 0 to 1", where)
    values = values.clip(0.0, 1.0)
    if values.ndim == 1:
        return values, None
    if values.shape[1] == 1:  # one column is a confidence, not a class
        return values[:, 0], None
    return values.max(axis=1), values.argmax(axis=1)


def _bad(field: str, what: str, where: Any) -> DataMalformed:
    return DataMalformed(f"field '{field}' {what}", fix=_FIX, where=where)


# --------------------------------------------------------------------------- selecting


def how_many(confidences: np.ndarray, threshold: float = 0.2, minimum: int = 10, maximum: int = 100) -> int:
    """How many of the leading regions a picture keeps: those above the threshold, `minimum` to `maximum` of them.

    Source: UNITER, `compute_num_bb` (github ChenRocks/UNITER, data/data.py): strictly above, minimum before maximum.
    """
    return min(maximum, max(minimum, int((confidences > threshold).sum())), len(confidences))


def select_regions(regions: Regions, threshold: float = 0.2, minimum: int = 10, maximum: int = 100) -> Regions:
    """The first `how_many` regions in stored order: detectors store them by falling confidence, as UNITER relies on."""
    n = how_many(regions.confidences, threshold, minimum, maximum)
    classes = None if regions.classes is None else regions.classes[:n]
    return Regions(regions.boxes[:n], regions.features[:n], regions.confidences[:n], classes)
