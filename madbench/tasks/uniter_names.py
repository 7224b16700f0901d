"""From the names of UNITER's feature databases to the names of images.

    coco_val2014_000000000042.npz            -> COCO_val2014_000000000042                   vqa
    flickr30k_000004705552913.npz            -> 4705552913                                  snli_ve
    vcr_val_1054_Harry_00.01.46.736@0.npz    -> lsmdc_1054_Harry/1054_Harry_00.01.46.736@0  vcr

Source: the key of each example in UNITER's text databases (github ChenRocks/UNITER; its published preparation wrote
`coco_{split}_{id:012}.npz`, `flickr30k_{id:012}.npz`, and for VCR `vcr_{split}_` or, for the annotated boxes,
`vcr_gt_{split}_` before the image's file name without its folder). The folder is found in the annotations.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from madbench.errors import DataMalformed, DataMissing
from madbench.registry import TASKS
from madbench.tasks.reading import relative_name
from madbench.tasks.sources import locate

_COCO = re.compile(r"coco_(train2014|val2014|test2015)_(\d{12})")
_FLICKR = re.compile(r"flickr30k_(\d+)")
_VCR = re.compile(r"vcr_(gt_)?(train|val|test)_(.+)")
DETECTED, ANNOTATED = "detected", "annotated"  # what the boxes of a database are


def task_of(key: str) -> str | None:
    """The task a key belongs to by its form, or None."""
    stem = key.removesuffix(".npz")
    forms = {"vqa": _COCO, "snli_ve": _FLICKR, "vcr": _VCR}
    return next((task for task, form in forms.items() if form.fullmatch(stem)), None)


def boxes_of(key: str) -> str:
    """Whether the regions under a key are an object detector's, or features of the annotated boxes (vcr)."""
    found = _VCR.fullmatch(key.removesuffix(".npz"))
    return ANNOTATED if found is not None and found[1] else DETECTED


def table(task: str, image_names: Iterable[str] = ()) -> Callable[[str], str | None]:
    """key -> image name without suffix, or None for a key of another form.

    image_names: vcr's `img_fn`s; a file name that two folders have is not mapped.
    """
    if task == "vqa":
        return _coco
    if task == "snli_ve":
        return _flickr
    by_file: dict[str, str | None] = {}
    for image in image_names:
        stem = str(PurePosixPath(image).with_suffix(""))
        file = PurePosixPath(stem).name
        by_file[file] = stem if by_file.get(file, stem) == stem else None

    def vcr(key: str) -> str | None:
        found = _VCR.fullmatch(key.removesuffix(".npz"))
        return None if found is None else by_file.get(found[3])

    return vcr


def _coco(key: str) -> str | None:
    found = _COCO.fullmatch(key.removesuffix(".npz"))
    return None if found is None else f"COCO_{found[1]}_{found[2]}"


def _flickr(key: str) -> str | None:
    found = _FLICKR.fullmatch(key.removesuffix(".npz"))
    return None if found is None else str(int(found[1]))


def read_names(file: Path) -> Mapping[str, str]:
    """key -> image name without suffix, out of a CSV with the columns `key` and `name`.

    Raises DataMissing; DataMalformed with file:line for another header, an empty or unsafe name, a repeated key.
    """
    names: dict[str, str] = {}
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            lines = csv.DictReader(stream)
            if not {"key", "name"} <= set(lines.fieldnames or ()):
                raise DataMalformed("the columns are not key,name", fix="write `key,name` on line 1", where=f"{file}:1")
            for line in lines:
                where = f"{file}:{lines.line_num}"
                key = (line["key"] or "").removesuffix(".npz")
                name = re.sub(r"\.(jpg|jpeg|png|npz)$", "", line["name"] or "")
                if not key or key in names:
                    raise DataMalformed("the key is empty or repeated", fix="give each key one line", where=where)
                names[key] = relative_name(name, where)
    except (FileNotFoundError, IsADirectoryError):
        raise DataMissing("file not found", fix="check --names", where=file) from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataMalformed(f"not a CSV in UTF-8: {problem}", fix="save it as UTF-8", where=file) from None
    return names


def vcr_image_names(root: Path) -> Iterator[str]:
    """`img_fn` of every row of a VCR source. Raises DataMissing or DataMalformed."""
    task = TASKS.load("vcr")
    layout = locate(task, root)
    for split in layout.files:
        for row in task.read(layout, split):
            yield row.image_name
