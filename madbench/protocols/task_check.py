"""A protocol held against the tasks it names: their splits, shifts and metric versions, told by file and line.

The schema cannot know these; a wish that no task can grant would otherwise be found after the training, or be dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from madbench.errors import did_you_mean
from madbench.protocols.problems import Problem, problems_error
from madbench.protocols.schema import Protocol
from madbench.protocols.yaml_files import Document, KeyPath
from madbench.registry import TASKS


def check_tasks(document: Document, protocol: Protocol) -> None:
    """Raises ConfigError with the place of everything that a protocol asks of a task and the task does not have."""
    found = [Problem(document.place(at), f"{'.'.join(map(str, at))}: {what}") for at, what in _wrong(protocol)]
    if found:
        raise problems_error(document.path, found)


def _wrong(protocol: Protocol) -> Iterator[tuple[KeyPath, str]]:
    yield from _metrics(protocol)
    for name in protocol.tasks:
        task = TASKS.load(name)
        # One of its own, where the labels are open; the contract's only refuses.
        if protocol.vocabulary != "subset" and "closed_vocabulary" not in vars(type(task)):
            yield ("vocabulary",), f"{name} has fixed labels, so no vocabulary can be closed"
        if name in protocol.training:
            yield from _split(task, protocol.training[name], ("training", name))
        rule = protocol.select.get(name)
        if rule is not None and rule.split is not None:
            yield from _split(task, rule.split, ("select", name, "split"))
        for place, condition in enumerate(protocol.conditions[name]):
            at = ("conditions", name, place)
            if condition.kind == "split":
                yield from _split(task, condition.source_split, (*at, "split" if condition.split else "name"))
            else:
                yield from _shift(task, condition, at)


def _metrics(protocol: Protocol) -> Iterator[tuple[KeyPath, str]]:
    """All tasks count, not the protocol's alone: a child that drops tasks inherits the versions of all."""
    known: dict[str, set[str]] = {}
    for name in TASKS.names():
        for metric, versions in TASKS.load(name).known_versions.items():
            known.setdefault(metric, set()).update(versions)
    for metric, version in protocol.metrics.items():
        if metric not in known:
            yield ("metrics", metric), f"no task has this metric; {_hint(metric, known)}"
        elif version not in known[metric]:
            versions = " or ".join(sorted(known[metric], reverse=True))
            yield ("metrics", metric), f"there is no version {version!r}; expected {versions}"


def _split(task: Any, split: str, at: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Sets with files of their own are known by the beginning of their names; whether a source has one, the plan tells."""
    known = [*task.splits, *task.set_cards()]
    if not any(fnmatchcase(split, pattern) for pattern in known):
        yield at, f"{task.name} has no split '{split}'; {_hint(split, known)}"


def _shift(task: Any, condition: Any, at: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    shifts = task.shifts()
    shift = shifts.get(condition.shift_name)
    if shift is None:
        where = (*at, "shift" if condition.shift else "name")
        yield where, f"{task.name} has no shift '{condition.shift_name}'; {_hint(condition.shift_name, shifts)}"
    elif shift.kind != condition.kind:
        yield (*at, "kind"), f"'{shift.name}' is of kind {shift.kind}; write `kind: {shift.kind}`"


def _hint(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    return did_you_mean(name, known) or f"it has {', '.join(known)}"
