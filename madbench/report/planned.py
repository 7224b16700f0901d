"""What a planned study can find: its design, and the spread of what was run of it already, if anything was."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from madbench.errors import MadbenchError
from madbench.report.design import ASSUMED, POWER, expected_parts, minimum_detectable
from madbench.report.intervals import Parts
from madbench.report.numbers import Group
from madbench.report.predictions import Predictions
from madbench.report.records import Record, load_runs
from madbench.report.statistics import Estimate

# Predictions of more models would make `plan` slow and the medians no better.
MODELS = 4


@dataclass(frozen=True)
class Design:
    """One task of a protocol as planned. condition: what is reported; images, items: its size. models: those planned,
    whose records are asked first."""

    protocol: str
    task: str
    source: str
    draws: int
    condition: str
    images: int
    items: int
    models: tuple[str, ...] = ()


def design_line(design: Design, out: Path | None = None) -> str | None:
    """The minimum detectable difference in a sentence that says what it rests on; None for a single image.

    out: the folder where records of the same study may lie.
    """
    assumed = expected_parts(design.draws, design.images, design.items)
    if assumed is None:
        return None
    parts, words = (out and _from_records(design, out)) or (assumed, _assumption(design))
    count = f"{design.draws} draws" if design.draws > 1 else "1 draw"
    lacking = "" if design.draws > 1 else "; items only: the luck of that draw comes on top"
    return (
        f"{design.protocol} {design.task}: {count}, {design.images:,} images: a true difference between two models of "
        f"{100 * minimum_detectable(parts):.1f} points on {design.condition} is found with {POWER:.0%} power "
        f"(test at 5 %, not corrected{lacking}); {words}"
    )


def _assumption(design: Design) -> str:
    items = f"models disagree on {ASSUMED.item_variance:.0%} of the items"
    if design.draws == 1:
        return f"assumed: {items}"
    return f"assumed: the difference varies by {100 * ASSUMED.draw_sd:g} point from draw to draw, {items}"


def _from_records(design: Design, out: Path) -> tuple[Parts, str] | None:
    """Variances from finished cells of the same protocol, task and evaluation set; None where they say too little."""
    try:
        groups = _groups(design, out)
    except MadbenchError:
        return None  # `report` says what is wrong with records; a plan goes on without them
    if len(groups) < 2:
        return None
    reference, *others = groups.values()
    found = [one for group in others if (one := _difference(group, reference, design)) is not None]
    items = [one.item_variance for one in found if one.item_variance]
    if not items:
        return None
    parts: list[tuple[float, int]] = [(median(items), design.images - 1)]
    words = f"spread of the records of {', '.join(groups)}"
    if design.draws > 1:
        # A variance of the mean of the draws at hand, turned into one of the mean of the draws that are planned.
        draws = [
            one.draw_variance * one.draws for one in found if one.basis == "draws" and one.draw_variance is not None
        ]
        each = median(draws) if draws else ASSUMED.draw_sd**2
        parts.append((each / design.draws, design.draws - 1))
        if not draws:
            words += f"; assumed: the difference varies by {100 * ASSUMED.draw_sd:g} point from draw to draw"
    return parts, words


def _groups(design: Design, out: Path) -> dict[str, Group]:
    """Model -> its runs, the baseline first."""

    def rank(model: str) -> tuple:
        return model != "student", model not in design.models, model

    folders = sorted(out.glob(f"*/{design.protocol}/{design.task}"), key=lambda one: rank(one.parts[-3]))
    runs: dict[str, dict[tuple[int, int], Record]] = defaultdict(dict)
    for record in load_runs(folders[:MODELS]).records if folders else ():
        known = record.conditions.get(design.condition, {}).get("n")
        if record.source == design.source and not record.limited and known == design.items:
            runs[record.model].setdefault(record.run, record)
    reader = Predictions()
    return {model: Group(runs[model], reader) for model in sorted(runs, key=rank)}


def _difference(group: Group, reference: Group, design: Design) -> Estimate | None:
    return group.difference(reference, design.condition, group.any.content["primary"])
