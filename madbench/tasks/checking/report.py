"""What a check found, as data: the same facts are printed as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from madbench.tasks.checking.missing import Missing

# (what is being done, done, total), called often: whoever prints it decides how much of it to show.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Depth:
    """How much is looked at. images: open and decode every image, and every other file of an image.

    features: look at the region features too, at a sample of them unless `images`.
    """

    images: bool = False
    features: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing that is not as released. where: `file:line`, a file or a folder, or None. split: None for the source."""

    split: str | None
    what: str
    where: str | None = None

    def text(self) -> str:
        of = "" if self.split is None else f"{self.split}: "
        return f"{of}{self.what}" + ("" if self.where is None else f" ({self.where})")


@dataclass(frozen=True)
class Files:
    """Files that go with the images of a split, one each. opened and damaged: None when they were not opened."""

    expected: int
    found: int
    opened: int | None = None
    damaged: int | None = None


@dataclass
class SplitCheck:
    """One split. Counts are None when the split could not be read, official ones also when nobody states them.

    labels: label field -> value -> rows. pictures, metadata, regions: None where the split has no such files, or
    nobody asked. odd: how many rows were read but look wrong (the notes say why).
    """

    split: str
    files: tuple[str, ...]
    rows: int | None = None
    official_rows: int | None = None
    images: int | None = None
    official_images: int | None = None
    groups: int | None = None
    official_groups: int | None = None
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    official_labels: dict[str, dict[str, int]] = field(default_factory=dict)
    pictures: Files | None = None
    metadata: Files | None = None
    regions: Files | None = None


@dataclass(frozen=True)
class SourceCheck:
    """A whole source. problems make it unofficial or unusable; notes are worth knowing.

    extras: name -> file of what some shifts need and the source has. missing: files that are not there.
    """

    task: str
    root: Path
    splits: tuple[SplitCheck, ...]
    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    missing: tuple[Missing, ...]
    extras: Mapping[str, str]

    @property
    def official(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Everything, and nothing that changes from call to call."""
        return {
            "schema_version": 1,
            "task": self.task,
            "root": str(self.root),
            "official": self.official,
            "splits": [
                asdict(one) | {"problems": [found.text() for found in self.problems if found.split == one.split]}
                for one in self.splits
            ],
            "problems": [asdict(one) for one in self.problems],
            "notes": [asdict(one) for one in self.notes],
            "missing": [asdict(one) for one in self.missing],
            "extras": dict(self.extras),
        }
