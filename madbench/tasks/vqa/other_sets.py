"""The sets derived from VQA v2 that bring files of their own: which of them a source has, and their rows.

A source may hold them beside the VQA v2 files, in the root or in a folder of their own; each module says where it looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from madbench.errors import DataMissing
from madbench.files import sha256_of, sha256_of_file
from madbench.tasks.cache import through_cache
from madbench.tasks.contract import Layout
from madbench.tasks.reading import without_collector
from madbench.tasks.regions import regions_folder
from madbench.tasks.vqa import (
    changing_priors,
    coco,
    element_files,
    gqa,
    official_files,
    reader,
    rephrasings,
    varying_shortcuts,
)
from madbench.tasks.vqa.coco import FOLDERS, CocoImages, MixedColumns
from madbench.tasks.vqa.rows import VqaRow

# Pattern of split names -> what the set is.
CARDS: Mapping[str, str] = {
    "cp-*": changing_priors.CARD,
    "rephrasings": rephrasings.CARD,
    "vs-*": varying_shortcuts.CARD,
    "gqa-ood-*": gqa.CARD,
}


def card_of(split: str) -> str | None:
    """The card of a split, None for those of VQA v2 itself."""
    return next((card for pattern, card in CARDS.items() if fnmatchcase(split, pattern)), None)


def locate(root: Path) -> Layout:
    """The VQA v2 files and all others found below `root`, as one layout.

    Raises what `official_files.locate` raises; a root with other sets only is fine.
    """
    files = {
        split: paths
        for set_ in (changing_priors, rephrasings, varying_shortcuts, gqa)
        for split, paths in _of(set_, root)
    }
    try:
        layout = official_files.locate(root)
    except DataMissing:
        root = Path(root).absolute()
        if not files or any(
            official_files.find(root, name) for names in official_files.SPLITS.values() for name in names.files()
        ):
            raise
        layout = Layout("vqa", root, {}, {}, regions=regions_folder(root))
    return replace(layout, files={**layout.files, **files}, images={**layout.images, **_images(layout, files)})


def read(layout: Layout, split: str) -> Sequence[VqaRow]:
    """All rows of a split, of VQA v2 or of another set. Raises DataMissing, DataMalformed with file:line and the field."""
    if split not in layout.files or card_of(split) is None:
        return reader.read(layout, split)
    files = layout.files[split]
    if split.startswith(gqa.PREFIX):
        return gqa.read(files[0], layout.images.get(split), layout.regions)
    columns = MixedColumns(
        {folder: official_files.image_folder(layout.root, folder) for folder in FOLDERS}, layout.regions
    )
    typed_by = reader.type_files(layout) if split == rephrasings.SPLIT else ()
    make = lambda: (_read(split, layout, columns.images), [])  # noqa: E731
    return through_cache(("vqa", split, _code()), (*files, *typed_by), columns, make)


def _read(split: str, layout: Layout, images: CocoImages) -> list[VqaRow]:
    files = layout.files[split]
    with without_collector():
        if split in changing_priors.SPLITS:
            return changing_priors.read(files, images)
        if split == rephrasings.SPLIT:
            return rephrasings.read(files, images, reader.known_types(layout))
        return varying_shortcuts.read(files, images)


@cache
def _code() -> str:
    """Hex sha256 of the code that makes these rows: what is remembered must not outlive a correction of it."""
    modules = (changing_priors, coco, element_files, rephrasings, varying_shortcuts)
    return sha256_of([sha256_of_file(Path(module.__file__)) for module in modules])


def _of(set_, root: Path):
    root = Path(root).absolute()
    return set_.locate(root).items() if root.is_dir() else ()


def _images(layout: Layout, files: Mapping[str, tuple[Path, ...]]) -> dict[str, Path | None]:
    """split -> a folder that stands for its pictures: of the two that a set mixes, one that is there."""
    coco = {folder: official_files.image_folder(layout.root, folder) for folder in FOLDERS}
    images = {}
    for split in files:
        if split.startswith(gqa.PREFIX):
            images[split] = gqa.image_folder(layout.root)
        elif split == rephrasings.SPLIT:
            images[split] = coco["val2014"]
        else:
            images[split] = coco["train2014"] or coco["val2014"]
    return images
