"""What the teachers say about a training split: features per sequence, from content-keyed storage.

Computed before the first update and in no update after it: a training step only looks features up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from madbench.models.objective_options import TeacherOptions
from madbench.models.objectives.distances import Standardiser
from madbench.models.objectives.token_selection import inverse_document_frequency, selected_words
from madbench.models.options import FinetuneOptions
from madbench.models.students.encoding import EncodedSplit, Part, patches_of, sequence_parts, word_places
from madbench.models.students.tokens import Tokenizer, pieces
from madbench.models.teachers import load_teacher
from madbench.models.teachers.features import FeatureStore
from madbench.models.teachers.interface import Teacher
from madbench.tasks.contract import Example

IMAGE_KINDS = ("clip-image", "vision-encoder")


@dataclass
class TermTargets:
    """One teacher's features. rows: float32 [K, D] raw; of_sequence: int64 [S] row of each sequence."""

    rows: np.ndarray
    of_sequence: np.ndarray

    def of(self, sequences: np.ndarray) -> np.ndarray:
        return self.rows[self.of_sequence[sequences]]


@dataclass
class WordTargets:
    """Word targets. rows: float32 [words, D]. Per sequence, which has w selected words of t tokens together:

    words: int64 [w], the row of each. places: int64 [t], where the tokens stand. of_word: int64 [t], whose they are, 0..w-1.
    """

    rows: np.ndarray
    words: list[np.ndarray]
    places: list[np.ndarray]
    of_word: list[np.ndarray]


@dataclass
class Targets:
    """All teachers' features for one encoded split, in the order of the objective's teachers.

    scaled: per teacher, the standardised rows as a tensor; what it was scaled by comes from the training split.
    """

    terms: list[TermTargets]
    scaled: list[torch.Tensor] = field(default_factory=list)
    words: WordTargets | None = None
    scaled_words: torch.Tensor | None = None


