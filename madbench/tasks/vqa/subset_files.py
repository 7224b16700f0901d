"""A part of a VQA split as files in the official layout: every top-level key, and the entries of its questions."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed
from madbench.files import write_text
from madbench.tasks.archives import member_of
from madbench.tasks.json_stream import loads
from madbench.tasks.reading import read_json, read_json_list

LEFT_OUT = ("complementary pairs: a part of a split holds few of them whole",)
_LISTS = ("questions", "annotations")
_FIX = "check that nothing changes the file, and run again"
_END = 1 << 20  # bytes at either end of a file that are looked at


def write_part(files: Sequence[Path], ids: Collection[str], folder: Path) -> list[str]:
    """Write the entries with these question_ids, in their order, file by file; the names written.

    Raises DataMissing, or DataMalformed when a question has no entry, or several.
    """
    wanted = {int(number) for number in ids}
    for source in files:
        part = _streamed(source, wanted) or _whole(source, wanted)
        write_text(folder / source.name, json.dumps(part))
    return [source.name for source in files]


def _whole(source: Path, wanted: set[int]) -> Any:
    content = read_json(source)
    if isinstance(content, list):  # VQA-CP
        return _entries([content], wanted, source)
    return {key: _entries([value], wanted, source) if key in _LISTS else value for key, value in content.items()}


def _streamed(source: Path, wanted: set[int]) -> dict[str, Any] | None:
    """The same without the whole file in memory (3 GB for the official annotations), when the list is its last key."""
    if member_of(source) is not None:
        return None
    with open(source, "rb") as stream:
        head = stream.read(_END).removeprefix(b"\xef\xbb\xbf")
        stream.seek(-min(_END, os.fstat(stream.fileno()).st_size), os.SEEK_END)
        tail = stream.read()
    start = re.search(rb'"(%s)"\s*:\s*\[' % "|".join(_LISTS).encode(), head)
    try:
        content = None if start is None else loads(head[: start.end()] + b"]}")
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    key, last = start[1].decode(), None

    def parts() -> Iterable[list]:
        nonlocal last
        for part in read_json_list(source, key, _FIX):
            last = part[-1]
            yield part

    content[key] = _entries(parts(), wanted, source)
    return content if _closes(tail, last) else None


def _closes(tail: bytes, last: Any) -> bool:
    """Whether a file ends with this element, the end of its list and the end of the object: then no key follows."""
    closing = re.search(rb"\]\s*\}\s*$", tail)
    place = -1 if closing is None else tail.rfind(b"{", 0, closing.start())
    while place >= 0:
        try:
            if loads(tail[place : closing.start()]) == last:
                return True
        except ValueError:
            pass
        place = tail.rfind(b"{", 0, place)
    return False


def _entries(parts: Iterable[list], wanted: set[int], source: Path) -> list:
    found = [one for part in parts for one in part if one["question_id"] in wanted]
    if len(found) != len(wanted):
        raise DataMalformed(
            f"{len(found)} entries for {len(wanted)} questions that were read from it", fix=_FIX, where=source
        )
    return found
