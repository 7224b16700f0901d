r"""The board as a LaTeX document of booktabs tables, for a paper: it compiles as it is, and each table can be cut out.

Needs booktabs and graphicx (for tables wider than the page), both in every distribution. Words of others are escaped: they
cannot hold a command, and a sign that pdflatex has no glyph for is written as its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from madbench.report import blocks, document
from madbench.report.cells import Text
from madbench.report.inline import spans
from madbench.report.tables import Board

LONGEST = 36  # lines of a table on one page

HEAD = r"""% Written by `madbench report --format latex`. The tables need \usepackage{booktabs,graphicx} and \boardcaption.
\documentclass[10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage{booktabs,graphicx}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\emergencystretch=5em
% A caption for a table that does not float.
\makeatletter
\newcommand{\boardcaption}[1]{\def\@captype{table}\caption{#1}}
\makeatother
\begin{document}
"""
TAIL = r"\end{document}" + "\n"

SECTIONS = {1: "section*", 2: "section*", 3: "subsection*"}

SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": "'",
    "`": r"\textasciigrave{}",
    "-": "-",
    "–": "--",
    "—": "---",
    "±": r"$\pm$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "↑": r"$\uparrow$",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "→": r"$\rightarrow$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "²": r"$^2$",
    "…": r"\dots{}",
    "’": "'",
    "“": "``",
    "”": "''",
}
# Letters with accents that T1 fonts have.
_LATIN = re.compile(r"[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e]")


def render(board: Board) -> str:
    parts = [text for block in document.build(board) for text in _block(block)]
    return HEAD + "\n\n".join(parts) + "\n" + TAIL


def _block(block: blocks.Block) -> Iterator[str]:
    match block:
        case blocks.Heading():
            yield f"\\{SECTIONS[block.level]}{{{escape(block.text)}}}"
        case blocks.Words():
            yield _sentence(block.text)
        case blocks.Bullets():
            items = "\n".join(f"  \\item {{}}{_sentence(line)}" for line in block.lines)
            yield f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
        case blocks.Grid():
            lines = list(block.lines)
            for start in range(0, max(len(lines), 1), LONGEST):
                caption = block.caption + (" (continued)" if start else "")
                yield _table(caption, block.header, lines[start : start + LONGEST])


def _table(caption: str, header: Sequence[str], lines: Sequence[Sequence[Text]]) -> str:
    # {} before the first cell: a name that begins with a bracket would be an argument of the \\ before it.
    body = [" & ".join(_cell(cell) for cell in line) for line in ([Text(title) for title in header], *lines)]
    head, *rest = (f"  {{}}{line} \\\\" for line in body)
    return "\n".join(
        [
            # A box, or a page could end between a caption and its table.
            r"\begin{center}",
            r"\begin{minipage}{\textwidth}\centering",
            f"\\boardcaption{{{escape(caption)}}}",
            r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
            f"\\begin{{tabular}}{{{'l' * len(header)}}}",
            r"  \toprule",
            head,
            r"  \midrule",
            *rest,
            r"  \bottomrule",
            r"\end{tabular}}",
            r"\end{minipage}",
            r"\end{center}",
        ]
    )


def _cell(cell: Text) -> str:
    return f"\\textbf{{{escape(cell.text)}}}" if cell.bold else escape(cell.text)


def _sentence(text: str) -> str:
    written = {
        "text": escape,
        "bold": lambda said: f"\\textbf{{{escape(said)}}}",
        "code": lambda said: f"\\texttt{{{escape(said)}}}",
    }
    return "".join(written[style](said) for style, said in spans(text))


def escape(text: str) -> str:
    """Text in which LaTeX sees no command and no ligature, and pdflatex no sign that it cannot set."""
    line = re.sub(r"\s", " ", str(text))
    # Two dashes would be set as one long one, two commas or quotes as quotation marks: `--strict` must stay what to type.
    return "".join(
        ("{}" if sign == before and sign in "-,'" else "") + _sign(sign)
        for before, sign in zip(" " + line, line, strict=False)
    )


def _sign(sign: str) -> str:
    if sign in SIGNS:
        return SIGNS[sign]
    if sign.isascii():
        return sign if sign.isprintable() else ""
    return sign if _LATIN.fullmatch(sign) else f"[U+{ord(sign):04X}]"
