"""Per-item scores from the stored predictions, sliced for the conditions that are not stored.

Only split and transform conditions have a file. A `rows` condition, its complement and the control of a transform are
parts of the file of the condition they are taken from (`of`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed
from madbench.files import read_json
from madbench.report.records import Record

CONTROL = ":control"
COMPLEMENT = ":complement"


@dataclass(frozen=True, eq=False)
class Items:
    """An evaluation set: ids in sorted order and the image of each as a number. Equal sets are one object."""

    ids: np.ndarray  # (items,) str
    units: np.ndarray  # (items,) int


@dataclass(frozen=True)
class Scored:
    """What one run got on one condition. scores: leg (or `q2ar`) -> `[items]`, in the order of `items`."""

    items: Items
    scores: Mapping[str, np.ndarray]

    def part(self, items: Items, keep: np.ndarray) -> Scored:
        return Scored(items, {leg: values[keep] for leg, values in self.scores.items()})


def main_metric(metrics: Collection[str], primary: str) -> str:
    """The metric that stands for a condition: the primary one of the task, else the first whole-set metric it has."""
    if primary in metrics or not metrics:
        return primary
    return min(metrics, key=lambda metric: (":" in metric, metric))


def leg_of(metric: str, main: str) -> str | None:
    """The leg whose stored item scores average to a metric, None for metrics over part of the items.

    main: the metric that stands for the condition.
    """
    if ":" in metric:
        return None
    if metric in ("q2a", "qa2r", "q2ar"):
        return metric
    return "main" if metric == main else None


class Predictions:
    """Reads prediction files and shares what files have in common: ids, images and slices are kept once.

    One object serves one task of one table, where every run has the same evaluation items; each file is read once.
    """

    def __init__(self, units: dict[str, int] | None = None) -> None:
        """units: numbers of images, by name, that several readers share: their sums per image then line up."""
        self._units: dict[str, int] = {} if units is None else units
        self._layouts: list[tuple[Any, Any, np.ndarray, Items]] = []
        self._slices: dict[tuple[int, str], tuple[Items, np.ndarray]] = {}
        self._rows: dict[str, np.ndarray] = {}
        self._kept: dict[tuple[str, str], Scored | None] = {}

    def scored(self, record: Record, condition: str) -> Scored | None:
        """Item scores of a condition (also `X:control`, `X:complement`), None when they were not stored."""
        key = (record.content["run_id"], condition)
        if key not in self._kept:
            self._kept[key] = self._scored(record, condition)
        return self._kept[key]

    def forget(self, record: Record) -> None:
        """Free what was read for a record."""
        for key in [key for key in self._kept if key[0] == record.content["run_id"]]:
            del self._kept[key]

    def _scored(self, record: Record, condition: str) -> Scored | None:
        shift = condition.removesuffix(CONTROL).removesuffix(COMPLEMENT)
        declared = record.conditions.get(shift)
        if declared is None or not declared.get("available", True) or not record.has_predictions:
            return None
        if condition == shift and declared["kind"] != "rows":
            return self._stored(record, condition)
        base = self.scored(record, declared["of"])
        if base is None:
            return None
        if condition.endswith(CONTROL):
            shifted = self.scored(record, shift)
            return None if shifted is None else self._slice(base, condition, lambda: shifted.items.ids, inside=True)
        if shift not in self._rows:
            ids = _row_ids(record, shift)
            if ids is None:
                return None
            self._rows[shift] = ids
        return self._slice(base, condition, lambda: self._rows[shift], inside=condition == shift)

    def _slice(self, base: Scored, name: str, ids, inside: bool) -> Scored | None:
        key = (id(base.items), name)
        if key not in self._slices:
            keep = np.isin(base.items.ids, ids(), invert=not inside)
            self._slices[key] = Items(base.items.ids[keep], base.items.units[keep]), keep
        items, keep = self._slices[key]
        return base.part(items, keep) if len(items.ids) else None

    def _stored(self, record: Record, condition: str) -> Scored | None:
        path, table = _path(record, condition), read_table(record, condition)
        if table is None:
            return None
        order, items = self._layout(table["example_id"], table["unit_id"], path)
        scores = {}
        for name in table.column_names:
            if name.endswith("_correct"):
                values = table[name].to_numpy().astype(np.float64)[order]
                if not np.isfinite(values).all():
                    raise DataMalformed(f"column '{name}' has an empty or infinite value", where=path)
                scores[name.removesuffix("_correct")] = values
        return Scored(items, scores)

    def _layout(self, ids, units, path: Path) -> tuple[np.ndarray, Items]:
        for known_ids, known_units, order, items in self._layouts:
            # Comparing arrow columns is far cheaper than sorting 214,354 strings once more.
            if known_ids.equals(ids) and known_units.equals(units):
                return order, items
        texts = np.asarray(ids.to_pylist(), dtype=np.str_)
        order = np.argsort(texts, kind="stable")
        texts = texts[order]
        if len(texts) == 0 or (texts[1:] == texts[:-1]).any():
            raise DataMalformed("predictions hold no rows, or an example twice", where=path)
        codes = np.fromiter(
            (self._units.setdefault(str(unit), len(self._units)) for unit in units.to_pylist()), np.int64, len(texts)
        )[order]
        items = Items(texts, codes)
        for *_, known in self._layouts:
            if np.array_equal(known.ids, texts) and np.array_equal(known.units, codes):
                items = known
        self._layouts.append((ids, units, order, items))
        return order, items


def read_table(record: Record, condition: str, groups: bool = False):
    """The ids, images and item scores that are stored for a condition as an arrow table, None when there are none.

    groups: the columns group_<kind> too. From a cell's folder or from an archive of records.
    """
    if record.archived is not None:
        return record.archived.table(condition)
    path = _path(record, condition)
    return _read(path, groups) if path.is_file() else None


def _path(record: Record, condition: str) -> Path:
    return record.folder / "predictions" / f"{condition}@{record.step}.parquet"


def _read(path: Path, groups: bool = False):
    import pyarrow
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(path).names
        wanted = [name for name in names if name in ("example_id", "unit_id") or name.endswith("_correct")]
        wanted += [name for name in names if groups and name.startswith("group_")]
        table = pyarrow.parquet.read_table(path, columns=wanted).combine_chunks()
    except (OSError, pyarrow.ArrowException) as problem:
        raise DataMalformed(f"predictions cannot be read: {problem}", where=path) from None
    if not {"example_id", "unit_id"} <= set(wanted):
        raise DataMalformed("predictions lack the column example_id or unit_id", where=path)
    return table


def _row_ids(record: Record, shift: str) -> np.ndarray | None:
    """The example ids of a `rows` condition, from the manifest of any run: they follow from the data, not the run."""
    if record.archived is not None:
        ids = record.archived.rows.get(shift)
        return None if ids is None else np.asarray(ids, dtype=np.str_)
    path = record.folder / "manifest.json"
    if not path.is_file():
        return None
    try:
        ids = read_json(path).get("rows", {}).get(shift)
    except (ValueError, AttributeError) as problem:
        raise DataMalformed(f"not a manifest: {problem}", where=path) from None
    return None if ids is None else np.asarray([str(one) for one in ids], dtype=np.str_)
