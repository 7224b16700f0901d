"""What a task is to the rest of madbench, and what a model sees of it.

Two sides meet here and must not mix:

- the *task side* (readers, shifts, scorers, the harness) works on `Row`s, which hold labels and source ids;
- the *model side* works on `Split`s of `Example`s: a whitelist of fields under opaque ids.

`Task.view` is the only way from the first to the second.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from madbench.errors import ConfigError

if TYPE_CHECKING:
    from PIL.Image import Image

# --------------------------------------------------------------------------- the model side


@dataclass(frozen=True)
class Regions:
    """What an object detector saw in one image; n regions.

    boxes: `[n, 4]` float32, fractions 0..1 of width and height (x1, y1, x2, y2). features: `[n, d]` float32 (d is 2048
    for the usual detectors). confidences: `[n]` float32, of the best class of each. classes: `[n]` int64, or None.
    """

    boxes: np.ndarray
    features: np.ndarray
    confidences: np.ndarray
    classes: np.ndarray | None = None


class LazyImage:
    """An image that is opened when asked for. It shows no path: file names are not for models.

    key: opaque and equal for equal images of one source, so that caches can share work between questions.
    content(): equal for equal pictures of any source, so that caches can share work between sources and after a change.
    size: (width, height) in pixels where the annotations state it, else None.
    """

    __slots__ = ("_boxes", "_content", "_open", "_regions", "key", "size")

    def __init__(
        self,
        key: str,
        open_image: Callable[[], Image],
        boxes: Callable[[], np.ndarray] | None = None,
        size: tuple[int, int] | None = None,
        regions: Callable[[], Regions] | None = None,
        content: Callable[[], str] | None = None,
    ):
        self.key = key
        self.size = size
        self._open = open_image
        self._content = content
        self._boxes = boxes
        self._regions = regions

    def open(self) -> Image:
        """The decoded RGB image (PIL). Raises DataMissing or DataMalformed."""
        return self._open()

    def content(self) -> str:
        """Hex digest of the picture: of its file's bytes where there is a file, else of the decoded pixels.

        Raises DataMissing or DataMalformed.
        """
        if self._content is not None:
            return self._content()
        image = self.open()
        return hashlib.sha256(f"{image.mode}|{image.size}|".encode() + image.tobytes()).hexdigest()

    def boxes(self) -> np.ndarray | None:
        """Object boxes `[objects, 4]` as fractions 0..1 of width and height (x1, y1, x2, y2), or None."""
        return None if self._boxes is None else self._boxes()

    def regions(self) -> Regions | None:
        """Detector features, or None where the source has none. Raises DataMissing or DataMalformed."""
        return None if self._regions is None else self._regions()


@dataclass(frozen=True, slots=True)
class Tags:
    """Which words stand for which object (vcr), and other harmless facts about an example.

    objects: class name of each object of the image, index = tag; empty when the task has none.
    parts: text part -> object index of each whitespace-separated word of it, -1 for ordinary words.
    choices: the same for each choice.
    question_type: vqa's question prefix class, as annotated or, for questions without an annotation of their own, as
    the words say; it follows from the question text. Else None.
    """

    objects: tuple[str, ...] = ()
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    choices: tuple[tuple[int, ...], ...] = ()
    question_type: str | None = None


@dataclass(frozen=True, slots=True)
class SoftTarget:
    """vqa's target: the annotators' most common answer, and the answers of the vocabulary with their soft scores.

    scores: index into `AnswerSpace.labels` -> 0.3, 0.6, 0.9 or 1 (1, 2, 3, or more of the ten gave it). May be empty.
    """

    answer: str
    scores: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Example:
    """One question as a model sees it. `target` is None when labels are withheld.

    id: sha256(task|condition|leg|source id)[:16]; rows of two conditions do not join on it.
    leg: `q2a` or `qa2r` for vcr, else `main`.
    text: named parts in reading order (vcr q2a: question; qa2r: question, answer; snli_ve: hypothesis; vqa: question).
    choices: the rendered candidates (vcr: 4), empty for tasks with a fixed label space.
    target: index of the right choice (vcr) or label (snli_ve), or a SoftTarget (vqa).
    """

    id: str
    leg: str
    image: LazyImage | None
    text: Mapping[str, str]
    choices: tuple[str, ...] = ()
    tags: Tags = Tags()
    target: int | SoftTarget | None = None


class Split(Sequence):
    """Examples in the order of their opaque ids. `leg` is None when it holds both vcr legs (train, select)."""

    def __init__(self, examples: Sequence[Example], *, leg: str | None, n_choices: int):
        self._examples = tuple(sorted(examples, key=lambda example: example.id))
        self.leg = leg
        self.n_choices = n_choices

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index):
        return self._examples[index]

    def __iter__(self) -> Iterator[Example]:
        return iter(self._examples)


@dataclass(frozen=True)
class AnswerSpace:
    """The answers a model may give.

    labels: `("0", "1", "2", "3")` for vcr (choice index), class names for snli_ve, the vocabulary for vqa.
    open: whether `predict` may also return answer strings (vqa).
    ceiling: the score of an oracle restricted to this space, a fraction, where it can be below 1 (vqa), else None.
    """

    labels: tuple[str, ...]
    open: bool = False
    ceiling: float | None = None

    @property
    def n_choices(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ClosedVocabulary:
    """Answers that are given instead of learned from the training rows in use.

    rows: split -> annotated rows the list was built from; they are booked in the label ledger. origin: `file` or
    `annotations`. note: why it is not the list it is called after, or None.
    """

    labels: tuple[str, ...]
    rows: Mapping[str, int]
    origin: str
    note: str | None = None


@dataclass(frozen=True)
class TaskInfo:
    """What an adapter's constructor is told of the task: no data.

    multiple_choice: the candidates are in each example's `choices` (vcr); else they are `labels`.
    """

    name: str
    legs: tuple[str, ...]
    n_choices: int
    labels: tuple[str, ...]
    text_parts: tuple[str, ...]
    multiple_choice: bool
    open: bool


def opaque_id(task: str, condition: str, leg: str, source_id: str) -> str:
    """The id a model sees: pairID ends in the label, so source ids are never shown."""
    return hashlib.sha256(f"{task}|{condition}|{leg}|{source_id}".encode()).hexdigest()[:16]


# --------------------------------------------------------------------------- the task side


@dataclass(frozen=True)
class Row:
    """One annotated question on the task side; each task subclasses it with its own fields.

    example_id: the source's unique id as text (annot_id, pairID, question_id).
    image_id: the unit of subsets and of clustered intervals (img_id, Flickr id, COCO image_id), as text.
    image_path: absolute path inside the source's root, existing or not; None when the source keeps none.
    group: a coarser unit (vcr: the movie), else None. stratum: for `unit: example` subsets, else None.
    region_path: absolute path of its image's region features, existing or not; None when the source has none.
    corruption: name of the change its image gets when opened (`madbench.tasks.corruptions`), else None.
    """

    example_id: str
    image_id: str
    image_path: Path | None = None
    group: str | None = None
    stratum: str | None = None
    region_path: Path | None = field(default=None, kw_only=True)
    corruption: str | None = field(default=None, kw_only=True)

    @property
    def groups(self) -> Mapping[str, str]:
        """Kind -> the group that the worst-group board counts this row in. May tell of the label: no model sees it."""
        return {}


@dataclass(frozen=True)
class Layout:
    """A source's files, found.

    files: split -> annotation files read for it. images: split -> image folder or None.
    extras: files that some shifts need, by the name that `Shift.files` gives them; only those that are there.
    regions: the folder of region features (`madbench.tasks.regions` names the files in it), or None.
    """

    task: str
    root: Path
    files: Mapping[str, tuple[Path, ...]]
    images: Mapping[str, Path | None]
    extras: Mapping[str, Path] = field(default_factory=dict)
    regions: Path | None = None

    def has_images(self, split: str) -> bool:
        folder = self.images.get(split)
        return folder is not None and folder.is_dir()


@dataclass(frozen=True)
class LegPredictions:
    """One leg's predictions in the order of the rows they belong to.

    labels: the predicted label of `AnswerSpace.labels`, or any string when the space is open.
    scores: `[rows, n_choices]` float32 or None (an adapter that answers in strings has none).
    """

    labels: tuple[str, ...]
    scores: np.ndarray | None = None


@dataclass(frozen=True)
class Scores:
    """metrics: name -> fraction 0..1, unrounded. correct: per-row score arrays keyed by leg (and `q2ar` for vcr).

    A group that is empty has no entry in `metrics`: absent is not zero.
    """

    metrics: Mapping[str, float]
    correct: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ShiftInputs:
    """What a shift may look at besides the rows it is applied to.

    train_rows: gives the full official training split. files: `Layout.extras`, at least those of `Shift.files`.
    """

    train_rows: Callable[[], Sequence[Row]]
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Shift:
    """A named, deterministic change of an evaluation split.

    kind `transform`: `apply(rows, inputs) -> rows` (same example ids, changed input or label; rows may be left out).
    kind `rows`: `apply(rows, inputs) -> example ids`.
    card: source, formula, sizes, what it tests and the leak it may have, for `madbench show`.
    files: names of the extra files it needs; a source without them has the condition `not available`.
    about: facts for the record that only the files know (the attack model, rows without a score), or None.
    """

    name: str
    task: str
    kind: str
    version: int
    card: str
    apply: Callable[[Sequence[Row], ShiftInputs], Any]
    files: tuple[str, ...] = ()
    about: Callable[[Sequence[Row], ShiftInputs], Mapping[str, Any]] | None = None


class Task(ABC):
    """A task owns its files, its splits, its answer space, its shifts and its score. No torch here."""

    name: str
    legs: tuple[str, ...]
    primary: str
    splits: tuple[str, ...]
    text_parts: tuple[str, ...]
    multiple_choice: bool = False
    input_convention: str
    official_rows: Mapping[str, int]
    metric_versions: Mapping[str, str]
    unit_label: str
    # splits whose official rows are only known together -> how many
    official_sums: Mapping[tuple[str, ...], int] = {}
    # metric -> the versions that a protocol may ask for, where there are more than that of metric_versions
    more_versions: Mapping[str, tuple[str, ...]] = {}
    # extra file of a shift -> the places below the root where it may lie
    extra_files: Mapping[str, tuple[str, ...]] = {}

    @abstractmethod
    def locate(self, root: Path) -> Layout:
        """Find the files below `root`. Raises DataMissing naming the root or every annotation file not found."""

    @abstractmethod
    def read(self, layout: Layout, split: str) -> list[Row]:
        """All rows of a split in file order, checked. Raises DataMalformed with file:line and the field."""

    @abstractmethod
    def answer_space(
        self, train: Sequence[Row], fraction: float, closed: Callable[[], tuple[str, ...]] | None = None
    ) -> AnswerSpace:
        """The label space, from training rows only. fraction: of the training split in use, 0..1.

        closed: gives the labels of an open task's closed vocabulary, which then stand for those of the rows.
        """

    @abstractmethod
    def examples(
        self, rows: Sequence[Row], *, leg: str, condition: str, space: AnswerSpace, rendering: str, labelled: bool
    ) -> list[Example]:
        """The visible side of rows for one leg. Not labelled: every target is None."""

    @abstractmethod
    def shifts(self) -> Mapping[str, Shift]:
        """The named shifts of this task."""

    @abstractmethod
    def score(
        self, rows: Sequence[Row], predictions: Mapping[str, LegPredictions], versions: Mapping[str, str]
    ) -> Scores:
        """Official metrics. Raises DataMalformed when predictions do not fit the rows one to one."""

    def set_cards(self) -> Mapping[str, str]:
        """What evaluation sets with files of their own are: split, or how its name begins with `*` behind -> card."""
        return {}

    # ----- open answer spaces only

    def closed_vocabulary(self, layout: Layout, read: Callable[[str], Sequence[Row]]) -> ClosedVocabulary:
        """The literature's answer list. read: split -> rows. Raises ConfigError for a task whose labels are fixed."""
        raise ConfigError(
            f"{self.name} has fixed labels, so no vocabulary can be closed",
            fix="leave `vocabulary` out, or keep it to vqa",
        )

    def ceiling(self, rows: Sequence[Row], space: AnswerSpace) -> float | None:
        """The primary metric of an oracle that must answer with a label; None where every answer is a label."""
        return None

    # ----- shared by all tasks

    @property
    def known_versions(self) -> Mapping[str, tuple[str, ...]]:
        """Metric -> all versions in which `score` can compute it."""
        return {name: (version,) for name, version in self.metric_versions.items()} | dict(self.more_versions)

    def view(
        self,
        rows: Sequence[Row],
        *,
        condition: str,
        space: AnswerSpace,
        rendering: str,
        labelled: bool,
        leg: str | None = None,
    ) -> Split:
        """Rows as a model sees them: one leg, or (leg None) all legs in one split."""
        examples = [
            example
            for one in (self.legs if leg is None else (leg,))
            for example in self.examples(
                rows, leg=one, condition=condition, space=space, rendering=rendering, labelled=labelled
            )
        ]
        single = leg if leg is not None or len(self.legs) > 1 else self.legs[0]
        return Split(examples, leg=single, n_choices=space.n_choices)

    def info(self, space: AnswerSpace) -> TaskInfo:
        return TaskInfo(
            name=self.name,
            legs=self.legs,
            n_choices=space.n_choices,
            labels=space.labels,
            text_parts=self.text_parts,
            multiple_choice=self.multiple_choice,
            open=space.open,
        )
