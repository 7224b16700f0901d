"""The way through a source: split by split, what was read, what is beside it, and what the splits share."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madbench.errors import DataError, DataMissing
from madbench.registry import TASKS
from madbench.tasks.checking.ahead import reading_ahead
from madbench.tasks.checking.content import Content, Findings, count, gather, join
from madbench.tasks.checking.metadata import wrong_boxes, wrong_names
from madbench.tasks.checking.missing import missing_files, protocols_using
from madbench.tasks.checking.pictures import Listing, decode, each
from madbench.tasks.checking.regions import check_regions
from madbench.tasks.checking.report import Depth, Files, Progress, SourceCheck, SplitCheck
from madbench.tasks.contract import Layout, Task
from madbench.tasks.sources import attached, locate

_logger = logging.getLogger(__name__)


def check_source(
    task_name: str, root: Path, depth: Depth | None = None, progress: Progress | None = None
) -> SourceCheck:
    """Check everything below `root`, and change nothing.

    Raises UsageError for an unknown task and DataMissing when `root` is no folder; whatever else is wrong is listed.
    """
    task = TASKS.load(task_name)
    if not root.is_dir():
        raise DataMissing(f"{task_name}: the data folder is not there", fix="give the right folder", where=root)
    of_source = Findings(None)
    try:
        layout = locate(task, root)
    except DataError as error:
        of_source.error(error)
        missing = missing_files(task, root, None)
        return SourceCheck(task_name, root, (), tuple(of_source.problems), (), missing, {})
    extras = [split for split in layout.files if split not in task.splits]
    work = _Work(task, layout, depth or Depth(), progress or (lambda what, done, total: None), Listing())
    parts = []
    splits = [*task.splits, *extras]
    # The first split is by far the largest of every task.
    with reading_ahead(layout, [split for split in splits[1:] if split in layout.files]) as other:
        for place, split in enumerate(splits):
            if place == 1 and other is not None:
                other.wait()
            parts.append(_check_split(work, split))
    _shared_images(task, parts, of_source)
    _sums(task, parts, of_source)
    for name, path in attached(task_name).items():
        if not path.is_file():
            of_source.problem(f"the file registered as {name} is no longer there", path)
    for link in work.listing.links:
        of_source.error(link)
    return SourceCheck(
        task_name,
        root,
        tuple(part.check for part in parts),
        (*(found for part in parts for found in part.found.problems), *of_source.problems),
        (*(found for part in parts for found in part.found.notes), *of_source.notes),
        missing_files(task, root, layout),
        {name: str(path) for name, path in sorted(layout.extras.items())},
    )


@dataclass(frozen=True)
class _Work:
    """What all splits share. listing: folders already looked into."""

    task: Task
    layout: Layout
    depth: Depth
    progress: Progress
    listing: Listing


@dataclass
class _Part:
    """A split's result; images: what its images are known by across splits; ids: of splits that belong together."""

    check: SplitCheck
    found: Findings
    images: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()


def _check_split(work: _Work, split: str) -> _Part:
    task, layout = work.task, work.layout
    paths = layout.files.get(split, ())
    found = Findings(split)
    check = SplitCheck(split, tuple(_below(layout.root, path) for path in paths), None, task.official_rows.get(split))
    part = _Part(check, found)
    if not paths:
        users = protocols_using(task.name, split)
        if users:
            found.problem(f"no annotation file, and {', '.join(users)} needs it")
        return part
    work.progress(f"{task.name} {split}: reading", 0, 1)
    try:
        with _timed(f"{split}: read"), _warnings(found):
            rows = task.read(layout, split)
    except DataError as error:
        found.error(error)
        return part
    with _timed(f"{split}: counts and joins"):
        values = gather(rows, task.name)
        del rows
        count(check, task, values, found, paths[-1])
        join(task.name, layout, split, values, found)
    with _timed(f"{split}: files of images"):
        check.pictures = _pictures(work, split, values, found)
        if task.name == "vcr":
            check.metadata = _metadata(work, split, values, found)
    if work.depth.features:
        with _timed(f"{split}: regions"):
            check.regions = check_regions(layout, split, values, found, work.listing, work.depth.images, work.progress)
    # An image is one file: vcr's img_id has the split in it, its name has not.
    if any(split in together for together in task.official_sums):
        part.ids = frozenset(values["example_id"])
    part.images = frozenset(values["image_name" if task.name == "vcr" else "image_id"])
    return part


