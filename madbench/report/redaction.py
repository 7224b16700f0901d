"""Absolute paths out of what is shared: `/home/ada/data/val.jsonl` becomes `<path>/val.jsonl`.

Records hold no user or host names of their own; what could carry them are paths, in messages and options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MARK = "<path>"
_PART, _LAST = r"[^\s/:;,'\"()\[\]]", r"(?P<last>[^\s/:;,'\"()\[\]]+)/?"
# Two parts at least, so that `yes/no`, `1/2` and a lone slash stay. A URL's path follows two slashes or a letter; a colon
# before the path is that of `open_clip:ARCHITECTURE:/path` or `error:/path`.
_START = r"(?:(?<![\w.:/>~-])|(?<=\w:)(?!//))"
_POSIX = re.compile(rf"{_START}(?:~[^\s/]*)?/(?:{_PART}+/)*{_PART}*/{_LAST}")
_TILDE = re.compile(rf"(?<![\w.:/>~-])~[^\s/]*/(?:{_PART}+/)*{_LAST}")
# Names of people hold spaces; what follows up to the next slash belongs to such a name.
_HOME = re.compile(r"(?<![\w.>~-])/(?:home|Users)/[^/\s][^/\n'\"]{0,40}?(?=/)")
_FILE_URL = re.compile(r"file://[^\s'\"]*/(?P<last>[^\s/'\"]+)/?")
_WINDOWS = re.compile(r"(?<!\w)(?:[A-Za-z]:[\\/]|\\\\)(?![\\/])(?:[^\\/\s'\"]+[\\/])*(?P<last>[^\\/\s'\"]+)")
_LOGIN = re.compile(r"(?<=://)[^\s/@]+@|\b[\w.+-]+@[\w.-]+:(?=[/~])")
# What stands below one of these is somebody's own folder, and its name the person's.
_HOMES = re.compile(r"(?:file://|[A-Za-z]:)?[\\/]+(?:home|Users|users|scratch)[\\/][^\\/]+[\\/]?|~[^\s/]+/?")


def redacted(text: str) -> str:
    """The text with each absolute path cut to its last part, and without names before an @ in addresses."""
    if " " in str(Path.home()):
        text = text.replace(str(Path.home()), "~")  # a space would end the path below
    text = _HOME.sub("/home/-", _LOGIN.sub("", text))
    for pattern in (_FILE_URL, _WINDOWS, _POSIX, _TILDE):
        text = pattern.sub(_cut, text)
    return text


def _cut(found: re.Match) -> str:
    return MARK if _HOMES.fullmatch(found[0]) else f"{MARK}/{found['last']}"


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
