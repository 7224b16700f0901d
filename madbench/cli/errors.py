"""How errors look on the command line: details a line each, then one `error:` line and one `fix:` line.

Values out of files and messages of other people's code stand in errors: line breaks and control characters that are not
ours are spelled out, so that they neither break the form nor steer a terminal.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from typing import Any

import typer

from madbench.errors import MadbenchError, UsageError, did_you_mean, one_line

# Lists in our own errors are indented; any other line break came with a value, or from other people's code.
_DETAIL = re.compile(r"\n(?=  )")
# Of a disk, whatever file it was about.
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def show_error(error: MadbenchError) -> int:
    """Print an error and its fix to stderr; the exit code."""
    first, *details = _DETAIL.split(error.what)
    for line in details:
        typer.echo(one_line(line), err=True)
    what = first.rstrip(":") if details else first
    typer.echo(f"error: {one_line(what)}{_place(error)}", err=True)
    if error.fix:
        typer.echo(f"fix: {one_line(error.fix)}", err=True)
    return error.exit_code


def show_errors(errors: Iterable[MadbenchError]) -> None:
    """Each error once, however many cells ended with it."""
    for error in {(str(one), one.fix): one for one in errors}.values():
        show_error(error)


def of_the_system(error: OSError) -> UsageError | None:
    """A file or folder that cannot be read or written, as what a user can act on; None for any other."""
    # Of a rename, the place that was asked for: the other one is a temporary file of ours.
    name = error.filename2 or error.filename
    if error.errno is None or (name is None and error.errno not in _OF_THE_DISK):
        return None
    what = f"{name}: {error.strerror}" if name is not None else str(error.strerror)
    return UsageError(what, fix="choose another place, or make this one readable and writable")


def show_usage(error: Any) -> int:
    """A mistake on the command line, as typer found it."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(context.get_help(), err=True)
        return 2
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    path = context.command_path if context is not None else "madbench"
    typer.echo(f"error: {one_line(message[:1].lower() + message[1:])}{_nearest(message)}", err=True)
    typer.echo(f"fix: see `{path} --help`", err=True)
    return 2


def _place(error: MadbenchError) -> str:
    return "" if error.where is None else f" ({one_line(error.where)})"


def _nearest(message: str) -> str:
    """The did-you-mean of a word that is none of a list."""
    found = re.search(r"'([^']*)' is not one of (.+)", message)
    hint = did_you_mean(found[1], re.findall(r"'([^']*)'", found[2])) if found else ""
    return f"; {hint}" if hint else ""
