"""The very small mini world of the conformance suite: real files, real readers, two protocols, cells as a plan makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from madbench.harness.cell import Cell
from madbench.harness.needs import needs_of
from madbench.harness.plan import Cells, Request
from madbench.harness.specs import resolved_spec, traits_of
from madbench.harness.store import Store
from madbench.models.spec import ModelFile
from madbench.protocols.schema import Protocol
from madbench.registry import TASKS
from madbench.tasks.sources import Source, Sources, locate

# Images per split. Half of the first number trains: about 60 examples a task, written in a tenth of a second.
SIZES: Mapping[str, Mapping[str, int]] = {
    "vcr": {"train": 16, "val": 5},
    "snli_ve": {"train": 12, "test": 4},
    "vqa": {"train": 20, "val": 6},
}
# Examples that a training may see: a few updates, so that a check of a real student takes seconds.
BUDGET = 64
EVAL_POINTS = 2
_FIRST = {"vcr": "val", "snli_ve": "test", "vqa": "val"}
_SHIFTS = {"vcr": ("rule-singular",), "snli_ve": (), "vqa": ()}
_PICTURES = "jpeg-3"


def write_source(task: str, folder: Path) -> Source:
    """The world of one task below `folder`, region features included."""
    from madbench.mini import regions
    from madbench.mini.build import WORLD_SEED, write_world

    root = write_world(task, folder / task, sizes=SIZES[task])
    (root / regions.FOLDER).mkdir()
    regions.write(task, root / regions.FOLDER, WORLD_SEED, SIZES[task])
    return Source(task, "mini", root, locate(TASKS.load(task), root))


def protocol(task: str, select: bool, pictures: bool) -> Protocol:
    """Half of the training images. select: every fifth of them selects, at two evaluation points; else the end is scored.

    pictures: whether a condition with changed pictures is among those reported.
    """
    first = _FIRST[task]
    shifts = (*_SHIFTS[task], *((_PICTURES,) if pictures else ()))
    content: dict[str, Any] = {
        "schema": 1,
        "name": "conformance-select" if select else "conformance",
        "version": 1,
        "tasks": [task],
        "subset": {"fraction": 0.5},
        "select": {"every": 5} if select else "none",
        "selection": "id-val" if select else "last",
        "draws": [0],
        "seeds": [0, 1],
        "budget": {task: {"examples_seen": BUDGET}},
        "eval_points": EVAL_POINTS if select else 1,
        "conditions": {
            task: [
                {"name": first, "kind": "split"},
                *({"name": shift, "kind": "transform", "of": first} for shift in shifts),
            ]
        },
    }
    return Protocol.model_validate(content)


def tasks_of(file: ModelFile) -> Iterable[str]:
    """The tasks a model can do, in the order in which madbench names tasks."""
    able = traits_of(file).tasks
    return [task for task in SIZES if able is None or task in able]


def declared_needs(file: ModelFile, task: str, overrides: Mapping[str, Any]) -> frozenset[str]:
    """What the plan takes a model to need of a task's source."""
    return needs_of(frozenset(traits_of(file).needs), resolved_spec(file, task, "mini", overrides))


def cells(file: ModelFile, source: Source, select: bool, overrides: Mapping[str, Any], out: Path) -> list[Cell]:
    """The cells of a protocol with seeds 0 and 1. Raises MadbenchError for what the plan refuses."""
    # There are no region features of changed pictures, so models that read them are refused there.
    pictures = "regions" not in declared_needs(file, source.task, overrides)
    chosen = protocol(source.task, select, pictures)
    request = Request(models=[file.name], protocols=[chosen.id])
    found = Cells(request, Sources({source.task: source}, {}, None), Store(out), overrides)
    found.add(file, chosen, source.task, chosen.draws, chosen.seeds)
    for refusal in found.refusals:
        raise refusal.error
    return [planned.cell for planned in found.cells]
