"""From names to cells: what would run, what is done, and what cannot run and why. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from madbench.errors import ConfigError, DataMissing, MadbenchError, UsageError, did_you_mean
from madbench.harness.audit import refuse_exposed
from madbench.harness.cell import Cell
from madbench.harness.data import choose_sources, digest
from madbench.harness.regions import check_regions, with_regions
from madbench.harness.reuse import can_serve
from madbench.harness.store import Store
from madbench.models.load import load_model
from madbench.models.spec import ModelFile, ModelSpec, merge
from madbench.models.weight_references import identity_of, references
from madbench.protocols import load_protocol
from madbench.protocols.schema import Protocol
from madbench.registry import ADAPTERS, TASKS
from madbench.tasks.sources import Source, Sources, parse_data

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
            _numbers("--draws", request.draws, protocol.draws, protocols, "draws"),
            _numbers("--seeds", request.seeds, protocol.seeds, protocols, "seeds"),
        )
        for protocol in protocols
    }
    for file in files:  # before any data is read or made: a wrong option is told at once
        for task in tasks:
            resolved_spec(file, task, "real", overrides)
    sources = with_regions_read(choose_sources(parse_data(request.data), tasks, request.tasks), files, overrides)
    store = Store(Path(request.out))
    found = Cells(request, sources, store, overrides)
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
    notices += [_of_declared(protocol, *chosen[protocol.id]) for protocol in protocols]
    return Plan(
        tuple(sorted(found.cells, key=_running_order)),
        tuple(found.refusals),
        left_out,
        tuple(line for line in notices if line),
    )


def with_regions_read(sources: Sources, files: Sequence[ModelFile], overrides: Mapping[str, Any]) -> Sources:
    """The sources, mini's with region features for the tasks of models that read them."""

    def reads(file: ModelFile, task: str, kind: str) -> bool:
        traits = _traits(file)
        able = traits.tasks is None or task in traits.tasks
        return able and "regions" in needs_of(traits.needs, resolved_spec(file, task, kind, overrides))

    found = {
        task: with_regions(source) if any(reads(file, task, source.kind) for file in files) else source
        for task, source in sources.by_task.items()
    }
    return replace(sources, by_task=found)


def needs_of(declared: frozenset[str], spec: ModelSpec) -> frozenset[str]:
    """What a resolved spec needs of a source: what its model declares, and region features where its student reads them.

    Such a student opens no picture; a teacher of pictures still does.
    """
    student = spec.options.get("student", {})
    if spec.adapter != "finetune" or student.get("regions") != "detector":
        return declared
    teachers = spec.options.get("objective", {}).get("teachers", [])
    opens_pictures = any(teacher.get("kind") in ("clip-image", "vision-encoder") for teacher in teachers)
    return (declared if opens_pictures else declared - {"image"}) | {"regions"}


class Cells:
    """Collects cells and refusals."""

    def __init__(self, request: Request, sources: Sources, store: Store, overrides: Mapping[str, Any]):
        self.request, self.sources, self.store, self.overrides = request, sources, store, overrides
        self.cells: list[PlannedCell] = []
        self.refusals: list[Refusal] = []
        self.left_out: dict[str, str] = {}

    def add(self, file: ModelFile, protocol: Protocol, task: str, draws: Sequence[int], seeds: Sequence[int]) -> None:
        source = self.sources.by_task[task]
        traits = _traits(file)
        if traits.tasks is not None and task not in traits.tasks:
            self.left_out[f"{file.name} on {task}"] = f"it does {', '.join(traits.tasks)} only"
            return
        try:
            spec = resolved_spec(file, task, source.kind, self.overrides)
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
                        precision=self.request.precision if self.request.precision in traits.precisions else "fp32",
                    )
                    refuse_exposed(file.name, cell.exposure)
                    self.cells.append(PlannedCell(cell, self._state(cell)))
        except MadbenchError as error:
            self.refusals.append(Refusal(file.name, protocol.id, task, error))

    def _state(self, cell: Cell) -> str:
        if self.request.overwrite:
            return TRAIN
        if self.store.done(cell) is not None:
            return DONE
        if can_serve(cell, self.store.trained(cell)):
            return PREDICT
        resume = self.store.folder(cell).path / "checkpoint" / "resume.safetensors"
        return RESUME if resume.is_file() else TRAIN


