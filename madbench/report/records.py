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
from madbench.files import canonical_json
from madbench.report.record_problems import problems_of
from madbench.report.redaction import redacted

CELL = re.compile(r"^(?P<source>.+)-d(?P<draw>\d+)-s(?P<seed>\d+)-[0-9a-f]{8}$")


class Record:
    """A finished cell: the content of record.json and the folder it lies in.

    What tables group and look up by is taken out once: a board asks for it many times, of thousands of records.
    run: (draw, seed). conditions: by name. archived: what lies beside it when it comes from an archive of records
    (`report.archive`), where no folder is. predictions: whether there are any beside it, None where nobody has looked.
    """

    def __init__(
        self, folder: Path | str, content: Mapping[str, Any], archived: Any = None, predictions: bool | None = None
    ) -> None:
        self._folder = folder
        self._predictions = predictions
        self.content = content
        self.archived = archived
        protocol = content["protocol"]
        self.model: str = content["model"]["name"]
        self.protocol = f"{protocol['name']}@{protocol['version']}"
        self.task: str = content["task"]
        self.source: str = content["data"]["source"]
        self.run: tuple[int, int] = (content["draw"], content["seed"])
        self.conditions: dict[str, Mapping[str, Any]] = {one["name"]: one for one in content["conditions"]}
        self.limited = not content["comparable"]

    @property
    def folder(self) -> Path:
        return Path(self._folder)

    @cached_property
    def metrics(self) -> dict[tuple[str, str], float]:
        """(condition, metric) -> fraction."""
        return {
            (name, metric): value
            for name, condition in self.conditions.items()
            for metric, value in (condition.get("metrics") or {}).items()
        }

    @property
    def unavailable(self) -> list[str]:
        """Conditions whose files the source lacks."""
        return [name for name, one in self.conditions.items() if not one.get("available", True)]

    @property
    def step(self) -> int | None:
        """The evaluation point that the record's own selection rule chose."""
        for choice in self.content["selection"]:
            if choice["rule"] == self.content["selection_rule"]:
                return choice["step"]
        return None

    @property
    def has_predictions(self) -> bool:
        """Whether predictions lie beside the record."""
        if self.archived is not None:
            return self.archived.predictions
        return (self.folder / "predictions").is_dir() if self._predictions is None else self._predictions

    @property
    def place(self) -> str:
        """Where its folder lies below a results folder, from what it says: `MODEL/PROTOCOL@V/TASK/SOURCE-dD-sS-HASH8`."""
        (draw, seed), run_id = self.run, self.content["run_id"]
        parts = self.model, self.protocol, self.task, f"{self.source}-d{draw}-s{seed}-{run_id[:8]}"
        return "/".join(part.replace("/", "-").replace("\\", "-") for part in parts)

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

    found = _cells([one for one in folders if not is_archive(one)])
    with no_collection():
        for path in folders:
            if is_archive(path):
                archived, failed = read_archive(Path(path))
                for record in archived:
                    _add(records, record)
                failures |= {(one.where(), one.source, one.error): one for one in failed}
        for folder, finished, predictions in found:
            if finished:
                try:
                    record = read_record(folder, predictions)
                except DataMalformed as problem:
                    problems.append(str(problem))
                    continue
                _add(records, record)
            else:
                failure = read_failure(Path(folder))
                if failure is not None:
                    failures[(failure.where(), failure.source, failure.error)] = failure
    if problems:
        problems.sort()
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
    return [(Path(folder), finished) for folder, finished, _ in _cells(folders)]


def _cells(folders: Iterable[Path | str]) -> list[tuple[str, bool, bool]]:
    """(folder, whether it holds record.json, whether it holds predictions) of every cell. No link is followed."""
    found: list[tuple[str, bool, bool]] = []
    for top in folders:
        if not Path(top).is_dir():
            raise DataMissing(
                f"no folder '{top}' to report on", fix="run `madbench run ...` first, or name its --out folder"
            )
        waiting = [os.fspath(top)]
        while waiting:
            path = waiting.pop()
            try:
                with os.scandir(path) as entries:
                    here = {entry.name: entry for entry in entries}
            except OSError:
                continue
            marks = [name for name in ("record.json", "error.json") if name in here and not here[name].is_dir()]
            if marks:
                found.append((path, marks[0] == "record.json", "predictions" in here and here["predictions"].is_dir()))
                continue
            waiting += [
                entry.path
                for name, entry in here.items()
                if not name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    return found


def read_record(folder: Path | str, predictions: bool | None = None) -> Record:
    """predictions: whether there are any in the folder, if that is known. Raises DataMalformed naming file and field."""
    path = f"{folder}/record.json"
    try:
        with open(path, "rb", buffering=0) as file:
            content = orjson.loads(file.read())  # three times as fast as json, and it knows no NaN either
    except (OSError, ValueError) as problem:
        raise DataMalformed(f"not a record: {problem}", where=path) from None
    for problem in problems_of(content):
        raise DataMalformed(problem, where=path)
    return Record(folder, content, predictions=predictions)


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
    first_line = redacted((str(error).splitlines() or ["no message"])[0])  # boards are shared
    return Failure(parts[-4], parts[-3], parts[-2], match["source"], int(match["draw"]), int(match["seed"]), first_line)


def _add(records: dict[str, Record], record: Record) -> None:
    known = records.setdefault(record.content["run_id"], record)
    if known is record:
        return
    if known.content["conditions"] != record.content["conditions"]:
        raise NotComparable(
            f"one run has two records that differ: {record.where()}",
            where=f"{known.folder} and {record.folder}",
            fix="report on one of the two folders",
        )
    # Which copy is read must not depend on which is found first.
    records[record.content["run_id"]] = min(known, record, key=_of_copies)


def _of_copies(record: Record) -> tuple[bool, str]:
    return not record.has_predictions, canonical_json(record.content)


def _order(record: Record) -> tuple:
    return record.protocol, record.source, record.task, record.model, record.run, record.content["run_id"]
