"""Predictions of a finished cell on any split of its source, labelled or not, and leaderboard files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed, DataMissing, NotComparable, UsageError, did_you_mean
from madbench.harness.cell import Cell
from madbench.harness.conditions import ConditionRows
from madbench.harness.data import CellData, choose_sources, digest, load_data
from madbench.harness.device import one_thread, resolve_device
from madbench.harness.prediction_files import read_predictions
from madbench.harness.runner import Job
from madbench.harness.specs import code_of, initial_weights
from madbench.harness.store import RECORD, CellFolder, Store
from madbench.harness.trained import trained_model
from madbench.models.adapter import ModelAdapter
from madbench.models.spec import ModelSpec
from madbench.models.weight_references import located
from madbench.protocols import load_protocol
from madbench.protocols.schema import Protocol
from madbench.registry import TASKS
from madbench.tasks.contract import LegPredictions, Row
from madbench.tasks.sources import Source, has_split, parse_data

# Splits whose labels are not public, in the order in which one would submit them.
UNLABELLED: Mapping[str, tuple[str, ...]] = {"vcr": ("test",), "snli_ve": (), "vqa": ("test-dev", "test")}
ANSWERS = 4  # of vcr; rationales are predicted under each of them


@dataclass(frozen=True)
class SplitPredictions:
    """legs: leg -> predictions in the order of `rows`.

    blocks: vcr, scores `[rows, 4, 4]` float32 of the rationales, given each answer in turn; else None. Without labels
    vcr has no leg qa2r, which is given the right answer.
    """

    rows: Sequence[Row]
    legs: Mapping[str, LegPredictions]
    blocks: np.ndarray | None = None


def find_cell(path: Path, split: str | None = None, condition: str | None = None) -> CellFolder:
    """The cell folder `path`, or the only one below it that has the split or condition.

    Raises DataMissing when there is none (DataMalformed when there is one that cannot be read), UsageError listing them
    when there are several.
    """
    if not path.is_dir():
        raise DataMissing(f"there is no folder {path}", fix="name the folder of a finished cell")
    if (path / RECORD).is_file():
        return CellFolder(path)
    cells = [CellFolder(file.parent) for file in sorted(path.glob(f"**/{RECORD}"))]
    fitting, broken = [], []
    for cell in cells:
        try:
            record = cell.record()
        except DataMalformed as error:
            broken.append(error)
            continue
        has_condition = condition is None or any(one["name"] == condition for one in record["conditions"])
        if has_condition and (split is None or split in TASKS.load(record["task"]).splits):
            fitting.append(cell)
    if broken and not fitting:
        raise broken[0]
    if not fitting:
        wanted = f" with the split {split}" if split else f" with the condition {condition}" if condition else ""
        raise DataMissing(f"no finished cell{wanted} below {path}", fix="see `madbench list runs`")
    if len(fitting) > 1:
        raise UsageError(
            f"{len(fitting)} cells below {path} fit:" + "".join(f"\n  {cell.path}" for cell in fitting),
            fix="name one of these folders",
        )
    return fitting[0]


@dataclass
class FinishedCell:
    """A finished cell with the data it was made of. protocol: a file, for one that is known by no name."""

    folder: CellFolder
    data_options: Sequence[str] = ()
    device: str = "auto"
    protocol_file: str | None = None

    def __post_init__(self) -> None:
        self.record: dict[str, Any] = self.folder.record()
        self.task = TASKS.load(self.record["task"])
        self.protocol = self._protocol()
        self.source = self._source()
        limit = self.folder.manifest().get("limit")
        self.digest = digest(self.source, self.protocol, self.record["draw"], limit)
        if self.digest["fingerprint"] != self.record["data"]["fingerprint"]:
            raise NotComparable(
                f"the annotation files at {self.source.root} are not those of this run",
                fix=f"name its data with --data {self.task.name}=ROOT",
                where=self.folder.path,
            )
        self.data: CellData = load_data(self.source, self.protocol, self.record["draw"], limit)

    @property
    def step(self) -> int:
        """The evaluation point that stands for the run."""
        rule = self.record["selection_rule"]
        return next(one["step"] for one in self.record["selection"] if one["rule"] == rule)

    @cached_property
    def cell(self) -> Cell:
        """What was trained. Raises NotComparable when data, protocol and weights at hand give another training."""
        model = self.record["model"]
        if self.record.get("division") == "external":
            raise UsageError(
                f"'{model['name']}' was imported: its predictions are here, the model is not",
                fix="predict with the code that trained it",
                where=self.folder.path,
            )
        code = code_of(model["adapter"])
        if code != model.get("code_sha256"):
            raise NotComparable(
                f"the code of the adapter '{model['adapter']}' at hand is not the one of this run",
                fix="predict with the plugin as it was, or run again with it as it is",
                where=self.folder.path,
            )
        options = located(model["options"])
        # What a record does not say is found by the hashes it does hold.
        for unlabelled in (False, True):
            spec = ModelSpec(
                name=model["name"],
                version=model["version"],
                adapter=model["adapter"],
                options=options,
                unlabelled=unlabelled,
                blind=model["blind"],
                seen=tuple(model["seen"]),
                profile=model["profile"],
            )
            for uses_select in (True, False):
                cell = Cell(
                    spec=spec,
                    protocol=self.protocol,
                    task=self.task.name,
                    draw=self.record["draw"],
                    seed=self.record["seed"],
                    source=self.source,
                    digest=self.digest,
                    weights=initial_weights(spec, self.source),
                    uses_select=uses_select,
                    limit=self.folder.manifest().get("limit"),
                    precision=self.record.get("precision", "fp32"),
                    code=code,
                )
                if cell.train_id == self.record["train_id"]:
                    return cell
        raise NotComparable(
            "data, protocol and initial weights at hand do not give the training of this run (another train id)",
            fix="use the madbench version and the data it was made with",
            where=self.folder.path,
        )

    @cached_property
    def job(self) -> Job:
        one_thread()
        return Job(self.cell, self.folder, self.data, resolve_device(self.device), lambda *_: None)

    @cached_property
    def adapter(self) -> ModelAdapter:
        # <out>/<model>/<protocol>/<task>/<cell>: trainings of the same identity lie beside it.
        return trained_model(self.job, Store(self.folder.path.resolve().parents[3]))

    def predict(self, split: str) -> SplitPredictions:
        """On all rows of a split of the source. Raises DataMissing when the source lacks it."""
        if not has_split(self.source.layout, split):
            present = [name for name in self.task.splits if has_split(self.source.layout, name)]
            hint = did_you_mean(split, present)
            raise DataMissing(
                f"the {self.task.name} source has no split '{split}'" + (f"; {hint}" if hint else ""),
                fix=f"it has {', '.join(present)}",
            )
        rows = self.task.read(self.source.layout, split)
        first, *later = self.task.legs
        legs = {first: self._leg(split, rows, first)}
        if not later:
            return SplitPredictions(rows, legs)
        blocks = np.stack([self._given(split, rows, answer) for answer in range(ANSWERS)], axis=1)
        if all(row.labels is not None for row in rows):
            legs[later[0]] = _chosen(blocks[np.arange(len(rows)), [row.labels[0] for row in rows]])
        return SplitPredictions(rows, legs, blocks)

    def stored(self, condition: str) -> SplitPredictions:
        """The stored predictions of a condition. vcr: rationales under the wrong answers are predicted now."""
        found = self._condition(condition)
        path = self.folder.predictions(condition, self.step)
        if not path.is_file():
            raise DataMissing(f"the predictions of '{condition}' are not there", fix="run the cell again", where=path)
        legs = read_predictions(path, found.rows, self.task.legs)
        if len(self.task.legs) == 1:
            return SplitPredictions(found.rows, legs)
        if any(one.scores is None for one in legs.values()):
            raise DataMalformed("the predictions have no scores, only choices", fix="import scores", where=path)
        given = [row.labels[0] for row in found.rows]
        blocks = np.empty((len(given), ANSWERS, ANSWERS), dtype=np.float32)
        blocks[np.arange(len(given)), given] = legs[self.task.legs[1]].scores
        for answer in range(ANSWERS):
            others = [place for place, one in enumerate(given) if one != answer]
            if others:
                blocks[others, answer] = self._given(condition, [found.rows[place] for place in others], answer)
        return SplitPredictions(found.rows, legs, blocks)

    # ----- parts

    def _protocol(self) -> Protocol:
        named = self.record["protocol"]
        protocol = load_protocol(self.protocol_file or f"{named['name']}@{named['version']}")
        if self.task.name not in protocol.tasks or protocol.task_hash(self.task.name) != named["task_hash"]:
            raise NotComparable(
                f"the protocol {protocol.id} at hand is not the one of this run",
                fix="name its file with --protocol FILE",
                where=self.folder.path,
            )
        return protocol

    def _source(self) -> Source:
        name, given = self.task.name, list(self.data_options)
        if not given and self.record["data"]["source"] == "mini":
            given = [f"{name}=mini"]
        return choose_sources(parse_data(given), [name], [name]).by_task[name]

    def _condition(self, name: str) -> ConditionRows:
        conditions = {one.name: one for one in self.data.conditions}
        recorded = {one["name"]: one for one in self.record["conditions"]}
        if name not in conditions or name not in recorded:
            hint = did_you_mean(name, conditions)
            raise UsageError(
                f"{self.protocol.id} has no condition '{name}'" + (f"; {hint}" if hint else ""),
                fix=f"it has {', '.join(one.name for one in conditions.values() if one.kind != 'rows')}",
            )
        found = conditions[name]
        if found.kind == "rows":
            raise UsageError(f"'{name}' is cut out of '{found.of}'", fix=f"use --condition {found.of}")
        if not recorded[name]["available"]:
            raise DataMissing(f"'{name}' is not available: {recorded[name].get('reason')}", fix="choose another")
        return found

    def _leg(self, name: str, rows: Sequence[Row], leg: str) -> LegPredictions:
        # An evaluation keeps the rows of a name; here one name may stand for all rows of a split, or for some.
        return replace(self.job.evaluation, _views={}).predict(self.adapter, name, rows, leg)

    def _given(self, name: str, rows: Sequence[Row], answer: int) -> np.ndarray:
        """vcr: scores `[rows, 4]` of the rationales of rows that show this answer as the right one."""
        shown = [replace(row, given_answer=answer) for row in rows]
        return self._leg(f"{name}-a{answer}", shown, self.task.legs[1]).scores


def obvious_split(cell: FinishedCell) -> str:
    """The only unlabelled split of the cell's source. Raises UsageError when there are several, or none."""
    present = [split for split in UNLABELLED[cell.task.name] if has_split(cell.source.layout, split)]
    if len(present) == 1:
        return present[0]
    what = f"the unlabelled splits {', '.join(present)}" if present else "no unlabelled split"
    raise UsageError(
        f"the {cell.task.name} source has {what}: which predictions should be in the file?",
        fix=f"add --split {present[0]}" if present else "add --split NAME, or --condition NAME for stored predictions",
    )


def _chosen(scores: np.ndarray) -> LegPredictions:
    """The lowest index wins a tie."""
    return LegPredictions(tuple(str(place) for place in scores.argmax(axis=1)), scores)
