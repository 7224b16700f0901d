"""The board as Markdown: percent with two decimals, made to be read in a terminal and to be diffed in git.

Words of others (names, notes, reasons) are escaped: they cannot open a tag, a link, code or another column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from madbench.report import blocks, document
from madbench.report.cells import Text
from madbench.report.inline import spans
from madbench.report.tables import Board

# An underscore inside a word means nothing; at the edge of one it opens or closes emphasis. An address becomes a link by
# its colon or its `www.`.
_SPECIAL = re.compile(r"[\\`*<]|(?<=\])\(|~~|&(?=#|[a-zA-Z])|(?<!\w)_|_(?!\w)|(?<=[a-z]):(?=//)|(?<=\bwww)\.(?=\w)")
_TICKS = re.compile(r"`+")


def render(board: Board) -> str:
    parts = [text for block in document.build(board) if (text := _block(block)) is not None]
    return "\n\n".join(parts) + "\n"


def _block(block: blocks.Block) -> str | None:
    match block:
        case blocks.Heading():
            return f"{'#' * block.level} {escape(block.text)}"
        case blocks.Words():
            return "\n".join(_sentence(line) for line in block.text.splitlines())
        case blocks.Bullets():
            return "\n".join(f"- {_sentence(line)}" for line in block.lines)
        case blocks.Grid():
            rule = "---\n\n" if block.published else ""
            return rule + _table(block.header, block.lines)
    return None  # figures: --figures and html have them


def _sentence(text: str) -> str:
    written = {"text": escape, "bold": lambda said: f"**{escape(said)}**", "code": _code}
    return "".join(written[style](said) for style, said in spans(text))


def _code(said: str) -> str:
    """A code span whose fence is longer than any run of backticks in it."""
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(said)), default=0))
    pad = " " if "`" in said else ""
    return f"{fence}{pad}{said}{pad}{fence}"


def _table(header: Sequence[str], lines: Sequence[Sequence[Text]]) -> str:
    """A Markdown table with padded columns, so that it also reads as plain text."""
    grid = [[_cell(Text(text)) for text in header], *([_cell(cell) for cell in line] for line in lines)]
    widths = [max(len(line[place]) for line in grid) for place in range(len(header))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in grid
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def _cell(cell: Text) -> str:
    said = escape(cell.text).replace("|", "\\|")
    return f"**{said}**" if cell.bold else said


def escape(text: str) -> str:
    """Text on one line in which Markdown sees no markup, no HTML and no link."""
    line = re.sub(r"\s*[\r\n]\s*", " ", str(text))
    said = _SPECIAL.sub(lambda found: "&lt;" if found[0] == "<" else "\\" + found[0], line)
    # A line that starts like a list, a heading or a quotation would become one.
    return "\\" + said if re.match(r"[#>+-]( |$)", said) else said
