"""Immutable files of features by content, mapped into memory; the unit in which a cache is written and thrown away.

A shard is a safetensors file with two tensors: `digests` uint8 [rows, 32], sorted and distinct, and `features` float16
[rows, dimensions]; its metadata hold checksums and the seconds that its features cost. It comes to exist whole, under a name made of its digests, and never changes. On opening, size, types,
order and checksums are verified; what fails is dropped and counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from madbench.files import atomic_path, write_json

SUFFIX = ".safetensors"
DIGEST = np.dtype("S32")
_LONGEST_HEADER = 1 << 16
_SOON = 5.0  # seconds after which waiting for another process is told
_logger = logging.getLogger(__name__)


class Damaged(Exception):
    """A shard that is not what was written; the message says in what way."""


class Shard:
    """One opened file. digests: S32 [rows], sorted. features: float16 [rows, dimensions], read from the disk as used.

    seconds: what all of it cost whoever computed it; None where that was not written down.
    """

    def __init__(self, path: Path):
        """Raises Damaged, or OSError."""
        self.path = path
        size = path.stat().st_size
        with open(path, "rb") as stream:
            start, header = _header(stream.read(8), stream, size)
        digests, features = header.get("digests", {}), header.get("features", {})
        if (digests.get("dtype"), features.get("dtype")) != ("U8", "F16"):
            raise Damaged("other types than digests and half-precision features")
        rows, width = features["shape"]
        if digests["shape"] != [rows, DIGEST.itemsize] or rows == 0:
            raise Damaged("digests and features do not fit each other")
        ends = [one["data_offsets"][1] for one in (digests, features)]
        if size != start + max(ends):
            raise Damaged(f"{size} bytes instead of {start + max(ends)}")
        raw = self._map(start, digests, np.uint8)
        self.features = self._map(start, features, np.float16)
        about = header.get("__metadata__", {})
        sums = about.get("checksums")
        if sums != checksums(raw, self.features):
            raise Damaged("its checksum is another one")
        self.digests = np.ascontiguousarray(raw).view(DIGEST)[:, 0]
        if not np.all(self.digests[:-1] < self.digests[1:]):
            raise Damaged("its digests are not in order")
        self.dimensions = width
        self.seconds = float(about["seconds"]) if "seconds" in about else None
        self._booked = np.zeros(rows, bool)

    def booked(self, rows: np.ndarray) -> int:
        """How many of these rows were not asked for before; from now on they were."""
        fresh = int((~self._booked[rows]).sum())
        self._booked[rows] = True
        return fresh

    def _map(self, start: int, tensor: dict, kind: type) -> np.ndarray:
        return np.memmap(self.path, kind, "r", start + tensor["data_offsets"][0], tuple(tensor["shape"]))

    def find(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(which of `wanted` are here, their rows). wanted: S32 [n]."""
        rows = np.searchsorted(self.digests, wanted)
        rows[rows == len(self.digests)] = 0
        here = self.digests[rows] == wanted
        return np.flatnonzero(here), rows[here]


def _header(length: bytes, stream, size: int) -> tuple[int, dict]:
    """(where the data begin, the JSON header) of a safetensors file."""
    if len(length) < 8 or struct.unpack("<Q", length)[0] > min(_LONGEST_HEADER, size):
        raise Damaged("no header")
    (count,) = struct.unpack("<Q", length)
    try:
        header = json.loads(stream.read(count))
    except ValueError:
        raise Damaged("its header is not readable") from None
    if not isinstance(header, dict):
        raise Damaged("its header is not readable")
    return 8 + count, header


def checksums(digests: np.ndarray, features: np.ndarray) -> str:
    """CRC-32 of both, against accidents: a cut-off file, a page of zeros, a flipped bit."""
    return f"{zlib.crc32(np.ascontiguousarray(digests)):08x}-{zlib.crc32(np.ascontiguousarray(features)):08x}"


