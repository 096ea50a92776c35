"""Types of the arrays that modules hand each other, and of parts of pictures, and means in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image8 = NDArray[np.uint8]  # [H, W, C], C 1 or 3
Samples = NDArray[Any]  # [H, W, C]: uint8 of 8 bits, uint16 of more
Mask = NDArray[np.bool_]  # [H, W], true where something is so
Region = tuple[int, int, int, int]  # x, y, width, height in pixels


def around(values: NDArray[Any], radius: int = 1) -> NDArray[Any]:
    """Means of (2 radius + 1)² places, the outermost repeated.  [h, w, …]"""
    width = 2 * radius + 1
    for axis in (0, 1):
        ends = [(radius, radius) if axis == other else (0, 0) for other in range(values.ndim)]
        wide, size = np.pad(values, ends, mode="edge"), values.shape[axis]
        parts = (wide[at : at + size] if axis == 0 else wide[:, at : at + size] for at in range(width))
        values = np.asarray(sum(parts) / width)
    return values


def grey(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Means of the channels.  [H, W, C] → [H, W]"""
    return np.asarray(sum(np.moveaxis(picture, 2, 0), np.float32(0)) / picture.shape[2], np.float32)
