"""Any picture that a data set may hold as eight bits each of red, green and blue.

Stored values are kept: colours under transparency are those in the file, transparency itself is not applied, and the
orientation that a camera noted (EXIF) is not followed, because boxes and features refer to the pixels as they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow knows forty formats. One of them (EPS) starts another program to draw what the file says, and none of the
# others is what a data set of photographs is kept in.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def as_rgb(image: Image) -> Image:
    """The image as RGB. 16 bits of grey become 8 by their range (65535 is 255); palettes and CMYK by their colours.

    Raises ValueError for pixels of 32 bits, whose range nobody states, and what Pillow's decoders raise.
    """
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        raise ValueError("its pixels have 32 bits, and what is black and white among them is not stated")
    if image.mode.startswith("I"):
        from PIL import Image as pillow

        # Pillow's own conversion cuts at 255, which is nearly black among 65535: every such picture would be white.
        grey = (np.asarray(image).astype(np.uint32) + 128) // 257
        return pillow.fromarray(grey.astype(np.uint8)).convert("RGB")
    image.load()
    # With it, Pillow warns about palettes and asks for RGBA, whose colours are the same.
    image.info.pop("transparency", None)
    return image.convert("RGB")
