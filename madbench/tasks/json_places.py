"""On which line something stands in a JSON file; only asked once something is wrong with a file that is valid JSON.

Released files are often one line, but people re-indent them to look inside, and then the line is what they need.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from madbench.tasks.archives import open_file

_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


def line_of_element(path: Path, key: str | None, index: int) -> int:
    """The line on which element `index` of the list under `key` (None: the file is the list) begins."""
    text = _text(path)
    start = re.compile(r"\s*\[").match(text) if key is None else re.search(rf'"{re.escape(key)}"\s*:\s*\[', text)
    if start is None:
        return 1
    position = start.end()
    for step in range(index + 1):
        position = _BETWEEN.match(text, position).end()  # type: ignore[union-attr]
        if step < index:
            _, position = _DECODER.raw_decode(text, position)
    return _line(text, position)


def line_of_key(path: Path, key: str) -> int:
    """The line on which `key` stands as a key of some object for the first time; 1 when it does not."""
    text = _text(path)
    found = re.search(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:", text)
    return 1 if found is None else _line(text, found.start())


def _text(path: Path) -> str:
    with open_file(path) as stream:
        return stream.read().decode("utf-8-sig")


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
