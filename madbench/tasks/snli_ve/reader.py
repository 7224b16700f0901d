"""SNLI-VE in the files its generator writes, with the field names of 2018 and of 2020.

    snli_ve_{train,dev,test}.jsonl
    flickr30k_images/<Flickr id>.jpg        also flickr30k-images/, Flickr30K/images/

The image stands in `Flickr30K_ID` ("123", 2020) or `Flikr30kID` ("123.jpg", 2018); `Flickr30kID` occurs too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.contract import Layout
from madbench.tasks.reading import field, read_json_lines, relative_name
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow

SPLITS = ("train", "dev", "test")
IMAGE_FIELDS = ("Flickr30K_ID", "Flikr30kID", "Flickr30kID")
IMAGE_FOLDERS = ("flickr30k_images", "flickr30k-images", "Flickr30K/images")


def file_name(split: str) -> str:
    return f"snli_ve_{split}.jsonl"


def locate(root: Path) -> Layout:
    """The splits whose file lies in `root`. Raises DataMissing when there is no such folder, or none of the files."""
    root = Path(root).absolute()
    if not root.is_dir():
        raise DataMissing("no such folder for snli_ve", fix="give the folder that holds the SNLI-VE files", where=root)
    files = {split: (root / file_name(split),) for split in SPLITS if (root / file_name(split)).is_file()}
    if not files:
        raise DataMissing(
            f"no SNLI-VE files found; not there: {', '.join(map(file_name, SPLITS))}",
            fix="put the files that the SNLI-VE generator wrote into this folder",
            where=root,
        )
    images = next((root / name for name in IMAGE_FOLDERS if (root / name).is_dir()), None)
    return Layout("snli_ve", root, files, dict.fromkeys(SPLITS, images))


def read(layout: Layout, split: str) -> list[SnliVeRow]:
    """All pairs of a split in file order, checked. Raises DataMissing when the source lacks the split; see read_pairs."""
    if split not in layout.files:
        raise DataMissing(
            f"the source has no {split} split of snli_ve; not there: {file_name(split)}",
            fix="put the file that the SNLI-VE generator wrote into this folder",
            where=layout.root,
        )
    return read_pairs(layout.files[split][0], layout.images.get(split))


def read_pairs(path: Path, images: Path | None = None, dash: Literal["error", "skip"] = "error") -> list[SnliVeRow]:
    """The pairs of one file. images: the folder of the images, or None.

    dash: what to do with the gold label `-` (no majority). The official files have none; derived ones do.
    Raises DataMalformed with file:line and the field for: a missing or mistyped field, another label, two image fields
    that differ, an image that is not that of pairID, a repeated pairID.
    """
    rows: list[SnliVeRow] = []
    first_line: dict[str, int] = {}
    paths: dict[str, Path | None] = {}
    for line, record in read_json_lines(path):
        pair = field(record, "pairID", str, path, line)
        if pair in first_line:
            raise _refused(f"field 'pairID': {pair} stands on line {first_line[pair]} too", "remove one", path, line)
        first_line[pair] = line
        image = _image_id(record, path, line)
        # Ids are text: some are longer than other tools' integers, and a leading zero would be lost.
        if pair.rpartition(".jpg")[0] != image:
            raise _refused(f"field 'pairID' is {pair}, but the image is {image}", "restore the line", path, line)
        label = field(record, "gold_label", str, path, line)
        if label not in LABELS:
            if label == "-" and dash == "skip":
                continue
            fix = "remove pairs without a majority label" if label == "-" else f"use {', '.join(LABELS)}"
            raise _refused(f"field 'gold_label' is {label!r}, not one of the three classes", fix, path, line)
        hypothesis = field(record, "sentence2", str, path, line)
        if image not in paths:
            name = relative_name(f"{image}.jpg", f"{path}:{line}")
            paths[image] = None if images is None else images / name
        label = LABELS[LABELS.index(label)]  # one object for each class, not one for each line
        rows.append(SnliVeRow(pair, image, paths[image], stratum=label, hypothesis=hypothesis, label=label))
    return rows


def _image_id(record: Mapping[str, Any], path: Path, line: int) -> str:
    """The Flickr id without its suffix, whichever release named the field."""
    present = [name for name in IMAGE_FIELDS if name in record]
    if not present:
        raise _refused(f"field '{IMAGE_FIELDS[0]}' (or '{IMAGE_FIELDS[1]}') is missing", "restore it", path, line)
    found = {field(record, name, str, path, line).removesuffix(".jpg") for name in present}
    if len(found) > 1:
        raise _refused(f"fields {' and '.join(present)} name different images", "correct one", path, line)
    image = found.pop()
    if not image:
        raise _refused(f"field '{present[0]}' is empty", "restore it", path, line)
    return image


def _refused(what: str, fix: str, path: Path, line: int) -> DataMalformed:
    return DataMalformed(what, fix=fix, where=f"{path}:{line}")
