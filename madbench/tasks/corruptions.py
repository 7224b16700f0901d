"""Image corruptions for any task: the question stays, its picture gets worse; deterministic, one change an image.

Four kinds at five severities each, named `gaussian-noise-3`. What happens to an image depends on the name of the
corruption and on the stem of the image's file name alone, so an evaluation, a folder written beforehand and another
machine see the same picture. Noise and contrast are integer arithmetic; blur and JPEG are Pillow's, and another
version of its libraries may move single values by one.

Parameters: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations" (ImageNet-C), made for pictures of 224 pixels.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from madbench.errors import DataMissing, UsageError, did_you_mean
from madbench.tasks.columns import new_row
from madbench.tasks.contract import Row, Shift, ShiftInputs

if TYPE_CHECKING:
    from PIL.Image import Image

SEVERITIES = (1, 2, 3, 4, 5)
NOISE_DEVIATION = (0.08, 0.12, 0.18, 0.26, 0.38)  # of a pixel value in 0..1
BLUR_SIGMA = (1, 2, 3, 4, 6)  # pixels of a picture whose shorter side is 224
JPEG_QUALITY = (25, 18, 15, 10, 7)
CONTRAST_PERCENT = (40, 30, 20, 10, 5)  # what is left of the distance to the mean colour
BLUR_SIDE = 224

_WHAT = {
    "gaussian-noise": (
        "Gaussian noise on every pixel of the image",
        "standard deviation 0.08, 0.12, 0.18, 0.26, 0.38 of the value range, drawn for each pixel and channel (the sum "
        "of eight random bytes of a Philox generator: bell-shaped, never beyond 4.9 deviations), clipped to 0..255",
    ),
    "blur": (
        "the image blurred by a Gaussian",
        "sigma 1, 2, 3, 4, 6 pixels of a picture whose shorter side is 224, and in proportion for other sizes (the "
        "scaling is ours; the published ones blur pictures of 224)",
    ),
    "jpeg": (
        "the image compressed as JPEG",
        "quality 25, 18, 15, 10, 7 with 4:2:0 colour, saved and decoded once by Pillow",
    ),
    "contrast": (
        "the image with less contrast",
        "each channel pulled towards its mean; 40, 30, 20, 10, 5 percent of the distance stay",
    ),
}
KINDS = tuple(_WHAT)
NAMES = tuple(f"{kind}-{severity}" for kind in KINDS for severity in SEVERITIES)

_CARD = """\
{what}, severity {severity} of 5.

