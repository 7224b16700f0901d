"""A cell whose training exists already: copy the predictions that fit, make the missing ones, train nothing.

Two protocols that train alike and report differently share their trainings this way, and a shift that is added to a
protocol costs predictions only.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from madbench.errors import DataMalformed
from madbench.files import atomic_path
from madbench.harness.cell import Cell
from madbench.harness.conditions import score_all
from madbench.harness.data import CellData
from madbench.harness.digests import broken_digests
from madbench.harness.evaluation import Evaluation, plain
from madbench.harness.prediction_files import read_predictions, rewrite_items, stale_items
from madbench.harness.records import Fitted, metric_versions
from madbench.harness.selection import chosen_steps
from madbench.harness.store import CellFolder
from madbench.models.adapter import Account, ModelAdapter
from madbench.registry import TASKS

_logger = logging.getLogger(__name__)


def reuse(
    cell: Cell,
    data: CellData,
    folder: CellFolder,
    earlier: Sequence[CellFolder],
    new_adapter: Callable[[], ModelAdapter],
    evaluation: Evaluation,
) -> Fitted | None:
    """The finished training behind one of `earlier`, with all conditions of this cell scored; None when none serves.

    new_adapter: makes an adapter to give a kept checkpoint to. evaluation: of this cell, on all its conditions.
    """
    for source in earlier:
        found = _as_it_was_left(source)
        if found is None or not _selects_alike(cell, *found):
            continue
        record, history = found
        steps = chosen_steps(history, data.task.primary, cell.protocol.selection)
        step = steps[cell.protocol.selection]
        for one in set(steps.values()):
            _copy(cell, source, folder, one)
        missing = [one for one in data.conditions if one.stored and not folder.predictions(one.name, step).is_file()]
        seconds = 0.0
        if missing:
            began = time.monotonic()
            if not _predict_missing(missing, source, step, new_adapter, evaluation):
                continue
            seconds = time.monotonic() - began
        points = _rescored(cell, data, folder, history, set(steps.values()))
        folder.write_history(points)
        return Fitted(
            history=points,
            account=_account(record),
            labelled=record["labels"]["train"] > 0,
            timing={"fit_s": record["timing"]["fit_s"], "predict_s": seconds},
            earlier=record,
        )
    return None


def can_serve(cell: Cell, earlier: Sequence[CellFolder]) -> bool:
    """Whether a plan may say `predict only`: everything is stored, or a checkpoint of an earlier run is kept."""
    wanted = _stored_contents(cell)
    for source in earlier:
        try:
            contents = source.manifest().get("contents", {})
        except DataMalformed:
            continue
        everything = all(contents.get(name) == content for name, content in wanted.items())
        if not everything and source.checkpoints.kept() is None:
            continue
        found = _as_it_was_left(source, quiet=True)
        if found is not None and _selects_alike(cell, *found):
            return True
    return False


def _selects_alike(cell: Cell, record: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the metrics that chose a step there are those that choose here: their predictions are not kept."""
    if not any(point["select"] for point in history):
        return True
    versions = metric_versions(cell, TASKS.load(cell.task))
    scored = [*record["conditions"], *(one for past in record.get("history", ()) for one in past["conditions"])]
    there = {(name.partition(":")[0], version) for one in scored for name, version in one["metric_versions"].items()}
    return all(versions.get(metric, version) == version for metric, version in there)


def _as_it_was_left(source: CellFolder, quiet: bool = False) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The record and history of a finished cell; None where anything of it was changed since.

    What was edited would be sealed anew here, and nobody could see it any more. quiet: do not say so.
    """
    try:
        record, history = source.record(), source.history()
        if record is None or not history:
            return None
        problems = broken_digests(source.path, record)
    except (DataMalformed, OSError) as error:
        problems = [str(error)]
    if problems == []:
        return record, history
    if not quiet:
        why = problems[0] if problems else "it has no digests"
        _logger.warning("%s is not used, and its training is done again: %s", source.path, why)
    return None


def _stored_contents(cell: Cell) -> dict[str, str]:
    kinds = ("split", "transform")
    return {
        one["name"]: one["content"] for one in cell.digest["conditions"] if one["available"] and one["kind"] in kinds
    }


def _copy(cell: Cell, source: CellFolder, folder: CellFolder, step: int) -> None:
    """Take over the predictions of every condition that is the same there."""
    contents = source.manifest().get("contents", {})
    for name, content in _stored_contents(cell).items():
        origin, target = source.predictions(name, step), folder.predictions(name, step)
        if contents.get(name) == content and origin.is_file() and not target.is_file():
            with atomic_path(target) as temporary:
                shutil.copyfile(origin, temporary)


def _predict_missing(missing, source, step, new_adapter, evaluation) -> bool:
    """Predict conditions from a kept checkpoint of that step. False when there is none or it cannot be taken."""
    kept = source.checkpoints.kept()
    if kept is None or kept.step != step:
        return False
    adapter = new_adapter()
    if not adapter.restore(kept.read()):
        return False
    replace(evaluation, conditions=missing, select=None).at(adapter, step)
    return True


def _rescored(cell, data, folder, history, steps) -> list[dict[str, Any]]:
    """The earlier history for this cell's conditions: scored from their predictions where they are stored."""
    versions = metric_versions(cell, data.task)
    points = []
    for point in history:
        conditions: dict[str, dict[str, float]] = {}
        if point["step"] in steps:
            stored = {
                one.name: read_predictions(folder.predictions(one.name, point["step"]), one.rows, data.task.legs)
                for one in data.conditions
                if one.stored and folder.predictions(one.name, point["step"]).is_file()
            }
            scores = score_all(data.task, data.conditions, stored, versions)
            # What was copied holds the item scores of the metric versions that its protocol asked for.
            for one in data.conditions:
                if one.name in stored:
                    file = folder.predictions(one.name, point["step"])
                    if stale_items(file, one.rows, scores[one.name].correct):
                        rewrite_items(file, one.rows, scores[one.name].correct)
            conditions = {name: plain(one.metrics) for name, one in scores.items()}
        points.append({"step": point["step"], "select": point["select"], "conditions": conditions})
    return points


def _account(record: dict[str, Any]) -> Account:
    parameters = {name: count for name, count in record["model"]["parameters"].items() if count is not None}
    return Account(
        parameters=parameters,
        updates=record["usage"]["updates"],
        examples_seen=record["usage"]["examples_seen"],
        sequences_seen=record["usage"]["sequences_seen"],
        teacher_s=record["timing"]["teacher_s"],
        teacher_cached_s=record["timing"].get("teacher_cached_s"),
        teacher_forwards=record["usage"].get("teacher_forwards", 0),
        teacher_labels=record["labels"]["teacher"],
        unlabelled=record["labels"]["unlabelled"],
        weights=record["model"]["weights"],
        notes=tuple(record["model"]["notes"]),
    )
