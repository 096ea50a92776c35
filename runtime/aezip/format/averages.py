"""Smaller pictures: each pixel the mean of a square of pixels.

In: uint8 [H, W, C]. Out: uint8 [⌈H/n⌉, ⌈W/n⌉, C], rounded, half a level upwards. Squares that the picture's right and
lower end cut off are means of what they have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def averaged(pixels: Pixels, side: int, weight: Pixels | None = None) -> Pixels:
    """Means of squares.  weight: of each pixel [H, W], such as alpha; where a square has none, all count alike."""
    if side == 1:
        return pixels
    height, width, _ = pixels.shape
    if weight is None:
        count = np.multiply.outer(_lengths(height, side), _lengths(width, side))[..., None]
        return np.asarray((2 * _sums(pixels, side) + count) // (2 * count), np.uint8)
    total = _sums(weight[..., None], side)
    weighed = (2 * _sums(pixels * weight[..., None].astype(np.uint16), side) + total) // np.maximum(2 * total, 1)
    return np.where(total > 0, weighed, averaged(pixels, side)).astype(np.uint8)


def _lengths(length: int, side: int) -> NDArray[np.uint32]:
    """How many pixels each square has along a side."""
    return np.asarray(np.minimum(side, length - side * np.arange(-(-length // side))), np.uint32)


def _sums(values: NDArray[Any], side: int) -> NDArray[np.uint32]:
    """Sums over squares.  [H, W, C] → [⌈H/side⌉, ⌈W/side⌉, C]"""
    height, width, channels = values.shape
    across = -(-width // side)
    out = np.zeros((-(-height // side), across, channels), np.uint32)
    for row in range(len(out)):
        line = values[side * row : side * (row + 1)].sum(0, dtype=np.uint32)
        line = np.pad(line, ((0, side * across - width), (0, 0)))
        out[row] = line.reshape(across, side, channels).sum(1)
    return out
