"""What students read of images, by row of an encoded split: whole pixel arrays, pictures opened per batch, or regions.

Small pictures are kept as one array; large ones are opened when a batch asks for them, because 82,783 pictures of
384 x 384 would be 36 GB. Either way a batch depends on its rows only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

import numpy as np
import torch
from PIL import Image

from madbench.errors import DataMissing
from madbench.tasks.contract import LazyImage, Regions

OPENING_THREADS = 4


class ImageBatch(TypedDict, total=False):
    """The image fields of a `Batch`; B examples, R regions.

    pixels: float32 [B, size, size, 3] in 0..1. regions: float32 [B, R, d]; boxes: float32 [B, R, 7] (x1, y1, x2, y2,
    width, height, area as fractions); region_padding: bool [B, R], True where padded.
    """

    pixels: torch.Tensor
    regions: torch.Tensor
    boxes: torch.Tensor
    region_padding: torch.Tensor


class ImageInputs(ABC):
    """The images of a split, U of them. lazy: the pictures themselves, in the same order (teachers read them)."""

    lazy: list[LazyImage]

    @abstractmethod
    def batch(self, rows: np.ndarray, device: str | torch.device) -> ImageBatch:
        """rows: [B] image numbers, repeats allowed. Raises DataMissing or DataMalformed for an image."""


class PixelArray(ImageInputs):
    """Every picture decoded and resized once. pixels: uint8 [U, size, size, 3]."""

    def __init__(self, lazy: Sequence[LazyImage], size: int):
        self.lazy = list(lazy)
        self.pixels = np.stack([pixels_of(one.open(), size) for one in lazy])

    def batch(self, rows: np.ndarray, device: str | torch.device) -> ImageBatch:
        return {"pixels": torch.from_numpy(self.pixels[rows]).to(device).float() / 255}


class LazyPixels(ImageInputs):
    """Pictures opened for each batch, a few at a time."""

    def __init__(self, lazy: Sequence[LazyImage], size: int):
        self.lazy = list(lazy)
        self.size = size

    def batch(self, rows: np.ndarray, device: str | torch.device) -> ImageBatch:
        distinct, place = np.unique(rows, return_inverse=True)
        with ThreadPoolExecutor(OPENING_THREADS) as pool:
            opened = list(pool.map(lambda row: pixels_of(self.lazy[row].open(), self.size), distinct.tolist()))
        return {"pixels": torch.from_numpy(np.stack(opened)[place]).to(device).float() / 255}


class RegionInputs(ImageInputs):
    """Detector regions, read for each batch and padded to the most of it.

    Kept, the surest first: those above `sure` (0 keeps all), but at least `least` and at most `most`.
    """

    def __init__(self, lazy: Sequence[LazyImage], most: int, least: int = 1, sure: float = 0.0):
        self.lazy = list(lazy)
        self.most, self.least, self.sure = most, least, sure
        self._counts: np.ndarray | None = None

    def batch(self, rows: np.ndarray, device: str | torch.device) -> ImageBatch:
        distinct, place = np.unique(rows, return_inverse=True)
        with ThreadPoolExecutor(OPENING_THREADS) as pool:
            found = list(pool.map(lambda row: self._regions(self.lazy[row]), distinct.tolist()))
        longest = max(len(one.features) for one in found)
        features = np.zeros((len(found), longest, found[0].features.shape[1]), np.float32)
        boxes = np.zeros((len(found), longest, 7), np.float32)
        padding = np.ones((len(found), longest), bool)
        for row, one in enumerate(found):
            count = len(one.features)
            features[row, :count], boxes[row, :count] = one.features, seven_numbers(one.boxes)
            padding[row, :count] = False
        return {
            "regions": torch.from_numpy(features[place]).to(device),
            "boxes": torch.from_numpy(boxes[place]).to(device),
            "region_padding": torch.from_numpy(padding[place]).to(device),
        }

    def counts(self) -> np.ndarray:
        """int64 [U] regions of each picture, for batches by length; the first call reads every file."""
        if self._counts is None:
            with ThreadPoolExecutor(OPENING_THREADS) as pool:
                counts = pool.map(lambda one: len(self._regions(one).features), self.lazy)
                self._counts = np.array(list(counts), np.int64)
        return self._counts

    def _regions(self, image: LazyImage) -> Regions:
        regions = image.regions()
        if regions is None:
            raise DataMissing("an image has no region features", fix="`madbench data check TASK --features` lists them")
        wanted = self.most
        if self.sure:
            wanted = min(wanted, max(self.least, int((regions.confidences > self.sure).sum())))
        if len(regions.features) <= wanted:
            return regions
        # The surest ones, in the order in which they stand in the file.
        kept = np.sort(np.argsort(-regions.confidences, kind="stable")[:wanted])
        return Regions(regions.boxes[kept], regions.features[kept], regions.confidences[kept])


def seven_numbers(boxes: np.ndarray) -> np.ndarray:
    """[n, 4] corners as fractions -> float32 [n, 7]: x1, y1, x2, y2, width, height, area (as UNITER numbers a box)."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return np.column_stack([boxes, width, height, width * height]).astype(np.float32)


def pixels_of(image: Image.Image, size: int) -> np.ndarray:
    """uint8 [size, size, 3]; resized (bicubic, aspect ratio not kept) only when it is not that size already."""
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)
