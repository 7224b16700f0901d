"""The data sets as their authors released them: sizes, file names, who gives them out and on which terms.

A source that differs is not official. Counts named in `recalled` were written down from the papers and not confirmed on the files: a difference from them is told, and no
problem. None of these files comes with madbench, and none is fetched by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Size:
    """What a split holds officially besides its rows (`Task.official_rows`); None where nobody states it.

    recalled: which of `images` and `groups` are not confirmed.
    """

    images: int | None = None
    groups: int | None = None
    recalled: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Holder:
    """Who to ask for files, and what they may be used for."""

    ask: str
    licence: str


@dataclass(frozen=True)
class Release:
    """One task's data set.

    files: split -> names of its annotation files. images: split -> image folder, by its most common name.
    group: what `Row.group` is called, or None. extras_from: extra file -> who has it, where it is not a shift's.
    """

    files: Mapping[str, tuple[str, ...]]
    images: Mapping[str, str]
    sizes: Mapping[str, Size]
    annotations_from: Holder
    images_from: Holder
    group: str | None = None
    extras_from: Mapping[str, Holder] = field(default_factory=dict)


_RECALLED = frozenset({"images", "groups"})
_VCR = Holder(
    "visualcommonsense.com, once its terms are agreed to",
    "research only, on the authors' own terms; the images are film stills and must not be passed on",
)


def _vqa_files(subset: str, annotated: bool) -> tuple[str, ...]:
    questions = f"v2_OpenEnded_mscoco_{subset}_questions.json"
    return (questions, f"v2_mscoco_{subset}_annotations.json") if annotated else (questions,)


RELEASES: Mapping[str, Release] = {
    "vcr": Release(
        files={split: (f"{split}.jsonl",) for split in ("train", "val", "test")},
        images=dict.fromkeys(("train", "val", "test"), "vcr1images"),
        sizes={
            "train": Size(80_418, 1_945, recalled=_RECALLED),
            "val": Size(9_929, 244, recalled=_RECALLED),
            "test": Size(9_557, 189, recalled=_RECALLED),
        },
        annotations_from=_VCR,
        images_from=_VCR,
        group="movies",
    ),
    "snli_ve": Release(
        files={split: (f"snli_ve_{split}.jsonl",) for split in ("train", "dev", "test")},
        images=dict.fromkeys(("train", "dev", "test"), "flickr30k_images"),
        sizes={
            "train": Size(29_783),
            "dev": Size(1_000),
            "test": Size(1_000),
        },
        annotations_from=Holder(
            "the SNLI-VE authors' repository; it can also be built from SNLI 1.0 and the two official image lists",
            "derived from SNLI 1.0, CC BY-SA 4.0",
        ),
        images_from=Holder(
            "Flickr30k: ask for access at the University of Illinois",
            "research and education only; the pictures belong to the Flickr users who took them",
        ),
    ),
    "vqa": Release(
        files={
            "train": _vqa_files("train2014", True),
            "val": _vqa_files("val2014", True),
            "test": _vqa_files("test2015", False),
            "test-dev": _vqa_files("test-dev2015", False),
        },
        images={"train": "train2014", "val": "val2014", "test": "test2015", "test-dev": "test2015"},
        sizes={
            "train": Size(82_783),
            "val": Size(40_504),
            "test": Size(81_434),
            "test-dev": Size(),
        },
        annotations_from=Holder("visualqa.org, VQA v2", "CC BY 4.0"),
        images_from=Holder(
            "COCO (cocodataset.org), the 2014 train and val and the 2015 test images",
            "Flickr terms of use; the pictures belong to the Flickr users who took them",
        ),
        extras_from={
            "answers-3129": Holder(
                "the LXMERT repository (a list), or UNITER's (the same answers, each with its number); without the file "
                "the list is counted from the annotations of train and val",
                "as these repositories state; the answers are those of VQA v2, CC BY 4.0",
            )
        },
    ),
}
