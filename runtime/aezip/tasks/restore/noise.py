"""How much noise is in a picture: σ of white Gaussian noise, in grey levels.

The diagonal differences of 2×2 pixels hold little of a picture and all of the noise (Donoho 1995; Immerkær 1996).
Blocks of them differ by how much of the picture they hold; a low quantile of their mean squares, set right
for how far noise alone spreads it, is that of the blocks that hold none.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SIDE = 8  # differences a side of a block, 16 pixels
QUANTILE, DEVIATE = 0.1, -1.2816  # and the normal deviate of that quantile
CLIPPED = 0.1  # blocks with a larger share of black or white samples do not count
ROWS = 4096  # of pixels at a time


def sigma_of(pixels: NDArray[np.uint8]) -> float:
    """σ in grey levels of a picture [H, W, C]; 0 for one that is too small or too dark or light to tell."""
    bands = range(0, pixels.shape[0], ROWS)
    squares = [_mean_squares(pixels[top : top + ROWS]) for top in bands]
    found = np.concatenate(squares)
    if not found.size:
        return 0.0
    distinct = 1 if pixels.shape[2] == 1 or _is_grey(pixels) else pixels.shape[2]
    degrees = SIDE * SIDE * distinct
    spread = (1 - 2 / (9 * degrees) + DEVIATE * math.sqrt(2 / (9 * degrees))) ** 3  # Wilson and Hilferty 1931
    return math.sqrt(float(np.quantile(found, QUANTILE)) / spread)


def _mean_squares(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean square of the diagonal differences in each block that is not clipped."""
    rows, columns = (n // (2 * SIDE) for n in pixels.shape[:2])
    if not rows * columns:
        return np.zeros(0)
    part = pixels[: rows * 2 * SIDE, : columns * 2 * SIDE].astype(np.float32)
    cells = (part[0::2, 0::2] - part[0::2, 1::2] - part[1::2, 0::2] + part[1::2, 1::2]) / 2
    blocks = cells.reshape(rows, SIDE, columns, SIDE, -1)
    clipped = (part == 0) | (part == 255)
    share = clipped.reshape(rows, 2 * SIDE, columns, 2 * SIDE, -1).mean((1, 3, 4))
    return np.asarray(np.square(blocks, dtype=np.float64).mean((1, 3, 4))[share <= CLIPPED])


def _is_grey(pixels: NDArray[np.uint8]) -> bool:
    return bool((pixels == pixels[:, :, :1]).all())
