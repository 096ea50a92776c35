"""Crops of one picture by several codecs at about equal size, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import Image8
from ..quality.metrics import bits_per_pixel, psnr_db
from ..quality.ssimulacra2 import ssimulacra2
from .peers import Peer


def at_rate(peer: Peer, pixels: Image8, bpp: float) -> tuple[bytes, float]:
    """The peer's file nearest below `bpp` bits per pixel (its smallest, if none is), and its whole-numbered setting."""
    limit = bpp * pixels.shape[0] * pixels.shape[1] / 8
    low, high = int(min(peer.settings)), int(max(peer.settings))
    best = peer.encode(pixels, low), float(low)
    while low <= high:
        middle = (low + high) // 2
        data = peer.encode(pixels, middle)
        if len(data) <= limit:
            best, low = (data, float(middle)), middle + 1
        else:
            high = middle - 1
    return best


def strip(peers: Sequence[Peer], pixels: Image8, bpp: float, side: int = 256) -> list[tuple[str, Image8]]:
    """The original's liveliest `side`×`side` crop and each peer's, with captions."""
    rows, columns = liveliest(pixels, side)
    out = [("original", pixels[rows, columns])]
    for peer in peers:
        data, setting = at_rate(peer, pixels, bpp)
        decoded = peer.decode(data)
        distortion = f"{psnr_db(pixels, decoded):.2f} dB, SSIMULACRA2 {ssimulacra2(pixels, decoded):.1f}"
        figures = f"{len(data):,} B, {bits_per_pixel(len(data), pixels):.3f} bpp, {distortion}"
        out.append((f"{peer.what}, quality {setting:g}: {figures}", decoded[rows, columns]))
    return out


def liveliest(pixels: Image8, side: int) -> tuple[slice, slice]:
    """Where a crop has the most mid-scale contrast: sums of gradients between 8×8 means."""
    h, w = (n // 8 for n in pixels.shape[:2])
    side = min(side, *pixels.shape[:2])
    grey: NDArray[np.float64] = pixels[: h * 8, : w * 8].mean(2).reshape(h, 8, w, 8).mean((1, 3))
    slope = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    total = np.zeros((h + 1, w + 1))
    total[1:, 1:] = slope.cumsum(0).cumsum(1)
    n = max(1, side // 8)
    sums = total[n:, n:] - total[:-n, n:] - total[n:, :-n] + total[:-n, :-n]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return slice(int(top) * 8, int(top) * 8 + side), slice(int(left) * 8, int(left) * 8 + side)
