"""SNLI-VE: does the image entail the hypothesis, contradict it, or neither?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from madbench.errors import DataMalformed
from madbench.tasks.contract import (
    AnswerSpace,
    Example,
    Layout,
    LegPredictions,
    Scores,
    Shift,
    Task,
    opaque_id,
)
from madbench.tasks.images import SharedImages
from madbench.tasks.snli_ve import corrected, reader, shifts
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow
from madbench.tasks.snli_ve.score import score_labels


class SnliVe(Task):
    """One leg, three classes. A model sees image and hypothesis: never the premise caption, never a pairID."""

    name = "snli_ve"
    legs = ("main",)
    primary = "accuracy"
    splits = reader.SPLITS
    text_parts = ("hypothesis",)
    multiple_choice = False
    input_convention = "image+hypothesis"
    official_rows: ClassVar[Mapping[str, int]] = {"train": 529527, "dev": 17858, "test": 17901}
    # split -> rows of each class, in the order of LABELS
    official_labels: ClassVar[Mapping[str, tuple[int, int, int]]] = {
        "train": (176550, 176932, 176045),
        "dev": (5939, 5959, 5960),
        "test": (5964, 5973, 5964),
    }
    metric_versions: ClassVar[Mapping[str, str]] = {"accuracy": "1", "recall": "1"}
    unit_label = "image"
    extra_files: ClassVar[Mapping[str, tuple[str, ...]]] = corrected.EXTRA_FILES

    def locate(self, root: Path) -> Layout:
        return reader.locate(root)

    def read(self, layout: Layout, split: str) -> Sequence[SnliVeRow]:
        return reader.read(layout, split)

    def answer_space(self, train: Sequence[SnliVeRow], fraction: float) -> AnswerSpace:
        """The three classes, whatever the rows."""
        return AnswerSpace(LABELS)

    def examples(
        self, rows: Sequence[SnliVeRow], *, leg: str, condition: str, space: AnswerSpace, rendering: str, labelled: bool
    ) -> list[Example]:
        index = {label: place for place, label in enumerate(space.labels)}
        images = SharedImages(self.name)
        return [
            Example(
                id=opaque_id(self.name, condition, leg, row.example_id),
                leg=leg,
                image=images.of(row),
                text={"hypothesis": row.hypothesis},
                target=index[row.label] if labelled else None,
            )
            for row in rows
        ]

    def shifts(self) -> Mapping[str, Shift]:
        return shifts.SHIFTS

    def score(
        self, rows: Sequence[SnliVeRow], predictions: Mapping[str, LegPredictions], versions: Mapping[str, str]
    ) -> Scores:
        if set(predictions) != set(self.legs):
            raise DataMalformed(f"snli_ve has the leg main, not {sorted(predictions)}", fix="give predictions for main")
        return score_labels(rows, predictions["main"].labels)


TASK = SnliVe()
