"""Predictions in csv files with a fixed header and one row an example, the id in the first column.

Tolerated: a byte-order mark, CRLF, a missing final newline, blank lines, rows in any order. Refused with file:line:
everything else, because a row that is skipped or guessed changes a score.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from madbench.errors import DataMalformed, DataMissing
from madbench.files import write_text
from madbench.tasks.archives import open_file

_ONE_EACH = "give exactly one prediction for every row of the annotation file"


def read_csv(path: Path, header: Sequence[str], ids: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """(`file:line`, cells) of each row, in file order; together they hold each of `ids` once.

    Raises DataMissing when the file is not there; DataMalformed for text that is not UTF-8, another header, a wrong
    number of columns, a broken quotation, and an id that is repeated, unknown or (at the end of the file) missing.
    """
    asked = set(ids)
    first_line: dict[str, int] = {}
    lines = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    found = _next(lines, path)
    if found != list(header):
        what = "the file is empty" if found is None else f"the header is not {_listed(header)}"
        raise DataMalformed(what, fix=f"write the columns {_listed(header)} in this order", where=f"{path}:1")
    while (cells := _next(lines, path)) is not None:
        if not cells:
            continue
        where = f"{path}:{lines.line_num}"
        if len(cells) != len(header):
            fix = "write every column, and nothing more"
            raise DataMalformed(f"{len(cells)} columns instead of {len(header)}", fix=fix, where=where)
        name = cells[0]
        if name in first_line:
            what = f"{header[0]} '{name}' stands on line {first_line[name]} too"
            raise DataMalformed(what, fix=_ONE_EACH, where=where)
        if name not in asked:
            raise DataMalformed(f"{header[0]} '{name}' is not in the annotation file", fix=_ONE_EACH, where=where)
        first_line[name] = lines.line_num
        yield where, cells
    missing = [name for name in ids if name not in first_line]
    if missing:
        what = f"no prediction for {len(missing)} of {len(ids)} rows; the first is {header[0]} '{missing[0]}'"
        raise DataMalformed(what, fix=_ONE_EACH, where=path)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, table.getvalue())


def _text(path: Path) -> str:
    try:
        with open_file(path) as stream:
            raw = stream.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DataMissing("file not found", fix="check the path", where=path) from None
    except OSError as problem:
        raise DataMissing(f"file cannot be read: {problem.strerror}", fix="check its permissions", where=path) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise DataMalformed("not valid UTF-8", fix="write the file in UTF-8", where=f"{path}:{line}") from None


def _next(lines, path: Path) -> list[str] | None:
    try:
        return next(lines, None)
    except csv.Error as problem:
        what = f"not valid csv: {problem}"
        raise DataMalformed(what, fix="close every quotation mark", where=f"{path}:{lines.line_num}") from None


def _listed(header: Sequence[str]) -> str:
    return ",".join(header) if len(header) < 5 else f"{header[0]}, {header[1]} ... {header[-1]} ({len(header)} columns)"