# --------------------------------------------------------------------------- models


@dataclass(frozen=True)
class _Traits:
    needs: frozenset[str]
    uses_select: bool
    tasks: tuple[str, ...] | None
    precisions: tuple[str, ...] = ("fp32",)


def _traits(file: ModelFile) -> _Traits:
    """What a model needs and can do. The YAML wins; the adapter class is imported only for what it leaves open."""
    if file.adapter not in ADAPTERS:
        raise ADAPTERS.unknown(file.adapter)
    if file.needs is not None and ADAPTERS.origin(file.adapter) == "built-in":
        # Importing such an adapter would import torch; what its YAML leaves out has the contract's default.
        tasks = tuple(file.only_tasks) if file.only_tasks is not None else None
        from madbench.models.options import PRECISIONS

        precisions = PRECISIONS.get(file.adapter, ("fp32",))
        return _Traits(frozenset(file.needs), file.uses_select is not False, tasks, precisions)
    adapter = ADAPTERS.load(file.adapter)
    return _Traits(
        adapter.needs if file.needs is None else frozenset(file.needs),
        adapter.uses_select if file.uses_select is None else file.uses_select,
        adapter.tasks if file.only_tasks is None else tuple(file.only_tasks),
        adapter.precisions,
    )


def resolved_spec(file: ModelFile, task: str, profile: str, overrides: Mapping[str, Any]) -> ModelSpec:
    """The resolved spec with `--set` laid over it, its options checked by the adapter's schema."""
    from madbench.models.options import OPTION_SCHEMAS

    if file.adapter not in ADAPTERS:
        raise ADAPTERS.unknown(file.adapter)
    spec = file.resolve(task, profile)
    spec = replace(spec, options=merge(spec.options, overrides))
    schema = OPTION_SCHEMAS.get(file.adapter)
    if schema is None or ADAPTERS.origin(file.adapter) != "built-in":
        schema = ADAPTERS.load(file.adapter).options
    if schema is not None:
        _check_options(schema, spec)
    return spec


def _check_options(schema: Any, spec: ModelSpec) -> None:
    from pydantic import ValidationError

    try:
        schema.model_validate(dict(spec.options))
    except ValidationError as error:
        problems = []
        for one in error.errors():
            path = ".".join(["options", *map(str, one["loc"])])
            known = _fields_at(schema, one["loc"][:-1])
            hint = did_you_mean(str(one["loc"][-1]), known) if one["type"] == "extra_forbidden" else ""
            problems.append(f"{path}: {one['msg'].lower()}" + (f"; {hint}" if hint else ""))
        raise ConfigError(
            f"model '{spec.name}': " + "; ".join(problems), fix="correct the model file, or what --set gives"
        ) from None


def _fields_at(schema: Any, path: Sequence[Any]) -> list[str]:
    """The option names of a nested schema, as far as the path leads through plain fields."""
    for key in path:
        field = schema.model_fields.get(key)
        if field is None or not hasattr(field.annotation, "model_fields"):
            return []
        schema = field.annotation
    return list(schema.model_fields)


def initial_weights(spec: ModelSpec, source: Source) -> dict[str, str]:
    """Name -> content hash or pinned revision of all weights a spec starts from.

    Raises UsageError for mini weights on other data and for names that pin nothing, DataMissing for paths.
    """
    names = spec.mini_weights()
    if names and source.kind != "mini":
        raise UsageError(
            f"model '{spec.name}' starts from {', '.join(names)}, which only know the mini data, and {source.task} is real",
            fix=f"give the model a `profiles: {{real: ...}}` without them, or run with --data {source.task}=mini",
        )
    return {name: identity_of(name) for name in references(spec.options)}


