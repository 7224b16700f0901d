"""A long JSON list read piece by piece, so that a file of 370 MB takes some megabytes of memory and no second walk.

Where a piece may end needs no parser of our own. JSON is read from left to right: if the text of a list, cut off at
some place and closed with `]`, is a complete list, then the cut lies between two elements of the whole list too.
So a likely place is guessed (an element that opens with the key the first one opens with), and the parse proves it.
Whatever does not work out is left to the caller, who reads the file as a whole and can say what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson

BLOCK = 1 << 17  # bytes read at a time; a piece that is parsed is about that long: its objects stay in the caches
_HEAD = 1 << 20  # the list begins within that many bytes, or the file is read as a whole
_DIGITS = bytes(48 if 48 <= code < 58 else 32 for code in range(256))
_LONG_NUMBER = b"0" * 19


class NotStreamed(Exception):
    """This text cannot be read in pieces: it is damaged, or laid out in a way that was not foreseen."""


def loads(raw: bytes) -> Any:
    """The value of a JSON text in UTF-8, as the standard library's decoder would give it.

    Raises ValueError also for text that only may differ: orjson turns whole numbers beyond 64 bits into floats.
    """
    if _LONG_NUMBER in raw.translate(_DIGITS):
        raise ValueError("a number of 19 digits or more")
    return orjson.loads(raw)


def pieces(stream: BinaryIO, key: str | None) -> Iterator[list]:
    """The list under `key` of the object in `stream` (None: the text is that list), in consecutive parts, none empty.

    Raises NotStreamed, possibly after some parts: those were right, as long as `key` stands in the object only once.
    """
    text = stream.read(max(BLOCK, _HEAD)).removeprefix(b"\xef\xbb\xbf")
    name = b"" if key is None else b'"%s"' % key.encode()
    again = None if key is None else re.compile(re.escape(name) + rb"\s*:")
    start = re.compile(rb"\s*\[").match(text) if again is None else _list_under(again.pattern, text, key)
    if start is None:
        raise NotStreamed
    text = text[start.end() :]
    opening = re.match(rb'\s*(\{\s*"[^"\\]{1,60}")', text)
    boundary = b"" if opening is None else opening.group(1)
    while block := stream.read(BLOCK):
        cut = text.rfind(boundary, 1) if boundary else -1
        before = text[:cut].rstrip() if cut > 0 else b""
        if before.endswith(b","):
            yield _checked(b"[" + before[:-1] + b"]", before, again)
            text = text[cut:]
        elif len(text) > 64 * BLOCK:
            raise NotStreamed
        text += block
    last = _checked(b"[" + text if key is None else b"{" + name + b":[" + text, text, again)
    part = last if key is None else last[key]
    if part:
        yield part


def _list_under(name: bytes, text: bytes, key: str) -> re.Match[bytes] | None:
    """Where the list of the outermost object begins, if it begins here."""
    start = re.compile(name + rb"\s*\[").search(text, 0, _HEAD)
    if start is not None and _checked(text[: start.end()] + b"]}", b"", None).get(key) == []:
        return start
    return None


def _checked(raw: bytes, text: bytes, again: re.Pattern[bytes] | None) -> Any:
    """The value of `raw`. `text` must not name the list once more: of two the last would count."""
    try:
        value = loads(raw)
    except ValueError:
        raise NotStreamed from None
    if again is not None and again.search(text):
        raise NotStreamed
    return value
