"""What a board is made of: tables of one protocol and source, rows of one model, cells of one column."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from madbench.report.curves import Curve, Point
from madbench.report.groups import MINIMUM, Worst
from madbench.report.statistics import Estimate

MINI = "mini"

BOARDS = ("protocol", "curve", "shift", "cost", "groups")

BASELINE = "student"

OVER_SHIFTS = ("shift-mean", "shift-worst", "mean-gap", "mean-relative-drop")

COSTS = {
    "updates": ("usage", "updates"),
    "examples_seen": ("usage", "examples_seen"),
    "sequences_seen": ("usage", "sequences_seen"),
    "fit_s": ("timing", "fit_s"),
    "teacher_s": ("timing", "teacher_s"),
    "teacher_cached_s": ("timing", "teacher_cached_s"),
    "predict_s": ("timing", "predict_s"),
    "peak_rss_mb": ("memory", "peak_rss_mb"),
    "peak_cuda_mb": ("memory", "peak_cuda_mb"),
    "parameters_inference": ("model", "parameters", "inference"),
    "parameters_training": ("model", "parameters", "total"),
    "labels_train": ("labels", "train"),
    "labels_select": ("labels", "select"),
    "labels_tune": ("labels", "tune"),
    "labels_teacher": ("labels", "teacher"),
    "labels_vocabulary": ("labels", "vocabulary"),
    "unlabelled": ("labels", "unlabelled"),
}


@dataclass(frozen=True)
class Column:
    """What a number is of.

    role: `id`, `shifted`, `control`, `complement` (metrics of a condition), or, for a shifted condition and the primary
    metric, `gap` (id - shifted), `selection` (id - control), `modification` (control - shifted), `relative-drop`
    (gap / id). Over all shifts of a task: `shift-mean`, `shift-worst`, `mean-gap`, `mean-relative-drop`; over: those shifts. items, images: sizes of the evaluation set, None where runs differ.
    """

    task: str
    condition: str
    metric: str
    role: str
    items: int | None = None
    images: int | None = None
    over: tuple[str, ...] = ()

    def anywhere(self) -> Column:
        """The same column whatever the sizes of the evaluation set."""
        return replace(self, items=None, images=None)


@dataclass(frozen=True)
class Cell:
    """state: `done`, `missing` (not run), `failed`, `unavailable` (the source lacks the files of the condition).

    difference: to the baseline; its `verdict` is corrected for the other rows of the column.
    exposed: whether the initial weights saw something of the condition, or of the one it is compared with.
    about: which shift is the worst.
    rank: 1 + the number of closed rows that are significantly better in this column, None where nothing could be tested.
    mixed: it has neither difference nor rank because the baseline is of another content.
    """

    state: str
    estimate: Estimate | None = None
    difference: Estimate | None = None
    exposed: bool = False
    rank: int | None = None
    about: str | None = None
    mixed: bool = False

    @property
    def verdict(self) -> str | None:
        """`better`, `worse` or `tie`; `mixed` where a difference would cross contents; None where nothing was tested."""
        if self.mixed:
            return "mixed"
        return None if self.difference is None else self.difference.verdict


@dataclass(frozen=True)
class Content:
    """What the runs of some rows of a mixed table were made from: protocol, data, metric versions, files of shifts.

    letter: its name in the table, `A` for the content that most records have. reasons: in what it differs from `A`.
    facts: as of a table. sizes: column without its sizes -> (items, images). files: task -> condition -> their sha256.
    records: task -> their number.
    """

    letter: str
    reasons: str
    facts: dict[str, dict[str, str]]
    sizes: dict[Column, tuple[int | None, int | None]]
    files: dict[str, dict[str, tuple[str, ...]]]
    records: dict[str, int]

    def short(self, task: str) -> str:
        """`A 56f858e4/4bd1d12c`: the letter, the protocol's hash and the data's fingerprint."""
        facts = self.facts[task]
        return f"{self.letter} {facts['protocol hash'][:8]}/{facts['data fingerprint'][:8]}"


@dataclass
class Row:
    """One model, or one variant of it. costs: task -> name -> mean over runs, None where the records do not say.

    seen: its weights declare what they saw, and the records do not say what that exposes. white_box: a condition here
    was made to mislead this very model. points: task -> its point of a low-shot curve. worst: task -> worst groups.
    content: in a mixed table, what its runs were made from.
    """

    label: str
    model: str
    blind: bool
    limited: bool
    division: str
    seen: bool
    baseline: bool = False
    white_box: bool = False
    cells: dict[Column, Cell] = field(default_factory=dict)
    costs: dict[str, dict[str, float | None]] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    worst: dict[str, list[Worst]] = field(default_factory=dict)
    content: Content | None = None

    @property
    def place(self) -> tuple[bool, bool, str]:
        """What rows are ordered by: the baseline, the others by name, then blind rows."""
        return not self.baseline, self.blind, self.label

    @property
    def kind(self) -> tuple[str, str, bool]:
        """What rows of a model in two contents have in common."""
        return self.model, self.division, self.limited


@dataclass
class Table:
    """One protocol on one source. why: why this is not the main table, or empty. contents: of a mixed table, else none.

    compared: task -> the content among whose rows there are differences and ranks, in a mixed table. doubts: where
    predictions and records do not agree. unclear: task -> the rows that the baseline's name could mean, where it has no
    differences because there are several.

    headline: (task, condition) -> the metric that stands for it: the task's primary one, or another where a condition
    is scored otherwise (GQA-OOD has one answer a question, so no soft accuracy).
    """

    protocol: str
    source: str
    why: str
    tasks: list[str]
    primary: dict[str, str]
    headline: dict[tuple[str, str], str]
    columns: list[Column]
    rows: list[Row]
    facts: dict[str, dict[str, str]]
    notes: list[str]
    incomplete: list[str]
    doubts: list[str] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    compared: dict[str, Content] = field(default_factory=dict)
    unclear: dict[str, list[str]] = field(default_factory=dict)

    def rows_of(self, task: str) -> list[Row]:
        """The rows of a table about one task: where it is mixed, a model without runs of it only if it has no others."""
        if not self.contents:
            return self.rows
        elsewhere = {row.kind for row in self.rows if task in row.costs}
        return [
            row
            for row in self.rows
            if task in row.costs or (row.content is self.contents[0] and row.kind not in elsewhere)
        ]

    def facts_of(self, row: Row, task: str) -> dict[str, str]:
        return (row.content.facts if row.content else self.facts)[task]

    def size_of(self, row: Row, column: Column) -> tuple[int | None, int | None]:
        """(items, images) of the evaluation set, None where runs differ."""
        if row.content is None:
            return column.items, column.images
        return row.content.sizes.get(column.anywhere(), (None, None))


@dataclass(frozen=True)
class Extent:
    """Which boards are wanted, and the fewest items of a group that the worst-group board looks at.

    units: (source, task) -> numbers of images by name, which the tables of a board share.
    """

    shown: tuple[str, ...] = BOARDS
    minimum: int = MINIMUM
    units: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)


@dataclass
class Board:
    """tables: mini before real. incomplete: failures outside every table. problems: what `--strict` refuses."""

    baseline: str
    tables: list[Table]
    incomplete: list[str]
    problems: list[str]
    published: list = field(default_factory=list)
    interval: str = "t"
    extent: Extent = field(default_factory=lambda: Extent())
    curves: list[Curve] = field(default_factory=list)

    @property
    def shown(self) -> tuple[str, ...]:
        return self.extent.shown

    @property
    def minimum(self) -> int:
        return self.extent.minimum
