"""Trainings of the conformance suite: some whose hooks are only noted, one through the whole harness, one that is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from madbench.errors import MadbenchError
from madbench.harness.cell import Cell
from madbench.harness.conditions import ConditionRows
from madbench.harness.conformance.outcome import Failed, adapter_code, show_if_debugging
from madbench.harness.conformance.predictions import Predictions, taken
from madbench.harness.conformance.watch import Watch, seed_everything
from madbench.harness.data import load_data
from madbench.harness.evaluation import check_output
from madbench.harness.prediction_files import read_predictions
from madbench.harness.runner import Job, Settings, run_cell
from madbench.harness.store import CellFolder, Store
from madbench.models.adapter import Account, ModelAdapter
from madbench.tasks.contract import Example, LegPredictions, Row, Split, opaque_id


class Arranged(Split):
    """A split in an order of our choice."""

    def __init__(self, examples: Sequence[Example], like: Split):
        super().__init__(examples, leg=like.leg, n_choices=like.n_choices)
        self._examples = tuple(examples)


# --------------------------------------------------------------------------- hooks only noted


@dataclass
class TrialJob(Job):
    """Calls the adapter, and does nothing when it calls the harness: what fails is then its own doing."""

    watch: Watch | None = None

    def _evaluate(self, step: int) -> Mapping[str, float]:
        return {}

    def _save(self, state: Any) -> None:
        pass

    def _load(self) -> None:
        return None

    def view(self, name: str, rows: Sequence[Row], *, labelled: bool, leg: str | None = None) -> Split:
        split = super().view(name, rows, labelled=labelled, leg=leg)
        return split if self.watch is None else self.watch.split(split)


@dataclass
class Trial:
    """One fresh adapter: made, fitted without a select split, asked.

    generators: what the global random generators are set to before each of these.
    """

    cell: Cell
    folder: Path
    device: str
    source: str | None
    generators: int = 0
    watch: Watch | None = None
    account: Account | None = None

    def __post_init__(self) -> None:
        data = load_data(self.cell.source, self.cell.protocol, self.cell.draw, self.cell.limit)
        self.job = TrialJob(self.cell, CellFolder(self.folder), data, self.device, lambda *_: None, watch=self.watch)
        self.adapter: Any = None
        self.has_fit = True

    @property
    def conditions(self) -> list[ConditionRows]:
        return [one for one in self.job.data.conditions if one.stored]

    @property
    def legs(self) -> tuple[str, ...]:
        return self.job.data.task.legs

    def construct(self) -> None:
        seed_everything(self.generators)
        with adapter_code("constructing it", self.source):
            self.adapter = self.job.adapter(with_fit=True)
        self.has_fit = type(self.adapter).fit is not ModelAdapter.fit

    def train_split(self) -> Split:
        return self.job.view("train", self.job.fit_rows, labelled=True)

    def fit(self, train: Split) -> None:
        seed_everything(self.generators + 1)
        with adapter_code("fit(train, None)", self.source):
            self.adapter.fit(train, None)

    def split(self, condition: ConditionRows, leg: str, labelled: bool = False) -> Split:
        return self.job.view(condition.name, condition.rows, labelled=labelled, leg=leg)

    def predict(self, split: Split, what: str) -> LegPredictions:
        """Checked predictions in the order of the split. Raises Failed."""
        seed_everything(self.generators + 2)
        with adapter_code(f"predict on {what}", self.source):
            output = self.adapter.predict(split)
        with adapter_code(f"what predict returned on {what}", None):
            try:
                found = check_output(output, len(split), self.job.space, f"on {what}")
            except MadbenchError as error:  # it says itself what was returned
                raise Failed(str(error)) from None
        # A copy: an adapter may hand out the same memory every time.
        return LegPredictions(found.labels, None if found.scores is None else found.scores.copy())

    def predict_all(self) -> Predictions:
        return {
            (condition.name, leg): self.predict(self.split(condition, leg), f"{condition.name}, leg {leg}")
            for leg in self.legs
            for condition in self.conditions
        }

    def predict_rows(self) -> Predictions:
        """As `predict_all`, in the order of the rows, as predictions are stored."""
        found = {}
        for (name, leg), predicted in self.predict_all().items():
            rows = next(one.rows for one in self.conditions if one.name == name)
            place_of = {
                example.id: place for place, example in enumerate(self.job.view(name, rows, labelled=False, leg=leg))
            }
            ids = [opaque_id(self.cell.task, name, leg, row.example_id) for row in rows]
            found[name, leg] = taken(predicted, [place_of[one] for one in ids])
        return found

    def whole(self) -> Predictions:
        """Everything from the constructor on."""
        self.construct()
        if self.has_fit:
            self.fit(self.train_split())
        return self.predict_all()


# --------------------------------------------------------------------------- through the harness


class Killed(BaseException):
    """Stands for kill -9: no adapter catches it."""


@dataclass
class Observed:
    """What an adapter called while it was fitted, and where it was when something went wrong.

    stage: `construct`, `fit`, `evaluate`, `save`, or `after` (the harness scores the end and writes the record).
    wrong: how a hook was misused.
    """

    stage: str = "construct"
    steps: list[int] = field(default_factory=list)
    saves: int = 0
    loaded: bool = False
    wrong: str | None = None


@dataclass
class ObservedJob(Job):
    """A job of the harness as it is, that notes what the adapter calls; killed where it is told to be.

    kill: `hook`, when the adapter calls the next hook after its first save; `end`, after the last update, with nothing
    recorded.
    """

    seen: Observed = field(default_factory=Observed)
    kill: str | None = None

    def adapter(self, with_fit: bool = False) -> ModelAdapter:
        made = super().adapter(with_fit)
        if with_fit:
            fit = made.fit

            def observed(train: Split, select: Split | None) -> None:
                self.seen.stage = "fit"
                fit(train, select)
                self.seen.stage = "after"

            made.fit = observed
        return made

    def train(self) -> Any:
        fitted = super().train()
        if self.kill is not None:
            raise Killed
        return fitted

    def _evaluate(self, step: int) -> Mapping[str, float]:
        if self.seen.stage == "after":  # the harness itself, which scores the end of every training
            return super()._evaluate(step)
        with self._hook("evaluate"):
            self._check_step(step)
            return super()._evaluate(step)

    def _save(self, state: Any) -> None:
        with self._hook("save"):
            super()._save(state)
            self.seen.saves += 1

    def _load(self) -> Any:
        state = super()._load()
        self.seen.loaded = self.seen.loaded or state is not None
        return state

    def _check_step(self, step: Any) -> None:
        last = self.seen.steps[-1] if self.seen.steps else -1
        if isinstance(step, bool) or not isinstance(step, int):
            self.seen.wrong = f"context.evaluate({step!r}): a step is an int, the number of updates done"
        elif step <= last:
            self.seen.wrong = f"context.evaluate({step}) after context.evaluate({last}): steps only grow, from 0 on"
        if self.seen.wrong is not None:
            raise Failed(self.seen.wrong)
        self.seen.steps.append(step)

    @contextmanager
    def _hook(self, name: str) -> Iterator[None]:
        if self.kill == "hook" and self.seen.saves:
            raise Killed
        before, self.seen.stage = self.seen.stage, name
        yield
        self.seen.stage = before


@dataclass
class Whole:
    """A cell run as `madbench run` does it. error: what was raised, by what `seen.stage` says."""

    record: dict[str, Any] | None
    seen: Observed
    error: BaseException | None = None


def run_whole(cell: Cell, store: Store, device: str, kill: str | None = None) -> Whole:
    """Run, or go on with, a cell in a store; what goes wrong is in the result."""
    seed_everything(0)
    seen = Observed()
    make_job: Callable[..., Job] = partial(ObservedJob, seen=seen, kill=kill)
    try:
        return Whole(run_cell(cell, store, Settings(device), make_job=make_job), seen)
    except Killed:
        return Whole(None, seen)
    except (Exception, SystemExit) as error:
        show_if_debugging(error)
        return Whole(None, seen, error)


def stored_predictions(trial: Trial, folder: CellFolder, step: int) -> Predictions:
    """What a cell stored at an evaluation point, condition by condition."""
    found: Predictions = {}
    for condition in trial.conditions:
        legs = read_predictions(folder.predictions(condition.name, step), condition.rows, trial.legs)
        found.update({(condition.name, leg): one for leg, one in legs.items()})
    return found
