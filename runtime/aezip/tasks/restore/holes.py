"""Holes of any size: what lies deeper than the network fills well comes from a smaller copy of the picture.

A network has learned to fill holes up to some size. Pixels further than `reach` from any known one are taken from the
picture at half size, whose holes are half as large and are filled in the same way. Then the rest is filled as if these
pixels were known.

`smooth` is what a network starts from: a soap film over each hole.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...format.alpha import twice
from ..features.vectors import summed

Pixels = NDArray[np.uint8]  # [H, W, 3]
Mask = NDArray[np.bool_]  # [H, W], true where a pixel is missing
Fill = Callable[[Pixels, Mask], Pixels]
REACH = 24  # pixels, where a package does not say
RELAXED = 24  # times that each missing pixel becomes the mean of its neighbours, at each size


def filled(pixels: Pixels, mask: Mask, reach: int, fill: Fill) -> Pixels:
    """The picture with all its holes filled.  mask: some pixel is known; fill: fills holes up to 2·reach across."""
    if not mask.any():
        return pixels
    missing, image = mask, pixels
    deep = _deep(mask, reach)
    if deep.any() and min(mask.shape) > 1:
        coarse = doubled(filled(*halved(pixels, mask), reach, fill), mask.shape)
        image = np.where(deep[:, :, None], coarse, pixels)
        missing = mask & ~deep
    made = fill(image, missing)
    return np.where(missing[:, :, None], made, image)


def smooth(pixels: Pixels, mask: Mask) -> Pixels:
    """Holes filled with what is as smooth as can be, from copies of half size on.  mask: some pixel is known"""
    if not mask.any():
        return pixels
    image = pixels.astype(np.float32)
    y, x = np.nonzero(mask)
    if min(mask.shape) > 1:
        image[y, x] = doubled(smooth(*halved(pixels, mask)), mask.shape)[y, x]
    else:
        image[y, x] = pixels[~mask].mean(0)
    bottom, right = mask.shape[0] - 1, mask.shape[1] - 1
    above, below, left, after = np.maximum(y - 1, 0), np.minimum(y + 1, bottom), np.maximum(x - 1, 0), np.minimum(x + 1, right)
    for _ in range(RELAXED):
        image[y, x] = (image[above, x] + image[below, x] + image[y, left] + image[y, after]) / 4
    return np.asarray(np.floor(image + 0.5), np.uint8)


def halved(pixels: Pixels, mask: Mask) -> tuple[Pixels, Mask]:
    """Half the size (rounded up): of each 2×2 pixels the mean of those known; missing where none is."""
    tall, wide = (n % 2 for n in mask.shape)
    known = np.pad(~mask, ((0, tall), (0, wide)))[:, :, None]
    count = summed(known)
    total = summed(np.pad(pixels, ((0, tall), (0, wide), (0, 0))) * known)
    most = np.maximum(count, 1)
    return ((total + most // 2) // most).astype(np.uint8), count[:, :, 0] == 0


def doubled(pixels: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Twice the size, cut to `shape`, linear between the pixels' centres: the way back from `halved`."""
    x = twice(twice(pixels.astype(np.float32), 0), 1)
    return np.asarray(np.floor(x[: shape[0], : shape[1]] + 0.5), np.uint8)


def _deep(mask: Mask, reach: int) -> Mask:
    """Where no pixel of the square up to `reach` around is known; what lies outside the picture is not known."""
    out = mask
    for axis in (0, 1):
        known = np.pad(~out, [(reach + 1, reach) if a == axis else (0, 0) for a in (0, 1)])
        total = np.cumsum(known, axis=axis, dtype=np.int32)
        size = mask.shape[axis]
        last, first = (np.take(total, range(i, i + size), axis) for i in (2 * reach + 1, 0))
        out = last == first
    return out
