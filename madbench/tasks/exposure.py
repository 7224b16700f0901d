"""Data sets that initial weights may have seen (`seen` of a model file), and what each gives away of what is reported.

Levels, worst first: `examples` (question, image and answer), `text` (the question or hypothesis, perhaps its answer,
without the image), `images` (the picture alone, or with other text). What is not listed for a data set is not known to
be exposed by it; a data set that is not listed at all cannot be named, so that a typing error hides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from madbench.errors import did_you_mean

LEVELS = ("examples", "text", "images")


@dataclass(frozen=True)
class Exposes:
    """One thing a data set gives away.

    what: patterns for names of splits or shifts of the task. reason: one clause, with its source.
    refused: whether the exposed condition must not be reported at all.
    """

    task: str
    what: tuple[str, ...]
    level: str
    reason: str
    refused: bool = False


# Names of splits and shifts, as the tasks have them. Rows of cp-train are reported too: the unshifted ones of VQA-CP.
VAL, CP_TRAIN, CP_TEST, VS = ("val",), ("cp-train",), ("cp-test",), ("vs-*",)
CP = (*CP_TRAIN, *CP_TEST)
REPHRASED, ADVERSARIAL, GQA = ("rephrasings",), ("advqa*",), ("gqa-ood*",)
TESTS = ("test", "test-dev")

_VS_FROM_V2 = "VQA-VS re-organises VQA v2 train and val, so its test questions were trained on"
_CP_FROM_V2 = "VQA-CP v2 re-organises VQA v2 train and val (Agrawal et al. 2018)"
_SNLI_RESPLIT = "SNLI-VE splits SNLI anew by image: SNLI train holds hypotheses of its dev and test (necla-ml/SNLI-VE)"
_VS = Exposes("vqa", VS, "examples", _VS_FROM_V2, refused=True)
_CP = Exposes("vqa", CP, "examples", f"{_CP_FROM_V2}: both of its splits hold questions of both")
_VS_VAL = Exposes("vqa", VAL, "examples", "VQA-VS re-organises VQA v2 train and val")
_COCO_MIX = "VQA-CP and VQA-VS mix COCO train2014 and val2014 images within each split"
_VAL_IMAGES = Exposes("vqa", (*VAL, *REPHRASED, *ADVERSARIAL), "images", "the questions are about COCO val2014 images")
_MIXED_IMAGES = Exposes("vqa", (*CP, *VS), "images", _COCO_MIX)
_FLICKR = Exposes("snli_ve", ("dev", "test"), "images", "SNLI-VE uses Flickr30k images; captions are not its input")
_VG = Exposes(
    "vqa", (*VAL, *REPHRASED, *ADVERSARIAL, *CP, *VS), "images", "about half of Visual Genome's images are COCO's"
)
_GQA_IMAGES = Exposes("vqa", GQA, "images", "GQA's images are Visual Genome's")
_REPHRASED = Exposes(
    "vqa", REPHRASED, "examples", "VQA-Rephrasings rewords VQA v2 val questions and keeps their answers"
)
_ADVERSARIAL = Exposes("vqa", ADVERSARIAL, "images", "AdVQA val asks about COCO val2014 images")
_V2_VAL = (Exposes("vqa", VAL, "examples", "it is the reported split"), _REPHRASED, _ADVERSARIAL)
_V1 = "VQA v2 extends VQA v1: the same questions, balanced with more"
_V1_CP, _V1_VS = Exposes("vqa", CP, "examples", _V1), Exposes("vqa", VS, "examples", _V1, refused=True)

_Table = Mapping[str, tuple[Exposes, ...]]

_VQA: _Table = {
    "vqa2-train": (_VS, _CP),
    "vqa2-val": (*_V2_VAL, _VS, _CP),
    "vqa2-trainval": (*_V2_VAL, _VS, _CP),
    "vqa2-test-questions": (Exposes("vqa", TESTS, "text", "the questions, with their images but without answers"),),
    "vqa1-train": (_V1_CP, _V1_VS),
    "vqa1-val": (Exposes("vqa", (*VAL, *REPHRASED), "examples", _V1), _ADVERSARIAL, _V1_CP, _V1_VS),
    "vqa-cp-train": (
        Exposes("vqa", VAL, "examples", f"{_CP_FROM_V2}: its train split holds val questions"),
        Exposes("vqa", CP_TRAIN, "examples", "the unshifted rows are a part of this split"),
        *(_REPHRASED, _ADVERSARIAL, _VS),
    ),
    "vqa-cp-test": (
        Exposes("vqa", VAL, "examples", f"{_CP_FROM_V2}: its test split holds val questions"),
        Exposes("vqa", CP_TEST, "examples", "it is the reported split"),
        *(_REPHRASED, _ADVERSARIAL, _VS),
    ),
    "vqa-vs-train": (_VS_VAL, _REPHRASED, _ADVERSARIAL, _CP),
    "vqa-vs": (_VS_VAL, _REPHRASED, _ADVERSARIAL, _CP, _VS),
    "vqa-rephrasings": (
        Exposes("vqa", VAL, "examples", "it holds the original val questions with their answers"),
        Exposes("vqa", REPHRASED, "examples", "it is the reported set"),
        Exposes("vqa", CP, "examples", "it holds original VQA v2 val questions, and VQA-CP deals those out again"),
        Exposes("vqa", VS, "examples", f"it holds original VQA v2 val questions; {_VS_FROM_V2}", refused=True),
        _ADVERSARIAL,
    ),
    "advqa": (
        Exposes("vqa", ADVERSARIAL, "examples", "it is the reported set"),
        Exposes("vqa", (*VAL, *REPHRASED, *CP, *VS), "images", "AdVQA val asks about COCO val2014 images"),
    ),
    "gqa": (_GQA_IMAGES, _VG),
    "gqa-testdev": (Exposes("vqa", GQA, "examples", "GQA-OOD re-organises GQA val and testdev"),),
    "gqa-val": (Exposes("vqa", GQA, "examples", "GQA-OOD re-organises GQA val and testdev"), _VG),
    "okvqa": (
        Exposes("vqa", (*VAL, *REPHRASED, *ADVERSARIAL, *CP, *VS), "images", "OK-VQA asks about COCO 2014 images"),
    ),
}

_SNLI: _Table = {
    "snli-train": (Exposes("snli_ve", ("dev", "test"), "text", _SNLI_RESPLIT),),
    "snli-dev": (Exposes("snli_ve", ("dev", "test"), "text", "SNLI-VE splits SNLI anew by image"),),
    "snli-test": (Exposes("snli_ve", ("dev", "test"), "text", "SNLI-VE splits SNLI anew: 319 of its test rows"),),
    "v-snli-train": (Exposes("snli_ve", ("dev", "test"), "examples", f"V-SNLI adds the images; {_SNLI_RESPLIT}"),),
    "snli-ve-train": (),
    "snli-ve-dev": (Exposes("snli_ve", ("dev",), "examples", "it is the split"),),
    "snli-ve-test": (Exposes("snli_ve", ("test",), "examples", "it is the reported split"),),
    "e-snli-ve-train": (),
    "e-snli-ve-dev": (Exposes("snli_ve", ("dev",), "examples", "e-SNLI-VE keeps the images and hypotheses"),),
    "e-snli-ve-test": (Exposes("snli_ve", ("test",), "examples", "e-SNLI-VE keeps the images and hypotheses"),),
    "xvnli": (Exposes("snli_ve", ("dev", "test"), "examples", "33 and 42 of its rows are SNLI-VE dev and test rows"),),
    "flickr30k-all": (_FLICKR,),
    "flickr30k-train": (
        Exposes(
            "snli_ve", ("dev",), "images", "published train lists differ (29,000 or 29,783 images) and may hold dev"
        ),
    ),
    "flickr30k-entities": (_FLICKR,),
}

_VCR: _Table = {
    "vcr-train": (),
    "vcr-val": (Exposes("vcr", VAL, "examples", "it is the reported split"),),
    "vcr-all-text": (Exposes("vcr", (*VAL, "test"), "text", "second-stage pretraining read the text of every split"),),
    "lsmdc": (Exposes("vcr", (*VAL, "test"), "images", "VCR's images are frames of LSMDC films and YouTube clips"),),
}

_IMAGES: _Table = {
    "coco-train2014": (_MIXED_IMAGES,),
    "coco-val2014": (_VAL_IMAGES, _MIXED_IMAGES),
    "coco-train2017": (
        Exposes("vqa", (*VAL, *REPHRASED, *ADVERSARIAL), "images", "COCO train2017 holds most of val2014"),
        _MIXED_IMAGES,
    ),
    "coco-captions-karpathy-train": (
        Exposes(
            "vqa", (*VAL, *REPHRASED, *ADVERSARIAL), "images", "the Karpathy split trains on 30,504 val2014 images"
        ),
        _MIXED_IMAGES,
    ),
    "coco-captions-all": (_VAL_IMAGES, _MIXED_IMAGES),
    "refcoco": (_MIXED_IMAGES,),
    "visual-genome": (_VG, _GQA_IMAGES),
    "visual-genome-qa": (_VG, _GQA_IMAGES),
    # Collected from the web or from other sources; no overlap with what is reported here is documented.
    "imagenet-1k": (),
    "imagenet-21k": (),
    "openimages": (),
    "objects365": (),
    "sbu-captions": (),
    "conceptual-captions-3m": (),
    "conceptual-captions-12m": (),
    "clip-wit-400m": (),
    "laion-400m": (),
    "laion-2b": (),
    "datacomp-1b": (),
    "nlvr2": (),
    "text-only-corpora": (),
}

SEEN: _Table = {**_VQA, **_SNLI, **_VCR, **_IMAGES}


def exposed(seen: Iterable[str], task: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """What the data sets `seen` give away of an evaluation set: {seen, level, reason, refused}, the worst of each.

    names: of its split and of the shifts it went through.
    """
    found = []
    for data_set in sorted(set(seen)):
        hits = [
            one
            for one in SEEN.get(data_set, ())
            if one.task == task and any(fnmatchcase(name, pattern) for name in names for pattern in one.what)
        ]
        if hits:
            worst = min(hits, key=lambda one: (not one.refused, LEVELS.index(one.level)))
            found.append({"seen": data_set, "level": worst.level, "reason": worst.reason, "refused": worst.refused})
    return found


def unknown_data_set(name: str) -> str:
    """What is wrong with a name in `seen`, or an empty string."""
    if name in SEEN:
        return ""
    hint = did_you_mean(name, SEEN)
    return f"no data set named '{name}'" + (f"; {hint}" if hint else "") + f" known: {', '.join(sorted(SEEN))}"
