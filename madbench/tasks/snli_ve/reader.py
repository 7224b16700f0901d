"""SNLI-VE in the files its generator writes, with the field names of 2018 and of 2020.

    snli_ve_{train,dev,test}.jsonl          in the root, in data/ or snli_ve/, or in a zip in the root
    flickr30k_images/<Flickr id>.jpg        also flickr30k-images/, Flickr30K/images/; images/ or flickr30k/ alone

The image stands in `Flickr30K_ID` ("123", 2020) or `Flikr30kID` ("123.jpg", 2018); `Flickr30kID` occurs too.
"""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from madbench.errors import DataError, DataMalformed, DataMissing
from madbench.tasks import archives
from madbench.tasks.cache import through_cache
from madbench.tasks.columns import new_row
from madbench.tasks.contract import Layout
from madbench.tasks.doubts import Doubts
from madbench.tasks.reading import field, no_rows, read_json_lines, relative_name, without_collector
from madbench.tasks.regions import regions_folder
from madbench.tasks.snli_ve.columns import SnliVeColumns, paths_of
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow

SPLITS = ("train", "dev", "test")
IMAGE_FIELDS = ("Flickr30K_ID", "Flikr30kID", "Flickr30kID")
FILE_FOLDERS = ("", "data", "snli_ve", "snli-ve")
IMAGE_FOLDERS = ("flickr30k_images", "flickr30k-images", "Flickr30K/images", "flickr30k/images")
# Fields that nothing here needs: the ids of captions, the premise and the parses.
UNUSED = (
    "captionID",
    "sentence1",
    "sentence1_parse",
    "sentence1_binary_parse",
    "sentence2_parse",
    "sentence2_binary_parse",
)
NO_MAJORITY = "no majority label"
# Names that other things have too: taken when one of them alone is there, with pictures in it.
COMMON_FOLDERS = ("images", "flickr30k", "Flickr30K", "flickr30k_images/flickr30k_images")

# As observed on 29,079 ids of the release.
_PAIR = re.compile(r"[0-9]+\.jpg#[0-9]+r[0-9]+[enc]")
_logger = logging.getLogger(__name__)


def file_name(split: str) -> str:
    return f"snli_ve_{split}.jsonl"


def locate(root: Path) -> Layout:
    """The splits whose file lies in `root`. Raises DataMissing when there is no such folder, or none of the files."""
    root = Path(root).absolute()
    if not root.is_dir():
        raise DataMissing("no such folder for snli_ve", fix="give the folder that holds the SNLI-VE files", where=root)
    places = [root / folder for folder in FILE_FOLDERS]
    files = {split: (path,) for split in SPLITS if (path := archives.find(places, file_name(split))) is not None}
    if not files:
        raise DataMissing(
            f"no SNLI-VE files found; not there: {', '.join(map(file_name, SPLITS))}",
            fix="put the files that the SNLI-VE generator wrote into this folder",
            where=root,
        )
    return Layout("snli_ve", root, files, dict.fromkeys(SPLITS, _images(root)), regions=regions_folder(root))


def _images(root: Path) -> Path | None:
    """The image folder. One that holds pictures goes before one of a better name that holds none."""
    named = [folder for name in IMAGE_FOLDERS if (folder := root / name).is_dir()]
    likely = [folder for name in COMMON_FOLDERS if _has_pictures(folder := root / name)]
    for folder in named:
        if _has_pictures(folder) or not likely:
            return folder
    return likely[0] if len({folder.resolve() for folder in likely}) == 1 else (named[0] if named else None)