def _pictures(work: _Work, split: str, values: Content, found: Findings) -> Files:
    if work.task.name == "vcr":
        root = work.layout.images[split]
        items = [(root, name) for name in dict.fromkeys(values["image_name"])]
    else:
        paths = [row.image_path for row in values.first.values()]
        items = [(path.parent, path.name) for path in paths if path is not None]
        if len(items) < len(paths):
            found.problem(f"there is no image folder for its {len(paths):,} images", work.layout.root)
            return Files(len(paths), 0)
    there, files = _present(work, items, "images", found)
    if not work.depth.images:
        return files
    damaged = list(each(decode, there, lambda done, total: work.progress(f"{split}: images", done, total)))
    for error in damaged:
        found.error(error)
    return Files(files.expected, files.found, len(there), len(damaged))


def _metadata(work: _Work, split: str, values: Content, found: Findings) -> Files:
    root = work.layout.images[split]
    objects = dict(zip(values["metadata_name"], values["objects"], strict=True))
    there, files = _present(work, [(root, name) for name in objects], "metadata files", found)
    wrong = wrong_boxes if work.depth.images else wrong_names
    items = [(root, name, objects[name]) for _, name in there]
    errors = list(each(wrong, items, lambda done, total: work.progress(f"{split}: metadata", done, total)))
    for error in errors:
        found.error(error)
    return Files(files.expected, files.found, len(there), len(errors))


def _present(work: _Work, items: list[tuple[Path, str]], what: str, found: Findings) -> tuple[list, Files]:
    """The (root, name) that are files, and how many of them."""
    absent = {
        (root, name)
        for root in {root for root, _ in items}
        for name in work.listing.missing(root, [name for of, name in items if of == root])
    }
    if absent:
        root, name = next(item for item in items if item in absent)
        found.problem(f"{len(absent):,} of {len(items):,} {what} are not there, the first is {name}", root)
    return [item for item in items if item not in absent], Files(len(items), len(items) - len(absent))


def _shared_images(task: Task, parts: Sequence[_Part], found: Findings) -> None:
    """Splits of a release have no image in common; test-dev is a part of test."""
    own = [part for part in parts if part.check.split in task.splits and part.images]
    for place, one in enumerate(own):
        for other in own[place + 1 :]:
            shared = one.images & other.images
            if shared and {one.check.split, other.check.split} != {"test", "test-dev"}:
                found.problem(
                    f"{one.check.split} and {other.check.split} share {len(shared):,} images, e.g. {min(shared)}"
                )


def _sums(task: Task, parts: Sequence[_Part], found: Findings) -> None:
    """Splits that are one set dealt out: no row is in two of them, and together they have its size."""
    for together, official in task.official_sums.items():
        own = [part for part in parts if part.check.split in together and part.ids]
        for place, one in enumerate(own):
            for other in own[place + 1 :]:
                shared = one.ids & other.ids
                if shared:
                    found.problem(
                        f"{one.check.split} and {other.check.split} share {len(shared):,} rows, e.g. {min(shared)}"
                    )
        rows = sum(len(part.ids) for part in own)
        if len(own) == len(together) and rows != official:
            found.problem(f"{' and '.join(together)}: {rows:,} rows together, officially {official:,}")


def _below(root: Path, path: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


@contextmanager
def _warnings(found: Findings) -> Iterator[None]:
    """What readers only warn of becomes notes instead of lines on the terminal."""
    handler = _Keep()
    readers = logging.getLogger("madbench.tasks")
    propagate, readers.propagate = readers.propagate, False
    readers.addHandler(handler)
    try:
        yield
    finally:
        readers.removeHandler(handler)
        readers.propagate = propagate
    for message in handler.messages:
        found.note(message)


class _Keep(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _timed(what: str) -> Iterator[Any]:
    started = time.perf_counter()
    yield
    _logger.info("%s: %.2f s", what, time.perf_counter() - started)
