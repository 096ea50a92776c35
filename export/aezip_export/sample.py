"""A picture drawn by code, for proofs and tests: smooth, textured and sharp in one; and what packages make of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aezip.codec import Codec
from aezip.quality import metrics

Pixels = NDArray[np.uint8]
MOST_DB = 99.0  # what is said of a file that loses nothing: JSON knows no infinity


def picture(height: int = 200, width: int = 296) -> Pixels:
    """Sky, noise at several scales, and a few hard edges.  [height, width, 3]"""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    base = np.stack([90 + 60 * y, 130 + 30 * y * x, 190 - 90 * y], 2)
    for size in (4, 9, 23, 61):
        cells = rng.normal(size=(size, size, 1))
        rows, columns = (y[:, 0] * (size - 1)).round().astype(int), (x[0] * (size - 1)).round().astype(int)
        base += cells[rows][:, columns] * 60 / size**0.5
    base[height // 3 : height // 2, width // 5 : width // 2] = (200, 60, 40)
    base[np.hypot((y - 0.6) * height, (x - 0.7) * width) < height / 6] = (30, 80, 40)
    return np.asarray(np.clip(base + rng.normal(0, 2, base.shape), 0, 255).round(), np.uint8)


def measured(path: Path, qualities: Iterable[float]) -> dict[str, dict[str, float]]:
    """Rate and PSNR of the picture's files that a package writes, by their qualities of 0 … 100."""
    codec = Codec(str(path))
    pixels = np.ascontiguousarray(picture()[:, :, : codec.package.about.channels])
    found = {}
    for quality in qualities:
        data = codec.encode(pixels, quality)
        bpp, psnr_db = metrics.bits_per_pixel(len(data), pixels), metrics.psnr_db(pixels, codec.decode(data)[0])
        found[f"{quality:g}"] = {"bpp": round(bpp, 4), "psnr_db": round(min(psnr_db, MOST_DB), 2)}
    return found
