"""SNLI-VE made again from what it was made of: SNLI 1.0 and the two official image lists.

The rule is that of the official generator. Of the pairs of SNLI train, dev and test, in this order, those without a
majority label (`-`) and those about Visual Genome captions (`vg_` in the pairID) are left out. A pair belongs to the
image whose name its pairID begins with. `flickr30k_test.lst` names the test images, the last 1,000 lines of
`flickr30k_train_val.lst` the dev images, the lines before them the train images. A file has the images in the order of
their list, and the pairs of an image in the order of SNLI. Keys are sorted.

Pairs go once through a temporary file beside the result, where the pairs of an image are then picked out: memory holds
places in that file and the pairIDs.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from madbench.errors import DataMalformed, DataMissing, UsageError
from madbench.files import atomic_path
from madbench.tasks import archives
from madbench.tasks.reading import field, read_json_lines, relative_name
from madbench.tasks.snli_ve.reader import SPLITS, file_name
from madbench.tasks.snli_ve.rows import LABELS

SNLI_FILES = ("snli_1.0_train.jsonl", "snli_1.0_dev.jsonl", "snli_1.0_test.jsonl")
SNLI_FOLDERS = ("", "snli_1.0", "SNLI_1.0")
TRAIN_VAL_LIST, TEST_LIST = "flickr30k_train_val.lst", "flickr30k_test.lst"
LIST_SHA256 = {
    TRAIN_VAL_LIST: "28eaa036eb6b718c1256565b9d267ea45bd7699cd309964106aef1846014c356",
    TEST_LIST: "40d78add9de08ec73a269bd5f8fd5230c91e2705fb0b3640f44bc1dcdb329b30",
}
DEV_IMAGES = 1000
OFFICIAL_IMAGES: Mapping[str, int] = {"train": 29_783, "dev": 1_000, "test": 1_000}
# release -> how it calls the image, and what stands behind the Flickr id
LAYOUTS: Mapping[str, tuple[str, str]] = {"2020": ("Flickr30K_ID", ""), "2018": ("Flikr30kID", ".jpg")}


@dataclass(frozen=True)
class Rebuilt:
    """What was written. labels: split -> rows of each class in the order of LABELS; images: split -> those with pairs.

    left_out: pairs that are in no file, by reason. differences: sentences about what is not as in the official files.
    """

    files: tuple[Path, ...]
    labels: Mapping[str, tuple[int, ...]]
    images: Mapping[str, int]
    left_out: Mapping[str, int]
    differences: tuple[str, ...]

    def text(self) -> str:
        lines = []
        for split, counts in self.labels.items():
            classes = ", ".join(f"{count:,} {label}" for label, count in zip(LABELS, counts, strict=True))
            lines.append(f"{split}: {sum(counts):,} pairs about {self.images[split]:,} images ({classes})")
        lines += [f"left out: {count:,} pairs {reason}" for reason, count in self.left_out.items()]
        lines += [f"differs: {one}" for one in self.differences] or ["counts as officially released"]
        return "\n".join([*lines, *map(str, self.files)])


def rebuild(
    snli: Path,
    lists: Path,
    out: Path,
    official_labels: Mapping[str, tuple[int, ...]],
    layout: str = "2020",
    any_lists: bool = False,
) -> Rebuilt:
    """Write `snli_ve_{train,dev,test}.jsonl` into `out`: all three or, when anything is wrong, none.

    snli: the folder with the SNLI 1.0 jsonl files, or their zip. lists: the folder with the two lists.
    official_labels: split -> rows of each class. any_lists: go on with other lists and other counts.
    Raises UsageError, DataMissing, or DataMalformed for lists or counts that are not the official ones.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"no SNLI-VE layout of {layout}", fix=f"use {' or '.join(LAYOUTS)}")
    present = [path for split in SPLITS if (path := out / file_name(split)).exists()]
    if present:
        raise UsageError(f"{present[0]} is there already", fix="name a new folder, or remove it")
    sources = [_snli_file(snli, name) for name in SNLI_FILES]
    differences: list[str] = []
    images = _read_lists(lists, any_lists, differences)
    out.mkdir(parents=True, exist_ok=True)
    left_out: Counter[str] = Counter()
    with ExitStack() as stack:
        written = {split: stack.enter_context(atomic_path(out / file_name(split))) for split in SPLITS}
        spool = stack.enter_context(tempfile.TemporaryFile(dir=out))
        places = _spool(sources, set().union(*images.values()), LAYOUTS[layout], spool, left_out)
        labels, with_pairs = {}, {}
        for split in SPLITS:
            labels[split], with_pairs[split] = _write(written[split], images[split], places, spool)
        differences += _differences(labels, with_pairs, official_labels)
        if differences and not any_lists:
            raise DataMalformed(
                f"what comes out is not SNLI-VE: {'; '.join(differences)}",
                fix="use the complete SNLI 1.0; with --any-lists it is written all the same, and is not official",
                where=snli,
            )
    files = tuple(out / file_name(split) for split in SPLITS)
    return Rebuilt(files, labels, with_pairs, dict(left_out), tuple(differences))


def _snli_file(folder: Path, name: str) -> Path:
    found = archives.find([folder / place for place in SNLI_FOLDERS], name, ("snli_1.0.zip",))
    if found is None:
        raise DataMissing(
            f"no {name} there", fix="give the folder with the unpacked SNLI 1.0, or with snli_1.0.zip", where=folder
        )
    return found


