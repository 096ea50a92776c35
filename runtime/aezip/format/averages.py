"""Smaller pictures: each pixel the mean of a square of pixels.

In: uint8 or uint16 [H, W, C]. Out: the same of [⌈H/n⌉, ⌈W/n⌉, C], rounded, half a step upwards. Squares that the
picture's right and lower end cut off are means of what they have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .depth import Samples

TOGETHER = 2**16  # numbers that are summed at once, if a row of squares has no more


def averaged(pixels: Samples, side: int, weight: Samples | None = None) -> Samples:
    """Means of squares.  weight: of each pixel [H, W], such as alpha; where a square has none, all count alike."""
    if side == 1:
        return pixels
    height, width, _ = pixels.shape
    if weight is None:
        count = np.multiply.outer(lengths(height, side), lengths(width, side))[..., None]
        return np.asarray((2 * _sums(pixels, side) + count) // (2 * count), pixels.dtype)
    kind = np.uint32 if pixels.dtype == weight.dtype == np.uint8 else np.uint64
    weights = weight[..., None].astype(np.uint16 if kind == np.uint32 else kind)
    total = _sums(weights, side, kind)
    weighed = (2 * _sums(pixels * weights, side, kind) + total) // np.maximum(2 * total, 1)
    return np.where(total > 0, weighed, averaged(pixels, side)).astype(pixels.dtype)


def lengths(length: int, side: int) -> NDArray[np.uint32]:
    """How many pixels each square has along a side."""
    return np.asarray(np.minimum(side, length - side * np.arange(-(-length // side))), np.uint32)


def _sums(values: NDArray[Any], side: int, kind: type = np.uint32) -> NDArray[Any]:
    """Sums over squares, in numbers of a type that holds them.  [H, W, C] → [⌈H/side⌉, ⌈W/side⌉, C]"""
    height, width, channels = values.shape
    across = -(-width // side)
    out = np.zeros((-(-height // side), across, channels), kind)
    some = max(1, TOGETHER // (side * width * channels))  # rows of squares
    for row in range(0, len(out), some):
        part = values[side * row : side * (row + some)]
        if len(part) % side:  # the last squares are cut off
            part = np.pad(part, ((0, -len(part) % side), (0, 0), (0, 0)))
        lines = part.reshape(-1, side, width, channels).sum(1, dtype=kind)
        lines = np.pad(lines, ((0, 0), (0, side * across - width), (0, 0)))
        out[row : row + some] = lines.reshape(len(lines), across, side, channels).sum(2)
    return out
