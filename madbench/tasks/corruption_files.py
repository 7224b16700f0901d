"""`madbench data shift blur-3`: a folder of images, each corrupted as an evaluation would, for people who train elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.corruptions import NAMES, corrupted
from madbench.tasks.reading import open_image, safe_path
from madbench.tasks.shift_files import FileShift

SUFFIXES = (".jpg", ".jpeg", ".png")


def write_corrupted(name: str, input: Path, output: Path, options: Mapping[str, Any]) -> str:
    """Every image below `input` to the same place below `output`, as PNG: JPEG would corrupt it once more.

    The key of the noise is the stem of the file name, as in a run, so both see the same picture. Raises DataMissing for a
    folder without images, DataMalformed for one that cannot be decoded, or two that differ in their suffix only.
    """
    written: dict[Path, Path] = {}
    for image in _images(input):
        target = output / image.with_suffix(".png")
        if target in written:
            raise DataMalformed(
                f"{written[target]} and {image} would both become {target.name}", fix="keep one of them", where=input
            )
        written[target] = image
        target.parent.mkdir(parents=True, exist_ok=True)
        corrupted(open_image(safe_path(input, str(image))), name, image.stem).save(target, "PNG", compress_level=1)
    if not written:
        raise DataMissing("no image (.jpg, .jpeg or .png) in the folder", fix="name the image folder", where=input)
    return f"{name}: {len(written):,} images read, {len(written):,} written as PNG"


def _images(folder: Path) -> Iterator[Path]:
    """Paths of the images below a folder, relative to it, in order; links to folders are not followed."""
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield (Path(where) / name).relative_to(folder)


FILE_SHIFTS = {name: FileShift(name, "any", partial(write_corrupted, name), folders=True) for name in NAMES}
