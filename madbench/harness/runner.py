"""What happens in a cell, from rows to record: the one place that knows models and tasks together."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from madbench.errors import MadbenchError
from madbench.harness.cell import Cell
from madbench.harness.conditions import check_something_to_score
from madbench.harness.data import CellData, answer_space, load_data
from madbench.harness.device import one_thread, resolve_device
from madbench.harness.evaluation import Evaluation
from madbench.harness.processes import launched
from madbench.harness.provenance import reset_peak_memory
from madbench.harness.records import Fitted, build_record, cell_manifest, metric_versions
from madbench.harness.reuse import reuse
from madbench.harness.selection import best_on_select, chosen_steps
from madbench.harness.specs import code_of
from madbench.harness.store import CellFolder, Store
from madbench.home import home
from madbench.models.adapter import Account, Context, ModelAdapter
from madbench.registry import ADAPTERS
from madbench.tasks.contract import Split

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Settings:
    """How to run, never what: nothing here is part of a cell's identity. at_once: examples of one forward pass."""

    device: str = "auto"
    keep_checkpoint: str = "selected"
    overwrite: bool = False
    at_once: int | Literal["auto"] | None = None


def run_cell(
    cell: Cell,
    store: Store,
    settings: Settings,
    progress: Progress = lambda *_: None,
    make_job: Callable[..., Job] | None = None,
) -> dict[str, Any]:
    """Train, predict, score and record one cell; an earlier training of the same identity is not done again.

    progress(done, total, what): never receives a metric of a reported condition. make_job: a kind of `Job` that looks on.
    """
    one_thread()
    if cell.code != code_of(cell.spec.adapter):
        raise MadbenchError(f"the code of {cell.spec.adapter} was edited after the plan", fix="run it again")
    with store.locked(cell) as folder:
        if settings.overwrite:
            folder.clear()
        elif (done := store.done(cell)) is not None:
            return done
        folder.forget_error()  # of an earlier attempt, which would show a running cell as a failed one
        started = datetime.now(UTC)
        device = resolve_device(settings.device)
        reset_peak_memory(device)
        data = load_data(cell.source, cell.protocol, cell.draw, cell.limit)
        check_something_to_score(cell.task, cell.protocol.id, [one.described() for one in data.conditions])
        job = (make_job or Job)(cell, folder, data, device, progress, settings.at_once)
        folder.write_manifest(cell_manifest(cell, data))
        earlier = [] if settings.overwrite else store.trained(cell)
        fitted = reuse(cell, data, folder, earlier, job.adapter, job.evaluation) if earlier else None
        if fitted is None:
            fitted = job.train()
        steps = chosen_steps(fitted.history, data.task.primary, cell.protocol.selection)
        folder.keep_predictions(set(steps.values()))
        if fitted.trained_here:
            folder.checkpoints.keep(settings.keep_checkpoint, steps["last"], steps[cell.protocol.selection])
        record = folder.write_record(build_record(cell, data, job.space, fitted, steps, job.device, started))
    if cell.code is not None:
        store.drop_failures_of_other_code(cell)
    return record


def follow_cell(cell: Cell, settings: Settings, group: Any) -> None:
    """Beside rank 0: the training that its `run_cell` has begun. group: of all of them."""
    device = resolve_device(settings.device)
    data = load_data(cell.source, cell.protocol, cell.draw, cell.limit)
    nowhere = CellFolder(Path(os.devnull) / cell.path)  # whatever would write here fails
    Job(cell, nowhere, data, device, lambda *_: None, settings.at_once, group).follow()


def _group(device: str) -> Any:
    from madbench.training.distribution import group

    return group(device)


