"""Region features before anything starts: mini's are written, those of other sources are looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from madbench.errors import DataMissing
from madbench.files import recall_json, remember_json, sha256_of
from madbench.harness.data import read_rows
from madbench.home import home
from madbench.registry import TASKS
from madbench.tasks.corruptions import NAMES as CORRUPTIONS
from madbench.tasks.regions import FOLDER, present, read_regions
from madbench.tasks.sources import Source, fingerprint, locate

# Enough to find a missing folder or archive; `madbench data check --features` looks at every file.
SAMPLE = 200
_FIX = "`madbench data convert-features` makes them, docs/region-features.md has the layout; or choose another model"


def with_regions(source: Source) -> Source:
    """The source with mini's region features written, which takes some seconds once; any other source as it is."""
    if source.kind != "mini":
        return source
    from madbench.mini.build import TUNING_SEED, WORLD_SEED, ensure_regions, folder

    ensure_regions(source.task, TUNING_SEED if source.root.parent == folder(TUNING_SEED) else WORLD_SEED)
    return replace(source, layout=locate(TASKS.load(source.task), source.root))


def check_regions(model: str, source: Source, splits: Iterable[str], conditions: Iterable[Mapping[str, Any]]) -> None:
    """Raises DataMissing when the folder, one of a sample of files of each split, or those of a condition are missing.

    conditions: as a plan's digest describes them. Raises DataMalformed when the first file of a split is no good.
    """
    folder = source.layout.regions
    if folder is None:
        raise DataMissing(
            f"model '{model}' needs region features, and the {source.task} source at {source.root} has no folder "
            f"{FOLDER}/",
            fix=_FIX,
        )
    for condition in conditions:
        if condition["available"] and condition["shift"] in CORRUPTIONS:
            raise DataMissing(
                f"model '{model}' needs region features, and condition '{condition['name']}' corrupts the images: "
                "there are none of corrupted images",
                fix="choose another model, or a protocol without this condition",
            )
    for split in sorted(splits):
        _check_split(model, source, split, folder)


def _check_split(model: str, source: Source, split: str, folder: Path) -> None:
    paths = [present(folder / name) for name in _sample(source, split)]
    absent = [path for path in paths if not path.exists()]
    if absent:
        raise DataMissing(
            f"model '{model}' needs region features, and {len(absent)} of {len(paths)} files of the {source.task} split "
            f"{split} that were looked for are not there, the first {absent[0]}",
            fix=_FIX,
        )
    if paths:
        read_regions(paths[0])


def _sample(source: Source, split: str) -> list[str]:
    """Names of region files of a split, evenly out of all; remembered, so that the rows are read once."""
    content = fingerprint(source.layout, [split])
    file = home() / "plans" / f"regions-{sha256_of([source.task, split, content, SAMPLE])}.json"
    known = recall_json(file)
    if known is not None:
        return known
    folder = source.layout.regions
    names = sorted(
        {
            row.region_path.relative_to(folder).as_posix()
            for row in read_rows(source, split)
            if row.region_path is not None
        }
    )
    chosen = [names[place * len(names) // SAMPLE] for place in range(SAMPLE)] if len(names) > SAMPLE else names
    remember_json(file, chosen)
    return chosen
