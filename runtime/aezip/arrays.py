"""Types of the arrays that modules hand each other, and of parts of pictures, and means in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ALL = slice(None)
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


def resized(values: NDArray[Any], shape: tuple[int, ...], part: tuple[slice, ...] = (ALL, ALL)) -> NDArray[np.float32]:
    """Values [..., h, w] at another size, linear between them, or only a part of that; none are none."""
    old = values.shape[-2:]
    if old == shape or not values.size:
        return values[..., part[0], part[1]]
    down, along = (_linear(*sizes)[each] for sizes, each in zip(zip(old, shape, strict=True), part, strict=True))
    return np.asarray(down @ (values @ along.T))


def _linear(old: int, new: int) -> NDArray[np.float32]:
    """Shares [new, old]; of fewer places each is a mean of some."""
    away = np.subtract.outer((np.arange(new) + 0.5) * old / new - 0.5, np.arange(old))
    share = np.maximum(1 - np.abs(away) / max(1, old / new), 0)
    return np.asarray(share / share.sum(1, keepdims=True), np.float32)
