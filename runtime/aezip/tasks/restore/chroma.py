"""Colours of a small picture ↔ those of a large one: chroma is smooth, so that a network need not see every pixel.

Of the four nearest small pixels those count whose grey values are like the large pixel's (joint bilateral upsampling,
Kopf et al. 2007), so that colours end where things do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...arrays import Image8, resized

Plane = NDArray[np.float32]
LUMA = np.array([0.299, 0.587, 0.114])  # Rec. 601
AWAY = (np.eye(3) - LUMA[:, None]).astype(np.float32)  # RGB less its luma, from the right
ALIKE = 12.0  # grey levels at which trust has fallen to 1/e
DOUBT = 1e-3  # of what is trusted least, so that there is always something
BAND = 256  # rows of the smaller picture at a time


def reduced(grey: Image8, side: int) -> Image8:
    """A copy with a shorter side of `side` pixels, or the picture itself.  [H, W, 1] → [h, w, 1]"""
    shape = grey.shape[:2]
    scale = min(1, side / min(shape))
    return resized(grey[:, :, 0], tuple(round(scale * n) for n in shape))[:, :, None]


def spread(made: Image8, copies: list[Image8]) -> Image8:
    """Grey copies [H, W, 1], each half the one before, and RGB [h, w, 3] of the last, `reduced` → RGB of the first."""
    away = [resized(plane, copies[-1].shape[:2]) for plane in np.moveaxis(made @ AWAY, 2, 0)]
    return raised(np.stack(away, 2), copies)


def raised(away: Plane, copies: list[Image8]) -> Image8:
    """As `spread`, of what is added to the last copy's grey values, float [h, w, 3] without luma.

    Where that leaves 0 … 255, the colour is made weaker, so that grey values stay.
    """
    colour = away.astype(np.float16)
    for large, small in zip(copies[-2::-1], copies[:0:-1], strict=True):
        colour = doubled(colour, small, large)
    out = np.empty((*copies[0].shape[:2], 3), np.uint8)
    for top in range(0, len(out), BAND):
        rows = slice(top, top + BAND)
        grey, added = copies[0][rows].astype(np.float32), colour[rows].astype(np.float32)
        most = np.maximum(added.max(2, keepdims=True), 1e-3)
        least = np.maximum(-added.min(2, keepdims=True), 1e-3)
        added *= np.minimum(np.minimum((255 - grey) / most, grey / least), 1)
        out[rows] = np.floor(grey + added + 0.5)
    return out


def doubled(colour: NDArray[np.float16], small: Image8, large: Image8) -> NDArray[np.float16]:
    """Values [h, w, 3] of the pixels of `small` [h, w, 1], for those of `large` [2h or 2h + 1, …, 1]."""
    height, width = large.shape[:2]
    out = np.empty((height, width, 3), np.float16)
    h, w = small.shape[:2]
    for top in range(0, -(-height // 2), BAND):
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            grey = large[2 * top + row : 2 * (top + BAND) : 2, column::2, 0].astype(np.float32)
            total, weights = np.zeros((*grey.shape, 3), np.float32), np.zeros(grey.shape, np.float32)
            for down in (0, 2 * row - 1):
                y = np.clip(np.arange(top, top + grey.shape[0]) + down, 0, h - 1)
                for along in (0, 2 * column - 1):
                    x = np.clip(np.arange(grey.shape[1]) + along, 0, w - 1)
                    near = small[y][:, x, 0]
                    weight = (0.25 if down else 0.75) * (0.25 if along else 0.75)
                    trust = weight * (np.exp(np.abs(grey - near) / -ALIKE) + DOUBT)
                    total += trust[:, :, None] * colour[y][:, x].astype(np.float32)
                    weights += trust
            out[2 * top + row : 2 * (top + BAND) : 2, column::2] = total / weights[:, :, None]
    return out
