"""What the rows of a split say: counts and classes beside the official ones, and joins that the reader does not make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataError
from madbench.tasks import archives
from madbench.tasks.checking.report import Finding, SplitCheck
from madbench.tasks.contract import Layout, Row, Task
from madbench.tasks.json_places import line_of_element
from madbench.tasks.reading import read_json, without_collector
from madbench.tasks.releases import RELEASES, Size
from madbench.tasks.snli_ve.task import LABELS, SnliVe
from madbench.tasks.table import column, where

# Fields of rows: those that every task has, and those that only its own rows have.
_COMMON = ("example_id", "image_id", "group", "stratum")
_OWN = {"vcr": ("labels", "image_name", "metadata_name", "objects"), "snli_ve": (), "vqa": ("question_type",)}
QUESTION_TYPES = 65  # of VQA v2, `none of the above` included (mscoco_question_types.txt of the official tool)


class Findings:
    """Problems and notes of one split, in the order they were found."""

    def __init__(self, split: str | None):
        self.split = split
        self.problems: list[Finding] = []
        self.notes: list[Finding] = []

    def problem(self, what: str, where: str | Path | None = None) -> None:
        self.problems.append(Finding(self.split, what, None if where is None else str(where)))

    def note(self, what: str, where: str | Path | None = None) -> None:
        self.notes.append(Finding(self.split, what, None if where is None else str(where)))

    def error(self, error: DataError) -> None:
        self.problem(error.what, error.where)


@dataclass(frozen=True)
class Content:
    """The fields that a check looks at. columns: field -> its values in the order of the rows.

    first: image_id -> the first row of the image.
    """

    columns: Mapping[str, Sequence[Any]]
    first: Mapping[str, Row]

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.columns[name]


def gather(rows: Sequence[Row], task: str) -> Content:
    """Rows of a mapped table are built when they are looked at, so one of each image is, and columns of the others."""
    with without_collector():
        columns = {name: column(rows, name) for name in (*_COMMON, *_OWN[task])}
        places: dict[str, int] = {}
        for place, image in enumerate(columns["image_id"]):
            places.setdefault(image, place)
        wanted = np.zeros(len(columns["image_id"]), dtype=bool)
        wanted[list(places.values())] = True
        first = dict(zip(places, where(rows, wanted), strict=True))
    return Content(columns, first)


def count(check: SplitCheck, task: Task, values: Content, found: Findings, file: Path) -> None:
    """Fill in rows, images, groups and labels, and tell what differs from the official figures."""
    release = RELEASES[task.name]
    size = release.sizes.get(check.split, Size())
    check.rows, check.images = len(values["example_id"]), len(set(values["image_id"]))
    check.official_images, check.official_groups = size.images, size.groups
    if release.group is not None:
        check.groups = len(set(values["group"]) - {None})
    check.labels, check.official_labels = _LABELS[task.name](values), _official_labels(task, check.split)
    if check.official_rows is not None and check.rows != check.official_rows:
        found.problem(f"{check.rows:,} rows, officially {check.official_rows:,}", file)
    for name, unit, counted, official in (
        ("images", "images", check.images, size.images),
        ("groups", release.group or "groups", check.groups, size.groups),
    ):
        if official is None or counted is None or counted == official:
            continue
        if name in size.recalled:
            found.note(f"{counted:,} {unit}, and {official:,} by what is recalled of the paper", file)
        else:
            found.problem(f"{counted:,} {unit}, officially {official:,}", file)
    for field, classes in check.official_labels.items():
        counted = check.labels.get(field, {})
        differing = [
            f"{name} {counted.get(name, 0):,} (officially {official:,})"
            for name, official in classes.items()
            if counted.get(name, 0) != official
        ]
        if differing:
            found.problem(f"rows by {field}: {', '.join(differing)}", file)


def join(task: str, layout: Layout, split: str, values: Content, found: Findings) -> None:
    """Check what rows say of each other and of files beside them."""
    check = _JOINS.get(task)
    if check is not None:
        check(layout, split, values, found)


# --------------------------------------------------------------------------- labels


def _vcr_labels(values: Content) -> dict[str, dict[str, int]]:
    pairs = Counter(pair for pair in values["labels"] if pair is not None)
    counts = {}
    for place, name in enumerate(("answer_label", "rationale_label")):
        of_leg: Counter = Counter()
        for pair, number in pairs.items():
            of_leg[str(pair[place])] += number
        if of_leg:
            counts[name] = dict(sorted(of_leg.items()))
    return counts


def _by_value(fields: Mapping[str, str]) -> Callable[[Content], dict[str, dict[str, int]]]:
    """fields: label field -> the column that holds it."""

    def labels(values: Content) -> dict[str, dict[str, int]]:
        counts = {field: Counter(values[name]) for field, name in fields.items()}
        known = {field: {value: one[value] for value in one if value is not None} for field, one in counts.items()}
        return {field: dict(sorted(one.items())) for field, one in known.items() if one}

    return labels


def _official_labels(task: Task, split: str) -> dict[str, dict[str, int]]:
    """Rows of each class where the release states them (snli_ve)."""
    if not isinstance(task, SnliVe) or split not in task.official_labels:
        return {}
    return {"label": dict(zip(LABELS, task.official_labels[split], strict=True))}


_LABELS: Mapping[str, Callable[[Content], dict[str, dict[str, int]]]] = {
    "vcr": _vcr_labels,
    "snli_ve": _by_value({"label": "stratum"}),
    "vqa": _by_value({"answer_type": "stratum", "question_type": "question_type"}),
}


# --------------------------------------------------------------------------- joins


def _vcr_join(layout: Layout, split: str, values: Content, found: Findings) -> None:
    """All rows of an image name the same file, the same metadata and the same objects."""
    fields = ("image_name", "metadata_name", "objects")
    first: dict[str, tuple] = {}
    differing = []
    for place, (image, *named) in enumerate(zip(*(values[name] for name in ("image_id", *fields)), strict=True)):
        known = first.setdefault(image, tuple(named))
        if known != tuple(named):
            field = next(name for name, one, other in zip(fields, known, named, strict=True) if one != other)
            differing.append((place, image, field))
    file = layout.files[split][0]
    for place, image, field in differing[:20]:
        released = {"image_name": "img_fn", "metadata_name": "metadata_fn"}.get(field, field)
        found.problem(
            f"field '{released}' differs from that of another row of image {image}",
            f"{file}:{_line_of_row(file, place)}",
        )
    if len(differing) > 20:
        found.problem(f"{len(differing):,} rows differ from others of the same image; the first 20 are listed", file)


def _line_of_row(file: Path, place: int) -> int:
    """The line of a row by its place among the lines that are not blank."""
    with archives.open_file(file) as stream:
        seen = -1
        for line, raw in enumerate(stream, start=1):
            seen += bool(raw.strip())
            if seen == place:
                return line
    return place + 1


def _vqa_join(layout: Layout, split: str, values: Content, found: Findings) -> None:
    types = {kind for kind in values["question_type"] if kind is not None}
    if split in ("train", "val") and len(types) != QUESTION_TYPES:
        found.note(f"{len(types)} question types, officially {QUESTION_TYPES}", layout.files[split][-1])
    file = _complementary_pairs(layout, split)
    if file is None:
        return
    try:
        pairs = read_json(file)
    except DataError as error:
        return found.error(error)
    if not isinstance(pairs, list):
        return found.problem("the file is not a list of pairs of question ids", file)
    known = set(values["example_id"])
    for place, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2 or not all(type(one) is int for one in pair):
            found.problem(f"[{place}] is not a pair of question ids", f"{file}:{line_of_element(file, None, place)}")
            break
        strange = [one for one in pair if str(one) not in known]
        if strange:
            found.problem(
                f"[{place}] names question_id {strange[0]}, which is not in {split}",
                f"{file}:{line_of_element(file, None, place)}",
            )
            break


def _complementary_pairs(layout: Layout, split: str) -> Path | None:
    if split not in ("train", "val"):
        return None
    name = f"v2_mscoco_{split}2014_complementary_pairs.json"
    places = (layout.files[split][-1].parent / name, layout.root / name)
    return next((place for place in places if archives.is_file(place)), None)


_JOINS: Mapping[str, Callable[[Layout, str, Content, Findings], None]] = {"vcr": _vcr_join, "vqa": _vqa_join}
