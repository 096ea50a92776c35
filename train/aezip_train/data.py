"""Pictures in memory, and reproducible crops of them.

All pictures of a folder are decoded once, as uint8, together with half-size
copies; a batch is then a few slices, so that no worker processes are needed and
the generator's state alone says where training stands.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Picture = NDArray[np.uint8]  # [H, W, C]
WHOLE = slice(None)
SUFFIXES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def read_folder(folder: Path, *, smallest: int = 64, limit: int | None = None) -> list[Picture]:
    """Every RGB picture below `folder`, sorted by name; those with a side under `smallest` are left out."""
    pictures = []
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    for file in files[:limit]:
        with Image.open(file) as image:
            picture = np.asarray(image.convert("RGB"))
        if min(picture.shape[:2]) >= smallest:
            pictures.append(picture)
    if not pictures:
        raise FileNotFoundError(f"{folder}: no picture of at least {smallest}×{smallest} pixels found")
    return pictures


def halve(picture: Picture) -> Picture:
    """Half-size copy by averaging 2×2 pixels (in the picture's own, gamma-encoded values)."""
    h, w = (n // 2 * 2 for n in picture.shape[:2])
    cells = picture[:h, :w].reshape(h // 2, 2, w // 2, 2, -1).astype(np.uint16)
    return ((cells.sum((1, 3)) + 2) // 4).astype(np.uint8)


def centre(pictures: NDArray[np.uint8]) -> Tensor:
    """[N, H, W, C] uint8 → [N, C, H, W] float, in units of 64 grey levels around 128."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return (x.float() - 128) / 64


class Crops:
    """Endless random crops: any picture or its half-size copy, flipped, turned by right angles."""

    def __init__(self, pictures: list[Picture], crop: int, batch: int) -> None:
        self.crop, self.batch = crop, batch
        self.pictures = [p for q in pictures for p in (q, halve(q)) if min(p.shape[:2]) >= crop]
        if not self.pictures:
            raise ValueError(f"no training picture is as large as the crop of {crop}×{crop} pixels")
        # A picture is drawn in proportion to the crops it holds, at most four times as often as the smallest.
        area = np.array([p.shape[0] * p.shape[1] for p in self.pictures], float)
        weight = np.minimum(area / area.min(), 4)
        self.odds = weight / weight.sum()

    def draw(self, rng: np.random.Generator, part: slice = WHOLE) -> Tensor:
        """A batch of crops, or `part` of it; the generator moves on by the whole.  [batch, 3, crop, crop], centred"""
        mine = range(self.batch)[part]
        out = np.empty((len(mine), self.crop, self.crop, 3), np.uint8)
        for n, index in enumerate(rng.choice(len(self.pictures), self.batch, p=self.odds)):
            picture = self.pictures[index]
            top = rng.integers(picture.shape[0] - self.crop + 1)
            left = rng.integers(picture.shape[1] - self.crop + 1)
            turns, flip = int(rng.integers(4)), rng.integers(2)
            if n in mine:
                crop = np.rot90(picture[top : top + self.crop, left : left + self.crop], turns)
                out[n - mine.start] = crop[:, ::-1] if flip else crop
        return centre(out)
