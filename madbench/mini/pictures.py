"""Small JPEG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from madbench.mini.drawing import CHUNK, draw
from madbench.mini.draws import generator
from madbench.mini.scenes import Scene

# 4:4:4: halving the colour resolution would smear a five-pixel cup. The bytes may differ between Pillow builds.
JPEG = {"quality": 75, "subsampling": 0}


def write_pictures(scenes: Sequence[Scene], paths: Sequence[Path], *seed: int) -> None:
    """Draw and save. Folders must exist. seed: of the pixel noise."""
    rng = generator("noise", *seed)
    for start in range(0, len(scenes), CHUNK):
        images = draw(scenes[start : start + CHUNK], rng)
        for image, path in zip(images, paths[start : start + CHUNK], strict=True):
            Image.fromarray(np.ascontiguousarray(image)).save(path, "JPEG", **JPEG)
