"""The search of options: the same trials for every row, each an ordinary cell on draws and rows that no table shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import fmean
from typing import Any

from madbench import __version__
from madbench.errors import MadbenchError, UsageError
from madbench.harness.cell import Cell
from madbench.harness.declared import named, parse_numbers, tasks_asked
from madbench.harness.needs import with_regions_read
from madbench.harness.overrides import parse_overrides, refuse_on_mini, weights_asked
from madbench.harness.plan import Cells, PlannedCell, Request
from madbench.harness.specs import options_schema, resolved_spec
from madbench.harness.store import Store
from madbench.harness.tuning_protocol import CONDITION, TuningProtocol, tuning_protocol, tuning_worlds
from madbench.harness.tuning_space import (
    check_space,
    difference,
    laid_over,
    points,
    read_space,
    shared,
    space_of,
)
from madbench.models.load import load_model
from madbench.models.spec import ModelFile, merge
from madbench.models.tuned import Space, Tuned, TunedTask
from madbench.models.weight_references import renamed
from madbench.protocols import load_protocol
from madbench.tasks.sources import choose, parse_data


@dataclass(frozen=True)
class TuneRequest:
    """The options of `tune`. trials: for each model and task. seed: of the points, not of the trainings."""

    models: Sequence[str]
    protocol: str
    trials: int
    tasks: Sequence[str] = ()
    draws: str = "90"
    seed: int = 0
    data: Sequence[str] = ()
    out: Path = Path("tuning")
    space: Path | None = None
    overrides: Sequence[str] = ()
    precision: str = "fp32"
    weights: Sequence[str] = ()


@dataclass(frozen=True)
class TrialCell(Cell):
    """A cell that says which trial it is; that is no part of its identity."""

    trial: int = 0

    @property
    def label(self) -> str:
        return f"{super().label} trial {self.trial}"


@dataclass(frozen=True)
class Trial:
    """values: option -> value or factor. options: what the file's are with them. cells: one for each draw."""

    number: int
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    cells: tuple[PlannedCell, ...]


@dataclass
class Search:
    """All trials of one model on one task. errors: cell's run id -> why it failed."""

    file: ModelFile
    name: str
    task: str
    space: Space
    trials: list[Trial]
    errors: dict[str, str] = field(default_factory=dict)

    def cells(self) -> list[Cell]:
        return [planned.cell for trial in self.trials for planned in trial.cells]

    def score(self, trial: Trial, store: Store) -> float | None:
        """The mean of the primary metric over the draws; None as long as one of them is not done."""
        found = [self.score_of(planned.cell, store) for planned in trial.cells]
        return None if None in found else fmean(found)

    def score_of(self, cell: Cell, store: Store) -> float | None:
        record = store.done(cell)
        if record is None:
            return None
        condition = next(one for one in record["conditions"] if one["name"] == CONDITION)
        return condition["metrics"][record["primary"]]


@dataclass(frozen=True)
class TunePlan:
    """notices: lines to print. rows: the names of all models that are tuned together."""

    request: TuneRequest
    protocol: TuningProtocol
    store: Store
    searches: tuple[Search, ...]
    notices: tuple[str, ...]

    @property
    def draws(self) -> list[int]:
        return list(self.protocol.draws)

    @property
    def rows(self) -> list[str]:
        return list(dict.fromkeys(search.file.name for search in self.searches))

    def to_do(self) -> list[Cell]:
        """Cells that are not done, each once: two trials may be the same."""
        found = {
            planned.cell.run_id: planned.cell
            for search in self.searches
            for trial in search.trials
            for planned in trial.cells
            if self.store.done(planned.cell) is None
        }
        return list(found.values())

    def folder(self, task: str) -> Path:
        return Path(self.request.out) / self.protocol.of / task


