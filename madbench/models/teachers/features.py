"""Teacher features, computed once for each distinct input and kept on disk by content.

A feature is found under the teacher's identity, its preprocessing, the kind of input, and the content of the input: an
image's bytes or a text. Neither another subset, nor another order, nor other weights can attach it to a wrong input; a
larger subset finds what a smaller one computed; pictures that many questions share are stored once.
Rounded to half precision whether cached or not, so a warm cache changes no result.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from madbench.errors import DataMalformed, UsageError
from madbench.files import sha256_of
from madbench.models.teachers.batches import by_length
from madbench.models.teachers.shards import DIGEST, ShardFolder, evict
from madbench.tasks.contract import LazyImage

if TYPE_CHECKING:
    from madbench.models.teachers.interface import Teacher

VERSION = 2
SIZE_VARIABLE = "MADBENCH_CACHE_GIB"
DEFAULT_GIB = 20.0
SHARD_ROWS = 32_768
# A multiple of every teacher's batch, so that pieces change no batch.
PIECE = 1024
# A killed process loses at most this many seconds of teacher forwards.
SHARD_SECONDS = 60.0
_logger = logging.getLogger(__name__)


class FeatureStore:
    """Features by content, below `folder`. `seconds`: what teachers cost here; `forwards`: inputs they computed here;
    `cached_seconds`: what those found on disk cost whoever computed them.

    progress: called with (done, total, what) while a teacher computes. The variable MADBENCH_CACHE_GIB limits the size of
    all features together; shards used longest ago go first. Raises UsageError when it holds no number.
    """

    def __init__(self, folder: Path, progress: Callable[[int, int, str], None] | None = None):
        self.folder = folder / "teacher-features"
        self.progress = progress
        self.seconds = 0.0
        self.forwards = 0
        self._most_bytes = most_bytes()
        self._written: set[Path] = set()
        self._folders: dict[str, ShardFolder] = {}

    @property
    def cached_seconds(self) -> float | None:
        """Seconds, each row counted once; None when some shard was written without saying what it cost."""
        costs = [folder.cost for folder in self._folders.values()]
        return None if None in costs else sum(costs)

    def texts(self, teacher: Teacher, texts: Sequence[str]) -> np.ndarray:
        """float32 [len(texts), dimensions], in the order of the texts, which may repeat."""
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]

        def compute(rows: Sequence[int]) -> np.ndarray:
            return teacher.text_features([texts[row] for row in rows])

        return self._features(teacher, "text", digests, compute, lambda rows: by_length([texts[row] for row in rows]))

    def images(self, teacher: Teacher, images: Sequence[LazyImage]) -> np.ndarray:
        """float32 [len(images), dimensions], in the order of the images. Raises DataMissing or DataMalformed."""
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            digests = [bytes.fromhex(one) for one in pool.map(lambda image: image.content(), images)]

        def compute(rows: Sequence[int]) -> np.ndarray:
            return teacher.image_features([images[row] for row in rows])

        return self._features(teacher, "image", digests, compute, lambda rows: range(len(rows)))

    def _features(
        self,
        teacher: Teacher,
        kind: str,
        digests: Sequence[bytes],
        compute: Callable[[Sequence[int]], np.ndarray],
        ordered: Callable[[Sequence[int]], Sequence[int]],
    ) -> np.ndarray:
        """compute: rows -> their features. ordered: rows -> the order in which to compute them."""
        if not digests:
            return np.zeros((0, teacher.dimensions), np.float32)
        distinct, first, place = np.unique(np.array(digests, DIGEST), return_index=True, return_inverse=True)
        shards = self._shards(teacher, kind)
        found, features = shards.find(distinct)
        if not found.all():
            with shards.writing():
                # Another process may have computed them while this one waited.
                found, features = shards.find(distinct, waited=True)
                missing = np.flatnonzero(~found)
                if len(missing):
                    # In the order of the inputs: of two runs over the same data, both then batch alike.
                    missing = missing[np.argsort(first[missing])]
                    missing = missing[np.array(ordered([int(row) for row in first[missing]]), np.int64)]
                    computed = self._compute(teacher, shards, distinct, first, missing, compute)
                    if features is None:
                        features = np.zeros((len(distinct), computed.shape[1]), np.float16)
                    features[missing] = computed
            evict(self.folder, self._most_bytes, self._written)
        return features.astype(np.float32)[place.reshape(-1)]

    def _compute(self, teacher: Teacher, shards: ShardFolder, distinct, first, missing, compute) -> np.ndarray:
        """float16 [missing, dimensions], written to shards on the way."""
        began = time.monotonic()
        done: list[np.ndarray] = []
        written = 0  # of the missing ones, those that lie in a shard
        count, last = 0, began
        what = f"features of {teacher.weights}"
        for start in range(0, len(missing), PIECE):
            rows = missing[start : start + PIECE]
            done.append(_half(compute([int(row) for row in first[rows]]), teacher, len(rows)))
            count += len(rows)
            if self.progress is not None:
                self.progress(count, len(missing), what)
            now = time.monotonic()
            if count == len(missing) or count - written >= SHARD_ROWS or now - last > SHARD_SECONDS:
                fresh = np.concatenate(done)[written:] if written else np.concatenate(done)
                self._written.add(shards.add(distinct[missing[written:count]], fresh, now - last))
                done = [np.concatenate(done)]
                written, last = count, now
        seconds = time.monotonic() - began
        self.seconds += seconds
        self.forwards += len(missing)
        _logger.info("%s: %d computed in %.1f s, %d were cached", what, len(missing), seconds, len(distinct) - count)
        return done[0]

    def _shards(self, teacher: Teacher, kind: str) -> ShardFolder:
        about = {
            "version": VERSION,
            "identity": teacher.identity,
            "input": kind,
            "preprocessing": teacher.preprocessing,
        }
        key = sha256_of(about)[:32]
        if key not in self._folders:
            self._folders[key] = ShardFolder(self.folder / f"{kind}-{key}", {**about, "weights": teacher.weights})
        return self._folders[key]


def _half(features: np.ndarray, teacher: Teacher, rows: int) -> np.ndarray:
    """Checked and rounded to half precision. Raises DataMalformed for what no cache should keep."""
    if features.shape != (rows, teacher.dimensions):
        raise DataMalformed(
            f"the teacher {teacher.weights} gave features of shape {features.shape} for {rows} inputs",
            fix=f"it should give [{rows}, {teacher.dimensions}]",
        )
    with np.errstate(over="ignore"):
        half = features.astype(np.float16)
    if not np.isfinite(half).all():
        raise DataMalformed(
            f"the teacher {teacher.weights} gives features that are no finite numbers in half precision",
            fix="its weights do not fit its architecture, or its features have to be normalised",
        )
    return half


def most_bytes() -> int:
    """The size limit in bytes. Raises UsageError for a variable that holds no such number."""
    given = os.environ.get(SIZE_VARIABLE, "").strip()
    try:
        gib = float(given) if given else DEFAULT_GIB
    except ValueError:
        gib = math.nan
    if not 0 <= gib < math.inf:
        raise UsageError(f"{SIZE_VARIABLE} is '{given}'", fix="give the cache's size limit in GiB, e.g. 20")
    return int(gib * 2**30)