# --------------------------------------------------------------------------- the lists


def _read_lists(folder: Path, any_lists: bool, differences: list[str]) -> dict[str, list[str]]:
    """split -> image ids, in list order."""
    ids = {}
    for name, expected in LIST_SHA256.items():
        path = folder / name
        if not path.is_file():
            raise DataMissing(
                "no such image list", fix="get it from the SNLI-VE repository (necla-ml/SNLI-VE)", where=path
            )
        if archives.sha256(path) != expected:
            what = f"{name} is not the official list (sha256 {expected[:12]}...)"
            if not any_lists:
                raise DataMalformed(what, fix="get the list again, or say --any-lists", where=path)
            differences.append(what)
        ids[name] = _ids(path)
    both = sorted(set(ids[TRAIN_VAL_LIST]) & set(ids[TEST_LIST]))
    if both:
        raise DataMalformed(f"image {both[0]} is in both lists", fix="get the lists again", where=folder)
    if len(ids[TRAIN_VAL_LIST]) <= DEV_IMAGES:
        raise DataMalformed(
            f"{len(ids[TRAIN_VAL_LIST])} images, and the last {DEV_IMAGES:,} are for dev",
            fix="get the list again",
            where=folder / TRAIN_VAL_LIST,
        )
    return {
        "train": ids[TRAIN_VAL_LIST][:-DEV_IMAGES],
        "dev": ids[TRAIN_VAL_LIST][-DEV_IMAGES:],
        "test": ids[TEST_LIST],
    }


def _ids(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataMalformed("the list is not text in UTF-8", fix="get the list again", where=path) from None
    first_line: dict[str, int] = {}
    for line, one in enumerate(text.split("\n"), start=1):
        image = one.strip().removesuffix(".jpg")
        if not image:
            continue
        if image in first_line:
            what = f"image {image} stands on line {first_line[image]} too"
            raise DataMalformed(what, fix="get the list again", where=f"{path}:{line}")
        first_line[image] = line
    return list(first_line)


# --------------------------------------------------------------------------- the pairs


def _spool(
    sources: list[Path], wanted: set[str], naming: tuple[str, str], spool: BinaryIO, left_out: Counter[str]
) -> dict[str, array]:
    """Write the pairs of wanted images to `spool`, in the order of SNLI; image -> (begin, end) of each of its pairs."""
    places: dict[str, array] = {}
    position = 0
    for image, line in _pairs(sources, naming, left_out):
        if image not in wanted:
            left_out["about images in neither list"] += 1
            continue
        spool.write(line)
        places.setdefault(image, array("q")).extend((position, position + len(line)))
        position += len(line)
    return places


def _pairs(sources: list[Path], naming: tuple[str, str], left_out: Counter[str]) -> Iterator[tuple[str, bytes]]:
    """(image, the line to write) of every pair that is kept."""
    name, suffix = naming
    seen: set[str] = set()
    for path in sources:
        for number, record in read_json_lines(path):
            label = field(record, "gold_label", str, path, number)
            pair = field(record, "pairID", str, path, number)
            if label == "-":
                left_out["without a majority label"] += 1
                continue
            if "vg_" in pair:
                left_out["about Visual Genome captions"] += 1
                continue
            problem = None
            if label not in LABELS:
                problem = f"field 'gold_label' is {label!r}, not one of the three classes"
            elif ".jpg" not in pair:
                problem = f"field 'pairID' is {pair!r}, which names no image"
            elif pair in seen:
                problem = f"field 'pairID': {pair} occurs a second time"
            if problem is not None:
                raise DataMalformed(problem, fix="get SNLI 1.0 again", where=f"{path}:{number}")
            seen.add(pair)
            field(record, "sentence2", str, path, number)
            # The generator groups by the name up to the first `.jpg` and writes the one up to the last.
            image = pair.partition(".jpg")[0]
            written = relative_name(pair.rpartition(".jpg")[0], f"{path}:{number}")
            line = json.dumps({**record, name: written + suffix}, sort_keys=True, ensure_ascii=False)
            yield image, line.encode() + b"\n"


def _write(path: Path, images: list[str], places: Mapping[str, array], spool: BinaryIO) -> tuple[tuple[int, ...], int]:
    """Write a split. (rows of each class in the order of LABELS, images that have pairs)."""
    counts: Counter[str] = Counter()
    with open(path, "wb") as file:
        for image in images:
            found = places.get(image, ())
            for begin, end in zip(found[::2], found[1::2], strict=True):
                spool.seek(begin)
                line = spool.read(end - begin)
                counts[json.loads(line)["gold_label"]] += 1
                file.write(line)
    return tuple(counts[label] for label in LABELS), sum(image in places for image in images)


def _differences(labels, images, official_labels) -> list[str]:
    found = []
    for split in SPLITS:
        if labels[split] != tuple(official_labels[split]):
            expected = sum(official_labels[split])
            found.append(
                f"{split} has {sum(labels[split]):,} pairs, officially {expected:,}"
                if sum(labels[split]) != expected
                else f"{split} has {labels[split]} pairs of {', '.join(LABELS)}, officially {official_labels[split]}"
            )
        if images[split] != OFFICIAL_IMAGES[split]:
            found.append(f"{split} has {images[split]:,} images, officially {OFFICIAL_IMAGES[split]:,}")
    return found
