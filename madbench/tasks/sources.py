"""Where a task's files lie: a root the user registered, one named with `--data`, or the embedded `mini`.

With no source registered for any task everything runs on mini. Once any task has a real source, tasks without one are
left out: mini and real numbers never mix by accident. How mini comes to exist is not known here; it is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from madbench.errors import DataMissing, UsageError, did_you_mean
from madbench.files import read_json, sha256_of, write_json
from madbench.home import home
from madbench.registry import TASKS
from madbench.tasks import archives
from madbench.tasks.contract import Layout, Task
from madbench.tasks.remembered import remembered_sha256

MINI_LINE = "no data set is registered: running on MINI, the small generated data that ships with madbench"


@dataclass(frozen=True)
class Source:
    """A task's files, found. kind: `mini` or `real`; it stands in records, tables and paths."""

    task: str
    kind: str
    root: Path
    layout: Layout


@dataclass(frozen=True)
class DataChoice:
    """What `--data` asks for. mode: `auto` or `mini`. named: task -> root, None for `TASK=mini`."""

    mode: str = "auto"
    named: Mapping[str, Path | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """by_task: the tasks that can run. left_out: task -> reason. notice: the loud line about mini, or None."""

    by_task: Mapping[str, Source]
    left_out: Mapping[str, str]
    notice: str | None


# --------------------------------------------------------------------------- registered roots


def registered() -> dict[str, Path]:
    """Task -> root, as the user registered them."""
    file = home() / "sources.json"
    if not file.is_file():
        return {}
    return {task: Path(entry["root"]) for task, entry in read_json(file).items()}


def register(task: str, root: Path) -> Layout:
    """Remember a root. Raises DataMissing when the task's files are not below it."""
    layout = locate(TASKS.load(task), root)
    roots = {name: {"root": str(path)} for name, path in registered().items()}
    write_json(home() / "sources.json", {**roots, task: {"root": str(root.resolve())}})
    return layout


def locate(task: Task, root: Path) -> Layout:
    """The layout below a root. Raises DataMissing naming the root when it is not there."""
    if not root.is_dir():
        raise DataMissing(
            f"{task.name}: the data folder {root} is not there",
            fix=f"name the folder that holds the {task.name} files, e.g. `--data {task.name}=FOLDER`",
        )
    layout = task.locate(root)
    extras = {}
    for name, places in task.extra_files.items():
        found = next((root / place for place in places if (root / place).is_file()), None)
        if found is not None:
            extras[name] = found
    named = {name: path for name, path in attached(task.name).items() if path.is_file()}
    return replace(layout, extras={**extras, **named})


def attached(task: str) -> dict[str, Path]:
    """Extra files that the user named one by one, still there or not; they win over those below the root."""
    file = home() / "extra_files.json"
    if not file.is_file():
        return {}
    return {name: Path(path) for name, path in read_json(file).get(task, {}).items()}


def attach(task: str, name: str, path: Path) -> None:
    """Remember an extra file of a task, for any source of it. Raises UsageError or DataMissing."""
    known = TASKS.load(task).extra_files
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(
            f"{task} has no extra file named '{name}'" + (f"; {hint}" if hint else ""),
            fix=f"it has {', '.join(known) or 'none'}",
        )
    if not path.is_file():
        raise DataMissing("file not found", fix="check the path", where=path)
    file = home() / "extra_files.json"
    before = read_json(file) if file.is_file() else {}
    write_json(file, {**before, task: {**before.get(task, {}), name: str(path.resolve())}})


def forget(task: str) -> bool:
    """Undo `register` and `attach` for a task; no data is touched. Returns whether anything was known."""
    found = False
    for name in ("sources.json", "extra_files.json"):
        file = home() / name
        known = read_json(file) if file.is_file() else {}
        if task in known:
            found = True
            write_json(file, {other: entry for other, entry in known.items() if other != task})
    return found


# --------------------------------------------------------------------------- choosing


def parse_data(values: Iterable[str]) -> DataChoice:
    """`auto`, `mini` and `TASK=ROOT` (or `TASK=mini`) as given with `--data`. Raises UsageError."""
    modes, named = [], {}
    for value in values:
        task, equals, root = value.partition("=")
        if not equals:
            if value not in ("auto", "mini"):
                raise UsageError(f"--data {value}: expected auto, mini or TASK=ROOT", fix=f"e.g. --data vqa={value}")
            modes.append(value)
            continue
        if task not in TASKS:
            hint = did_you_mean(task, TASKS.names())
            raise UsageError(
                f"--data {value}: no task named '{task}'" + (f"; {hint}" if hint else ""),
                fix=f"tasks are {', '.join(TASKS.names())}",
            )
        if task in named:
            raise UsageError(f"--data names {task} twice", fix="give each task one root")
        if not root:
            raise UsageError(f"--data {value} has no root", fix=f"e.g. --data {task}=FOLDER")
        named[task] = None if root == "mini" else Path(root).expanduser()
    if len(set(modes)) > 1:
        raise UsageError("--data asks for auto and for mini", fix="give one of them")
    return DataChoice(modes[0] if modes else "auto", named)


def choose(
    choice: DataChoice,
    tasks: Sequence[str],
    asked: Sequence[str],
    make_mini: Callable[[Sequence[str]], Mapping[str, Path]],
) -> Sources:
    """A source for each of `tasks` that has one.

    asked: the tasks named with `--task`; one of these without a source is an error. make_mini: tasks -> roots of their
    mini data, written when they are not there yet; called only with tasks that use it.
    Raises DataMissing; a registered root that is broken raises as well, it never falls back to mini.
    """
    roots: dict[str, Path | None] = {**registered(), **choice.named}
    any_real = any(root is not None for root in roots.values())
    everything_on_mini = choice.mode == "mini" or not any_real
    if choice.mode == "mini":
        roots = dict(choice.named)
    left_out = {}
    if not everything_on_mini:
        reason = "no data registered (other tasks have a real source)"
        left_out = {task: reason for task in tasks if task not in roots}
    missing = [task for task in asked if task in left_out]
    if missing:
        raise DataMissing(
            f"no data for {', '.join(missing)}: other tasks have a real source, so mini is not used by itself",
            fix=f"`madbench data register {missing[0]} --root DIR`, or `--data {missing[0]}=mini`",
        )
    running = [task for task in tasks if task not in left_out]
    found = {}
    for task in running:  # before mini is written: a wrong root is told at once
        if roots.get(task) is not None:
            found[task] = Source(task, "real", roots[task], locate(TASKS.load(task), roots[task]))
    on_mini = [task for task in running if task not in found]
    for task, root in (make_mini(on_mini) if on_mini else {}).items():
        found[task] = Source(task, "mini", root, locate(TASKS.load(task), root))
    found = {task: found[task] for task in running}
    used_unasked = choice.mode == "auto" and any(
        source.kind == "mini" and task not in choice.named for task, source in found.items()
    )
    return Sources(found, left_out, MINI_LINE if used_unasked else None)


# --------------------------------------------------------------------------- content


def fingerprint(layout: Layout, splits: Iterable[str]) -> str:
    """Hex sha256 over the annotation files of some splits; paths and file times are not in it."""
    content = []
    for split in sorted(set(splits)):
        for place, file in enumerate(layout.files[split]):
            content.append([split, place, remembered_sha256(file)])
    return sha256_of(content)


def unofficial(task: Task, kind: str, counts: Mapping[str, int]) -> list[str]:
    """What is not official about a source: its kind, or row counts that differ. Empty when it is.

    counts: split -> rows read.
    """
    if kind == "mini":
        return ["mini is generated data"]
    found = [
        f"{split}: {count:,} rows, officially {task.official_rows[split]:,}"
        for split, count in sorted(counts.items())
        if split in task.official_rows and task.official_rows[split] != count
    ]
    for splits, official in task.official_sums.items():
        together = sum(counts.get(split, 0) for split in splits)
        if set(splits) <= set(counts) and together != official:
            found.append(f"{' and '.join(splits)}: {together:,} rows together, officially {official:,}")
    return found


def has_split(layout: Layout, split: str) -> bool:
    """Whether every annotation file of a split is there."""
    files = layout.files.get(split, ())
    return bool(files) and all(archives.is_file(file) for file in files)
