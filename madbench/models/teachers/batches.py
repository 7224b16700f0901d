"""Inputs in batches: images opened and prepared by threads one batch ahead, texts of one length together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from madbench.tasks.contract import LazyImage


def batch_size(device: str) -> int:
    return 256 if device.startswith("cuda") else 64


def image_batches(
    images: Sequence[LazyImage], prepare: Callable[[Image], Any], size: int
) -> Iterator[tuple[slice, list[Any]]]:
    """(which images, what `prepare` made of each); the next batch is prepared while the caller works on this one."""
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:

        def start(first: int) -> list:
            return [pool.submit(lambda one=one: prepare(one.open())) for one in images[first : first + size]]

        ahead = start(0)
        for first in range(0, len(images), size):
            current, ahead = ahead, start(first + size)
            try:
                yield slice(first, first + len(current)), [one.result() for one in current]
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def encode_images(images: Sequence[LazyImage], prepare, encode, width: int, device: str) -> np.ndarray:
    """float32 [images, width]. prepare: picture -> float tensor [3, h, w]. encode: [B, 3, h, w] -> [B, width]."""
    out = np.empty((len(images), width), np.float32)
    for rows, prepared in image_batches(images, prepare, batch_size(device)):
        out[rows] = encode(torch.stack(prepared).to(device)).float().cpu().numpy()
    return out


def encode_texts(texts: Sequence[str], encode, width: int, size: int) -> np.ndarray:
    """float32 [texts, width]. encode: a list of texts -> [B, width]. Short texts are not padded to the longest."""
    order = by_length(texts)
    out = np.empty((len(texts), width), np.float32)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        out[rows] = encode([texts[row] for row in rows]).float().cpu().numpy()
    return out


def by_length(texts: Sequence[str]) -> list[int]:
    """Rows from the shortest text to the longest; stable."""
    return sorted(range(len(texts)), key=lambda row: (len(texts[row]), row))