def check_needs(
    model: str, needs: frozenset[str], source: Source, protocol: Protocol, found: Mapping[str, Any]
) -> None:
    """Raises DataMissing, saying which images or region features a model would need and the source has not."""
    if not needs & {"image", "regions"}:
        return
    select = protocol.select.get(source.task)
    splits = {one["split"] for one in found["conditions"] if one["available"] and one["split"]}
    splits.add(protocol.training_split(source.task))
    if select is not None and select.split is not None:
        splits.add(select.split)
    if "regions" in needs:
        check_regions(model, source, splits, found["conditions"])
    if "image" not in needs:
        return
    absent = sorted(split for split in splits if not source.layout.has_images(split))
    if absent:
        raise DataMissing(
            f"model '{model}' needs images, and the {source.task} source at {source.root} has none for "
            f"{', '.join(absent)}",
            fix="put the image folders there, or choose a model that needs none",
        )


def parse_overrides(values: Sequence[str]) -> dict[str, Any]:
    """`key.path=value` as nested options; the value is YAML; a leading `options.` may be written."""
    import yaml

    result: dict[str, Any] = {}
    for value in values:
        path, equals, text = value.partition("=")
        keys = path.removeprefix("options.").split(".")
        if not equals or not all(keys):
            raise UsageError(f"--set {value}: expected key.path=value", fix="e.g. --set training.learning_rate=1.0e-4")
        try:
            nested: Any = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UsageError(f"--set {value}: the value is not YAML", fix="quote it") from None
        for key in reversed(keys):
            nested = {key: nested}
        result = merge(result, nested)
    return result


# --------------------------------------------------------------------------- tasks, draws, seeds


def named(names: Sequence[str], option: str) -> list[str]:
    if not names:
        raise UsageError(f"no {option} given", fix=f"name one with {option}")
    return list(dict.fromkeys(str(name) for name in names))


def tasks_asked(asked: Sequence[str], protocols: Sequence[Protocol]) -> list[str]:
    declared = list(dict.fromkeys(task for protocol in protocols for task in protocol.tasks))
    for task in asked:
        if task not in TASKS:
            raise TASKS.unknown(task)
        if task not in declared:
            raise UsageError(
                f"--task {task}: {', '.join(one.id for one in protocols)} has {', '.join(declared)}",
                fix="choose one of these",
            )
    return [task for task in declared if not asked or task in asked]


def _numbers(option: str, text: str | None, declared: Sequence[int], protocols: Sequence[Protocol], field: str):
    """The draws or seeds of one protocol: what is asked for and declared by it."""
    if text is None:
        return list(declared[:1])
    if text == "all":
        return list(declared)
    asked = parse_numbers(option, text)
    known = {number for protocol in protocols for number in getattr(protocol, field)}
    unknown = sorted(set(asked) - known)
    chosen = [number for number in declared if number in asked]
    if unknown or not chosen:
        raise UsageError(
            f"{option} {text}: declared are {', '.join(map(str, sorted(known if unknown else declared)))}",
            fix=f"choose among these, or {option} all",
        )
    return chosen


def parse_numbers(option: str, text: str) -> list[int]:
    """`0-2,4` as [0, 1, 2, 4]. Raises UsageError."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise UsageError(f"{option} {text}: expected numbers such as 0-4 or 0,2, or all", fix=f"e.g. {option} 0-2")
        numbers += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(numbers))


def _of_declared(protocol: Protocol, draws: Sequence[int], seeds: Sequence[int]) -> str | None:
    parts = []
    for name, chosen, declared in (("draws", draws, protocol.draws), ("seeds", seeds, protocol.seeds)):
        if len(chosen) < len(declared):
            parts.append(f"{len(chosen)} of {len(declared)} declared {name}")
    return f"{protocol.id}: {', '.join(parts)}" if parts else None


def _running_order(planned: PlannedCell) -> tuple:
    """Most conditions first among equal trainings, so that the others find every prediction; otherwise as asked."""
    cell = planned.cell
    return (cell.task, cell.draw, cell.seed, -len(cell.digest["conditions"]))
