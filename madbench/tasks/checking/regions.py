"""Region features: is there a file for each image, and do those that are opened hold what they should?"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from madbench.errors import DataError
from madbench.tasks.checking.content import Content, Findings
from madbench.tasks.checking.pictures import Listing, each
from madbench.tasks.checking.report import Files, Progress
from madbench.tasks.contract import Layout

SAMPLE = 200  # files of a split that are opened; at 100 regions each about 150 MB are read


def check_regions(
    layout: Layout,
    split: str,
    values: Content,
    found: Findings,
    listing: Listing,
    everything: bool,
    progress: Progress,
) -> Files:
    """Count the region files of a split's images and open a sample of them, or (everything) all.

    The sample is drawn by name, so that the same files are opened each time.
    """
    from madbench.tasks.regions import OTHER_SUFFIX

    root = layout.regions
    if root is None:
        found.problem("the source has no region features", layout.root)
        return Files(len(values.first), 0)
    paths = dict.fromkeys(row.region_path for row in values.first.values() if row.region_path is not None)
    names = [path.relative_to(root).as_posix() for path in paths]
    absent = set(listing.missing(root, names))
    elsewhere = {name: str(PurePosixPath(name).with_suffix(OTHER_SUFFIX)) for name in absent}
    absent -= elsewhere.keys() - set(_names_missing(listing, root, elsewhere))
    if absent:
        first = next(name for name in names if name in absent)
        found.problem(f"{len(absent):,} of {len(names):,} region files are not there, the first is {first}", root)
    there = [root / name for name in names if name not in absent]
    chosen = (
        there if everything else sorted(there, key=lambda path: hashlib.sha256(path.name.encode()).digest())[:SAMPLE]
    )
    widths: dict[int, Path] = {}
    errors = list(
        each(
            _wrong,
            [(path, widths) for path in chosen],
            lambda done, total: progress(f"{split}: region features", done, total),
        )
    )
    for error in errors:
        found.error(error)
    if len(widths) > 1:
        told = ", ".join(f"{width} in {path.name}" for width, path in sorted(widths.items()))
        found.problem(f"region features are not of one width: {told}", root)
    return Files(len(names), len(there), len(chosen), len(errors))


def _names_missing(listing: Listing, root: Path, elsewhere: dict[str, str]) -> list[str]:
    """The keys whose other name is not there either."""
    gone = set(listing.missing(root, elsewhere.values()))
    return [name for name, other in elsewhere.items() if other in gone]


def _wrong(path: Path, widths: dict[int, Path]) -> DataError | None:
    from madbench.tasks.regions import present, read_regions

    try:
        widths.setdefault(read_regions(present(path)).features.shape[1], path)
    except DataError as error:
        return error
    return None
