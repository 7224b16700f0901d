"""Annotation files that stay inside the zip they were released in.

Such a file has the path `<root>/<name>.zip/<member>`: no such path exists on the disk, and the functions here do with
it what `Path.is_file`, `open` and `Path.stat` do with an ordinary one. Nothing is ever unpacked to the disk.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from madbench.errors import DataMalformed
from madbench.files import sha256_of_file

# The largest official annotation file has 0.7 GB (vcr train), and text like it shrinks to a tenth or a twentieth.
MOST_BYTES = 8 << 30
MOST_RATIO = 250
# Larger archives hold images: listing their members takes seconds and finds no annotations.
_MOST_ZIP_BYTES = 2 << 30
_FIX = "get the archive again"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


@dataclass(frozen=True)
class Stat:
    """size: bytes as read, unpacked. mtime_ns: of the file on the disk."""

    size: int
    mtime_ns: int


def member_of(path: Path) -> tuple[Path, str] | None:
    """(the zip, the member's name) when `path` leads into a zip that is there, else None."""
    if ".zip" not in str(path).lower():
        return None
    for folder in path.parents:
        if folder.suffix.lower() == ".zip" and folder.is_file():
            return folder, path.relative_to(folder).as_posix()
    return None


def is_file(path: Path) -> bool:
    """Whether there is such a file, on the disk or in a zip."""
    inside = member_of(path)
    return path.is_file() if inside is None else inside[1] in _members(inside[0])


def stat(path: Path) -> Stat:
    """Raises OSError like `Path.stat`, DataMalformed for a damaged zip."""
    inside = member_of(path)
    if inside is None:
        found = path.stat()
        return Stat(found.st_size, found.st_mtime_ns)
    return Stat(_checked(path, *inside).file_size, inside[0].stat().st_mtime_ns)


def open_file(path: Path) -> BinaryIO:
    """The content, to be read from the start. Raises OSError like `open`, DataMalformed for a damaged member."""
    inside = member_of(path)
    if inside is None:
        return open(path, "rb")
    _checked(path, *inside)
    return io.BufferedReader(_Member(path, *inside), 1 << 20)


def sha256(path: Path) -> str:
    """Hex sha256 of the content, which is the same unpacked or not."""
    if member_of(path) is None:
        return sha256_of_file(path)
    digest = hashlib.sha256()
    with open_file(path) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def find(folders: Iterable[Path], name: str, official: Iterable[str] = ()) -> Path | None:
    """The file `name`: in one of `folders`, else inside a zip that lies in the first of them, at any depth.

    official: names of zips to look into first. Of several members the least deep counts.
    Raises DataMalformed for a member whose path leaves the archive, and for a zip of an official name that is no zip.
    """
    folders = list(folders)
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    first = [folders[0] / archive for archive in official]
    archives = [path for path in first if path.is_file()]
    archives += sorted(path for path in folders[0].glob("*.[zZ][iI][pP]") if path.is_file() and path not in first)
    for archive in archives:
        if archive.stat().st_size > _MOST_ZIP_BYTES:
            continue
        try:
            members = _members(archive)
        except DataMalformed:
            if archive in first:
                raise
            continue  # a stranger's file: nobody said that the annotations are in it
        found = [member for member in members if member.rpartition("/")[2] == name and "__MACOSX/" not in member]
        if found:
            member = min(found, key=lambda one: (one.count("/"), one))
            _refuse_unsafe(archive, member)
            return archive / member
    return None


# --------------------------------------------------------------------------- one zip


def _members(archive: Path) -> dict[str, zipfile.ZipInfo]:
    found = archive.stat()
    return _listed(archive, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=32)
def _listed(archive: Path, size: int, mtime_ns: int) -> dict[str, zipfile.ZipInfo]:
    """The members of a zip by name; size and time are there to forget it when the file changes."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return {info.filename: info for info in opened.infolist() if not info.is_dir()}
    except (*_DAMAGE, ValueError) as problem:
        raise DataMalformed(f"the zip cannot be read: {problem}", fix=_FIX, where=archive) from None


def _checked(path: Path, archive: Path, member: str) -> zipfile.ZipInfo:
    """The entry of a member that is sane. Raises FileNotFoundError when the zip has none of that name."""
    info = _members(archive).get(member)
    if info is None:
        raise FileNotFoundError(f"{archive} has no member {member}")
    _refuse_unsafe(archive, member)
    if info.file_size > MOST_BYTES or info.file_size > MOST_RATIO * max(info.compress_size, 1024):
        raise DataMalformed(
            f"the zip says that {info.compress_size:,} bytes unpack to {info.file_size:,}: no annotation file does that",
            fix=_FIX,
            where=path,
        )
    return info


def _refuse_unsafe(archive: Path, member: str) -> None:
    parts = {*PurePosixPath(member).parts, *PureWindowsPath(member).parts}
    if ".." in parts or member.startswith(("/", "\\")) or PureWindowsPath(member).drive:
        raise DataMalformed(f"the zip has a member named {member!r}, which leaves it", fix=_FIX, where=archive)


class _Member(io.RawIOBase):
    """A member as a stream whose damage is told in our words; zipfile compares the checksum at its end."""

    def __init__(self, path: Path, archive: Path, member: str):
        self._path = path
        try:
            self._zip = zipfile.ZipFile(archive)
            self._stream = self._zip.open(member)
        except _DAMAGE as problem:
            raise self._damaged(problem) from None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            data = self._stream.read(len(buffer))
        except _DAMAGE as problem:
            raise self._damaged(problem) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed and hasattr(self, "_stream"):
            self._stream.close()
            self._zip.close()
        super().close()

    def _damaged(self, problem: Exception) -> DataMalformed:
        return DataMalformed(f"the file in the zip cannot be read: {problem}", fix=_FIX, where=self._path)
