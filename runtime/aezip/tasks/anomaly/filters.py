"""Pixels → what simple filters answer at four sizes: grey value and colours, slopes, edges and spots.

Cells are 4, 8, 16 and 32 pixels of the picture; a large picture is halved first. Few numbers for each cell: so a
Gaussian of each place can be known from tens of pictures, which a latent's hundreds of channels never allow.
"""

from __future__ import annotations

import numpy as np

from ...arrays import Image8, grey
from .gaussian import Array

LEVELS = 4
POOL = 4  # pixels of a level a side, of which a mean is taken
LONGEST = 768  # pixels a side that filters see; a larger picture is halved until it fits
SMALLEST = POOL << (LEVELS - 1)  # pixels a side, so that each level has a cell
SIGNED, LOGARITHMIC = 6, 5
SIZE = SIGNED + LOGARITHMIC
# Variance that is added: what rounding to whole grey levels makes, and a tenth of a logarithm.
FLOORS = np.array([0.1] * SIGNED + [0.01] * LOGARITHMIC)


def levels(pixels: Image8) -> list[Array]:
    """[H, W, C] → LEVELS arrays [h, w, SIZE], the finest first.  SMALLEST pixels a side at least."""
    image = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.float32)
    while max(image.shape[:2]) > LONGEST and min(image.shape[:2]) >= 2 * SMALLEST:
        image = _halved(image)
    out = []
    for _ in range(LEVELS):
        out.append(_answers(image))
        image = _halved(image)
    return out


def _answers(image: Array) -> Array:
    """[H, W, 3] → [H // POOL, W // POOL, SIZE], means of cells; of edges, the logarithm of their mean strength."""
    luma = grey(image)
    red, yellow = image[..., 0] - image[..., 1], (image[..., 0] + image[..., 1]) / 2 - image[..., 2]
    wide = np.pad(luma, 1, mode="edge")
    north, south, west, east = wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]
    across, down, spot = east - west, south - north, 4 * luma - north - south - east - west
    falling, rising = wide[2:, 2:] - wide[:-2, :-2], wide[2:, :-2] - wide[:-2, 2:]
    signed = [luma, red, yellow, across, down, spot]
    strong = [np.log1p(_cells(np.abs(edge))) for edge in (across, down, falling, rising, spot)]
    return np.stack([*map(_cells, signed), *strong], 2)


def _cells(plane: Array) -> Array:
    """Means of POOL × POOL pixels; what does not fill a cell is left out."""
    h, w = (n // POOL for n in plane.shape)
    rows = plane[: POOL * h, : POOL * w].reshape(h, POOL, POOL * w).sum(1)
    return np.asarray(sum(rows[:, at::POOL] for at in range(POOL)) / POOL**2, np.float32)


def _halved(image: Array) -> Array:
    h, w = (n // 2 * 2 for n in image.shape[:2])
    return np.asarray(sum(image[i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)) / 4, np.float32)
