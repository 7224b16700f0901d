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
from functools import cmp_to_key
from math import floor
from typing import Any

from madbench.errors import DataError
from madbench.files import sha256_of_lines
from madbench.protocols import schema
from madbench.tasks.contract import Row

# A model cannot learn a class it has never seen, and a three-class task has no excuse for that.
TASKS_NEEDING_EVERY_STRATUM = frozenset({"snli_ve"})


@dataclass(frozen=True)
class Subset:
    """The rows a cell may use. train, select: rows in file order, select None without a select rule.

    manifest: JSON-ready; ids (sorted), their sha256, counts, and label shares beside those of the pool.
    """

    train: tuple[Row, ...]
    select: tuple[Row, ...] | None
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
    placed = []
    for units in members.values():
        for rank, unit in enumerate(key_order(units, task, draw)):
            placed.append((2 * rank + 1, 2 * len(units), unit_key(task, draw, unit), unit))

    def compare(left, right):
        # Cross-multiplied integers: floats would make the order depend on rounding.
        first, second = left[0] * right[1], right[0] * left[1]
        return (first > second) - (first < second) or (left[2:] > right[2:]) - (left[2:] < right[2:])

    return [item[3] for item in sorted(placed, key=cmp_to_key(compare))]


def carve(rows: Sequence[Row], task: str, fraction: float) -> tuple[list[Row], list[Row]]:
    """`(the rest, the part)`: a fraction of the images with all their rows, the same part for every draw.

    The first share(fraction, U) of the U images by sha256("madbench-carve-v1|{task}|{image id}"), for data sets whose
    training split must also give the unshifted evaluation rows (VQA-CP has no official ones).
    """
    images = sorted(
        {row.image_id for row in rows},
        key=lambda image: (hashlib.sha256(f"madbench-carve-v1|{task}|{image}".encode()).hexdigest(), image),
    )
    part = set(images[: share(fraction, len(images))])
    return [row for row in rows if row.image_id not in part], [row for row in rows if row.image_id in part]


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
    if not rows:
        raise DataError(f"{task}: the training split has no rows", fix=f"run `madbench data check {task}`")
    unit_of = (lambda row: row.image_id) if subset.unit == "image" else (lambda row: row.example_id)
    ordered = _ordered_units(rows, task, draw, subset, unit_of)
    train_units, chosen = _split_units(rows, ordered, task, draw, select, unit_of)
    if not train_units:
        raise DataError(
            f"{task}, draw {draw}: the select rule takes all {len(ordered)} units and leaves none to train on",
            fix="use a larger subset or a smaller select rule",
        )
    _check_strata(task, draw, rows, train_units, unit_of)
    train = _rows_of(rows, train_units[:limit], unit_of)
    selected = None
    if select is not None and select.split is not None:
        if select_rows is None:
            raise ValueError(f"select.split is '{select.split}', so its rows must be given")
        selected = tuple(select_rows)
        if limit is not None:
            selected = _rows_of(
                select_rows, key_order((row.image_id for row in select_rows), task, draw)[:limit], _image
            )
    elif select is not None:
        if not chosen:
            raise DataError(
                f"{task}, draw {draw}: {len(ordered)} units are too few to select on", fix="use a larger subset"
            )
        selected = _rows_of(rows, chosen[:limit], unit_of)
    manifest = {
        "task": task,
        "draw": draw,
        "unit": subset.unit,
        "subset": subset.model_dump(mode="json", exclude_none=True),
        "select_rule": None if select is None else select.model_dump(mode="json", exclude_none=True),
        "limit": limit,
        "train": _described(train, unit_of),
        "select": None if selected is None else _described(selected, unit_of),
        "pool": {key: value for key, value in _described(rows, unit_of).items() if key != "ids"},
    }
    return Subset(train, selected, manifest)


def ids_sha256(rows: Iterable[Row]) -> str:
    """Hex sha256 of the sorted example ids: the same for any file order."""
    return sha256_of_lines(sorted(row.example_id for row in rows))


def _image(row: Row) -> str:
    return row.image_id


def _ordered_units(rows, task, draw, subset, unit_of) -> list[str]:
    """The units of the subset, in subset order."""
    if subset.unit == "image":
        ordered = key_order(map(unit_of, rows), task, draw)
        return ordered[: share(subset.fraction, len(ordered))]
    strata = {row.example_id: row.stratum for row in rows}
    ordered = stratified_order(strata, task, draw)
    if subset.shots is None:
        return ordered[: share(subset.fraction, len(ordered))]
    taken: Counter = Counter()
    units = []
    for unit in ordered:
        if taken[strata[unit]] < subset.shots:
            taken[strata[unit]] += 1
            units.append(unit)
    short = {stratum: count for stratum, count in taken.items() if count < subset.shots}
    if short:
        stratum, count = sorted(short.items(), key=str)[0]
        raise DataError(
            f"{task}, draw {draw}: {subset.shots} shots asked for, and "
            + (f"class '{stratum}'" if stratum is not None else "the training split")
            + f" has {count} rows",
            fix="ask for fewer shots",
        )
    return units


def _split_units(rows, ordered, task, draw, select, unit_of) -> tuple[list[str], list[str]]:
    """Units for train and for select, both in subset order."""
    if select is None or select.split is not None:
        return ordered, []
    if select.every is not None:
        chosen = ordered[select.every - 1 :: select.every]
    else:
        # Taken from the whole training split, not from the subset: so train and select stay disjoint across fractions.
        if select.movies is not None:
            fraction, of_row = select.movies, lambda row: row.group
            if any(row.group is None for row in rows):
                raise DataError(
                    f"{task}: rows without a movie, so none can be set aside by movie", fix="select otherwise"
                )
        else:
            fraction, of_row = select.images, _image
        groups = key_order(map(of_row, rows), task, draw)
        aside = set(groups[: share(fraction, len(groups))])
        held = {unit_of(row) for row in rows if of_row(row) in aside}
        chosen = [unit for unit in ordered if unit in held]
    taken = set(chosen)
    return [unit for unit in ordered if unit not in taken], chosen


def _check_strata(task, draw, rows, train_units, unit_of) -> None:
    if task not in TASKS_NEEDING_EVERY_STRATUM:
        return
    units = set(train_units)
    missing = {row.stratum for row in rows} - {row.stratum for row in rows if unit_of(row) in units}
    if missing:
        raise DataError(
            f"{task}, draw {draw}: no training row of class {', '.join(sorted(map(str, missing)))} "
            f"among {len(train_units)} units",
            fix="use a larger subset",
        )


def _rows_of(rows: Sequence[Row], units: Sequence[str], unit_of) -> tuple[Row, ...]:
    wanted = set(units)
    return tuple(row for row in rows if unit_of(row) in wanted)


def _described(rows: Sequence[Row], unit_of) -> dict[str, Any]:
    ids = sorted(row.example_id for row in rows)
    strata = Counter(row.stratum for row in rows if row.stratum is not None)
    return {
        "n": len(ids),
        "n_units": len({unit_of(row) for row in rows}),
        "n_images": len({row.image_id for row in rows}),
        "sha256": sha256_of_lines(ids),
        "label_shares": {stratum: count / len(ids) for stratum, count in sorted(strata.items())},
        "ids": ids,
    }
