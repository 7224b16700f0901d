"""Arrays out of other people's files, never unpickled: the members of an .npz, and msgpack-numpy dictionaries.

`numpy.load` is not used: it would take a size that a header merely claims, and its errors name no member. Here the
bytes are there before an array is made of them, and only plain numbers and booleans are accepted.

Formats: numpy.lib.format 1.0 and 2.0 inside a zip; msgpack-numpy writes an array as a map of `nd`, `type`, `shape`
and `data` (`kind` in newer releases), keys as text or bytes.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from madbench.errors import DataMalformed, DataMissing

# 100 regions with 2048 features and 1601 class probabilities in float32 are 1.5 MB; the rest is room.
LARGEST_MEMBER = 256 << 20
_NUMBERS = re.compile(r"[<>|=]?[biuf][0-9]+")
_FIX = "write the file again"


def read_npz(file: Path | bytes, names: Sequence[str], where: str | Path | None = None) -> dict[str, np.ndarray]:
    """Those of the named arrays that an .npz holds; other members are not looked at.

    file: a path, or the bytes of such a file; then `where` is what an error calls it.
    Raises DataMissing when there is no file; DataMalformed for a damaged zip, a member that is no array or too large,
    and for an array of objects, which could only be read by unpickling it.
    """
    where = file if where is None else where
    stream: Path | IO[bytes] = file if isinstance(file, Path) else io.BytesIO(file)
    try:
        with zipfile.ZipFile(stream) as archive:
            present = set(archive.namelist())
            return {name: _member(archive, name, where) for name in names if f"{name}.npy" in present}
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DataMissing("file not found", fix="put it there", where=where) from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as problem:
        raise DataMalformed(f"not a readable .npz: {problem}", fix=_FIX, where=where) from None


def _member(archive: zipfile.ZipFile, name: str, where: Any) -> np.ndarray:
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > LARGEST_MEMBER:
        raise DataMalformed(f"field '{name}' claims {info.file_size:,} bytes", fix=_FIX, where=where)
    try:
        raw = archive.read(info)
    except Exception as problem:  # zlib.error has no base class of its own
        raise DataMalformed(f"field '{name}' is damaged: {problem}", fix=_FIX, where=where) from None
    stream = io.BytesIO(raw)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        shape, columns_first, dtype = readers[np.lib.format.read_magic(stream)](stream)
    except (ValueError, KeyError, SyntaxError, TypeError) as problem:
        raise DataMalformed(f"field '{name}' is not a numpy array: {problem}", fix=_FIX, where=where) from None
    array = array_of(dtype.str, shape, raw[stream.tell() :], name, where)
    return array.reshape(shape[::-1]).T if columns_first else array


def array_of(kind: Any, shape: Sequence[int], data: bytes, name: str, where: Any) -> np.ndarray:
    """An array from its dtype as text, shape and bytes. Raises DataMalformed for anything but plain numbers."""
    text = kind.decode("latin-1") if isinstance(kind, bytes) else kind
    if not isinstance(text, str) or not _NUMBERS.fullmatch(text):
        raise DataMalformed(
            f"field '{name}' has the type {text!r}: only numbers are read, never objects",
            fix="write it as an array of numbers",
            where=where,
        )
    try:
        dtype = np.dtype(text)
    except TypeError:
        raise DataMalformed(f"field '{name}' has the unknown type {text!r}", fix=_FIX, where=where) from None
    sound = all(type(side) is int and side >= 0 for side in shape)
    if not sound or math.prod(shape) * dtype.itemsize != len(data):
        raise DataMalformed(
            f"field '{name}' has {len(data)} bytes, not those of {tuple(shape)} x {text}", fix=_FIX, where=where
        )
    return np.frombuffer(data, dtype).reshape(tuple(shape))


def read_msgpack(data: bytes, names: Sequence[str], where: Any) -> dict[str, np.ndarray]:
    """Those of the named arrays that a msgpack-numpy dictionary holds.

    Raises DataMalformed for what is no such dictionary, and for arrays of objects (msgpack-numpy would unpickle them).
    """
    import msgpack

    try:
        # raw: old writers stored array bytes as text, which need not be UTF-8.
        content = msgpack.unpackb(data, raw=True, strict_map_key=False)
    except Exception as problem:  # its exceptions share no base class
        raise DataMalformed(
            f"not readable as msgpack: {problem or type(problem).__name__}", fix=_FIX, where=where
        ) from None
    if not isinstance(content, Mapping):
        raise DataMalformed("the msgpack value is not a dictionary", fix=_FIX, where=where)
    fields = {_text(key): value for key, value in content.items()}
    return {name: _packed_array(fields[name], name, where) for name in names if name in fields}


def _packed_array(value: Any, name: str, where: Any) -> np.ndarray:
    packed = {_text(key): one for key, one in value.items()} if isinstance(value, Mapping) else {}
    if packed.get("kind") in (b"O", "O"):
        raise DataMalformed(
            f"field '{name}' is an array of objects: only numbers are read, never objects",
            fix="write it as an array of numbers",
            where=where,
        )
    if packed.get("nd") is not True or not isinstance(packed.get("data"), bytes):
        raise DataMalformed(f"field '{name}' is not an array", fix=_FIX, where=where)
    shape = packed.get("shape")
    return array_of(packed.get("type"), shape if isinstance(shape, list) else [-1], packed["data"], name, where)


def _text(key: Any) -> Any:
    return key.decode("latin-1") if isinstance(key, bytes) else key
