"""Rows of a split as columns of one memory-mapped Arrow file: opened in milliseconds, built when they are looked at.

A file is an Arrow IPC file with one record batch, and 16 bytes behind it: a mark and the CRC-32 of what comes before,
because Arrow itself does not notice damaged values. What columns hold is said in columns.py; the tables of values that
codes point into lie in the schema's metadata. Paths are not in it: they are rebuilt from names and the layout in use.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
import orjson

from madbench.files import sha256_of_lines
from madbench.tasks.columns import Columns, shared, text
from madbench.tasks.contract import Row

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R", bound=Row)
MARK = b"madrows1"
_TRAILER = len(MARK) + 8
_BATCH = 2048  # rows built at a time when all are wanted
# The fields of every row; a shared one may be asked for as codes.
_COMMON_SHARED = ("image_id", "group", "stratum")


class Damaged(Exception):
    """The file is not what was written."""


def column(rows: Sequence[Row], name: str) -> list:
    """`[row.<name> for row in rows]`, without building rows where they lie in a table."""
    if isinstance(rows, RowTable):
        return rows.column(name)
    return [getattr(row, name) for row in rows]


def coded(rows: Sequence[Row], name: str) -> tuple[np.ndarray, list]:
    """A column as `(codes [rows] int64, the different values)`; the code of None is -1. Not every value need occur."""
    if isinstance(rows, RowTable):
        return rows.coded(name)
    place: dict[Any, int] = {None: -1}
    codes = [place.setdefault(getattr(row, name), len(place) - 1) for row in rows]
    return np.array(codes, dtype=np.int64), list(place)[1:]


def where(rows: Sequence[R], wanted: np.ndarray) -> Sequence[R]:
    """The rows at which the mask `wanted` is true, in order: a table of a table, a tuple of anything else."""
    if isinstance(rows, RowTable):
        return rows.take(np.flatnonzero(wanted))
    return tuple(row for row, one in zip(rows, wanted.tolist(), strict=True) if one)


def write_table(path: Path, rows: Sequence[Row], columns: Columns, notes: Sequence[str]) -> None:
    """Write rows to `path`, which is replaced. notes: what the reader had to say, to be said again."""
    import pyarrow as pa

    arrays, tables = columns.encode(rows)
    common = {
        "example_id": text([row.example_id for row in rows]),
        **{name: shared([getattr(row, name) for row in rows]) for name in _COMMON_SHARED},
    }
    about = {
        b"notes": orjson.dumps(list(notes)),
        b"tables": orjson.dumps(tables),
        b"ids_sha256": sha256_of_lines(sorted(row.example_id for row in rows)).encode(),
    }
    table = pa.table({**common, **arrays}).combine_chunks()
    table = table.replace_schema_metadata(about)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    checksum = 0
    with open(path, "r+b") as stream:
        while chunk := stream.read(1 << 20):
            checksum = zlib.crc32(chunk, checksum)
        stream.write(MARK + checksum.to_bytes(8, "little"))


class _Store:
    """An opened file: one record batch over mapped memory."""

    def __init__(self, path: Path, columns: Columns):
        import pyarrow as pa

        self.path = path
        self.columns = columns
        with open(path, "rb") as stream:
            try:
                mapped = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError:
                raise Damaged("it is empty") from None
        content, trailer = mapped[:-_TRAILER], bytes(mapped[-_TRAILER:])
        if trailer != MARK + zlib.crc32(content).to_bytes(8, "little"):
            raise Damaged("its checksum is wrong")
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(content)))
        about = reader.schema.metadata
        self.notes: list[str] = orjson.loads(about[b"notes"])
        self.ids_sha256 = about[b"ids_sha256"].decode()
        if reader.num_record_batches > 1:
            raise Damaged("it has several batches")
        self.batch = reader.get_batch(0) if reader.num_record_batches else None
        self.rows = 0 if self.batch is None else self.batch.num_rows
        self._about = about
        self._coded: dict[str, tuple[np.ndarray, list]] = {}

    @cached_property
    def tables(self) -> Mapping[str, list]:
        return self.columns.tables(orjson.loads(self._about[b"tables"]))

    def coded(self, name: str) -> tuple[np.ndarray, list]:
        """`(codes [rows] int32, -1 for null; the values)` of a shared column."""
        if name not in self._coded:
            array = self.batch.column(name)
            self._coded[name] = (
                array.indices.fill_null(-1).to_numpy(zero_copy_only=False),
                array.dictionary.to_numpy(zero_copy_only=False).tolist(),
            )
        return self._coded[name]


@dataclass(frozen=True)
class Part:
    """Some rows of a file, column by column. places: a slice, or row numbers."""

    store: _Store
    places: slice | np.ndarray

    def text(self, name: str) -> list[str]:
        return self._taken(name).to_numpy(zero_copy_only=False).tolist()

    def shared(self, name: str) -> list[str | None]:
        """Equal values are one object."""
        codes, values = self.store.coded(name)
        values = [*values, None]  # -1 is the last
        return [values[code] for code in codes[self.places].tolist()]

    def codes(self, name: str) -> list[list[int]]:
        taken = self._taken(name)
        offsets = taken.offsets.to_numpy()
        flat = taken.values[int(offsets[0]) : int(offsets[-1])].to_numpy().tolist()
        places = (offsets - offsets[0]).tolist()
        return [flat[start:end] for start, end in pairwise(places)]

    def leading(self, name: str, skipped: int) -> list[list[int]]:
        """The first of the lists in each row of a `codes` column whose rows open with `skipped` lengths."""
        taken = self._taken(name)
        starts, flat = taken.offsets.to_numpy()[:-1], taken.values.to_numpy()
        begins = starts + skipped
        return [flat[one:end].tolist() for one, end in zip(begins, begins + flat[starts], strict=True)]

    def table(self, name: str) -> list:
        """What the codes of a column point into."""
        return self.store.tables[name]

    def _taken(self, name: str) -> pa.Array:
        array = self.store.batch.column(name)
        if isinstance(self.places, slice):
            return array.slice(self.places.start, self.places.stop - self.places.start)
        import pyarrow as pa

        return array.take(pa.array(self.places))


class RowTable(Sequence[R]):
    """The rows of a file, or some of them in some order, built when they are asked for.

    A slice is a table too. Equal to a sequence with equal rows.
    """

    def __init__(self, store: _Store, places: np.ndarray | None = None):
        self._store = store
        self._places = places  # None: all, in file order

    @classmethod
    def open(cls, path: Path, columns: Columns) -> RowTable[R]:
        """Raises Damaged, or OSError, for a file that must not be used."""
        import pyarrow as pa

        try:
            return cls(_Store(path, columns))
        except (pa.ArrowException, ValueError, KeyError, TypeError) as problem:
            raise Damaged(str(problem)) from None

    @property
    def notes(self) -> list[str]:
        """What the reader had to say of the file."""
        return self._store.notes

    def __len__(self) -> int:
        return self._store.rows if self._places is None else len(self._places)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> RowTable[R]: ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            places = np.arange(self._store.rows) if self._places is None else self._places
            return RowTable(self._store, places[index])
        place = range(len(self))[index]
        place = place if self._places is None else int(self._places[place])
        return self._built(slice(place, place + 1))[0]

    def __iter__(self) -> Iterator[R]:
        for start in range(0, len(self), _BATCH):
            end = min(start + _BATCH, len(self))
            yield from self._built(slice(start, end) if self._places is None else self._places[start:end])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self):
        return _reopened, (self._store.path, self._store.columns, self._places)

    def __repr__(self) -> str:
        return f"<RowTable of {len(self)} rows>"

    def take(self, places: np.ndarray) -> RowTable[R]:
        """The rows at these places of this table."""
        return RowTable(self._store, places if self._places is None else self._places[places])

    def column(self, name: str) -> list:
        """The field of every row."""
        if name == "example_id":
            return self._part().text(name)
        if name in _COMMON_SHARED:
            return self._part().shared(name)
        own = self._store.columns.column(self._part(), name) if len(self) else []
        return [getattr(row, name) for row in self] if own is None else own

    def coded(self, name: str) -> tuple[np.ndarray, list]:
        """See `coded`. For `example_id`, which readers keep unique, the codes count the rows."""
        if name == "example_id":
            return np.arange(len(self)), self.column(name)
        if name not in _COMMON_SHARED:
            return coded(list(self), name)
        codes, values = self._store.coded(name)
        return (codes if self._places is None else codes[self._places]).astype(np.int64), values

    def ids_sha256(self) -> str:
        """Hex sha256 of the sorted example ids joined by newlines; known without sorting for a whole file."""
        if self._places is None:
            return self._store.ids_sha256
        return sha256_of_lines(sorted(self.column("example_id")))

    def _part(self) -> Part:
        return Part(self._store, slice(0, self._store.rows) if self._places is None else self._places)

    def _built(self, places: slice | np.ndarray) -> list[R]:
        return self._store.columns.decode(Part(self._store, places))


def _reopened(path: Path, columns: Columns, places: np.ndarray | None) -> RowTable:
    return RowTable(RowTable.open(path, columns)._store, places)
