"""The little markup of a board's sentences: `code` and **bold**, with a backslash before a sign that is meant as itself.

Words from records (names, notes, reasons) are not ours: they enter a sentence through `plain` or `code` and can then
neither open nor close markup. Each format writes the spans in its own way and escapes what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Span = tuple[str, str]  # (`text`, `code` or `bold`; what it says)

_SIGNS = re.compile(r"[\\`*]")
_TOKEN = re.compile(r"\\([\\`*])|`((?:\\[\\`*]|[^`\\])*)`|\*\*((?:\\[\\`*]|[^*\\])+)\*\*|(.)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\`*])")


def plain(text: object) -> str:
    """Any text as itself inside a sentence, on one line."""
    return _SIGNS.sub(lambda found: "\\" + found[0], " ".join(str(text).split()))


def code(text: object) -> str:
    return f"`{plain(text)}`"


def codes(names: Iterable[object]) -> str:
    return ", ".join(code(name) for name in names)


def spans(text: str) -> list[Span]:
    """A sentence in pieces; neighbouring plain text is one piece, and a sign that opens nothing is itself."""
    found: list[list[str]] = []
    for escaped, marked, strong, other in _TOKEN.findall(" ".join(text.split())):
        if marked or strong:
            style, said = ("code", marked) if marked else ("bold", strong)
            found.append([style, _ESCAPED.sub(r"\1", said)])
        elif found and found[-1][0] == "text":
            found[-1][1] += escaped or other
        else:
            found.append(["text", escaped or other])
    return [(style, said) for style, said in found if said]


def bare(text: str) -> str:
    """A sentence without its markup."""
    return "".join(said for _, said in spans(text))
