"""Where the official files of VQA v2 lie.

    v2_OpenEnded_mscoco_{train2014,val2014,test2015,test-dev2015}_questions.json
    v2_mscoco_{train2014,val2014}_annotations.json
    {train2014,val2014,test2015}/COCO_<folder>_<12 digits>.jpg

The json files lie in the root, in `questions/` and `annotations/` below it, or in the zips they are released in; the
image folders in the root, in `images/`, `coco/` or `mscoco/`. A root without image folders is fine: its rows have no
image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from madbench.errors import DataMissing
from madbench.tasks import archives
from madbench.tasks.contract import Layout
from madbench.tasks.regions import regions_folder

JSON_FOLDERS = ("", "questions", "annotations", "Questions", "Annotations")
# `Images/mscoco` is where the official tools look.
IMAGE_PLACES = (
    "",
    "images",
    "coco",
    "mscoco",
    "COCO",
    "coco/images",
    "mscoco/images",
    "images/mscoco",
    "Images/mscoco",
)


@dataclass(frozen=True)
class _SplitNames:
    """How the official files call a split."""

    subset: str
    images: str
    annotated: bool

    def files(self) -> tuple[str, ...]:
        questions = f"v2_OpenEnded_mscoco_{self.subset}_questions.json"
        return (questions, f"v2_mscoco_{self.subset}_annotations.json") if self.annotated else (questions,)


SPLITS: Mapping[str, _SplitNames] = {
    "train": _SplitNames("train2014", "train2014", True),
    "val": _SplitNames("val2014", "val2014", True),
    "test": _SplitNames("test2015", "test2015", False),
    "test-dev": _SplitNames("test-dev2015", "test2015", False),
}


def locate(root: Path) -> Layout:
    """The splits whose files lie below `root`.

    Raises DataMissing when there is no such folder, no split at all, or a split with half of its files; it names every
    file that is missing.
    """
    root = Path(root).absolute()
    if not root.is_dir():
        raise DataMissing("no such folder for vqa", fix="give the folder that holds the VQA v2 files", where=root)
    files: dict[str, tuple[Path, ...]] = {}
    absent: dict[str, list[str]] = {}
    for split, names in SPLITS.items():
        found = {name: find(root, name) for name in names.files()}
        missing = [name for name, path in found.items() if path is None]
        if not missing:
            files[split] = tuple(path for path in found.values() if path is not None)
        else:
            absent[split] = missing
            if len(missing) < len(found):
                raise missing_files(root, f"the {split} split of vqa is incomplete", missing)
    if not files:
        raise missing_files(root, "no VQA v2 files found", [name for names in absent.values() for name in names])
    images = {split: image_folder(root, SPLITS[split].images) for split in SPLITS}
    return Layout("vqa", root, files, images, regions=regions_folder(root))


def find(root: Path, name: str) -> Path | None:
    """Where an official json file lies below `root`, perhaps in its zip."""
    return archives.find([root / folder for folder in JSON_FOLDERS], name, _archive_names(name))


def _archive_names(name: str) -> tuple[str, ...]:
    """The zips that a file is released in: `v2_Questions_Train_mscoco.zip`; those of test hold test-dev as well."""
    kind = "Questions" if "questions" in name else "Annotations"
    return tuple(f"v2_{kind}_{split}_mscoco.zip" for split in ("Train", "Val", "Test") if f"_{split.lower()}" in name)


def image_folder(root: Path, name: str) -> Path | None:
    """The folder of pictures called `name` (`train2014`) below `root`."""
    return next((folder for place in IMAGE_PLACES if (folder := root / place / name).is_dir()), None)


def missing_files(root: Path, what: str, names: Iterable[str]) -> DataMissing:
    """The error for files that are not there, which it names. what: the problem, in a few words."""
    return DataMissing(
        f"{what}; not there: {', '.join(names)}", fix="unpack the official files into this folder", where=root
    )
