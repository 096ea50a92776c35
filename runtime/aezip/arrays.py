"""Types of the arrays that modules hand each other, and means of them."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.uint8, np.float32)
Image8 = NDArray[np.uint8]  # [H, W, C], C 1 or 3
Samples = NDArray[Any]  # [H, W, C]: uint8 of 8 bits, uint16 of more
Mask = NDArray[np.bool_]  # [H, W], true where something is so
Region = tuple[int, int, int, int]  # x, y, width, height in pixels


def around(values: NDArray[np.floating[Any]], radius: int = 1) -> NDArray[Any]:
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


def resized(values: NDArray[T], shape: tuple[int, ...], part: tuple[slice, slice] | None = None) -> NDArray[T]:
    """Values [h, w] of uint8 or float32 at another size, linear between them, or only a part of that; none are none."""
    from PIL import Image

    rows, columns = part or (slice(0, shape[0]), slice(0, shape[1]))
    if values.shape == shape or not values.size:
        return values[rows, columns]
    down, along = (old / new for old, new in zip(values.shape, shape, strict=True))
    box = along * columns.start, down * rows.start, along * columns.stop, down * rows.stop
    size = columns.stop - columns.start, rows.stop - rows.start
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR, box), values.dtype)
