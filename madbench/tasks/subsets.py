"""Which training rows a cell gets: a pure function of task, draw and unit ids.

The key of a unit holds no protocol, no fraction, no source and no random generator, so 1 % lies within 5 % within
10 %, across protocols, whatever the order of the file, the process or earlier runs.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor, lcm
from typing import Any

import numpy as np

from madbench.errors import DataError
from madbench.files import sha256_of_lines
from madbench.protocols import schema
from madbench.tasks.contract import Row
from madbench.tasks.table import RowTable, coded, column, where

# Labels of single legs, of tasks that have no one label a row: place in the field `labels` -> name in the files.
LABELS_OF_LEGS = {"vcr": ("answer_label", "rationale_label")}
# A model cannot learn a class it has never seen, and a three-class task has no excuse for that.
TASKS_NEEDING_EVERY_STRATUM = frozenset({"snli_ve"})


@dataclass(frozen=True)
class Subset:
    """The rows a cell may use. train, select: rows in file order, select None without a select rule; a part of a
    `RowTable` when the rows came in one.

    manifest: JSON-ready; ids (sorted), their sha256, counts, and label shares beside those of the pool (vcr: of both
    legs, under a key of their own).
    """

    train: Sequence[Row]
    select: Sequence[Row] | None
    manifest: dict[str, Any]


def unit_key(task: str, draw: int, unit: str) -> int:
    """The place of a unit in the order of a draw, as a 256-bit integer."""
    return int(hashlib.sha256(f"madbench-subset-v1|{task}|{draw}|{unit}".encode()).hexdigest(), 16)


def key_order(units: Iterable[str], task: str, draw: int) -> list[str]:
    """The different units, sorted by (key, id)."""
    return sorted(set(units), key=lambda unit: (unit_key(task, draw, unit), unit))


def share(fraction: float, units: int) -> int:
    """max(1, floor(f*U + 1/2)), f read as the decimal number that was written."""
    return max(1, floor(Fraction(str(fraction)) * units + Fraction(1, 2)))


def stratified_order(strata: dict[str, str | None], task: str, draw: int) -> list[str]:
    """Ids in one order whose every prefix is proportional: by (2*rank+1)/(2*stratum size), ties by key.

    strata: id -> stratum. Per-stratum quotas with rounding would not nest; this order does.
    """
    members = defaultdict(list)
    for unit, stratum in strata.items():
        members[stratum].append(unit)
    # All fractions over one denominator, as integers: floats would make the order depend on rounding.
    denominator = lcm(*map(len, members.values()))
    placed = []
    for units in members.values():
        step = denominator // len(units)
        keyed = sorted((unit_key(task, draw, unit), unit) for unit in units)
        placed += [((2 * rank + 1) * step, key, unit) for rank, (key, unit) in enumerate(keyed)]
    return [unit for _, _, unit in sorted(placed)]


def carve(rows: Sequence[Row], task: str, fraction: float) -> tuple[Sequence[Row], Sequence[Row]]:
    """`(the rest, the part)`: a fraction of the images with all their rows, the same part for every draw.

    The first share(fraction, U) of the U images by sha256("madbench-carve-v1|{task}|{image id}"), for data sets whose
    training split must also give the unshifted evaluation rows (VQA-CP has no official ones).
    """
    units = _Units(rows, "image_id")
    images = _carving_order(units, task)
    part = units.rows_of(images[: share(fraction, len(images))])
    return where(rows, ~part), where(rows, part)


def carve_last(
    rows: Sequence[Row], task: str, fraction: float, most: int, first: float | None = None
) -> tuple[Sequence[Row], Sequence[Row]]:
    """As `carve`, from the end of the same order: what no `carve` takes, of this split or of another with these images.

    most: rows of the part at most, the last image's aside when it alone has more. first: the fraction that `carve` takes,
    which is in neither part.
    """
    units = _Units(rows, "image_id")
    images = _carving_order(units, task)
    reported = share(first, len(images)) if first is not None else 0
    counts, taken, held = units.counts(), [], 0
    for image in reversed(images[reported:][-share(fraction, len(images)) :]):
        held += counts[image]
        if taken and held > most:
            break
        taken.append(image)
    part = units.rows_of(taken)
    return where(rows, ~(part | units.rows_of(images[:reported]))), where(rows, part)


def _carving_order(units: _Units, task: str) -> list:
    return sorted(
        units.present(),
        key=lambda image: (hashlib.sha256(f"madbench-carve-v1|{task}|{image}".encode()).hexdigest(), image),
    )


def draw_subset(
    rows: Sequence[Row],
    *,
    task: str,
    draw: int,
    subset: schema.Subset,
    select: schema.Select | None,
    select_rows: Sequence[Row] | None = None,
    limit: int | None = None,
) -> Subset:
    """The train and select rows of one draw.

    rows: the whole training split, file order. select_rows: the rows of `select.split`, when it names one.
    limit: at most that many units of train and of select, for trying things out.
    Raises DataError when there are fewer units than asked for, or a class of snli_ve would have no row.
    """
    if not len(rows):
        raise DataError(f"{task}: the training split has no rows", fix=f"run `madbench data check {task}`")
    unit = "image_id" if subset.unit == "image" else "example_id"
    units = _Units(rows, unit)
    ordered = _ordered_units(rows, units, task, draw, subset)
    train_units, chosen = _split_units(rows, units, ordered, task, draw, select)
    if not train_units:
        raise DataError(
            f"{task}, draw {draw}: the select rule takes all {len(ordered)} units and leaves none to train on",
            fix="use a larger subset or a smaller select rule",
        )
    _check_strata(task, draw, rows, units.rows_of(train_units), len(train_units))
    train = where(rows, units.rows_of(train_units[:limit]))
    selected = None
    if select is not None and select.split is not None:
        if select_rows is None:
            raise ValueError(f"select.split is '{select.split}', so its rows must be given")
        selected = select_rows if isinstance(select_rows, RowTable) else tuple(select_rows)
        if limit is not None:
            images = _Units(select_rows, "image_id")
            selected = where(select_rows, images.rows_of(key_order(images.present(), task, draw)[:limit]))
    elif select is not None:
        if not chosen:
            raise DataError(
                f"{task}, draw {draw}: {len(ordered)} units are too few to select on", fix="use a larger subset"
            )
        selected = where(rows, units.rows_of(chosen[:limit]))
    manifest = {
        "task": task,
        "draw": draw,
        "unit": subset.unit,
        "subset": subset.model_dump(mode="json", exclude_none=True),
        "select_rule": None if select is None else select.model_dump(mode="json", exclude_none=True),
        "limit": limit,
        "train": {**_described(train, unit), "ids": sorted(column(train, "example_id"))},
        "select": None
        if selected is None
        else {**_described(selected, unit), "ids": sorted(column(selected, "example_id"))},
        "pool": _described(rows, unit),
    }
    if task in LABELS_OF_LEGS:
        # Beside the parts and not in them: manifests from before this are compared with these, part by part.
        parts = {"train": train, "select": selected, "pool": rows}
        manifest["label_shares"] = {
            name: None if part is None else _leg_shares(part, LABELS_OF_LEGS[task]) for name, part in parts.items()
        }
    return Subset(train, selected, manifest)


def ids_sha256(rows: Sequence[Row]) -> str:
    """Hex sha256 of the sorted example ids: the same for any file order."""
    return rows.ids_sha256() if isinstance(rows, RowTable) else sha256_of_lines(sorted(column(rows, "example_id")))


class _Units:
    """What the rows have in one column, and where: 529,527 rows are looked at as numbers, none is built."""

    def __init__(self, rows: Sequence[Row], name: str):
        self._codes, self._values = coded(rows, name)

    def present(self) -> list:
        """The different values, without None, in the order in which the column knows them."""
        found = np.unique(self._codes)
        return [self._values[code] for code in found[found >= 0].tolist()]

    def of(self, mask: np.ndarray) -> set:
        """The values, None too, of the rows where the mask is true."""
        values = [*self._values, None]  # the code of None is -1
        return {values[code] for code in np.unique(self._codes[mask]).tolist()}

    def rows_of(self, units: Iterable) -> np.ndarray:
        """The mask of the rows that have one of these values."""
        wanted = np.zeros(len(self._values) + 1, dtype=bool)
        wanted[[self._place[unit] for unit in units]] = True
        return wanted[self._codes]

    def counts(self) -> dict[Any, int]:
        """Value -> number of rows, without None."""
        counts = np.bincount(self._codes[self._codes >= 0], minlength=len(self._values)).tolist()
        return {value: count for value, count in zip(self._values, counts, strict=True) if count}

    def some_without(self) -> bool:
        return bool((self._codes < 0).any())

    @cached_property
    def _place(self) -> dict[Any, int]:
        return {value: place for place, value in enumerate(self._values)}


def _ordered_units(rows, units, task, draw, subset) -> list[str]:
    """The units of the subset, in subset order."""
    if subset.unit == "image":
        ordered = key_order(units.present(), task, draw)
        return ordered[: share(subset.fraction, len(ordered))]
    strata = dict(zip(column(rows, "example_id"), column(rows, "stratum"), strict=True))
    ordered = stratified_order(strata, task, draw)
    if subset.shots is None:
        return ordered[: share(subset.fraction, len(ordered))]
    taken: Counter = Counter()
    chosen = []
    for unit in ordered:
        if taken[strata[unit]] < subset.shots:
            taken[strata[unit]] += 1
            chosen.append(unit)
    short = {stratum: count for stratum, count in taken.items() if count < subset.shots}
    if short:
        stratum, count = sorted(short.items(), key=str)[0]
        raise DataError(
            f"{task}, draw {draw}: {subset.shots} shots asked for, and "
            + (f"class '{stratum}'" if stratum is not None else "the training split")
            + f" has {count} rows",
            fix="ask for fewer shots",
        )
    return chosen


def _split_units(rows, units, ordered, task, draw, select) -> tuple[list[str], list[str]]:
    """Units for train and for select, both in subset order."""
    if select is None or select.split is not None:
        return ordered, []
    if select.every is not None:
        chosen = ordered[select.every - 1 :: select.every]
    else:
        # Taken from the whole training split, not from the subset: so train and select stay disjoint across fractions.
        fraction = select.images if select.movies is None else select.movies
        groups = _Units(rows, "image_id" if select.movies is None else "group")
        if groups.some_without():
            raise DataError(f"{task}: rows without a movie, so none can be set aside by movie", fix="select otherwise")
        aside = key_order(groups.present(), task, draw)
        held = units.of(groups.rows_of(aside[: share(fraction, len(aside))]))
        chosen = [unit for unit in ordered if unit in held]
    taken = set(chosen)
    return [unit for unit in ordered if unit not in taken], chosen


def _check_strata(task, draw, rows, in_train, n_units) -> None:
    if task not in TASKS_NEEDING_EVERY_STRATUM:
        return
    strata = _Units(rows, "stratum")
    missing = strata.of(np.ones(len(rows), dtype=bool)) - strata.of(in_train)
    if missing:
        raise DataError(
            f"{task}, draw {draw}: no training row of class {', '.join(sorted(map(str, missing)))} "
            f"among {n_units} units",
            fix="use a larger subset",
        )


def _described(rows: Sequence[Row], unit: str) -> dict[str, Any]:
    """All that a manifest says of rows but their ids."""
    n = len(rows)
    n_images = len(_Units(rows, "image_id").present())
    strata = sorted(_Units(rows, "stratum").counts().items())
    return {
        "n": n,
        "n_units": n_images if unit == "image_id" else n,
        "n_images": n_images,
        "sha256": ids_sha256(rows),
        "label_shares": {stratum: count / n for stratum, count in strata},
    }


def _leg_shares(rows: Sequence[Row], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Name of a label -> value -> its share of the rows; without rows that have labels, no values."""
    labelled = [labels for labels in column(rows, "labels") if labels is not None]
    counts = [Counter(labels[place] for labels in labelled) for place in range(len(names))]
    return {
        name: {str(value): count / len(labelled) for value, count in sorted(of_leg.items())}
        for name, of_leg in zip(names, counts, strict=True)
    }