class ShardFolder:
    """The shards of one teacher, kind of input and preprocessing.

    cost: seconds that the rows found here so far cost others, each row once; None when a shard does not say.
    """

    def __init__(self, folder: Path, about: dict):
        """about: what the features are, for people who look into the folder."""
        self.folder = folder
        self.about = about
        self.cost: float | None = 0.0
        self._opened: dict[str, Shard] = {}
        self._own: set[str] = set()

    def find(self, wanted: np.ndarray, *, waited: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """(found bool [n], features float16 [n, dimensions] or None when nothing was). wanted: S32 [n], distinct.

        waited: this process waited while another one computed them, and paid with its own time.
        """
        found = np.zeros(len(wanted), bool)
        features: np.ndarray | None = None
        for shard in self._shards():
            open_rows = np.flatnonzero(~found)
            if not len(open_rows):
                break
            hits, rows = shard.find(wanted[open_rows])
            if not len(hits):
                continue
            if features is None:
                features = np.zeros((len(wanted), shard.dimensions), np.float16)
            features[open_rows[hits]] = shard.features[rows]
            self._book(shard, rows, free=waited)
            found[open_rows[hits]] = True
            with suppress(OSError):
                # The time of last use, for eviction: file systems are often mounted without it.
                os.utime(shard.path, ns=(time.time_ns(), shard.path.stat().st_mtime_ns))
        return found, features

    def _book(self, shard: Shard, rows: np.ndarray, free: bool) -> None:
        fresh = shard.booked(rows)
        if free or not fresh or shard.path.name in self._own or self.cost is None:
            return
        self.cost = None if shard.seconds is None else self.cost + shard.seconds * fresh / len(shard.digests)

    def _shards(self) -> list[Shard]:
        """Every usable shard that is there now."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder) if entry.name.endswith(SUFFIX))
        except OSError:
            names = []
        names = [name for name in names if not name.startswith(".")]
        self._opened = {name: shard for name, shard in self._opened.items() if name in set(names)}
        for name in names:
            if name in self._opened:
                continue
            path = self.folder / name
            try:
                shard = Shard(path)
            except FileNotFoundError:
                continue  # evicted by another process just now
            except (Damaged, OSError, KeyError, ValueError, TypeError) as problem:
                _logger.warning("cached teacher features are damaged (%s) and are computed again: %s", problem, path)
                with suppress(OSError):
                    path.unlink()
                continue
            self._opened[name] = shard
        return list(self._opened.values())

    def add(self, digests: np.ndarray, features: np.ndarray, seconds: float) -> Path:
        """Write a shard; the caller holds `writing`. digests: S32 [n], distinct; features: float16 [n, dimensions].

        seconds: what they cost.
        """
        from safetensors.numpy import save_file

        order = np.argsort(digests)
        index = np.frombuffer(digests[order].tobytes(), np.uint8).reshape(-1, DIGEST.itemsize)
        rows = np.ascontiguousarray(features[order], np.float16)
        path = self.folder / f"{hashlib.sha256(index.tobytes()).hexdigest()[:24]}{SUFFIX}"
        if not (self.folder / "about.json").exists():
            write_json(self.folder / "about.json", self.about)
        with atomic_path(path) as temporary:
            about = {"checksums": checksums(index, rows), "seconds": f"{seconds:.6g}"}
            save_file({"digests": index, "features": rows}, temporary, about)
        self._opened.pop(path.name, None)
        self._own.add(path.name)
        return path

    @contextmanager
    def writing(self):
        """One writer at a time; others wait here, and find the features there afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=_SOON)
        except Timeout:
            _logger.info("waiting for another process that computes features of %s", self.about.get("weights"))
            lock.acquire()
        try:
            # Whoever holds the lock is the only writer: unfinished files belong to processes that are no more.
            for left in self.folder.glob(f".*{SUFFIX}.*"):
                left.unlink(missing_ok=True)
            yield
        finally:
            lock.release()


def evict(root: Path, most_bytes: int, keep: set[Path]) -> int:
    """Remove the shards used longest ago below `root` until at most `most_bytes` are left; returns how many went.

    keep: shards that are not removed (those just written). One process at a time; a second one leaves it to the first.
    """
    try:
        with FileLock(root / ".evicting", timeout=0):
            found = []
            for path in root.glob(f"*/[!.]*{SUFFIX}"):
                with suppress(OSError):
                    state = path.stat()
                    found.append((state.st_atime_ns, str(path), state.st_size, path))
            total, removed = sum(size for _, _, size, _ in found), 0
            for _, _, size, path in sorted(found):
                if total <= most_bytes:
                    break
                if path in keep:
                    continue
                with suppress(OSError):
                    path.unlink()
                    total, removed = total - size, removed + 1
            return removed
    except (Timeout, OSError):
        return 0
