"""Absolute paths out of what is shared: `/home/ada/data/val.jsonl` becomes `<path>/val.jsonl`.

Records hold no user or host names of their own; what could carry them are paths, in messages and options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARK = "<path>"
# Two parts at least, so that `yes/no`, `1/2` and a lone slash stay; a URL's path follows two slashes or a letter.
_POSIX = re.compile(
    r"(?<![\w.:/<>~-])(?:~[^\s/]*)?/(?:[^\s/:;,'\"()\[\]]+/)*[^\s/:;,'\"()\[\]]*/(?P<last>[^\s/:;,'\"()\[\]]+)"
)
_FILE_URL = re.compile(r"file://[^\s'\"]*/(?P<last>[^\s/'\"]+)")
_WINDOWS = re.compile(r"(?<!\w)(?:[A-Za-z]:|\\)\\(?:[^\\\s'\"]+\\)*(?P<last>[^\\\s'\"]+)")


def redacted(text: str) -> str:
    """The text with each absolute path cut to its last part."""
    if " " in str(Path.home()):
        text = text.replace(str(Path.home()), "~")  # a space would end the path below
    for pattern in (_FILE_URL, _POSIX, _WINDOWS):
        text = pattern.sub(lambda found: f"{MARK}/{found['last']}", text)
    return text


def without_paths(value: Any, at: str = "") -> tuple[Any, list[str]]:
    """A JSON value without absolute paths, and the fields that had one."""
    if isinstance(value, str):
        clean = redacted(value)
        return clean, [] if clean == value else [at]
    changed: list[str] = []
    if isinstance(value, Mapping):
        content = {}
        for name, inner in value.items():
            clean_name = redacted(name) if isinstance(name, str) else name
            here = f"{at}.{clean_name}" if at else clean_name
            content[clean_name], found = without_paths(inner, here)
            changed += found if clean_name == name else [here, *found]
        return content, changed
    if isinstance(value, (list, tuple)):
        items = []
        for place, inner in enumerate(value):
            item, found = without_paths(inner, f"{at}[{place}]")
            items.append(item)
            changed += found
        return items, changed
    return value, changed
