"""Reading other people's files: strict about content, tolerant about how it was saved.

Tolerated: a byte-order mark, CRLF, a missing final newline, blank lines. Everything else that is not plain UTF-8 JSON
is refused with `file:line`, because a row that is silently skipped or guessed changes a score.
"""

from __future__ import annotations

import gc
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.archives import open_file
from madbench.tasks.json_stream import NotStreamed, loads, pieces

if TYPE_CHECKING:
    from PIL.Image import Image

_BOM = b"\xef\xbb\xbf"
_DAMAGED = "get the file again: it is cut off, or was changed after its release"
_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def read_json_lines(path: Path) -> Iterator[tuple[int, dict]]:
    """`(line number from 1, object)` of each line that is not blank.

    Raises DataMissing when the file is not there; DataMalformed with file:line for a line that is no JSON object.
    """
    with _open(path) as stream:
        for line, raw in enumerate(stream, start=1):
            if line == 1 and raw.startswith(_BOM):
                raw = raw[len(_BOM) :]
            if raw.isspace() or not raw:
                continue
            record = _parse(raw, path, line)
            if not isinstance(record, dict):
                raise DataMalformed("the line is not a JSON object", fix=_DAMAGED, where=f"{path}:{line}")
            yield line, record


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    Raises DataMissing when the file is not there; DataMalformed with file:line when it is not JSON in UTF-8.
    """
    with _open(path) as stream:
        raw = stream.read()
    return _parse(raw.removeprefix(_BOM), path, None)


def read_json_list(path: Path, key: str | None, fix: str) -> Iterator[list]:
    """The list under `key` of a JSON file (None: the file is a list) in consecutive parts, for files of any size.

    Raises DataMissing when the file is not there; DataMalformed with file:line when it is not JSON in UTF-8, or has no
    such list (fix: what to do then). Damage far down is told when it is reached, not before the first part.
    """
    done, last = 0, None
    with _open(path) as stream:
        try:
            for part in pieces(stream, key):
                yield part
                done, last = done + len(part), part[-1]
            return
        except NotStreamed:
            pass
    content = read_json(path)
    if not isinstance(content, dict if key is not None else list):
        expected = "a list" if key is None else f"an object with '{key}'"
        raise DataMalformed(f"the file is not {expected}", fix=fix, where=f"{path}:1")
    elements = content if key is None else field(content, key, list, path, 1)
    if done and elements[done - 1 : done] != [last]:
        raise DataMalformed(f"field '{key}' occurs twice", fix=_DAMAGED, where=f"{path}:1")
    yield elements[done:]


@contextmanager
def without_collector() -> Iterator[None]:
    """No garbage collection meanwhile: walking millions of new objects that all stay alive finds nothing, for seconds."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def field(record: Mapping[str, Any], name: str, kind: type | tuple[type, ...], path: Path, line: int | None) -> Any:
    """`record[name]`, checked to be of a kind (`float` also takes whole numbers; `int` takes no booleans).

    Raises DataMalformed naming the field and `path:line` (line None: the path alone).
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    value = record.get(name, _ABSENT)
    accepted = kinds if float not in kinds else (*kinds, int)
    if isinstance(value, accepted) and (bool in kinds or not isinstance(value, bool)):
        return value
    where = str(path) if line is None else f"{path}:{line}"
    if value is _ABSENT:
        raise DataMalformed(f"field '{name}' is missing", fix="check that this is the right file", where=where)
    expected = " or ".join(_NAMES.get(one, one.__name__) for one in kinds)
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise DataMalformed(f"field '{name}' must be {expected}, got {shown}", fix="correct the value", where=where)


def no_rows(path: Path) -> DataMalformed:
    """The error of an annotation file that holds nothing: a download that failed looks like that."""
    return DataMalformed("the file has no rows", fix="get the file again", where=f"{path}:1")


def safe_path(root: Path, name: str) -> Path:
    """`root / name`, for a file name that stands in an annotation file; existing or not.

    Raises DataMalformed when it would leave `root`: absolute, with `..`, or through a symbolic link.
    root itself may be a link. Follows links, so it touches the disk: call it when a file is opened, and
    `relative_name` when only the text is to be judged.
    """
    path = root / relative_name(name)
    real_root = _real(os.fspath(root))
    # realpath of a path without links is cheap beside decoding an image, and the only honest test.
    real = os.path.realpath(path)
    if real != real_root and not real.startswith(real_root.rstrip(os.sep) + os.sep):
        raise DataMalformed(
            f"file name '{name}' leads out of {root} through a symbolic link",
            fix="replace the link by the file, or register the folder it points to",
            where=path,
        )
    return path


def relative_name(name: str, where: str | None = None, field_name: str | None = None) -> str:
    """The name itself when its text stays below any root; touches no disk.

    where: the `file:line` it came from. field_name: the field it stands in.
    Raises DataMalformed when it is empty, absolute or has a `..` or a NUL.
    """
    # PureWindowsPath also sees drive letters and backslashes; the rule must not depend on where it runs.
    outside = (
        not name
        or "\0" in name
        or name[0] in "/\\"
        or (":" in name and PureWindowsPath(name).drive)
        or (".." in name and ".." in (*PurePosixPath(name).parts, *PureWindowsPath(name).parts))
    )
    if outside:
        raise DataMalformed(
            ("" if field_name is None else f"field '{field_name}': ")
            + f"file name {name!r} leaves the folder it belongs to",
            fix="use names relative to the data folder, without '..'",
            where=where,
        )
    return name


def open_image(path: Path) -> Image:
    """The whole image, decoded, as RGB (stored orientation: boxes refer to it); see `madbench.tasks.pixels`.

    Raises DataMissing when it is not there; DataMalformed when it is damaged or larger than Pillow's safe limit.
    """
    from PIL import Image

    from madbench.tasks.pixels import FORMATS, as_rgb

    try:
        with Image.open(path, formats=FORMATS) as image:
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and image.width * image.height > limit:
                raise _oversized(path)
            return as_rgb(image)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DataMissing("image not found", fix="unpack the images there", where=path) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _oversized(path) from None
    except PermissionError as problem:
        raise DataMissing(f"file cannot be read: {problem.strerror}", fix="check its permissions", where=path) from None
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError) as problem:
        # Pillow's decoders report damage with any of these, depending on the format.
        raise DataMalformed(f"image cannot be decoded: {problem}", fix="get the image again", where=path) from None


_ABSENT = object()


def _oversized(path: Path) -> DataMalformed:
    return DataMalformed("image has too many pixels to be decoded safely", fix="get the image again", where=path)


def _open(path: Path):
    try:
        return open_file(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DataMissing("file not found", fix="check the root, or put the file there", where=path) from None
    except OSError as problem:
        raise DataMissing(f"file cannot be read: {problem.strerror}", fix="check its permissions", where=path) from None


def _parse(raw: bytes, path: Path, line: int | None) -> Any:
    """One JSON text. line: the number of the line it is, or None when `raw` is a whole file."""
    try:
        return loads(raw)
    except ValueError:
        pass  # read again by the slower decoder, which says what is wrong and where, or that nothing is
    try:
        text = raw.decode()
        value = _DECODER.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is text nobody can write again
        return value
    except UnicodeDecodeError as problem:
        at, what = _line_of(raw, problem.start), "not valid UTF-8"
    except UnicodeEncodeError:
        at, what = None, "an escape \\ud... without its other half is no character"
    except json.JSONDecodeError as problem:
        at, what = problem.lineno, f"not valid JSON: {problem.msg} (column {problem.colno})"
    except _NotFinite as problem:
        at, what = _line_of_number(text, str(problem)), f"'{problem}' is not a number JSON knows"
    except (ValueError, RecursionError) as problem:
        at, what = None, f"not usable JSON: {problem}"
    if line is not None:
        at = line
    raise DataMalformed(what, fix=_DAMAGED, where=str(path) if at is None else f"{path}:{at}")


class _NotFinite(ValueError):
    """NaN, an infinity, or a number that overflows to one."""


def _refuse(text: str) -> float:
    raise _NotFinite(text)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


# One decoder for all lines: json.loads with options would build a new one for each.
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def _line_of(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1


def _line_of_number(text: str, number: str) -> int | None:
    """The line on which a refused number stands outside of strings; only asked once something failed."""
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|' + re.escape(number), text):
        if match.group() == number:
            return text.count("\n", 0, match.start()) + 1
    return None


@lru_cache(maxsize=64)
def _real(root: str) -> str:
    return os.path.realpath(root)
