"""The error tree. The command line shows each as one `error:` line and one `fix:` line.

MadbenchError                exit 1   base; also a cell that failed
├── UsageError               exit 2   a wrong option or name
│   └── ConfigError          exit 2   a protocol or model file that does not validate
├── DataError                exit 3   anything about the data
│   ├── DataMissing          exit 3   a file or folder is not there
│   └── DataMalformed        exit 3   a file is there and cannot be believed
├── NotComparable            exit 4   numbers that must not stand beside each other
└── Interrupted              exit 130 the user pressed ctrl-c
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path


class MadbenchError(Exception):
    """Something the user can act on: what happened, where, and what to do.

    what: one sentence without a final newline. where: a `file:line` or a path. fix: one imperative.
    """

    exit_code = 1

    def __init__(self, what: str, *, fix: str = "", where: str | Path | None = None):
        self.what = what
        self.fix = fix
        self.where = str(where) if where is not None else None
        super().__init__(str(self))

    def __str__(self) -> str:
        return self.what if self.where is None else f"{self.what} ({self.where})"

    def __reduce__(self):
        # Exceptions cross process boundaries (worker to parent); keyword arguments need help to survive that.
        return _rebuild, (type(self), self.what, self.fix, self.where)


def _rebuild(kind, what, fix, where):
    return kind(what, fix=fix, where=where)


class UsageError(MadbenchError):
    exit_code = 2


class ConfigError(UsageError):
    pass


class DataError(MadbenchError):
    exit_code = 3


class DataMissing(DataError):
    pass


class DataMalformed(DataError):
    pass


class NotComparable(MadbenchError):
    exit_code = 4


class Interrupted(MadbenchError):
    exit_code = 130


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x'?`, or an empty string when nothing is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else ""


def one_line(text: str) -> str:
    """Text for a line of ours: its own line breaks and control characters are spelled out."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def debugging() -> bool:
    """Whether tracebacks are wanted: `--debug`, or MADBENCH_DEBUG set to anything but 0, false, no or off."""
    return os.environ.get("MADBENCH_DEBUG", "").lower() not in ("", "0", "false", "no", "off")
