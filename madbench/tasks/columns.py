"""Rows as columns: what a task says of its own fields, and the three kinds of columns that a table holds.

    text      a string for each row
    shared    a string or null for each row, few of them different (dictionary-encoded)
    codes     some whole numbers for each row: places in a table of values, which lies beside the columns

`table.Part` gives their values back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from madbench.tasks.contract import Row

if TYPE_CHECKING:
    import pyarrow as pa

    from madbench.tasks.table import Part

R = TypeVar("R", bound=Row)


def new_row(kind: type[R], values: dict[str, Any]) -> R:
    """A row whose fields are all in `values`; twice as fast as calling the class, which sets them one by one."""
    row = object.__new__(kind)
    object.__setattr__(row, "__dict__", values)
    return row


class Columns(ABC):
    """How the rows of one task become columns and rows again. An instance knows the layout in use; it is picklable."""

    @abstractmethod
    def encode(self, rows: Sequence[Row]) -> tuple[dict[str, pa.Array], dict[str, list]]:
        """The task's own columns, and the tables that their codes point into (JSON values)."""

    @abstractmethod
    def decode(self, part: Part) -> list[Row]:
        """The rows of a part, equal to what the reader made."""

    def column(self, part: Part, name: str) -> list | None:
        """One of the task's own fields for every row, when it can be had without building rows; else None."""
        return None

    def tables(self, stored: Mapping[str, list]) -> Mapping[str, list]:
        """The tables of `encode` as `decode` wants them, made once for a file (JSON has no tuples)."""
        return stored


def shared(values: Iterable[str | None]) -> pa.Array:
    """A `shared` column."""
    import pyarrow as pa

    return pa.array(values, pa.string()).dictionary_encode()


def text(values: Iterable[str]) -> pa.Array:
    """A `text` column; with offsets of 64 bits, for texts of more than 2 GiB together."""
    import pyarrow as pa

    return pa.array(values, pa.large_string())


def codes(values: Sequence[int], lengths: Sequence[int]) -> pa.Array:
    """A `codes` column. values: of all rows, one after the other. lengths: how many belong to each row."""
    import pyarrow as pa

    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    flat = np.asarray(values, dtype=np.uint32)
    if not len(flat) or flat.max() < 1 << 16:
        flat = flat.astype(np.uint16)
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(flat))
