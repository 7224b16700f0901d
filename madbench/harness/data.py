"""The data of a cell: read, drawn and checked; and a short digest of it that is remembered.

The digest holds ids as hashes, counts and problems. It is all that a plan and the identity of a cell need, so that a
finished cell is recognised without reading an annotation file again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import madbench
from madbench.errors import DataMissing, NotComparable
from madbench.files import recall_json, remember_json, sha256_of, sha256_of_file
from madbench.harness.audit import audit, sentences
from madbench.harness.conditions import (
    Carving,
    ConditionRows,
    build_conditions,
    check_something_to_score,
    content_of,
)
from madbench.harness.tuning_protocol import carving
from madbench.home import home
from madbench.protocols import schema
from madbench.protocols.schema import Protocol
from madbench.registry import TASKS
from madbench.tasks.contract import AnswerSpace, ClosedVocabulary, Row, Task
from madbench.tasks.sources import (
    DataChoice,
    Source,
    Sources,
    choose,
    fingerprint,
    has_split,
    remembered_sha256,
    unofficial,
)
from madbench.tasks.subsets import Subset, carve, draw_subset

Digest = dict[str, Any]
DIGEST_FORM = 3  # raised when a digest says more, or other things: one that was remembered before is then made again


@dataclass(frozen=True)
class CellData:
    """pool: the whole training split. conditions: declared ones and those derived from them."""

    task: Task
    pool: Sequence[Row]
    subset: Subset
    conditions: tuple[ConditionRows, ...]

    def rest(self) -> tuple[Row, ...]:
        """The training rows in neither train nor select."""
        used = {row.example_id for row in (*self.subset.train, *(self.subset.select or ()))}
        return tuple(row for row in self.pool if row.example_id not in used)


def choose_sources(choice: DataChoice, tasks: Sequence[str], asked: Sequence[str]) -> Sources:
    """As `tasks.sources.choose`, with mini written where it is needed."""
    return choose(choice, tasks, asked, make_mini)


def make_mini(tasks: Sequence[str]) -> dict[str, Path]:
    """The roots of mini data; several tasks that are not there yet are written at once, a process each.

    Plain processes, not `multiprocessing`: that would run the caller's script once more.
    """
    from madbench.mini.build import COMPLETE, ensure, folder

    absent = [task for task in tasks if not (folder() / task / COMPLETE).is_file()]
    if len(absent) > 1 and (os.cpu_count() or 1) > 1:
        code = "import sys; from madbench.mini.build import ensure; ensure(sys.argv[1])"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        writing = [
            subprocess.Popen(
                [sys.executable, "-c", code, task],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for task in absent
        ]
        try:
            for process in writing:
                process.wait()
        except BaseException:
            for process in writing:
                process.kill()
            raise
    # What a process could not write is tried again here, so that its error is raised and not lost.
    return {task: ensure(task) for task in tasks}


class _Memory:
    """Rows of the task in use. Cells come task by task, so one task at a time is enough and bounds the memory."""

    def __init__(self) -> None:
        self._source: tuple[str, Path, str, Path | None] | None = None
        self._rows: dict[str, Sequence[Row]] = {}
        self._conditions: dict[str, tuple[ConditionRows, ...]] = {}
        self._vocabulary: dict[str, ClosedVocabulary] = {}

    def use(self, source: Source) -> None:
        splits = [split for split in source.layout.files if has_split(source.layout, split)]
        # Rows name their region file, so they are others once a source has regions.
        current = (source.task, source.root, fingerprint(source.layout, splits), source.layout.regions)
        if current != self._source:
            self.__init__()
            self._source = current

    def read(self, task: Task, source: Source, split: str) -> Sequence[Row]:
        if split not in self._rows:
            self._rows[split] = task.read(source.layout, split)
        return self._rows[split]

    def vocabulary(self, task: Task, source: Source) -> ClosedVocabulary:
        key = sha256_of(extra_contents(source))
        if key not in self._vocabulary:
            read = lambda split: self.read(task, source, split)  # noqa: E731
            self._vocabulary[key] = task.closed_vocabulary(source.layout, read)
        return self._vocabulary[key]

    def conditions(self, task: Task, source: Source, protocol: Protocol, limit: int | None):
        declared = protocol.conditions[task.name]
        # A tuning protocol carves other rows out of the training split than others do.
        carved_for = protocol.task_hash(task.name) if any(one.images is not None for one in declared) else None
        content = [one.model_dump(mode="json") for one in declared]
        key = sha256_of([content, limit, extra_contents(source), carved_for])
        if key not in self._conditions:
            read = lambda split: self.read(task, source, split)  # noqa: E731
            self._conditions[key] = tuple(
                build_conditions(task, source, declared, read, tasks_code(), limit, carving(protocol))
            )
        return self._conditions[key]


_MEMORY = _Memory()


def read_rows(source: Source, split: str) -> Sequence[Row]:
    """All rows of a split, kept as long as the same task is in use. Raises DataError."""
    _MEMORY.use(source)
    return _MEMORY.read(TASKS.load(source.task), source, split)


def load_data(source: Source, protocol: Protocol, draw: int, limit: int | None) -> CellData:
    """Read, draw, shift. Raises DataError."""
    task = TASKS.load(source.task)
    pool, subset = load_subset(
        source,
        draw,
        subset=protocol.subset,
        select=protocol.select.get(task.name),
        training=protocol.training_split(task.name),
        carved=next((one.images for one in protocol.conditions[task.name] if one.images is not None), None),
        limit=limit,
        carving=carving(protocol),
    )
    return CellData(task, pool, subset, _MEMORY.conditions(task, source, protocol, limit))


def load_subset(
    source: Source,
    draw: int,
    *,
    subset: schema.Subset,
    select: schema.Select | None,
    training: str = "train",
    carved: float | None = None,
    limit: int | None = None,
    carving: Carving = carve,
) -> tuple[Sequence[Row], Subset]:
    """The pool and what is drawn from it, without any condition. Raises DataError.

    training: the split that trains. carved: the fraction of its images that only evaluates, and is not in the pool.
    carving: what takes it out.
    """
    task = TASKS.load(source.task)
    for split, what in ((training, "train"), (None if select is None else select.split, "select")):
        if split is not None and not has_split(source.layout, split):
            raise DataMissing(
                f"{task.name}: the split {split} is to {what}, and the source at {source.root} has none",
                fix="add its files",
            )
    _MEMORY.use(source)
    select_rows = None
    if select is not None and select.split is not None:
        select_rows = _MEMORY.read(task, source, select.split)
    pool = _MEMORY.read(task, source, training)
    if carved is not None:
        pool = carving(pool, task.name, carved)[0]
    drawn = draw_subset(
        pool, task=task.name, draw=draw, subset=subset, select=select, select_rows=select_rows, limit=limit
    )
    return pool, drawn


def digest(source: Source, protocol: Protocol, draw: int, limit: int | None) -> Digest:
    """The digest of a cell's data, remembered by content.

    Raises DataError, also when no condition is available, or NotComparable for overlaps.
    """
    task = TASKS.load(source.task)
    splits = splits_used(source, protocol)
    content = fingerprint(source.layout, splits)
    extras = extra_contents(source)
    key = sha256_of(
        [
            DIGEST_FORM,
            madbench.__version__,
            tasks_code(),
            source.kind,
            content,
            splits,
            protocol.task_hash(task.name),
            draw,
            limit,
            extras,
        ]
    )
    file = home() / "plans" / f"{key}.json"
    found = recall_json(file)
    if found is None:
        found = _digest(source, protocol, content, load_data(source, protocol, draw, limit))
        remember_json(file, found)
    _refuse_overlap(found, protocol, task.name)
    check_something_to_score(task.name, protocol.id, found["conditions"])
    return found


def extra_contents(source: Source) -> dict[str, str]:
    """Name -> sha256 of the extra files: one may be attached or changed while the annotations stay."""
    return {name: remembered_sha256(path) for name, path in sorted(source.layout.extras.items())}


def splits_used(source: Source, protocol: Protocol) -> list[str]:
    """The splits a protocol reads of a source, as far as the source has them."""
    select = protocol.select.get(source.task)
    named = {one.source_split for one in protocol.conditions[source.task] if one.kind == "split"}
    named.add(protocol.training_split(source.task))
    if select is not None and select.split is not None:
        named.add(select.split)
    if protocol.vocabulary != "subset":
        named |= {"train", "val"}  # what the closed list is built from
    return sorted(split for split in named if has_split(source.layout, split))


@cache
def tasks_code() -> str:
    """Hex sha256 of the code that reads, draws and shifts: what is remembered must not outlive a correction of it."""
    folder = Path(madbench.__file__).parent / "tasks"
    files = sorted(folder.rglob("*.py"))
    return sha256_of([[str(file.relative_to(folder)), sha256_of_file(file)] for file in files])


def _digest(source: Source, protocol: Protocol, content: str, data: CellData) -> Digest:
    manifest = data.subset.manifest
    select = protocol.select.get(source.task)
    training = protocol.training_split(source.task)
    fitted_on = [training] if select is None or select.split is None else [training, select.split]
    conditions, contents = [], {}
    for condition in data.conditions:
        of_split = None if condition.split is None or not condition.available else condition.split
        contents[condition.name] = content_of(
            condition,
            None if of_split is None else fingerprint(source.layout, [of_split]),
            contents.get(condition.of),
        )
        conditions.append({**condition.described(), "content": contents[condition.name]})
    counts = {}
    for split in splits_used(source, protocol):
        counts[split] = len(_MEMORY.read(data.task, source, split))
    pairs = audit(data.task.name, data.subset.train, data.subset.select or (), data.conditions)
    found = {
        "fingerprint": content,
        "train_fingerprint": fingerprint(source.layout, fitted_on),
        "official_problems": unofficial(data.task, source.kind, counts),
        "train": _without_ids(manifest["train"]),
        "select": None if manifest["select"] is None else _without_ids(manifest["select"]),
        "pool": manifest["pool"],
        "conditions": conditions,
        "overlap": sentences(pairs),
        "audit": pairs,
    }
    if protocol.vocabulary != "subset":
        found["vocabulary"] = _vocabulary(source, closed_vocabulary(source))
    return found


def closed_vocabulary(source: Source) -> ClosedVocabulary:
    """The answer list of `vocabulary: closed-3129`. Raises ConfigError for a task whose labels are fixed, DataError."""
    task = TASKS.load(source.task)
    _MEMORY.use(source)
    return _MEMORY.vocabulary(task, source)


def answer_space(source: Source, protocol: Protocol, fitted_on: Sequence[Row], fraction: float) -> AnswerSpace:
    """The answers a model of this protocol may give. fitted_on: its training rows. fraction: of the training split."""
    task = TASKS.load(source.task)
    if protocol.vocabulary == "subset":
        return task.answer_space(fitted_on, fraction)
    return task.answer_space(fitted_on, fraction, closed=lambda: closed_vocabulary(source).labels)


def _vocabulary(source: Source, closed: ClosedVocabulary) -> dict[str, Any]:
    """What plans, identities and records hold of a closed vocabulary."""
    note = closed.note if source.kind == "real" else None
    return {
        "sha256": sha256_of(list(closed.labels)),
        "n": len(closed.labels),
        "rows": dict(closed.rows),
        "origin": closed.origin,
        "note": note,
    }


def _without_ids(described: dict) -> dict:
    return {key: value for key, value in described.items() if key != "ids"}


def _refuse_overlap(found: Digest, protocol: Protocol, task: str) -> None:
    problems = list(found["overlap"]["ids"])
    if protocol.image_overlap == "refused":
        problems += found["overlap"]["images"]
    if problems:
        raise NotComparable(
            f"{task}, {protocol.id}: {'; '.join(problems)}",
            fix="report other rows, or use a protocol that trains on the set's own split; "
            "shared images alone can be declared with `image_overlap: by-construction`",
        )