def plan_tuning(request: TuneRequest) -> TunePlan:
    """Resolve a request. Raises UsageError, ConfigError, DataError, NotComparable; nothing is trained."""
    if request.trials < 1:
        raise UsageError(f"--trials {request.trials}: expected at least 1", fix="e.g. --trials 8")
    if request.seed < 0:
        raise UsageError(f"--search-seed {request.seed}: expected 0 or more", fix="leave it out")
    protocol = load_protocol(request.protocol)
    draws = parse_numbers("--draws", request.draws)
    given = named(request.models, "--model")
    files = [load_model(name) for name in given]
    overrides = parse_overrides(request.overrides)
    tasks = tasks_asked(request.tasks, [protocol])
    _check_files(files)
    spaces = _spaces(files, tasks, overrides, request.space)
    weights = weights_asked(request.weights, files, tasks, overrides)
    tuning_protocol(protocol, draws, {task: "real" for task in tasks})  # a wrong draw is told before data are made
    sources = choose(parse_data(request.data), tasks, request.tasks, tuning_worlds)
    refuse_on_mini(request.weights, sources)
    sources = with_regions_read(sources, files, overrides)
    recipe = tuning_protocol(protocol, draws, {task: source.kind for task, source in sources.by_task.items()})
    store = Store(Path(request.out) / "cells")
    drawn = points(shared(spaces), request.trials, request.seed)
    plan_of = Request(
        models=given, protocols=[request.protocol], overrides=request.overrides, precision=request.precision
    )
    searches, left_out = [], dict(sources.left_out)
    for task in recipe.tasks:
        for name, file in zip(given, files, strict=True):
            search = Search(file, name, task, spaces[file.name], [])
            before = file.resolve(task, sources.by_task[task].kind).options
            asked = renamed(merge(before, overrides), weights)
            for number, point in enumerate(drawn):
                options, values = laid_over(asked, options_schema(file.adapter), search.space, point)
                found = Cells(plan_of, sources, store, difference(before, options))
                found.add(file, recipe, task, recipe.draws, recipe.seeds)
                if found.refusals:
                    raise found.refusals[0].error
                left_out.update(found.left_out)
                cells = tuple(PlannedCell(_of_trial(one.cell, number), one.state) for one in found.cells)
                search.trials.append(Trial(number, values, options, cells))
            if search.trials[0].cells:
                searches.append(search)
    if not searches:
        raise UsageError(
            "nothing to tune: " + "; ".join(f"{what}: {reason}" for what, reason in left_out.items()),
            fix="choose other models or tasks",
        )
    notices = [sources.notice] if sources.notice else []
    notices += [f"left out: {what}: {reason}" for what, reason in left_out.items()]
    return TunePlan(request, recipe, store, tuple(searches), tuple(notices))


def tuned_models(plan: TunePlan) -> dict[str, tuple[ModelFile, Tuned, dict[str, Trial]]]:
    """Name as given -> (file, the search record, task -> chosen trial), of models with a score for each of their tasks.

    Among equal scores the earlier trial is chosen.
    """
    found = {}
    for name in dict.fromkeys(search.name for search in plan.searches):
        own = [search for search in plan.searches if search.name == name]
        tasks, chosen = {}, {}
        for search in own:
            scores = [search.score(trial, plan.store) for trial in search.trials]
            known = [score for score in scores if score is not None]
            if not known:
                break
            best = scores.index(max(known))
            chosen[search.task] = search.trials[best]
            tasks[search.task] = _tuned_task(search, best, scores, plan)
        else:
            found[name] = (own[0].file, _tuned(plan, own[0].space, tasks), chosen)
    return found


def labels_used(search: Search, store: Store) -> tuple[int, int]:
    """`(labels, evaluated)`: labelled examples of the search, each once, and how many of them scored the trials."""
    used: set[str] = set()
    evaluated = 0
    for cell in {cell.draw: cell for cell in search.cells() if store.done(cell) is not None}.values():
        manifest, record = store.folder(cell).manifest(), store.done(cell)
        used |= {*manifest["train"]["ids"], *((manifest["select"] or {}).get("ids", ()))}
        evaluated = next(one["n"] for one in record["conditions"] if one["name"] == CONDITION)
    return len(used) + evaluated, evaluated


def _tuned(plan: TunePlan, space: Space, tasks: dict[str, TunedTask]) -> Tuned:
    request = plan.request
    return Tuned(
        protocol=plan.protocol.of,
        trials=request.trials,
        draws=plan.draws,
        seed=request.seed,
        rows=plan.rows,
        space=space,
        set=list(request.overrides),
        madbench=__version__,
        tasks=tasks,
    )


def _tuned_task(search: Search, best: int, scores: Sequence[float | None], plan: TunePlan) -> TunedTask:
    cell = search.trials[best].cells[0].cell
    labels, evaluated = labels_used(search, plan.store)
    return TunedTask(
        source=cell.source.kind,
        data=cell.digest["fingerprint"],
        metric=plan.store.done(cell)["primary"],
        evaluated=evaluated,
        labels=labels,
        chosen=best,
        values=[dict(trial.values) for trial in search.trials],
        scores=list(scores),
    )


def _spaces(files: Sequence[ModelFile], tasks: Sequence[str], overrides: Mapping[str, Any], path: Path | None):
    given = None if path is None else read_space(path)
    spaces = {}
    for file in files:
        spaces[file.name] = space_of(file, given)
        schema = options_schema(file.adapter)
        for task in tasks:
            spec = resolved_spec(file, task, "real", overrides)
            check_space(file.name, spaces[file.name], schema, spec.options)
    return spaces


def _check_files(files: Sequence[ModelFile]) -> None:
    names = [file.name for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two of the models are called {twice}", fix="give each a name of its own")
    for file in files:
        if file.tuned is not None:
            raise UsageError(
                f"model '{file.name}' is tuned already, and a second search would hide the labels of the first",
                fix="tune the model that it extends, with more --trials",
            )


def _of_trial(cell: Cell, number: int) -> TrialCell:
    return TrialCell(**{one.name: getattr(cell, one.name) for one in fields(Cell)}, trial=number)


def failed(plan: TunePlan, failures: Sequence[tuple[Cell, MadbenchError]]) -> None:
    """Note failed cells with their searches: such a trial counts, and has no score."""
    for cell, error in failures:
        for search in plan.searches:
            if any(own.run_id == cell.run_id for own in search.cells()):
                search.errors[cell.run_id] = str(error)
