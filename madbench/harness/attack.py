"""The losses of an attack model on VCR: any registered model, each word of each choice hidden in turn.

For a row, a leg, a choice and a flattened position of it, the model predicts the row with that position hidden ([MASK],
a tag without its region); everything else, the other choices included, is as it was, and question and (qa2r) correct
answer are never hidden. The loss is the sigmoid cross-entropy of that choice's score, taken as a logit, against 1 if
it is correct and 0 if not (Ye & Kovashka, AAAI 2021). A full val split is some millions of predictions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import madbench
from madbench.errors import DataError, DataMissing, MadbenchError, UsageError
from madbench.files import write_text
from madbench.harness.cell import Cell
from madbench.harness.data import load_data
from madbench.harness.device import one_thread, resolve_device
from madbench.harness.evaluation import check_output
from madbench.harness.execution import Execution
from madbench.harness.executor import execute
from madbench.harness.plan import Request, make_plan
from madbench.harness.progress import Lines
from madbench.harness.runner import Job, Settings
from madbench.harness.store import Store
from madbench.harness.trained import refitted, restored
from madbench.models.adapter import ModelAdapter
from madbench.tasks.contract import opaque_id
from madbench.tasks.sources import has_split
from madbench.tasks.vcr.adversarial import masked_variants, n_variants
from madbench.tasks.vcr.attack_scores import PARTS, read_scores, score_record
from madbench.tasks.vcr.reader import CHOICES, VcrRow

TASK = "vcr"
NAME = "attack"
# Rows predicted and written at once: some thousand variants a leg.
BLOCK = 64


@dataclass(frozen=True)
class AttackRequest:
    """Which model attacks which split. limit: only the first rows of it; the training is always whole."""

    model: str
    output: Path
    protocol: str = "full"
    split: str = "val"
    runs: Path = Path("runs")
    data: Sequence[str] = ()
    overrides: Sequence[str] = ()
    draw: int = 0
    seed: int = 0
    limit: int | None = None
    device: str = "auto"
    plugins: Sequence[str] = ()
    overwrite: bool = False


@dataclass(frozen=True)
class AttackResult:
    """attack: what every row of the file says of its model. origin: how the trained model was come by."""

    output: Path
    rows: int
    predictions: int
    attack: Mapping[str, Any]
    origin: str


def attack(request: AttackRequest, display: Lines) -> AttackResult:
    """Train the model or take a finished training of it, and write the score file.

    An interrupted attack goes on where it stopped. Raises UsageError, ConfigError, DataError, or the cell's error.
    """
    one_thread()
    _check(request)
    cell = _cell(request, display)
    if not has_split(cell.source.layout, request.split):
        raise DataMissing(
            f"the vcr source has no split '{request.split}'",
            fix=f"it has {', '.join(cell.source.layout.files)}",
            where=cell.source.root,
        )
    store = Store(request.runs)
    job, adapter, origin = _trained(cell, store, request, display)
    rows = job.data.task.read(cell.source.layout, request.split)[: request.limit]
    if any(row.labels is None for row in rows):
        raise DataMissing(
            f"the split '{request.split}' has no labels, and the loss of a choice depends on them", fix="attack val"
        )
    about = {
        "model": cell.spec.name,
        "model_version": cell.spec.version,
        "protocol": cell.protocol.id,
        "train_id": cell.train_id,
        "madbench": madbench.__version__,
    }
    label = f"attack of {cell.spec.name} on {request.split}"
    display.started(label)
    _write(request.output, rows, job, adapter, about, lambda done: display.progress(label, done, len(rows), "rows"))
    display.finished(label)
    return AttackResult(request.output, len(rows), sum(map(n_variants, rows)), about, origin)


# --------------------------------------------------------------------------- the trained model


def _check(request: AttackRequest) -> None:
    if request.limit is not None and request.limit < 1:
        raise UsageError(f"--limit {request.limit}: expected at least 1", fix="leave it out to attack every row")
    if request.output.is_dir():
        raise UsageError("--output is a folder", fix="name a file in it", where=request.output)
    if request.output.exists() and not request.overwrite:
        raise UsageError("the output is there already", fix="name another, or add --overwrite", where=request.output)


def _cell(request: AttackRequest, display: Lines) -> Cell:
    plan = make_plan(
        Request(
            models=[request.model],
            protocols=[request.protocol],
            tasks=[TASK],
            draws=str(request.draw),
            seeds=str(request.seed),
            data=request.data,
            out=request.runs,
            overrides=request.overrides,
        )
    )
    if plan.refusals:
        raise plan.refusals[0].error
    for line in plan.notices:
        display.say(line)
    return plan.cells[0].cell


def _trained(cell: Cell, store: Store, request: AttackRequest, display: Lines) -> tuple[Job, ModelAdapter, str]:
    """The model of a cell, ready to predict, and where it comes from."""
    data = load_data(cell.source, cell.protocol, cell.draw, cell.limit)
    job = Job(cell, store.folder(cell), data, resolve_device(request.device), lambda *_: None)
    found = restored(job, store)
    if found is not None:
        adapter, folder = found
        return job, adapter, "a model that is not fitted" if folder is None else f"the checkpoint in {folder.path}"
    if store.done(cell) is None:
        display.cells += 1
        settings = Settings(device=request.device)
        outcome = execute([cell], Execution(store, settings, 1, plugins=tuple(request.plugins)), display)
        if outcome.failed:
            raise outcome.failed[0][1]
        found = restored(job, store)
        if found is not None:
            return job, found[0], f"trained now: {store.folder(cell).path}"
    return job, refitted(job, store), "fitted again, since its run keeps no checkpoint"


# --------------------------------------------------------------------------- the losses


def row_losses(rows: Sequence[VcrRow], job: Job, adapter: ModelAdapter) -> list[dict[str, list[list[float]]]]:
    """For each row, by part (`answer`, `rationale`), `[choices][positions]` losses.

    All q2a variants are predicted before the first qa2r variant is shown, which has the correct answer in it.
    """
    found: list[dict[str, list[list[float]]]] = [{part: [[] for _ in range(CHOICES)] for part in PARTS} for _ in rows]
    for place_of_leg, (leg, part) in enumerate(zip(job.data.task.legs, PARTS, strict=True)):
        variants = [
            (at, choice, variant) for at, row in enumerate(rows) for choice, variant in masked_variants(row, part)
        ]
        if not variants:
            continue
        split = job.view(NAME, [variant for _, _, variant in variants], labelled=False, leg=leg)
        output = check_output(
            adapter.predict(split), len(split), job.space, f"{job.cell.spec.adapter} on {NAME}, {leg}"
        )
        if output.scores is None:
            raise MadbenchError(f"{job.cell.spec.adapter}: predict gave no scores", fix="return scores, one per choice")
        row_of = {example.id: place for place, example in enumerate(split)}
        for at, choice, variant in variants:
            score = output.scores[row_of[opaque_id(TASK, NAME, leg, variant.example_id)], choice]
            correct = rows[at].labels[place_of_leg] == choice
            # -log sigmoid(s) for the correct choice, -log(1 - sigmoid(s)) for a distractor, without overflow
            found[at][part][choice].append(float(np.logaddexp(0.0, -float(score) if correct else float(score))))
    return found


def _write(output: Path, rows, job: Job, adapter: ModelAdapter, about, progress) -> None:
    """Block by block into a file beside the output, which becomes the output when it is whole."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f"{output.name}.partial")
    done = _written(partial, rows, about)
    with open(partial, "a", encoding="utf-8", newline="\n") as stream:
        for start in range(done, len(rows), BLOCK):
            progress(start)
            block = rows[start : start + BLOCK]
            for row, losses in zip(block, row_losses(block, job, adapter), strict=True):
                stream.write(json.dumps(score_record(row, losses, about)) + "\n")
            stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, output)


def _written(partial: Path, rows: Sequence[VcrRow], about: Mapping[str, Any]) -> int:
    """How many rows an interrupted attack has left, in whole blocks; what is of another attack is thrown away."""
    lines = partial.read_bytes().split(b"\n")[:-1] if partial.is_file() else []
    whole = min(len(lines), len(rows)) // BLOCK * BLOCK
    write_text(partial, "".join(line.decode("utf-8", "replace") + "\n" for line in lines[:whole]))
    if whole and not _fits(partial, rows[:whole], about):
        write_text(partial, "")
        return 0
    return whole


def _fits(partial: Path, rows: Sequence[VcrRow], about: Mapping[str, Any]) -> bool:
    try:
        scores = read_scores(partial)
        return (
            scores.attack == about
            and list(scores.rows) == [row.example_id for row in rows]
            and all(map(scores.of, rows))
        )
    except DataError:
        return False
