"""Files of the release that are not below a root: what needs each, who has it, on which terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from madbench.protocols import PROTOCOLS
from madbench.tasks.contract import Layout, Task
from madbench.tasks.releases import RELEASES, Holder
from madbench.tasks.vqa.answers_3129 import FILE as ANSWERS

_OF_SHIFTS = Holder("the authors of the shift: `madbench list shifts` names the source", "as its authors state")


@dataclass(frozen=True)
class Missing:
    """name: of the file or folder. needed_by: protocols, shifts, or what else it is for.

    required: whether a protocol that ships with madbench cannot run without it. register_as: what `data register
    --file` calls it, for files that may lie anywhere.
    """

    name: str
    split: str | None
    needed_by: tuple[str, ...]
    required: bool
    ask: str
    licence: str
    register_as: str | None = None


def missing_files(task: Task, root: Path, layout: Layout | None) -> tuple[Missing, ...]:
    """What is not there, in the order of the splits. layout: what `locate` found, None when it found nothing usable."""
    return (*_annotations(task, root, layout), *_images(task, root, layout), *_extras(task, layout))


def protocols_using(task: str, split: str) -> tuple[str, ...]:
    """The listed protocols that cannot run without a split; nobody trains or reports on unlabelled test splits."""
    users = []
    for entry in PROTOCOLS.entries():
        if entry.spec is None or task not in entry.spec.tasks:
            continue
        rule = entry.spec.select.get(task)
        used = {condition.source_split for condition in entry.spec.conditions[task] if condition.kind == "split"}
        if split in {*used, entry.spec.training_split(task), rule.split if rule else None}:
            users.append(entry.name)
    return tuple(users)


def closed_protocols(task: str) -> tuple[str, ...]:
    """The listed protocols that take their answers from a closed list."""
    specs = {entry.name: entry.spec for entry in PROTOCOLS.entries() if entry.spec is not None}
    return tuple(name for name, spec in specs.items() if task in spec.tasks and spec.vocabulary != "subset")


def _annotations(task: Task, root: Path, layout: Layout | None) -> Iterator[Missing]:
    release = RELEASES[task.name]
    for split, names in release.files.items():
        if layout is not None and split in layout.files:
            continue
        users = protocols_using(task.name, split)
        for name in names:
            if layout is None and _somewhere(root, name):
                continue
            purpose = users or ("the leaderboard of the test split",)
            holder = release.annotations_from
            yield Missing(name, split, purpose, bool(users), holder.ask, holder.licence)


def _somewhere(root: Path, name: str) -> bool:
    """A split may be refused because half of its files are missing; the other half is not."""
    return (root / name).is_file() or any(path.is_file() for path in root.glob(f"*/{name}"))


def _images(task: Task, root: Path, layout: Layout | None) -> Iterator[Missing]:
    release = RELEASES[task.name]
    without: dict[str, list[str]] = {}
    for split, folder in release.images.items():
        here = (root / folder).is_dir() if layout is None else layout.has_images(split)
        if not here:
            without.setdefault(folder, []).append(split)
    for folder, splits in without.items():
        holder = release.images_from
        needed = tuple(f"every model that looks at images, on {split}" for split in splits)
        required = any(protocols_using(task.name, split) for split in splits)
        of_one = splits[0] if len(splits) == 1 else None
        yield Missing(f"{folder}/", of_one, needed, required, holder.ask, holder.licence)


def _extras(task: Task, layout: Layout | None) -> Iterator[Missing]:
    there = {} if layout is None else layout.extras
    shifts = task.shifts()
    for name, places in task.extra_files.items():
        if name in there:
            continue
        users = tuple(f"shift {shift.name}" for shift in shifts.values() if name in shift.files)
        if name == ANSWERS:
            users = closed_protocols(task.name)
        holder = RELEASES[task.name].extras_from.get(name, _OF_SHIFTS)
        yield Missing(places[0] if places else name, None, users, False, holder.ask, holder.licence, name)