@dataclass
class Job:
    """One cell while it runs."""

    cell: Cell
    folder: CellFolder
    data: CellData
    device: str
    progress: Progress
    at_once: int | Literal["auto"] | None = None
    group: Any = None  # the processes that train together, None for this one alone
    _history: list[dict[str, Any]] = field(default_factory=list)
    _before: dict[str, float] = field(default_factory=lambda: {"fit_s": 0.0, "predict_s": 0.0})
    _began: float = 0.0

    def __post_init__(self) -> None:
        cell, subset = self.cell, self.data.subset
        self.fit_rows = subset.train
        self.select_rows = subset.select
        if not cell.uses_select and subset.select is not None:
            self.fit_rows, self.select_rows = (*subset.train, *subset.select), None
        self.fraction = cell.protocol.subset.fraction or len(self.fit_rows) / len(self.data.pool)
        self.space = answer_space(cell.source, cell.protocol, self.fit_rows, self.fraction)
        self.evaluation = self._evaluation()
        self.checkpoints = self.folder.checkpoints

    def adapter(self, with_fit: bool = False) -> ModelAdapter:
        """A fresh adapter. with_fit: its context can evaluate, save, load and tell its progress."""
        cell = self.cell
        hooks: dict[str, Any] = {}
        if with_fit:
            hooks = {
                "_evaluate": self._evaluate,
                "_save": self._save,
                "_load": self._load,
                "_progress": self.progress,
                "_unlabelled": self._unlabelled if cell.spec.unlabelled else None,
            }
        context = Context(
            device=self.device,
            seed=cell.seed,
            cache_dir=home() / "cache",
            logger=logging.getLogger(f"madbench.{cell.spec.name}"),
            max_examples=cell.protocol.budget[cell.task].examples_seen,
            eval_points=cell.protocol.eval_points,
            train_fraction=self.fraction,
            precision=cell.precision,
            at_once=self.at_once,
            rank=0 if self.group is None else self.group.rank,
            world=1 if self.group is None else self.group.world,
            **hooks,
        )
        return ADAPTERS.load(cell.spec.adapter)(cell.spec, self.data.task.info(self.space), context)

    def train(self) -> Fitted:
        """Fit (or go on fitting), and make sure that the final state is scored."""
        self.folder.checkpoints.folder.mkdir(parents=True, exist_ok=True)
        if not (self.checkpoints.folder / "resume.safetensors").is_file():
            self._restart()
        self._began = time.monotonic()
        if launched() and ADAPTERS.load(self.cell.spec.adapter).data_parallel:
            self.group = self.evaluation.group = _group(self.device)
            self.group.broadcast(self.cell)
        account = self._fitted()
        fit_s = self._fit_seconds()
        return Fitted(
            history=self._history,
            account=account,
            labelled=type(self.running).fit is not ModelAdapter.fit,
            timing={"fit_s": fit_s, "predict_s": self._predict_seconds()},
        )

    def follow(self) -> None:
        """The same training beside rank 0: nothing is decided, scored or written here."""
        self._fitted()

    def _fitted(self) -> Account:
        self.running = self.adapter(with_fit=True)
        select = None if self.select_rows is None else self.view("select", self.select_rows, labelled=True)
        self.running.fit(self.view("train", self.fit_rows, labelled=True), select)
        account = self.running.account()
        if max((point["step"] for point in self._history), default=-1) < account.updates:
            self._evaluate(account.updates)
        return account

    # ----- what the context calls

    def _evaluate(self, step: int) -> Mapping[str, float]:
        if self._follows:
            self.evaluation.assist(self.running)
            self._history.append({"step": step})
        selected = {} if self._follows else self._evaluated(step)
        return selected if self.group is None else self.group.broadcast(selected)

    def _evaluated(self, step: int) -> Mapping[str, float]:
        point = self.evaluation.at(self.running, step)
        self._history = [*(one for one in self._history if one["step"] != step), point]
        self.folder.write_history(self._history)
        primary = self.data.task.primary
        best = best_on_select(self._history, primary) if self.select_rows is not None else step
        self.checkpoints.evaluated(step, best)
        return dict(point["select"])

    @property
    def _follows(self) -> bool:
        return self.group is not None and self.group.rank > 0

    def _save(self, state: Any) -> None:
        if self._follows:
            return
        evaluated = [point["step"] for point in self._history]
        times = {"fit_s": self._fit_seconds(), "predict_s": self._predict_seconds()}
        self.checkpoints.save(state, evaluated=evaluated, times=times)

    def _load(self) -> Any:
        if self.group is None:
            return self._loaded()
        state, steps = self.group.broadcast(
            None if self._follows else (self._loaded(), [point["step"] for point in self._history])
        )
        if self._follows:
            self._history = [{"step": step} for step in steps]
        return state

    def _loaded(self) -> Any:
        found = self.checkpoints.load()
        if found is None:
            return None
        state, about = found
        # Points after the saved state are passed again; keeping their lines could choose a step that is not redone.
        self._history = [point for point in self.folder.history() if point["step"] in about["evaluated"]]
        self._before = about["times"]
        if self._history:
            best = best_on_select(self._history, self.data.task.primary)
            last = self._history[-1]["step"]
            self.checkpoints.evaluated(last, last if best is None else best)
        return state

    def _unlabelled(self) -> Split:
        # qa2r shows the gold answer to q2a, which would be a label.
        return self.view("unlabelled", self.data.rest(), labelled=False, leg=self.data.task.legs[0])

    # ----- parts

    def _restart(self) -> None:
        self.folder.write_history([])
        self.folder.keep_predictions(set())

    def view(self, name: str, rows, *, labelled: bool, leg: str | None = None) -> Split:
        """Rows as this cell's model sees them, under ids of the condition `name`."""
        rendering = self.cell.protocol.text_rendering
        return self.data.task.view(
            rows, condition=name, space=self.space, rendering=rendering, labelled=labelled, leg=leg
        )

    def _evaluation(self) -> Evaluation:
        cell, task = self.cell, self.data.task
        return Evaluation(
            task=task,
            space=self.space,
            rendering=cell.protocol.text_rendering,
            versions=metric_versions(cell, task),
            conditions=self.data.conditions,
            select=self.select_rows,
            folder=self.folder,
            adapter_name=cell.spec.adapter,
            group=self.group,
        )

    def _predict_seconds(self) -> float:
        return self._before["predict_s"] + self.evaluation.seconds

    def _fit_seconds(self) -> float:
        return self._before["fit_s"] + time.monotonic() - self._began - self.evaluation.seconds
