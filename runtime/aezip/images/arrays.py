"""Large pictures past Pillow's copies: images → arrays, a strip at a time.

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
