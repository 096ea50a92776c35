"""A normal picture → a copy with one small defect where it shows detail.

Normal pictures kept aside, with and without such a defect, tell which measures see defects at all: no defective picture
is needed (the idea is that of CutPaste, Li et al. 2021, and NSA, Schlüter et al. 2022).
"""

from __future__ import annotations

import numpy as np

from ...arrays import Image8, grey
from .gaussian import Array

BLOCK = 8  # pixels; the defect's middle is that of a block, drawn in proportion to its slopes
RADII = 0.02, 0.06  # of the shorter side
LEAST = 8.0  # grey levels that the picture's deviation counts as, at least


def defect(pixels: Image8, seed: int) -> Image8:
    """A scratch, a spot, a piece from elsewhere or a smear.  At least BLOCK + 1 pixels a side; same seed, same copy."""
    rng = np.random.default_rng(seed)
    image = pixels.astype(np.float32)
    y, x = _middle(image, rng)
    radius = max(3.0, min(image.shape[:2]) * rng.uniform(*RADII))
    angle = rng.uniform(0, np.pi)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    kind = seed % 4
    if kind == 0:  # a scratch
        weight = np.clip(rng.uniform(1.5, 3) - np.abs(across), 0, 1) * (np.abs(along) < 2 * radius)
    else:
        weight = np.clip(radius + 0.5 - np.hypot(along, across * rng.uniform(1, 2)), 0, 1)
    if kind < 2:  # darker or lighter
        other = image + rng.choice([-1, 1]) * max(LEAST, float(image.std()))
    elif kind == 2:  # a piece from elsewhere
        other = np.roll(image, rng.integers(0, image.shape[:2]), (0, 1))
    else:  # a smear
        rows, columns = (slice(max(0, int(at - radius)), int(at + radius) + 1) for at in (y, x))
        other = image[rows, columns].mean()
    mixed = image + weight[:, :, None] * (other - image)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)


def _middle(image: Array, rng: np.random.Generator) -> tuple[int, int]:
    luma = grey(image)
    slopes = np.abs(np.diff(luma, axis=0))[:, :-1] + np.abs(np.diff(luma, axis=1))[:-1]
    h, w = (n // BLOCK for n in slopes.shape)
    blocks = slopes[: BLOCK * h, : BLOCK * w].reshape(h, BLOCK, w, BLOCK).sum((1, 3)).astype(np.float64) + 1e-6
    y, x = divmod(int(rng.choice(blocks.size, p=blocks.ravel() / blocks.sum())), w)
    return BLOCK * y + BLOCK // 2, BLOCK * x + BLOCK // 2
