"""Training pictures in a GPU's memory: crops are cut there, and a step sends it three numbers a crop.

Crops are as of `data.Crops`, but of those drawn by code a fixed number is made at the start.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import drawn
from .data import WHOLE, Crops, Picture, centre

MADE = 512  # crops drawn by code


class ResidentCrops:
    """What `crops` draws, from a device's memory.  seed: of the crops drawn by code; made: how many there are.

    Raises ValueError for upright crops, which are resized.
    """

    def __init__(self, crops: Crops, device: torch.device, seed: int, made: int = MADE) -> None:
        if crops.least_part:
            raise ValueError(f"least_part is {crops.least_part:g}; expected 0 on a GPU")
        self.crops, self.batch = crops, crops.batch
        pictures = [*crops.pictures, *(by_code(crops, seed, made) if crops.drawn else ())]
        self.height, self.width = np.array([p.shape[:2] for p in pictures]).T
        self.first = np.cumsum(self.height * self.width) - self.height * self.width
        flat = np.concatenate([p.reshape(-1, p.shape[2]) for p in pictures])
        self.pixels = torch.from_numpy(flat).to(device)  # [pixels of all pictures, C]

    def draw(self, rng: np.random.Generator, part: slice = WHOLE) -> Tensor:
        """A batch of crops, or `part` of it; the generator moves on by the whole.  [batch, C, crop, crop], centred"""
        walks = torch.from_numpy(self.walks(rng)[part]).to(self.pixels.device, non_blocking=True)
        start, down, right = walks.T[..., None, None]
        along = torch.arange(self.crops.crop, device=self.pixels.device)
        return centre(self.pixels[start + down * along[:, None] + right * along])

    def walks(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """How crops are read: the pixel that they begin with, and how far away the next is, down and to the right.

        [batch, 3], which tells turns and flips, too.
        """
        c, n, last = self.crops, self.batch, self.crops.crop - 1
        index = rng.choice(len(c.pictures), n, p=c.odds)
        coded = rng.random(n) < c.drawn
        if c.drawn:
            index = np.where(coded, rng.integers(len(c.pictures), len(self.first), n), index)
        turned = c.augment & ~coded
        turns, flip = rng.integers(4, size=n) * turned, rng.integers(2, size=n) * turned
        down, right = self.width[index], np.ones(n, np.int64)
        top, left = rng.integers(self.height[index] - last), rng.integers(down - last)
        start = self.first[index] + top * down + left
        for turn in range(3):
            more = turns > turn
            start = np.where(more, start + last * right, start)
            down, right = np.where(more, -right, down), np.where(more, down, right)
        start, right = np.where(flip, start + last * right, start), np.where(flip, -right, right)
        return np.stack([start, down, right], 1)


def by_code(crops: Crops, seed: int, count: int) -> list[Picture]:
    """Crops drawn by code, some of them on photographs."""
    rng = np.random.default_rng(seed)
    grounds = [crops.window(crops.pictures[n], rng) for n in rng.choice(len(crops.pictures), count, p=crops.odds)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:  # a fork would share the GPU's state
        return list(processes.map(drawn.draw, rng.spawn(count), repeat(crops.crop), grounds, chunksize=8))
