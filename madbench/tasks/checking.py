"""Is this the official data set? Every file read, rows and images counted, against the official sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from madbench.errors import DataError
from madbench.protocols import PROTOCOLS
from madbench.registry import TASKS
from madbench.tasks.contract import Row
from madbench.tasks.sources import locate


@dataclass(frozen=True)
class SplitCheck:
    """One split. rows and images are None when they could not be counted; images_found of images exist on disk."""

    split: str
    files: tuple[str, ...]
    rows: int | None
    official_rows: int | None
    images: int | None
    images_found: int | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class SourceCheck:
    """A whole source, split by split."""

    task: str
    root: Path
    splits: tuple[SplitCheck, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(f"{one.split}: {problem}" for one in self.splits for problem in one.problems)

    def as_json(self) -> dict[str, Any]:
        splits = [asdict(one) for one in self.splits]
        return {"task": self.task, "root": str(self.root), "official": not self.problems, "splits": splits}

    def text(self) -> str:
        lines = [f"{self.task}: {self.root}"]
        for one in self.splits:
            rows = f"{one.rows:,} rows" if one.rows is not None else "not read" if one.files else "not there"
            official = "" if one.official_rows is None else f" (officially {one.official_rows:,})"
            images = "" if one.images is None else f", {one.images_found:,} of {one.images:,} images"
            lines.append(f"  {one.split}: {rows}{official}{images}")
            lines += [f"    {name}" for name in one.files]
            lines += [f"    problem: {problem}" for problem in one.problems]
        count = len(self.problems)
        lines.append(f"{count} problem{'s' if count != 1 else ''}" if count else "as officially released")
        return "\n".join(lines)


def check_source(task_name: str, root: Path) -> SourceCheck:
    """Read every split below `root`. Raises DataMissing when there is nothing to read at all; else problems are listed."""
    task = TASKS.load(task_name)
    layout = locate(task, root)
    return SourceCheck(task_name, root, tuple(_check_split(task, layout, split) for split in task.splits))


def _check_split(task: Any, layout: Any, split: str) -> SplitCheck:
    official = task.official_rows.get(split)
    files = tuple(str(path.relative_to(layout.root)) for path in layout.files.get(split, ()))
    if not files:
        users = _protocols_using(task.name, split)
        problems = (f"no annotation file, and {', '.join(users)} needs it",) if users else ()
        return SplitCheck(split, (), None, official, None, None, problems)
    try:
        rows = task.read(layout, split)
    except DataError as error:
        return SplitCheck(split, files, None, official, None, None, (str(error),))
    problems = []
    if official is not None and len(rows) != official:
        problems.append(f"{len(rows):,} rows, officially {official:,}")
    images, found, missing = _count_images(rows)
    if found < images:
        problems.append(
            f"{images - found:,} of {images:,} images are not there" + (f", the first is {missing}" if missing else "")
        )
    return SplitCheck(split, files, len(rows), official, images, found, tuple(problems))


def _protocols_using(task: str, split: str) -> list[str]:
    """The listed protocols that cannot run without a split; nobody trains or reports on unlabelled test splits."""
    users = []
    for entry in PROTOCOLS.entries():
        if entry.spec is None or task not in entry.spec.tasks:
            continue
        rule = entry.spec.select.get(task)
        reported = {condition.source_split for condition in entry.spec.conditions[task] if condition.kind == "split"}
        if split in {"train", rule.split if rule else None, *reported}:
            users.append(entry.name)
    return users


def _count_images(rows: Sequence[Row]) -> tuple[int, int, Path | None]:
    """(different images, how many of them are files, the first that is not)."""
    paths = {row.image_id: row.image_path for row in rows}
    missing = [path for path in paths.values() if path is None or not path.is_file()]
    return len(paths), len(paths) - len(missing), missing[0] if missing else None