def _has_pictures(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(entry.name.endswith(".jpg") for entry in entries)


def read(layout: Layout, split: str) -> Sequence[SnliVeRow]:
    """All pairs of a split in file order, checked; large files are remembered.

    Raises DataMissing when the source lacks the split; see read_pairs.
    """
    if split not in layout.files:
        raise DataMissing(
            f"the source has no {split} split of snli_ve; not there: {file_name(split)}",
            fix="put the file that the SNLI-VE generator wrote into this folder",
            where=layout.root,
        )
    files, images = layout.files[split], layout.images.get(split)
    columns = SnliVeColumns(images, layout.regions)
    return through_cache(("snli_ve",), files, columns, lambda: _read(files[0], images, "error", layout.regions))


def read_pairs(
    path: Path,
    images: Path | None = None,
    dash: Literal["error", "skip"] = "error",
    regions: Path | None = None,
    skipped: Counter[str] | None = None,
) -> list[SnliVeRow]:
    """The pairs of one file. images, regions: the folders of the images and of region features, or None.

    dash: what to do with the gold label `-` (no majority). The official files have none; derived ones do. Nothing in
    madbench skips by itself. skipped: is given the number of pairs left out, by reason; it is also logged.
    Raises DataMalformed with file:line and the field for: a missing or mistyped field, another label, two image fields
    that differ, an image that is not that of pairID, a repeated pairID.
    """
    rows, notes = _read(path, images, dash, regions, skipped)
    for note in notes:
        _logger.warning("%s", note.replace("{path}", str(path)))
    return rows


def _read(
    path: Path, images: Path | None, dash: str, regions: Path | None, skipped: Counter[str] | None = None
) -> tuple[list[SnliVeRow], list[str]]:
    """Rows, and what is doubtful about them."""
    doubts, left_out = Doubts(), Counter()
    with without_collector():
        rows = list(_pairs(path, images, dash, regions, doubts, left_out))
    if not rows and not left_out:
        raise no_rows(path)
    notes = doubts.notes("look edited")
    notes += [f"{count} pairs of {{path}} are skipped: {reason}" for reason, count in left_out.items()]
    if skipped is not None:
        skipped.update(left_out)
    return rows, notes


def _pairs(
    path: Path, images: Path | None, dash: str, regions: Path | None, doubts: Doubts, left_out: Counter[str]
) -> Iterator[SnliVeRow]:
    first_line: dict[str, int] = {}
    paths: dict[str, tuple[Path | None, Path | None]] = {}
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
                left_out[NO_MAJORITY] += 1
                continue
            what, fix = f"field 'gold_label' is {label!r}, not one of the three classes", f"use {', '.join(LABELS)}"
            if label == "-":
                what = f"field 'gold_label' is '-', {NO_MAJORITY} ({_without_majority(path):,} such pairs in the file)"
                fix = "remove pairs without a majority label"
            raise _refused(what, fix, path, line)
        hypothesis = field(record, "sentence2", str, path, line)
        _check_unused(record, path, line)
        if not _PAIR.fullmatch(pair):
            doubts.add("'pairID' is not <number>.jpg#<caption>r<round><e, n or c>", line)
        elif record.get("captionID") is not None and not pair.startswith(f"{record['captionID']}r"):
            doubts.add("'captionID' is not that of 'pairID'", line)
        if image not in paths:
            _check_name(record, image, path, line)
            paths[image] = paths_of(image, images, regions)
        label = LABELS[LABELS.index(label)]  # one object for each class, not one for each line
        image_path, region_path = paths[image]
        yield new_row(
            SnliVeRow,
            {
                "example_id": pair,
                "image_id": image,
                "image_path": image_path,
                "group": None,
                "stratum": label,
                "region_path": region_path,
                "corruption": None,
                "hypothesis": hypothesis,
                "label": label,
            },
        )


def _check_unused(record: Mapping[str, Any], path: Path, line: int) -> None:
    for name in UNUSED:
        if record.get(name) is not None and type(record[name]) is not str:
            field(record, name, str, path, line)
    votes = record.get("annotator_labels")
    if votes is not None and not (type(votes) is list and all([type(vote) is str for vote in votes])):
        what = "field 'annotator_labels' must be a list of class names"
        raise _refused(what, "restore the line", path, line)


def _without_majority(path: Path) -> int:
    """How many pairs a file has under `-`; only asked once there is one. Stops at the first line that is no JSON."""
    count = 0
    try:
        for _, record in read_json_lines(path):
            count += record.get("gold_label") == "-"
    except DataError:
        pass
    return count


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


def _check_name(record: Mapping[str, Any], image: str, path: Path, line: int) -> None:
    """Pictures lie in one flat folder."""
    name = next(name for name in IMAGE_FIELDS if name in record)
    relative_name(f"{image}.jpg", f"{path}:{line}", name)
    if "/" in image or "\\" in image:
        raise _refused(f"field '{name}' is {image!r}, not the name of a picture", "restore the line", path, line)


def _refused(what: str, fix: str, path: Path, line: int) -> DataMalformed:
    return DataMalformed(what, fix=fix, where=f"{path}:{line}")
