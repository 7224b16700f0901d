"""VQA v2: an image and a question, answered in free text; ten annotators decide what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from madbench.errors import DataMalformed
from madbench.tasks.contract import (
    AnswerSpace,
    ClosedVocabulary,
    Example,
    Layout,
    LegPredictions,
    Scores,
    Shift,
    Tags,
    Task,
    opaque_id,
)
from madbench.tasks.images import SharedImages
from madbench.tasks.vqa import answers_3129, changing_priors, counterexamples, gqa, other_sets, shifts, vocabulary
from madbench.tasks.vqa.consensus import by_origin, consensus
from madbench.tasks.vqa.rows import VqaRow
from madbench.tasks.vqa.score import DEFAULT_VERSION, score_answers


class Vqa(Task):
    """One leg. The answer space is open: a model may choose a label or answer with any string."""

    name = "vqa"
    legs = ("main",)
    primary = "vqa_accuracy"
    splits = ("train", "val", "test", "test-dev")
    text_parts = ("question",)
    multiple_choice = False
    input_convention = "image+question"
    official_rows: ClassVar[Mapping[str, int]] = {
        "train": 443757,
        "val": 214354,
        "test": 447793,
        "test-dev": 107394,
        "vs-val": 32723,
    }
    official_sums: ClassVar[Mapping[tuple[str, ...], int]] = {
        changing_priors.SPLITS: changing_priors.ROWS_TOGETHER,
    }
    metric_versions: ClassVar[Mapping[str, str]] = {"vqa_accuracy": DEFAULT_VERSION, "vqa_accuracy_simple": "1"}
    # Written out, not taken from the scorer: a version that vanishes there has to be missed by protocols.lock.
    more_versions: ClassVar[Mapping[str, tuple[str, ...]]] = {"vqa_accuracy": ("2021", "2016")}
    unit_label = "image"
    extra_files: ClassVar[Mapping[str, tuple[str, ...]]] = {
        answers_3129.FILE: answers_3129.PLACES,
        **counterexamples.EXTRA_FILES,
    }

    def locate(self, root: Path) -> Layout:
        return other_sets.locate(root)

    def read(self, layout: Layout, split: str) -> Sequence[VqaRow]:
        return other_sets.read(layout, split)

    def answer_space(
        self, train: Sequence[VqaRow], fraction: float, closed: Callable[[], tuple[str, ...]] | None = None
    ) -> AnswerSpace:
        """The vocabulary of these training rows, or the closed one. Its ceiling depends on the rows: see `ceiling`."""
        labels = vocabulary.vocabulary(train, fraction) if closed is None else closed()
        return AnswerSpace(labels, open=True)

    def closed_vocabulary(self, layout: Layout, read: Callable[[str], Sequence[VqaRow]]) -> ClosedVocabulary:
        return answers_3129.closed_vocabulary(layout, read, self.official_rows)

    def ceiling(self, rows: Sequence[VqaRow], space: AnswerSpace) -> float:
        if rows and isinstance(rows[0], gqa.GqaRow):
            return gqa.ceiling(rows, space.labels)
        return vocabulary.oracle(space.labels).ceiling(rows)

    def examples(
        self, rows: Sequence[VqaRow], *, leg: str, condition: str, space: AnswerSpace, rendering: str, labelled: bool
    ) -> list[Example]:
        """The question and its type; nothing that follows from the answers."""
        index = {label: place for place, label in enumerate(space.labels)}
        images = SharedImages(self.name)
        tags: dict[str | None, Tags] = {}
        examples = []
        for row in rows:
            kind = row.shown_type
            if kind not in tags:
                tags[kind] = Tags(question_type=kind)
            examples.append(
                Example(
                    id=opaque_id(self.name, condition, leg, row.example_id),
                    leg=leg,
                    image=images.of(row),
                    text={"question": row.question},
                    tags=tags[kind],
                    target=vocabulary.soft_target(row, index) if labelled else None,
                )
            )
        return examples

    def shifts(self) -> Mapping[str, Shift]:
        return shifts.SHIFTS

    def set_cards(self) -> Mapping[str, str]:
        return other_sets.CARDS

    def score(
        self, rows: Sequence[VqaRow], predictions: Mapping[str, LegPredictions], versions: Mapping[str, str]
    ) -> Scores:
        """versions: may set `vqa_accuracy` to 2021 (default) or 2016.

        Rows of VQA-Rephrasings also get the consensus score; those of GQA-OOD have one right answer and `accuracy`.
        """
        if set(predictions) != set(self.legs):
            raise DataMalformed(f"vqa has the leg main, not {sorted(predictions)}", fix="give predictions for main")
        answers = predictions["main"].labels
        if rows and isinstance(rows[0], gqa.GqaRow):
            return gqa.score_exact(rows, answers)
        scores = score_answers(rows, answers, versions.get("vqa_accuracy", DEFAULT_VERSION))
        if not rows or rows[0].group is None:
            return scores
        accuracies = scores.correct["main"]
        grouped = {**by_origin(rows, accuracies), **consensus(rows, accuracies)}
        return replace(scores, metrics={**scores.metrics, **grouped})


TASK = Vqa()