Kind: transform. Same example ids, questions and labels; only the picture changes when it is opened, at its stored size.
Parameters for severities 1 to 5: {parameters}. They are those of ImageNet-C (Hendrycks and Dietterich 2019), which are
meant for pictures of 224 pixels: a model that shrinks larger pictures sees weaker noise and finer JPEG blocks, so
severities compare models on one data set, not data sets with each other. Key: sha256(name of the corruption | stem of
the image's file name); no run, seed or order is in it.

Tests whether a model holds up when the picture carries less than it did in training; beside it, a blind model shows
what is left without any picture. Leak: a model trained with these corruptions as augmentation has seen the shift. Rows
lose their region features, which were computed on unchanged pictures.
"""


def parse(name: str) -> tuple[str, int]:
    """`gaussian-noise-3` -> ("gaussian-noise", 3). Raises UsageError for a name that is none of NAMES."""
    if name not in NAMES:
        hint = did_you_mean(name, NAMES)
        raise UsageError(
            f"no image corruption named '{name}'" + (f"; {hint}" if hint else ""),
            fix=f"use {', '.join(KINDS)}, each with -1 to -5",
        )
    kind, _, severity = name.rpartition("-")
    return kind, int(severity)


def corrupted(image: Image, name: str, image_id: str) -> Image:
    """The image (PIL, RGB) after corruption `name`; a new image of the same size.

    image_id: the stem of the image's file name (`COCO_val2014_000000910101`); the key of the random numbers.
    Raises UsageError for an unknown name.
    """
    kind, severity = parse(name)
    return _APPLY[kind](image.convert("RGB"), severity, _key(name, image_id))


def corruption_shifts(task: str) -> dict[str, Shift]:
    """The shifts of every corruption, for a task's `shifts()`."""
    return {
        name: Shift(
            name=name, task=task, kind="transform", version=1, card=_card(name), apply=partial(_corrupt_rows, name)
        )
        for name in NAMES
    }


def _card(name: str) -> str:
    kind, severity = parse(name)
    what, parameters = _WHAT[kind]
    return _CARD.format(what=what[0].upper() + what[1:], severity=severity, parameters=parameters)


def _corrupt_rows(name: str, rows: Sequence[Row], inputs: ShiftInputs) -> list[Row]:
    """The rows, each with the corruption that its image gets when it is opened.

    Raises DataMissing for rows without images, UsageError for images that are corrupted already.
    """
    for row in rows:
        if row.image_path is None:
            raise DataMissing("the source keeps no images to corrupt", fix="unpack the images below its root")
        if row.corruption is not None:
            raise UsageError(f"{name} cannot follow {row.corruption}", fix="corrupt the condition that comes before it")
    # Features of the unchanged picture would hide the shift from a model that reads regions.
    return [new_row(type(row), {**vars(row), "corruption": name, "region_path": None}) for row in rows]


def _key(name: str, image_id: str) -> int:
    """128 bits of sha256("{name}|{image id}")."""
    return int.from_bytes(hashlib.sha256(f"{name}|{image_id}".encode()).digest()[:16], "big")


# --------------------------------------------------------------------------- the four kinds

_LOW_BYTES = np.uint64(0x00FF00FF00FF00FF)
_ADD_LANES = np.uint64(0x0001000100010001)
_SUM_MEAN = 1020  # of eight bytes: 8 * 127.5
_SUM_DEVIATION = (8 * (256**2 - 1) / 12) ** 0.5


def _noisy(image: Image, severity: int, key: int) -> Image:
    from PIL import Image as Images

    # Raw words of a counter-based generator are the same for every numpy; its normal numbers need not be.
    words = np.random.Philox(key=key).random_raw(image.width * image.height * 3)
    high = (words >> np.uint64(8)) & _LOW_BYTES
    words &= _LOW_BYTES
    words += high  # four 16-bit sums of two bytes
    words *= _ADD_LANES
    words >>= np.uint64(48)  # the sum of all eight bytes
    scale = round(NOISE_DEVIATION[severity - 1] * 255 / _SUM_DEVIATION * 2**16)
    table = ((np.arange(8 * 255 + 1) - _SUM_MEAN) * scale + 2**15) >> 16
    pixels = np.asarray(image, dtype=np.int16)
    pixels = pixels + table.astype(np.int16)[words].reshape(pixels.shape)
    return Images.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _blurred(image: Image, severity: int, key: int) -> Image:
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(BLUR_SIGMA[severity - 1] * min(image.size) / BLUR_SIDE))


def _compressed(image: Image, severity: int, key: int) -> Image:
    from PIL import Image as Images

    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=JPEG_QUALITY[severity - 1], subsampling="4:2:0", optimize=False)
    stream.seek(0)
    with Images.open(stream) as decoded:
        return decoded.convert("RGB")


def _flattened(image: Image, severity: int, key: int) -> Image:
    left = CONTRAST_PERCENT[severity - 1]
    count = image.width * image.height
    table: list[int] = []
    for total in np.asarray(image, dtype=np.int64).reshape(-1, 3).sum(axis=0).tolist():
        # round(mean + (value - mean) * left / 100) in whole numbers
        table += [
            (2 * (value * count * left + total * (100 - left)) + 100 * count) // (200 * count) for value in range(256)
        ]
    return image.point(table)


_APPLY: Mapping = {"gaussian-noise": _noisy, "blur": _blurred, "jpeg": _compressed, "contrast": _flattened}
