"""Teacher features, computed once per distinct input and kept on disk by content.

Key of a file: sha256 over the teacher's weights, the kind of feature, and the exact list of inputs (image content or
text), so neither another subset, nor another order, nor other weights can ever attach a feature to the wrong input.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from madbench.files import atomic_path, sha256_of_lines


class FeatureStore:
    """Features by content. `seconds` counts what teachers cost in this process; `forwards` counts inputs computed."""

    VERSION = "1"

    def __init__(self, folder: Path):
        self.folder = folder / "teacher-features"
        self.seconds = 0.0
        self.forwards = 0

    def texts(self, weights_sha: str, kind: str, texts: Sequence[str], compute: Callable) -> np.ndarray:
        """float32 [len(texts), dimensions]; equal texts are computed once. compute: list of texts -> features."""
        distinct = sorted(set(texts))
        features = self._kept(weights_sha, kind, distinct, lambda: compute(distinct))
        row = {text: place for place, text in enumerate(distinct)}
        return features[[row[text] for text in texts]]

    def images(self, weights_sha: str, kind: str, pixels: np.ndarray, compute: Callable) -> np.ndarray:
        """float32 [images, dimensions] for uint8 [images, size, size, 3]."""
        names = [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels]
        return self._kept(weights_sha, kind, names, lambda: compute(pixels))

    def _kept(self, weights_sha: str, kind: str, inputs: Sequence[str], compute: Callable) -> np.ndarray:
        key = sha256_of_lines([self.VERSION, weights_sha, kind, str(len(inputs)), *map(repr, inputs)])
        path = self.folder / f"{key}.npy"
        if path.exists():
            features = np.load(path, allow_pickle=False)
            if len(features) == len(inputs):
                return features.astype(np.float32)
        began = time.monotonic()
        features = compute().astype(np.float16)
        self.seconds += time.monotonic() - began
        self.forwards += len(inputs)
        with atomic_path(path) as temporary, open(temporary, "wb") as stream:
            np.save(stream, features)
        # Rounded to half precision in either case, so a warm cache changes no result.
        return features.astype(np.float32)
