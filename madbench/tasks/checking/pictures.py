"""The files that go with images: there or not, by listing folders; sound or not, by opening them when asked to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from madbench.errors import DataError, DataMalformed
from madbench.tasks.reading import open_image, safe_path

# Decoding and reading leave the interpreter lock, so threads use the cores; and nothing of the caller runs twice.
WORKERS = max(4, os.cpu_count() or 1)
CHUNK = 256


class Listing:
    """Which files exist below some folders. A folder is listed once; no file is asked for one by one.

    links: files and folders that lead out of their root; opening them would be refused.
    """

    def __init__(self) -> None:
        self._folders: dict[tuple[Path, str], frozenset[str]] = {}
        self.links: list[DataMalformed] = []

    def missing(self, root: Path, names: Iterable[str]) -> list[str]:
        """Those of some names, relative to a root, that are no files."""
        absent = []
        for name in names:
            folder, _, file = name.rpartition("/")
            here = self._folders.get((root, folder))
            if here is None:
                here = self._folders[root, folder] = self._list(root, folder)
            if file not in here:
                absent.append(name)
        return absent

    def _list(self, root: Path, folder: str) -> frozenset[str]:
        try:
            with os.scandir(safe_path(root, folder) if folder else root) as entries:
                found = [(entry.name, entry.is_symlink()) for entry in entries]
        except DataMalformed as link:
            self.links.append(link)
            return frozenset()
        except OSError:
            return frozenset()
        for name in [name for name, is_link in found if is_link]:
            try:
                safe_path(root, f"{folder}/{name}" if folder else name)
            except DataMalformed as link:
                self.links.append(link)
        return frozenset(name for name, _ in found)


def each(
    work: Callable[..., DataError | None], items: Sequence[tuple], tick: Callable[[int, int], None]
) -> Iterator[DataError]:
    """The errors of `work(*item)` for all items, in their order. tick: (done, total)."""
    if not items:
        return
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    done = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for chunk, errors in zip(
                chunks, pool.map(lambda chunk: [work(*item) for item in chunk], chunks), strict=True
            ):
                done += len(chunk)
                tick(done, len(items))
                yield from (error for error in errors if error is not None)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # ctrl-c must not wait for 100,000 images
            raise


def decode(root: Path, name: str) -> DataError | None:
    """What is wrong with an image, or None; it is decoded whole and let go."""
    try:
        open_image(safe_path(root, name))
    except DataError as error:
        return error
    return None
