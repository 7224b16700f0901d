"""Large annotation files are read once; then their rows lie as columns in MADBENCH_HOME and are mapped into memory.

The key of such a file is what the rows follow from: the content of the annotation files and the code that reads them.
A file that is damaged, or cannot be written, costs the time of reading again and nothing else.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from madbench.errors import DataError
from madbench.files import atomic_path, sha256_of, sha256_of_file
from madbench.home import home
from madbench.tasks import archives
from madbench.tasks.columns import Columns
from madbench.tasks.contract import Row
from madbench.tasks.remembered import remembered_sha256
from madbench.tasks.table import Damaged, RowTable, write_table

FORM = 1
SMALLEST = 4 << 20  # bytes; smaller annotation files are read in less time than a cache is worth
MOST_BYTES = 8 << 30  # of all cached rows together; those not used for longest go first
_LEFT_BEHIND = 24 * 3600  # seconds after which an unfinished file belongs to nobody
_logger = logging.getLogger(__name__)


def through_cache(
    what: Sequence[str],
    files: Sequence[Path],
    columns: Columns,
    read: Callable[[], tuple[list[Row], list[str]]],
    quiet: bool = False,
) -> Sequence[Row]:
    """The rows of annotation files, from the cache when they lie there.

    what: task and split, say; in the key. read: gives the rows and what is doubtful about them, sentences with
    `{path}` for the path of the first file; they are logged as warnings each time, unless quiet.
    Raises what `read` raises.
    """
    rows, notes = _cached(what, files, columns, read)
    for note in () if quiet else notes:
        _logger.warning("%s", note.replace("{path}", str(files[0])))
    return rows


def _cached(what, files, columns, read) -> tuple[Sequence[Row], list[str]]:
    try:
        if sum(archives.stat(file).size for file in files) < SMALLEST:
            return read()
        contents = [remembered_sha256(file) for file in files]
    except (OSError, DataError):
        return read()  # which says what is wrong
    path = folder() / f"{sha256_of([FORM, list(what), contents, readers_code(what[0])])}.arrow"
    table = _opened(path, columns)
    if table is None:
        rows, notes = read()
        try:
            with atomic_path(path) as temporary:
                write_table(temporary, rows, columns, notes)
            table = RowTable.open(path, columns)
        except (OSError, ValueError, Damaged) as problem:
            _logger.warning("rows cannot be cached in %s: %s", path.parent, problem)
            return rows, notes
        clean_up(keep=path)
    return table, table.notes


def folder() -> Path:
    return home() / "cache" / "rows"


def clean_up(keep: Path | None = None) -> None:
    """Remove the rows used longest ago until the rest has at most MOST_BYTES, and what crashed writers left."""
    found = []
    for path in folder().iterdir():
        try:
            state = path.stat()
        except OSError:
            continue
        if path.suffix == ".arrow":
            found.append((path == keep, state.st_atime_ns, state.st_size, path))
        elif ".arrow." in path.name and time.time() - state.st_mtime > _LEFT_BEHIND:
            path.unlink(missing_ok=True)
    total = sum(size for _, _, size, _ in found)
    for kept, _, size, path in sorted(found):
        if total <= MOST_BYTES or kept:
            break
        path.unlink(missing_ok=True)
        total -= size


@cache
def readers_code(task: str) -> str:
    """Hex sha256 of the code that makes rows of files: rows must not outlive a correction of it.

    Not `harness.data.tasks_code`, which any change of a score or a shift renews: nothing of these is stored.
    """
    here = Path(__file__).parent
    names = ("reading.py", "doubts.py", "json_stream.py", "columns.py", "table.py")
    own = ("reader.py", "rows.py", "columns.py", "tokens.py", "question_types.py")
    files = [here / name for name in names] + [here / task / name for name in own if (here / task / name).is_file()]
    return sha256_of([[str(file.relative_to(here)), sha256_of_file(file)] for file in files])


def _opened(path: Path, columns: Columns) -> RowTable | None:
    try:
        table = RowTable.open(path, columns)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (Damaged, OSError) as problem:
        _logger.warning("cached rows are damaged (%s) and are made again: %s", problem, path)
        return None
    with suppress(OSError):
        # The time of last use, for `clean_up`: file systems are often mounted without it.
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
    return table
