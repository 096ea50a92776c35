"""Large pictures past Pillow's copies: images → arrays, a strip at a time, and arrays → netpbm files.

Pillow keeps four bytes for a pixel of three channels, and converting a whole image or
asking it for its bytes makes further copies. In strips an image costs itself and its array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

ROWS = 128


def array_of(image: Image.Image, mode: str) -> NDArray[np.uint8]:
    """The pixels of an image in another mode, or its own.  [H, W, C]"""
    out = np.empty((image.height, image.width, {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]), np.uint8)
    for top in range(0, image.height, ROWS):
        strip = image.crop((0, top, image.width, min(top + ROWS, image.height)))
        strip = strip if strip.mode == mode else strip.convert(mode)
        out[top : top + strip.height] = np.asarray(strip).reshape(strip.height, strip.width, -1)
    return out


def netpbm(pixels: NDArray[np.uint8] | NDArray[np.uint16], depth: int = 8) -> bytes:
    """The PGM or PPM file of [H, W, C], C 1 or 3: some lines of text, then the samples, high bytes first."""
    height, width, channels = pixels.shape
    head = b"P%d\n%d %d\n%d\n" % (5 if channels == 1 else 6, width, height, 2**depth - 1)
    return b"".join((head, np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(">")).data))
