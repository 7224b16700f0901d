"""Rows of a split as columns of a memory-mapped Arrow file."""

from __future__ import annotations

from typing import Any, TypeVar

from madbench.tasks.contract import Row

R = TypeVar("R", bound=Row)


def new_row(kind: type[R], values: dict[str, Any]) -> R:
    """A row whose fields are all in `values`; twice as fast as calling the class, which sets them one by one."""
    row = object.__new__(kind)
    object.__setattr__(row, "__dict__", values)
    return row
