"""From names to cells: what would run, what is done, and what cannot run and why. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from madbench.errors import DataMalformed, MadbenchError, UsageError
from madbench.harness.audit import refuse_exposed
from madbench.harness.cell import Cell
from madbench.harness.data import choose_sources, digest
from madbench.harness.declared import named, numbers_asked, of_declared, tasks_asked
from madbench.harness.needs import check_needs, needs_of, with_regions_read
from madbench.harness.overrides import parse_overrides, refuse_on_mini, unchecked_options, weights_asked
from madbench.harness.reuse import can_serve
from madbench.harness.specs import code_of, initial_weights, resolved_spec, traits_of
from madbench.harness.store import Store
from madbench.models.load import load_model
from madbench.models.spec import ModelFile, ModelSpec
from madbench.protocols import load_protocol
from madbench.protocols.schema import Protocol
from madbench.tasks.sources import Sources, parse_data

DONE, PREDICT, RESUME, TRAIN = "done", "predict only", "resume", "train"


@dataclass(frozen=True)
class Request:
    """What the user asks for; the options of `run` and `plan`. Empty draws or seeds mean the first declared one."""

    models: Sequence[str]
    protocols: Sequence[str]
    tasks: Sequence[str] = ()
    draws: str | None = None
    seeds: str | None = None
    data: Sequence[str] = ()
    out: Path = Path("runs")
    limit: int | None = None
    overrides: Sequence[str] = ()
    overwrite: bool = False
    precision: str = "fp32"
    weights: Sequence[str] = ()


@dataclass(frozen=True)
class PlannedCell:
    """state: `done`, `predict only` (a training of the same identity is kept), `resume`, or `train`."""

    cell: Cell
    state: str


@dataclass(frozen=True)
class Refusal:
    """Cells of a model and task that cannot run, and why."""

    model: str
    protocol: str
    task: str
    error: MadbenchError


@dataclass(frozen=True)
class Plan:
    """cells: in the order they are run. left_out: `model or task` -> reason, harmless. notices: lines to print."""

    cells: tuple[PlannedCell, ...]
    refusals: tuple[Refusal, ...]
    left_out: Mapping[str, str]
    notices: tuple[str, ...]

    @property
    def to_do(self) -> tuple[PlannedCell, ...]:
        return tuple(one for one in self.cells if one.state != DONE)


def make_plan(request: Request) -> Plan:
    """Resolve a request. Raises UsageError, ConfigError, DataError; what only some cells cannot do is a refusal."""
    files = [load_model(name) for name in named(request.models, "--model")]
    protocols = [load_protocol(name) for name in named(request.protocols, "--protocol")]
    overrides = parse_overrides(request.overrides)
    if request.limit is not None and request.limit < 1:
        raise UsageError(f"--limit {request.limit}: expected at least 1", fix="leave it out to use everything")
    tasks = tasks_asked(request.tasks, protocols)
    chosen = {
        protocol.id: (
            numbers_asked("--draws", request.draws, protocol.draws, protocols, "draws"),
            numbers_asked("--seeds", request.seeds, protocol.seeds, protocols, "seeds"),
        )
        for protocol in protocols
    }
    # Before any data is read or made: a wrong option is told at once.
    weights = weights_asked(request.weights, files, tasks, overrides)
    sources = with_regions_read(choose_sources(parse_data(request.data), tasks, request.tasks), files, overrides)
    refuse_on_mini(request.weights, sources)
    store = Store(Path(request.out))
    found = Cells(request, sources, store, overrides, weights)
    for protocol in protocols:
        for file in files:
            for task in protocol.tasks:
                if task in sources.by_task:
                    found.add(file, protocol, task, *chosen[protocol.id])
    left_out = {**sources.left_out, **found.left_out}
    if not found.cells and not found.refusals:
        raise UsageError(
            "nothing to run: " + "; ".join(f"{what}: {reason}" for what, reason in left_out.items()),
            fix="choose other models or tasks",
        )
    notices = [sources.notice] if sources.notice else []
    notices += [f"left out: {what}: {reason}" for what, reason in left_out.items()]
    notices += [of_declared(protocol, *chosen[protocol.id]) for protocol in protocols]
    notices += [unchecked_options(file, request.overrides) for file in files]
    return Plan(
        tuple(sorted(found.cells, key=_running_order)),
        tuple(found.refusals),
        left_out,
        tuple(line for line in notices if line),
    )


class Cells:
    """Collects cells and refusals."""

    def __init__(
        self,
        request: Request,
        sources: Sources,
        store: Store,
        overrides: Mapping[str, Any],
        weights: Mapping[str, str] = MappingProxyType({}),
    ):
        self.request, self.sources, self.store = request, sources, store
        self.overrides, self.weights = overrides, weights
        self.cells: list[PlannedCell] = []
        self.refusals: list[Refusal] = []
        self.left_out: dict[str, str] = {}
        self._taken: set[str] = set()

    def add(self, file: ModelFile, protocol: Protocol, task: str, draws: Sequence[int], seeds: Sequence[int]) -> None:
        source = self.sources.by_task[task]
        traits = traits_of(file)
        if traits.tasks is not None and task not in traits.tasks:
            self.left_out[f"{file.name} on {task}"] = f"it does {', '.join(traits.tasks)} only"
            return
        try:
            spec = resolved_spec(file, task, source.kind, self.overrides, self.weights)
            for draw in draws:
                found = digest(source, protocol, draw, self.request.limit)
                check_needs(file.name, needs_of(traits.needs, spec), source, protocol, found)
                weights = initial_weights(spec, source)
                for seed in seeds:
                    cell = Cell(
                        spec=spec,
                        protocol=protocol,
                        task=task,
                        draw=draw,
                        seed=seed,
                        source=source,
                        digest=found,
                        weights=weights,
                        uses_select=traits.uses_select,
                        limit=self.request.limit,
                        notes=tuple(f"set {one}" for one in self.request.overrides),
                        code=code_of(spec.adapter),
                        precision=self.request.precision if self.request.precision in traits.precisions else "fp32",
                    )
                    refuse_exposed(file.name, cell.exposure)
                    self._take(cell)
        except MadbenchError as error:
            self._refuse(file, protocol, task, error)

    def _take(self, cell: Cell) -> None:
        """A cell with its state; one whose own folder cannot be read is refused alone."""
        if cell.run_id in self._taken:  # two names of one model
            return
        self._taken.add(cell.run_id)
        try:
            self.cells.append(PlannedCell(cell, self._state(cell)))
        except DataMalformed as error:
            self._refuse(cell.spec, cell.protocol, cell.task, error)

    def _refuse(self, model: ModelFile | ModelSpec, protocol: Protocol, task: str, error: MadbenchError) -> None:
        self.refusals.append(Refusal(model.name, protocol.id, task, error))

    def _state(self, cell: Cell) -> str:
        if self.request.overwrite:
            return TRAIN
        if self.store.done(cell) is not None:
            return DONE
        if can_serve(cell, self.store.trained(cell)):
            return PREDICT
        resume = self.store.folder(cell).path / "checkpoint" / "resume.safetensors"
        return RESUME if resume.is_file() else TRAIN


def _running_order(planned: PlannedCell) -> tuple:
    """Most conditions first among equal trainings, so that the others find every prediction; otherwise as asked."""
    cell = planned.cell
    return (cell.task, cell.draw, cell.seed, -len(cell.digest["conditions"]))
