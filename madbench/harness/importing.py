"""A record from predictions that were made elsewhere: the *external* division.

The rows, the scorers and the record are those of a run, so such a model stands in the same tables, with intervals and
paired differences. What nobody here can know (what it was trained on, for how long) is marked or left empty.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from madbench.errors import DataMissing, UsageError, did_you_mean
from madbench.files import sha256_of_file
from madbench.harness.cell import Cell
from madbench.harness.conditions import ConditionRows, score_all
from madbench.harness.data import CellData, choose_sources, digest, load_data
from madbench.harness.evaluation import plain
from madbench.harness.import_files import read_file
from madbench.harness.locks import locked
from madbench.harness.prediction_files import write_predictions
from madbench.harness.records import Fitted, build_external_record, cell_manifest, metric_versions
from madbench.harness.selection import chosen_steps
from madbench.harness.store import RECORD, CellFolder, Store
from madbench.models.adapter import Account
from madbench.models.load import MODELS, added_adapters
from madbench.models.spec import ModelSpec
from madbench.protocols import load_protocol
from madbench.protocols.schema import KEBAB, Protocol
from madbench.registry import ADAPTERS
from madbench.tasks.contract import LegPredictions
from madbench.tasks.sources import parse_data

NOT_GIVEN = "no predictions given"
STEP = 0  # the one evaluation point there is


@dataclass(frozen=True)
class ImportRequest:
    """predictions: `FILE` (of the protocol's first split condition) or `CONDITION=FILE`, in the task's submission format
    or as a run stores them (parquet). seed: None for the first one the protocol declares.
    """

    predictions: Sequence[str]
    protocol: str
    task: str
    draw: int
    model: str
    seed: int | None = None
    data: Sequence[str] = ()
    out: Path = Path("runs")
    note: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Imported:
    """new: False when the same predictions had been imported before. notice: the loud line about mini, or None."""

    folder: Path
    record: Mapping[str, Any]
    new: bool
    notice: str | None


def import_predictions(request: ImportRequest) -> Imported:
    """Read, check, score and record. Raises UsageError, NotComparable, or DataError with the file and line."""
    protocol = load_protocol(request.protocol)
    _check_names(request, protocol)
    seed = protocol.seeds[0] if request.seed is None else request.seed
    for option, value, declared in (("draw", request.draw, protocol.draws), ("seed", seed, protocol.seeds)):
        if value not in declared:
            raise UsageError(
                f"--{option} {value}: {protocol.id} declares {', '.join(map(str, declared))}", fix="choose one of these"
            )
    files = _files(request.predictions, protocol, request.task)
    sources = choose_sources(parse_data(request.data), [request.task], [request.task])
    source = sources.by_task[request.task]
    found = digest(source, protocol, request.draw, None)
    shas = {name: sha256_of_file(file) for name, file in files.items()}
    cell = Cell(
        spec=ModelSpec(name=request.model, version=1, adapter="external", options={}, profile=source.kind),
        protocol=protocol,
        task=request.task,
        draw=request.draw,
        seed=seed,
        source=source,
        digest=found,
        # They stand for the trained state: other predictions are another training, never an overwrite.
        weights={f"predictions of {name}": sha for name, sha in shas.items()},
        uses_select=True,
        notes=(request.note,) if request.note else (),
    )
    store = Store(Path(request.out))
    earlier = _others(store, cell)
    if not request.overwrite:
        done = store.done(cell)
        if done is not None:
            return Imported(store.folder(cell).path, done, False, sources.notice)
        if earlier:
            raise UsageError(
                f"other predictions of {cell.label} were imported before, and a table has one place for both",
                fix="--overwrite replaces them (give all files of the model in one command); else another --model name",
                where=earlier[0],
            )
    data = load_data(source, protocol, request.draw, None)
    started = datetime.now(UTC)
    data, predictions = _read(data, files)
    scores = score_all(data.task, data.conditions, predictions, metric_versions(cell, data.task))
    store.check_writable()
    with store.locked(cell) as folder:
        folder.clear()
        folder.write_manifest({**cell_manifest(cell, data), "predictions": shas})
        for one in data.conditions:
            if one.stored:
                path = folder.predictions(one.name, STEP)
                write_predictions(path, one.rows, predictions[one.name], scores[one.name].correct)
        conditions = {name: plain(one.metrics) for name, one in scores.items()}
        history = [{"step": STEP, "select": {}, "conditions": conditions}]
        folder.write_history(history)
        fitted = Fitted(history, Account(), labelled=True, timing={"fit_s": None, "predict_s": None})
        steps = chosen_steps(history, data.task.primary, protocol.selection)
        record = build_external_record(cell, data, fitted, steps, started, shas)
        record = folder.write_record(record)
    for path in earlier:
        _remove(path)
    return Imported(folder.path, record, True, sources.notice)


def _others(store: Store, cell: Cell) -> list[Path]:
    """The folders of earlier imports that would claim the same place in a table."""
    own = store.folder(cell).path
    pattern = f"{cell.source.kind}-d{cell.draw}-s{cell.seed}-*/{RECORD}"
    return [file.parent for file in sorted(own.parent.glob(pattern)) if file.parent != own]


def _remove(path: Path) -> None:
    """After the new record is there: a kill in between leaves both, and the same command again ends it."""
    with locked(path, str(path)):
        CellFolder(path).clear()
        shutil.rmtree(path)


# --------------------------------------------------------------------------- what was asked for


def _check_names(request: ImportRequest, protocol: Protocol) -> None:
    if request.task not in protocol.tasks:
        raise UsageError(
            f"{protocol.id} has no task '{request.task}'", fix=f"it has {', '.join(protocol.tasks)}: --task {protocol.tasks[0]}"
        )  # fmt: skip
    if not KEBAB.match(request.model):
        raise UsageError(f"--model {request.model}: model names are kebab-case", fix="e.g. --model our-method")
    if request.model in {*MODELS.names(), *added_adapters(), *ADAPTERS.names()}:
        raise UsageError(
            f"--model {request.model}: a model that madbench trains itself has this name, and an import must not pass as it",
            fix="choose another name",
        )


def _files(given: Sequence[str], protocol: Protocol, task: str) -> dict[str, Path]:
    """Condition -> file."""
    if not given:
        raise UsageError("no --predictions given", fix="e.g. --predictions val.csv, or --predictions val=FILE")
    declared = {one.name: one for one in protocol.conditions[task]}
    first = next(one.name for one in declared.values() if one.kind == "split")
    files: dict[str, Path] = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or (name not in declared and Path(text).is_file()):
            name, file = first, text
        if name not in declared:
            hint = did_you_mean(name, declared)
            raise UsageError(
                f"--predictions {text}: {protocol.id} has no condition '{name}' for {task}"
                + (f"; {hint}" if hint else ""),
                fix=f"it takes {', '.join(one.name for one in declared.values() if one.kind != 'rows')}",
            )
        if declared[name].kind == "rows":
            raise UsageError(
                f"--predictions {text}: '{name}' is cut out of '{declared[name].of}'",
                fix=f"give the predictions of '{declared[name].of}'",
            )
        if name in files:
            raise UsageError(f"--predictions names '{name}' twice", fix="give one file for each condition")
        files[name] = Path(file).expanduser()
        if not files[name].is_file():
            raise DataMissing("there is no such predictions file", fix="check the path", where=file)
    return files


# --------------------------------------------------------------------------- reading


def _read(data: CellData, files: Mapping[str, Path]) -> tuple[CellData, dict[str, dict[str, LegPredictions]]]:
    """The data with what no file was given for marked as not available, and the predictions of each condition."""
    conditions = {one.name: one for one in data.conditions}
    space = data.task.answer_space(data.subset.train[:1], 1.0)
    # Of an open space, the order of the scores is that of a vocabulary nobody here knows.
    labels = None if space.open else space.labels
    predictions = {}
    for name, file in files.items():
        condition = conditions[name]
        if not condition.available:
            raise DataMissing(f"condition '{name}' is not available: {condition.reason}", fix="leave its file out")
        predictions[name] = read_file(file, data.task, condition.rows, labels)
    return replace(data, conditions=_without_files(data.conditions, set(files))), predictions


def _without_files(conditions: Sequence[ConditionRows], given: set[str]) -> tuple[ConditionRows, ...]:
    found: dict[str, ConditionRows] = {}
    for one in conditions:
        # A control or complement belongs to a shift, and is cut out of the condition that was shifted.
        rests_on = [name for name in (one.of, one.name.rpartition(":")[0]) if name]
        absent = [name for name in rests_on if not found[name].available]
        if one.available and one.stored and one.name not in given:
            one = replace(one, rows=(), reason=NOT_GIVEN)
        elif one.available and not one.stored and absent:
            one = replace(one, rows=(), reason=f"'{absent[0]}' is not available")
        found[one.name] = one
    return tuple(found.values())