class TargetBuilder:
    """Computes targets for splits of one cell; the IDF and the scales are learned on the first (training) split."""

    def __init__(self, options: FinetuneOptions, tokenizer: Tokenizer, store: FeatureStore, device: str, seed: int):
        self.options = options
        self.objective = options.objective
        self.tokenizer = tokenizer
        self.store = store
        self.device = device
        self.seed = seed
        self.teachers = [self._teacher(one) for one in self.objective.teachers]
        began = time.monotonic()
        self.dimensions = [teacher.dimensions for teacher in self.teachers]
        # Only what was never opened before has to be opened to know how wide its features are.
        self.opening_seconds = time.monotonic() - began
        self._idf: dict[str, float] | None = None
        self._scales: list[Standardiser] | None = None
        self._word_scale: Standardiser | None = None

    def build(self, examples: Sequence[Example], split: EncodedSplit) -> Targets:
        """Targets of a split. examples: in the order of the encoded split."""
        # The texts teachers read are those of the whole example, whatever the student may look at.
        parts = [one for example in examples for one in sequence_parts(example, ("image", "query", "choices"))]
        texts = [" ".join(part.text for part in one) for one in parts]
        example_of = np.repeat(np.arange(len(split)), np.diff(split.first))
        image_of = split.image[example_of]
        selection = self.objective.token_selection
        kept_words: list[list[str]] | None = None
        if selection.use != "none":
            if self._idf is None:
                self._idf = inverse_document_frequency(texts)
            kept_words = self._selected(texts, image_of, split)
        read = texts
        if selection.use == "compress":
            read = [" ".join(words) or text for words, text in zip(kept_words, texts, strict=True)]
        terms = []
        for option in self.objective.teachers:
            if option.kind in IMAGE_KINDS:
                terms.append(TermTargets(self._image_rows(option, split), image_of))
            else:
                terms.append(self._text_rows(option, read))
        targets = Targets(terms)
        if self._scales is None:
            self._scales = [Standardiser(self.objective.standardise, term.rows) for term in terms]
        targets.scaled = [
            torch.from_numpy(scale(term.rows)).to(self.device) for scale, term in zip(self._scales, terms, strict=True)
        ]
        if selection.use == "token_targets":
            self._add_words(targets, examples, kept_words)
        return targets

    def _read_by_student(self, examples: Sequence[Example]) -> Iterator[list[Part]]:
        """The parts of every sequence as the student reads them, which may be less than the teachers do."""
        student = self.options.student
        grid, sees = student.image_size // student.patch_size, "image" in student.inputs
        patch_of: dict[str, tuple[int, ...]] = {}
        for example in examples:
            key = example.image.key
            if key not in patch_of:
                patch_of[key] = patches_of(example.image, grid) if sees else ()
            yield from sequence_parts(example, student.inputs, patch_of[key])

    def _option(self, kind: str) -> TeacherOptions:
        return next(one for one in self.objective.teachers if one.kind == kind)

    def logit_scale(self) -> float:
        """What the CLIP of the text term multiplies its cosines by."""
        return self._teacher(self._option("clip-text")).logit_scale

    def release(self) -> None:
        """Give the memory of the encoders back, once everything that will be visited has its features."""
        for teacher in self.teachers:
            teacher.release()

    def _teacher(self, option: TeacherOptions) -> Teacher:
        return load_teacher(
            option.kind, option.weights, self.device, pooling=option.pooling, precision=option.precision
        )

    def _image_rows(self, option: TeacherOptions, split: EncodedSplit) -> np.ndarray:
        return self.store.images(self._teacher(option), split.images.lazy)

    def _text_rows(self, option: TeacherOptions, texts: Sequence[str]) -> TermTargets:
        distinct = sorted(set(texts))
        row = {text: place for place, text in enumerate(distinct)}
        rows = self.store.texts(self._teacher(option), distinct)
        return TermTargets(rows, np.array([row[text] for text in texts], np.int64))

    def _word_features(self, texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
        words = sorted({word for text in texts for word in pieces(text)})
        prompts = [self.objective.token_selection.prompt.format(word=word) for word in words]
        return words, self.store.texts(self._teacher(self._option("clip-text")), prompts)

    def _selected(self, texts, image_of, split) -> list[list[str]]:
        selection = self.objective.token_selection
        words, word_rows = self._word_features(texts)
        images = self._image_rows(self._option("clip-image"), split)
        similarity = images @ word_rows.T  # [U, words], cosines: both sides have unit length
        column = {word: place for place, word in enumerate(words)}
        kept = []
        for sequence, (text, image) in enumerate(zip(texts, image_of, strict=True)):
            visual = {word: float(similarity[image, column[word]]) for word in set(pieces(text))}
            seed = self.seed * 1_000_003 + sequence
            kept.append(
                selected_words(
                    text,
                    selection.mode,
                    selection.words,
                    selection.alpha,
                    visual,
                    self._idf,
                    seed,
                    keyword=selection.keyword,
                    normalise=selection.normalise,
                )
            )
        return kept

    def _add_words(self, targets: Targets, examples: Sequence[Example], kept_words: list[list[str]]) -> None:
        words, rows = self._word_features([" ".join(kept) for kept in kept_words])
        column = {word: place for place, word in enumerate(words)}
        targets.words = WordTargets(rows, [], [], [])
        for one, kept in zip(self._read_by_student(examples), kept_words, strict=True):
            found = word_places(one, self.tokenizer, self.options.student.max_tokens)
            hits = [(column[word], places) for word, places in found if word in kept]
            targets.words.words.append(np.array([row for row, _ in hits], np.int64))
            targets.words.places.append(np.array([place for _, places in hits for place in places], np.int64))
            targets.words.of_word.append(np.repeat(np.arange(len(hits)), [len(places) for _, places in hits]))
        if self._word_scale is None:
            self._word_scale = Standardiser(self.objective.standardise, rows)
        targets.scaled_words = torch.from_numpy(self._word_scale(rows)).to(self.device)
