"""Heat maps: how far each cell of a picture is from normal, as colours over its grey values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...arrays import Image8
from ...format.geometry import LATENT_STRIDE

# From nothing over blue and red to yellow, growing lighter throughout, so that it reads in grey, too.
COLOURS = np.array([[20, 20, 60], [70, 20, 120], [190, 40, 80], [245, 130, 30], [255, 235, 90]], np.float32)
OPAQUE = 0.85


def drawn(pixels: Image8, heat: NDArray[np.float32], threshold: float) -> Image8:
    """The picture in grey, with colours where the map [h, w] of its 16×16 cells comes near the threshold or passes it.

    Colours begin at 0 and are half-way at the threshold. Returns [H, W, 3].
    """
    height, width = pixels.shape[:2]
    level = np.clip(_spread(heat, height, width) / max(2 * threshold, 1e-6), 0, 1)
    grey = pixels.astype(np.float32).mean(2, keepdims=True)
    steps = level * (len(COLOURS) - 1)
    low = np.minimum(steps.astype(np.int64), len(COLOURS) - 2)
    part = (steps - low)[:, :, None]
    colour = COLOURS[low] * (1 - part) + COLOURS[low + 1] * part
    weight = OPAQUE * np.minimum(2 * level, 1)[:, :, None]
    return np.asarray(np.floor(grey * (1 - weight) + colour * weight + 0.5), np.uint8)


def _spread(heat: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Linear between the cells' middles; the outermost value beyond.  [h, w] → [height, width]"""
    out = heat
    for axis, size in enumerate((height, width)):
        at = np.clip((np.arange(size) + 0.5) / LATENT_STRIDE - 0.5, 0, out.shape[axis] - 1)
        low = np.minimum(at.astype(np.int64), max(out.shape[axis] - 2, 0))
        part = (at - low).astype(np.float32)
        part = part[:, None] if axis == 0 else part
        high = np.minimum(low + 1, out.shape[axis] - 1)
        out = np.take(out, low, axis) * (1 - part) + np.take(out, high, axis) * part
    return np.asarray(out, np.float32)
