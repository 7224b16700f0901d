"""The records below run folders: finished cells, failed cells, and nothing in between.

A cell folder is finished when it holds record.json (written last), failed when it holds only error.json. Everything
else is unfinished and left alone.
"""

from __future__ import annotations

import gc
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from madbench.errors import DataMalformed, DataMissing, NotComparable

CELL = re.compile(r"^(?P<source>.+)-d(?P<draw>\d+)-s(?P<seed>\d+)-[0-9a-f]{8}$")

# What a table cannot do without; the rest of a record may be absent.
REQUIRED = {
    "schema_version": int,
    "run_id": str,
    "comparable": bool,
    "task": str,
    "draw": int,
    "seed": int,
    "primary": str,
    "selection_rule": str,
    "model.name": str,
    "model.spec_hash": str,
    "protocol.name": str,
    "protocol.version": int,
    "protocol.task_hash": str,
    "data.source": str,
    "data.fingerprint": str,
    "conditions": list,
    "selection": list,
}


_REQUIRED_PATHS = [(tuple(name.split(".")), kind) for name, kind in REQUIRED.items()]
_NUMBERS = (int, float)


@dataclass(frozen=True)
class Record:
    """A finished cell: the content of record.json and the folder it lies in.

    archived: what lies beside it when it comes from an archive of records (`report.archive`), where no folder is.
    """

    folder: Path
    content: Mapping[str, Any]
    archived: Any = None

    @cached_property
    def model(self) -> str:
        return self.content["model"]["name"]

    @cached_property
    def protocol(self) -> str:
        return f"{self.content['protocol']['name']}@{self.content['protocol']['version']}"

    @cached_property
    def task(self) -> str:
        return self.content["task"]

    @cached_property
    def source(self) -> str:
        return self.content["data"]["source"]

    @cached_property
    def run(self) -> tuple[int, int]:
        """(draw, seed)."""
        return self.content["draw"], self.content["seed"]

    @cached_property
    def conditions(self) -> dict[str, Mapping[str, Any]]:
        return {condition["name"]: condition for condition in self.content["conditions"]}

    @cached_property
    def metrics(self) -> dict[tuple[str, str], float]:
        """(condition, metric) -> fraction."""
        return {
            (name, metric): value
            for name, condition in self.conditions.items()
            for metric, value in (condition.get("metrics") or {}).items()
        }

    @cached_property
    def unavailable(self) -> frozenset[str]:
        """Conditions whose files the source lacks."""
        return frozenset(name for name, one in self.conditions.items() if not one.get("available", True))

    @cached_property
    def step(self) -> int | None:
        """The evaluation point that the record's own selection rule chose."""
        for choice in self.content["selection"]:
            if choice["rule"] == self.content["selection_rule"]:
                return choice["step"]
        return None

    @cached_property
    def limited(self) -> bool:
        return not self.content["comparable"]

    @cached_property
    def has_predictions(self) -> bool:
        """Whether predictions lie beside the record."""
        return self.archived.predictions if self.archived is not None else (self.folder / "predictions").is_dir()

    def where(self) -> str:
        return describe(self.model, self.protocol, self.task, *self.run)


@dataclass(frozen=True)
class Failure:
    """A cell that ended with an error; what it was follows from its path."""

    model: str
    protocol: str
    task: str
    source: str
    draw: int
    seed: int
    error: str

    def where(self) -> str:
        return describe(self.model, self.protocol, self.task, self.draw, self.seed)


@dataclass(frozen=True)
class Runs:
    records: tuple[Record, ...]
    failures: tuple[Failure, ...]


def describe(model: str, protocol: str, task: str, draw: int, seed: int) -> str:
    return f"{model}, {protocol}, {task}, draw {draw}, seed {seed}"


