"""Holes of any size: what lies deeper than the network fills well comes from a smaller copy of the picture.

Pixels further than `reach` from any known one are taken from the picture at half size, which is filled in the same way.
Then the rest is filled as if these pixels were known.

The network starts from what is smooth: a thin plate over each hole, held by the pixels around (biharmonic inpainting).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...arrays import Image8, Mask
from ...format.alpha import twice
from ..features.vectors import summed

Index = NDArray[np.intp]
Fill = Callable[[Image8, Mask], Image8]
REACH = 24  # pixels, where a package does not say
WIDE = 5  # pixels from known ones: holes with pixels as deep as this are wide
RELAXED, BENT = 8, 20  # steps towards a soap film, and from there to a thin plate
TINY = 1e-12


def filled(pixels: Image8, mask: Mask, reach: int, fill: Fill) -> Image8:
    """The picture with all its holes filled.  mask: some pixel is known; fill: fills holes up to 2·reach across."""
    if not mask.any():
        return pixels
    missing, image = mask, pixels
    inner = deep(mask, reach)
    if inner.any() and min(mask.shape) > 1:
        coarse = doubled(filled(*halved(pixels, mask), reach, fill), mask.shape)
        image = np.where(inner[:, :, None], coarse, pixels)
        missing = mask & ~inner
    made = fill(image, missing)
    return np.where(missing[:, :, None], made, image)


def smooth(pixels: Image8, mask: Mask) -> Image8:
    """Holes filled with what bends least, from a half-size copy on.  mask: some pixel is known"""
    if not mask.any():
        return pixels
    image = pixels.astype(np.float32)
    if min(mask.shape) > 1:
        image[mask] = doubled(smooth(*halved(pixels, mask)), mask.shape)[mask]
    else:
        image[mask] = pixels[~mask].mean(0)
    plane, missing = image.reshape(-1, pixels.shape[2]), np.flatnonzero(mask)
    around = _around(missing, mask.shape)
    for _ in range(RELAXED):
        plane[missing] = sum(plane[n] for n in around) / 4
    _bend(plane, missing, np.unique(np.concatenate((missing, *around))), mask.shape)
    return np.asarray(np.floor(np.clip(image, 0, 255) + 0.5), np.uint8)


def _bend(plane: NDArray[np.float32], missing: Index, near: Index, shape: tuple[int, ...]) -> None:
    """Conjugate gradients on the missing pixels: the sum of squared Laplacians of those near becomes least.

    plane: float32 [H·W, C], changed in place; missing, near: places in it.
    """
    around_missing, around_near = _around(missing, shape), _around(near, shape)
    curved, step = np.zeros_like(plane), np.zeros_like(plane)

    def pulled(values: NDArray[np.float32]) -> NDArray[np.float32]:
        curved[near] = sum(values[n] for n in around_near) - 4 * values[near]
        return np.asarray(sum(curved[n] for n in around_missing) - 4 * curved[missing], np.float32)

    left = -pulled(plane)
    step[missing] = left
    size = np.square(left).sum(0)
    for _ in range(BENT):
        force = pulled(step)
        far = size / np.maximum((step[missing] * force).sum(0), TINY)
        plane[missing] += far * step[missing]
        left -= far * force
        size, before = np.square(left).sum(0), size
        step[missing] = left + size / np.maximum(before, TINY) * step[missing]


def _around(places: Index, shape: tuple[int, ...]) -> tuple[Index, ...]:
    """The four neighbours of pixels [n] of a picture; at its border the pixel itself."""
    y, x = np.divmod(places, shape[1])
    return (
        places - shape[1] * (y > 0),
        places + shape[1] * (y < shape[0] - 1),
        places - (x > 0),
        places + (x < shape[1] - 1),
    )


def halved(pixels: Image8, mask: Mask) -> tuple[Image8, Mask]:
    """Half the size (rounded up): of each 2×2 pixels the mean of those known; missing where none is."""
    tall, wide = (n % 2 for n in mask.shape)
    known = np.pad(~mask, ((0, tall), (0, wide)))[:, :, None]
    count = summed(known)
    total = summed(np.pad(pixels, ((0, tall), (0, wide), (0, 0))) * known)
    most = np.maximum(count, 1)
    return ((total + most // 2) // most).astype(np.uint8), count[:, :, 0] == 0


def doubled(pixels: Image8, shape: tuple[int, ...]) -> Image8:
    """Twice the size, cut to `shape`, linear between the pixels' centres: the way back from `halved`."""
    x = twice(twice(pixels.astype(np.float32), 0), 1)
    return np.asarray(np.floor(x[: shape[0], : shape[1]] + 0.5), np.uint8)


def opened(mask: Mask) -> Mask:
    """The holes of a mask that are wide, without scratches."""
    return ~deep(~deep(mask, WIDE), WIDE) & mask


def deep(mask: Mask, reach: int) -> Mask:
    """Where no pixel of the square up to `reach` around is known; what lies outside the picture is not known."""
    out = mask
    for axis in (0, 1):
        known = np.pad(~out, [(reach + 1, reach) if a == axis else (0, 0) for a in (0, 1)])
        total = np.cumsum(known, axis=axis, dtype=np.int32)
        size = mask.shape[axis]
        last, first = (np.take(total, range(i, i + size), axis) for i in (2 * reach + 1, 0))
        out = last == first
    return out
