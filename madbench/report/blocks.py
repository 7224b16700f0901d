"""What a board is written as: headings, sentences, tables and figures in reading order. Formats only write them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from madbench.report.cells import Text


@dataclass(frozen=True)
class Heading:
    """level: 1 is the title, 2 a table's section, 3 a part of it."""

    level: int
    text: str


@dataclass(frozen=True)
class Words:
    """A paragraph, with the markup of inline.py."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """Sentences, each with the markup of inline.py."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Grid:
    """A table. caption: what it is, for formats whose tables stand alone. The first cell of a line names the line."""

    caption: str
    header: Sequence[str]
    lines: Sequence[Sequence[Text]]
    published: bool = False


@dataclass(frozen=True)
class Figure:
    """key: a file name without its ending. kind: a drawing of figures.py, of content. The table above has its numbers."""

    key: str
    kind: str
    caption: str
    content: Any


Block = Heading | Words | Bullets | Grid | Figure