def load_runs(folders: Sequence[Path | str]) -> Runs:
    """Every finished and failed cell below the folders (or in archives of records), in an order of their content.

    A record found twice (a copied folder) counts once. Raises DataMissing for a folder that is not there,
    DataMalformed naming every record that cannot be believed, NotComparable for two versions of one run.
    """
    records: dict[str, Record] = {}
    failures: dict[tuple, Failure] = {}
    problems: list[str] = []
    from madbench.report.archive import is_archive, read_archive

    found = cell_folders([one for one in folders if not is_archive(one)])
    with no_collection():
        for path in folders:
            if is_archive(path):
                archived, failed = read_archive(Path(path))
                for record in archived:
                    _add(records, record)
                failures |= {(one.where(), one.source, one.error): one for one in failed}
        for folder, finished in found:
            if finished:
                try:
                    record = read_record(folder)
                except DataMalformed as problem:
                    problems.append(str(problem))
                    continue
                _add(records, record)
            else:
                failure = read_failure(folder)
                if failure is not None:
                    failures[(failure.where(), failure.source, failure.error)] = failure
    if problems:
        more = f"\n  and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise DataMalformed(
            f"{len(problems)} of {len(problems) + len(records)} records cannot be read:\n  "
            + "\n  ".join(problems[:5])
            + more,
            fix="delete these cell folders and run the same `madbench run` command again",
        )
    return Runs(tuple(sorted(records.values(), key=_order)), tuple(failures[key] for key in sorted(failures, key=str)))


@contextmanager
def no_collection() -> Iterator[None]:
    """Thousands of nested records make the garbage collector walk all of them again and again: half of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def cell_folders(folders: Iterable[Path | str]) -> list[tuple[Path, bool]]:
    """Folders that hold record.json (True) or only error.json (False); nothing below such a folder is looked at."""
    found: list[tuple[Path, bool]] = []
    for top in folders:
        if not Path(top).is_dir():
            raise DataMissing(
                f"no folder '{top}' to report on", fix="run `madbench run ...` first, or name its --out folder"
            )
        for path, below, files in os.walk(top, followlinks=False):
            if "record.json" in files or "error.json" in files:
                found.append((Path(path), "record.json" in files))
                below.clear()
            else:
                below[:] = [name for name in below if not name.startswith(".")]
    return found


def read_record(folder: Path) -> Record:
    """Raises DataMalformed naming the file and the field."""
    path = f"{folder}/record.json"
    try:
        with open(path, "rb") as file:
            content = orjson.loads(file.read())  # three times as fast as json, and it knows no NaN either
    except (OSError, ValueError) as problem:
        raise DataMalformed(f"not a record: {problem}", where=path) from None
    for problem in problems_of(content):
        raise DataMalformed(problem, where=path)
    return Record(folder, content)


def problems_of(content: Any) -> Iterable[str]:
    """What is wrong with the content of a record, as far as tables depend on it."""
    if not isinstance(content, dict):
        yield "a record is a JSON object"
        return
    if content.get("schema_version") != 1:
        yield f"schema_version is {content.get('schema_version')!r}, this madbench reads 1"
        return
    for path, kind in _REQUIRED_PATHS:
        value: Any = content
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            yield f"field '{'.'.join(path)}' is {value!r}, expected {kind.__name__}"
            return
    for place, condition in enumerate(content["conditions"]):
        if not isinstance(condition, dict) or not isinstance(condition.get("name"), str):
            yield f"conditions[{place}] has no name"
            return
        if condition.get("available", True) and not isinstance(condition.get("metrics"), dict):
            yield f"conditions[{place}] ({condition['name']}) has no metrics"
            return
        for metric, value in (condition.get("metrics") or {}).items():
            if type(value) not in _NUMBERS or not 0 <= value <= 1:  # NaN is in no range
                yield f"conditions[{place}] ({condition['name']}): {metric} is {value!r}, expected a fraction 0..1"
                return


def read_failure(folder: Path) -> Failure | None:
    """The failed cell of a folder `<model>/<protocol>/<task>/<source>-d<draw>-s<seed>-<hash8>`, None for another name."""
    parts = folder.resolve().parts
    match = CELL.match(parts[-1])
    if match is None or len(parts) < 5:
        return None
    try:
        error = json.loads((folder / "error.json").read_text(encoding="utf-8"))["error"]
    except (OSError, ValueError, KeyError, TypeError):
        error = "unreadable error.json"
    first_line = (str(error).splitlines() or ["no message"])[0]
    return Failure(parts[-4], parts[-3], parts[-2], match["source"], int(match["draw"]), int(match["seed"]), first_line)


def _add(records: dict[str, Record], record: Record) -> None:
    known = records.setdefault(record.content["run_id"], record)
    if known is not record and known.content["conditions"] != record.content["conditions"]:
        raise NotComparable(
            f"one run has two records that differ: {record.where()}",
            where=f"{known.folder} and {record.folder}",
            fix="report on one of the two folders",
        )


def _order(record: Record) -> tuple:
    return record.protocol, record.source, record.task, record.model, record.run, record.content["run_id"]
