"""Shifts of annotation files, for people who train elsewhere: an official file in, the shifted file out.

Every task package has a module `shift_files` with `FILE_SHIFTS`, name -> `FileShift`; the tables are listed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from madbench.errors import UsageError, did_you_mean
from madbench.files import atomic_path
from madbench.registry import resolve

# Task (or `any`) -> where its table is. A name belongs to one task, so `data shift NAME` needs no task.
TABLES: Mapping[str, str] = {
    "vcr": "madbench.tasks.vcr.shift_files:FILE_SHIFTS",
    "snli_ve": "madbench.tasks.snli_ve.shift_files:FILE_SHIFTS",
    "vqa": "madbench.tasks.vqa.shift_files:FILE_SHIFTS",
    "any": "madbench.tasks.corruption_files:FILE_SHIFTS",
}
# What `data shift` can give besides the input; a flag is True where the others are paths.
FILES = ("scores", "train", "labels", "ids")
FLAGS = ("only-distractors",)


@dataclass(frozen=True)
class FileShift:
    """A shift that rewrites an annotation file.

    takes: the options it understands, out of FILES and FLAGS. needs: those it cannot do without.
    write: (input, output, options) -> one line that says how many rows were read, kept and changed. options holds what
    was given of `takes`: a Path, or True for a flag. It writes `output` as it likes: the path is temporary, and is
    renamed only when `write` returns. Raises DataError with file:line. folders: input and output are folders.
    """

    name: str
    task: str
    write: Callable[[Path, Path, Mapping[str, Any]], str]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    folders: bool = False


def file_shifts() -> dict[str, FileShift]:
    """Every file shift of every task, by name."""
    return {name: shift for table in TABLES.values() for name, shift in resolve(table).items()}


def shift_file(
    name: str, input: Path, output: Path, options: Mapping[str, Any] | None = None, overwrite: bool = False
) -> str:
    """Write the shifted file; nothing is written when anything is wrong. Returns the shift's line of counts.

    Raises UsageError (unknown shift, an option it does not take or lacks, an output that would replace a file),
    DataError for files that cannot be believed.
    """
    known = file_shifts()
    shift = known.get(name)
    if shift is None:
        hint = did_you_mean(name, known)
        raise UsageError(
            f"no file shift named '{name}'" + (f"; {hint}" if hint else ""),
            fix=f"there are {', '.join(sorted(known))}",
        )
    given = {key: value for key, value in (options or {}).items() if value is not None and value is not False}
    for key in given:
        if key not in shift.takes:
            takes = ", ".join(f"--{one}" for one in shift.takes) or "no further option"
            raise UsageError(f"{name} takes no --{key}", fix=f"leave it out; {name} takes {takes}")
    for key in shift.needs:
        if key not in given:
            raise UsageError(f"{name} needs --{key}", fix=f"add --{key} FILE")
    if shift.folders:
        return _shift_folder(shift, input, output, given)
    _check_output(input, output, given, overwrite)
    with atomic_path(output) as temporary:
        return shift.write(input, temporary, given)


def _shift_folder(shift: FileShift, input: Path, output: Path, given: Mapping[str, Any]) -> str:
    """As for a file; a folder is never replaced, for that would delete what else is in it."""
    if not input.is_dir():
        raise UsageError(f"{shift.name} takes a folder of images", fix="name the folder with --input", where=input)
    if output.exists():
        raise UsageError("the output is there already", fix="name a new folder", where=output)
    if output.resolve().is_relative_to(input.resolve()):
        raise UsageError("--output lies in the input folder", fix="name a folder outside of it", where=output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as temporary:
        written = Path(temporary) / output.name
        written.mkdir()
        said = shift.write(input, written, given)
        written.rename(output)
    return said


def _check_output(input: Path, output: Path, given: Mapping[str, Any], overwrite: bool) -> None:
    target = output.resolve()
    for key, path in {"input": input, **given}.items():
        if isinstance(path, Path) and path.resolve() == target:
            raise UsageError(f"--output is the file given with --{key}", fix="name another output", where=output)
    if output.is_dir():
        raise UsageError("--output is a folder", fix="name a file in it", where=output)
    if output.exists() and not overwrite:
        raise UsageError("the output is there already", fix="name another, or add --overwrite", where=output)
