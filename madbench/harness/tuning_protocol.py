"""A protocol as tuning sees it: its recipe on draws of the search's own, scored on rows that no table shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from madbench.errors import UsageError
from madbench.protocols.schema import FIRST_TUNING_DRAW, Protocol, TaskName
from madbench.tasks.contract import Row
from madbench.tasks.subsets import carve, carve_last

CONDITION = "tuning"
# Why the record of a trial is in no table.
TRIAL = "a trial of tuning"
# Of the training images, and the most rows: enough to tell trials apart, and few labels.
SHARE, MOST_ROWS = 0.02, 5_000


class TuningProtocol(Protocol):
    """Subset, select rule, budget and rendering of the protocol `of`; one condition instead of all of its own.

    On mini that is the first split of the tuning world. Of real data it is a part of the training images that trains
    and selects nothing in any draw. reported_images: the fraction of them that the protocol itself reports: here it
    neither trains nor scores.
    """

    of: str
    draws: list[Annotated[int, Field(ge=FIRST_TUNING_DRAW)]] = Field(min_length=1)
    reported_images: dict[TaskName, float] = {}

    def carve(self, rows: Sequence[Row], task: str, fraction: float) -> tuple[Sequence[Row], Sequence[Row]]:
        """`(pool, tuning rows)` of the training split."""
        return carve_last(rows, task, fraction, MOST_ROWS, self.reported_images.get(task))


def carving(protocol: Protocol):
    """How a protocol takes the rows of a carved condition out of its training split: rows, task, fraction -> both parts."""
    return protocol.carve if isinstance(protocol, TuningProtocol) else carve


def tuning_protocol(protocol: Protocol, draws: Sequence[int], kinds: dict[str, str]) -> TuningProtocol:
    """kinds: task -> kind of its source. Raises UsageError for draws that a table shows, or may show."""
    early = [draw for draw in draws if draw < FIRST_TUNING_DRAW]
    if early:
        raise UsageError(
            f"draw {early[0]} is not for tuning: protocols show draws below {FIRST_TUNING_DRAW}",
            fix=f"use --draws {FIRST_TUNING_DRAW} or higher",
        )
    if protocol.subset.fraction == 1 and len(draws) > 1:
        raise UsageError(f"{protocol.id} trains on everything, so all its draws are one", fix=f"use --draws {draws[0]}")
    conditions, reported = {}, {}
    for task, kind in kinds.items():
        first = next(one for one in protocol.conditions[task] if one.kind == "split")
        carved = next((one.images for one in protocol.conditions[task] if one.images is not None), None)
        training = protocol.training_split(task)
        if kind == "mini" and first.images is None:
            conditions[task] = [{"name": CONDITION, "kind": "split", "split": first.source_split}]
            continue
        conditions[task] = [{"name": CONDITION, "kind": "split", "split": training, "images": SHARE}]
        if carved is not None:
            reported[task] = carved
    content: dict[str, Any] = {
        **protocol.model_dump(by_alias=True),
        "name": f"{protocol.name}-tuning",
        "summary": f"{protocol.id} for the search of options",
        "of": protocol.id,
        "draws": list(draws),
        "seeds": protocol.seeds[:1],
        "tasks": list(kinds),
        "conditions": conditions,
        "reported_images": reported,
    }
    for field in ("training", "select", "budget"):
        content[field] = {task: value for task, value in content[field].items() if task in kinds}
    return TuningProtocol.model_validate(content)


def tuning_worlds(tasks: Sequence[str]) -> dict[str, Path]:
    """The roots of mini's second world, which no table shows, written when they are not there yet (5 to 10 s a task)."""
    from madbench.mini.build import TUNING_SEED, ensure

    return {task: ensure(task, TUNING_SEED) for task in tasks}
