"""VCR for the rest of madbench: two legs, four candidates each, joined per item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from madbench.errors import DataMissing, UsageError
from madbench.tasks.contract import (
    AnswerSpace,
    Example,
    Layout,
    LazyImage,
    LegPredictions,
    Scores,
    Shift,
    Tags,
    Task,
    opaque_id,
)
from madbench.tasks.corruptions import corruption_shifts
from madbench.tasks.images import SharedImages
from madbench.tasks.vcr.adversarial import ADVERSARIAL_SHIFTS, SCORES
from madbench.tasks.vcr.metadata import read_boxes
from madbench.tasks.vcr.reader import ANNOTATION_FOLDERS, SPLITS, VcrRow, locate, read
from madbench.tasks.vcr.rendering import render
from madbench.tasks.vcr.score import LABELS, LEGS, METRIC_VERSIONS, score
from madbench.tasks.vcr.shifts import SHIFTS


class Vcr(Task):
    """Visual Commonsense Reasoning v1 (Zellers et al. 2019)."""

    name = "vcr"
    legs = LEGS
    primary = "q2ar"
    splits = SPLITS
    text_parts = ("question", "answer")
    multiple_choice = True
    input_convention = "image, object boxes and classes, token lists rendered as text; qa2r is given the correct answer"
    official_rows: Mapping[str, int] = {"train": 212_923, "val": 26_534, "test": 25_263}
    metric_versions: Mapping[str, str] = METRIC_VERSIONS
    unit_label = "img_id"
    extra_files: Mapping[str, tuple[str, ...]] = {
        SCORES: (
            # The authors' name for it, beside any of the places of the annotations.
            *(str(Path(folder) / "shortcut_scores.jsonl") for folder in ANNOTATION_FOLDERS),
            "val_shortcut_scores.jsonl",
        )
    }

    def locate(self, root) -> Layout:
        return locate(root)

    def read(self, layout: Layout, split: str) -> Sequence[VcrRow]:
        return read(layout, split)

    def answer_space(self, train: Sequence[VcrRow], fraction: float) -> AnswerSpace:
        return AnswerSpace(LABELS)

    def examples(
        self,
        rows: Sequence[VcrRow],
        *,
        leg: str,
        condition: str,
        space: AnswerSpace,
        rendering: str,
        labelled: bool,
    ) -> list[Example]:
        """q2a: question and answers. qa2r: question, the correct answer, and rationales; so it needs labelled rows."""
        if leg not in LEGS:
            raise UsageError(f"vcr has no leg '{leg}'", fix=f"use {' or '.join(LEGS)}")
        images = SharedImages(self.name)
        return [_example(row, leg, condition, rendering, labelled, _image(images, row)) for row in rows]

    def shifts(self) -> Mapping[str, Shift]:
        return {**SHIFTS, **ADVERSARIAL_SHIFTS, **corruption_shifts(self.name)}

    def score(
        self, rows: Sequence[VcrRow], predictions: Mapping[str, LegPredictions], versions: Mapping[str, str]
    ) -> Scores:
        return score(rows, predictions, versions)


def _example(row: VcrRow, leg: str, condition: str, rendering: str, labelled: bool, image: LazyImage) -> Example:
    if (labelled and row.labels is None) or (leg == "qa2r" and row.correct_answer is None):
        raise DataMissing(
            f"row '{row.example_id}' has no labels, so "
            + ("it cannot be trained or scored on" if labelled else "the answer its rationale is for is not known"),
            fix="use a split with labels (train, val)" + ("" if labelled else ", or only the leg q2a"),
        )
    if leg == "q2a":
        parts, candidates = {"question": row.question}, row.answer_choices
    else:
        parts, candidates = {"question": row.question, "answer": row.correct_answer}, row.rationale_choices
    text, tags, read = {}, {}, []
    for name, tokens in parts.items():
        text[name], tags[name] = render(tokens, row.objects, rendering, before=read)
        read.append(tokens)
    choices = [render(tokens, row.objects, rendering, before=read) for tokens in candidates]
    return Example(
        id=opaque_id("vcr", condition, leg, row.example_id),
        leg=leg,
        image=image,
        text=text,
        choices=tuple(choice.text for choice in choices),
        tags=Tags(objects=row.objects, parts=tags, choices=tuple(choice.tags for choice in choices)),
        target=row.labels[LEGS.index(leg)] if labelled else None,
    )


def _image(images: SharedImages, row: VcrRow) -> LazyImage:
    boxes = partial(read_boxes, row.images, row.metadata_name, row.objects)
    return images.named(row, row.images, row.image_name, boxes, (row.metadata_name, row.objects))
