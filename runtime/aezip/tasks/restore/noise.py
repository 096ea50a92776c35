"""How much noise is in a picture: σ of Gaussian noise in grey levels, alike everywhere or by brightness.

The diagonal differences of 2×2 pixels hold little of a picture and all of the noise (Donoho 1995; Immerkær 1996).
A low quantile of the mean squares of blocks of them, set right for how far noise alone spreads it, is that of blocks
that hold nothing else. Cameras' noise depends on the light: blocks sorted by brightness tell how (Foi et al. 2008).
Compression smooths noise; a half-size copy still shows it.

`Stabiliser` bends the levels so that such noise has one σ, which a denoiser of white noise can take (Anscombe 1948).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...arrays import Image8
from ..features.vectors import halved

Floats = NDArray[np.float64]

SIDE = 8  # differences a side of a block, 16 pixels
QUANTILE, DEVIATE = 0.1, -1.2816  # and the normal deviate of that quantile
CLIPPED = 0.1  # blocks with a larger share of black or white samples do not count
ROWS = 4096  # of pixels at a time
FEW, PARTS = 40, 12  # blocks of one brightness, at least, and how many brightnesses at most
PLAIN = 4.0  # σ below which noise is taken to be alike everywhere: the picture shows in the blocks, too
BENT = 1.25  # ratio of the largest to the least σ below which it is, too
SMOOTHED, TIMES = 8.0, 1.5  # σ of a half-size copy, doubled: at least, and times the picture's, after compression
GROWN = 1.75  # what of the next smaller copy is more than that times as much, is the picture
INSIDE = 1.5  # σ from black and white: nearer, clipping makes noise less
STEEP = 3.0  # ratio of the largest to the least σ: what compression took in the dark is not to be guessed
LEVELS = np.arange(256.0)


class Noise(NamedTuple):
    """What was found."""

    sigma: float  # grey levels, on average over the picture
    curve: Floats | None = None  # σ at each of the 256 levels; None: alike everywhere


class Stabiliser(NamedTuple):
    """Levels ↔ levels at which noise has one σ.  Tables uint8 [256]"""

    there: NDArray[np.uint8]
    back: NDArray[np.uint8]
    sigma: float

    @classmethod
    def of(cls, curve: Floats) -> Stabiliser:
        """For σ by level.  curve: float [256], above 0"""
        bent = np.concatenate(([0.0], np.cumsum(2 / (curve[1:] + curve[:-1]))))
        sigma = 255 / float(bent[-1])
        bent *= sigma
        back = np.interp(LEVELS, bent, LEVELS)
        return cls(np.rint(bent).astype(np.uint8), np.rint(back).astype(np.uint8), sigma)


class _Blocks(NamedTuple):
    """Of each block and channel.  float [blocks, C]"""

    means: Floats  # grey levels
    squares: Floats  # mean squares of the diagonal differences
    clipped: Floats  # shares of black and white samples


def noise_of(pixels: Image8) -> Noise:
    """The noise of a picture [H, W, C], by brightness where it depends on that."""
    found = _blocks(pixels)
    sigma = _sigma(found)
    small = halved(pixels)
    half = _blocks(small)
    smoothed, scale = 2 * _sigma(half), 1
    if smoothed > max(SMOOTHED, TIMES * sigma) and 4 * sigma_of(halved(small)) < GROWN * smoothed:
        found, sigma, scale = half, smoothed, 2
    curve = _curve(found, scale)
    if sigma < PLAIN or curve is None:
        return Noise(sigma)
    counts = np.bincount(pixels.reshape(-1), minlength=256)
    return Noise(float(np.average(curve, weights=counts)), curve)


def sigma_of(pixels: Image8) -> float:
    """σ in grey levels of white noise in [H, W, C]; 0 for a picture too small, dark or light to tell."""
    return _sigma(_blocks(pixels))


def _sigma(found: _Blocks) -> float:
    squares = found.squares[found.clipped.mean(1) <= CLIPPED].mean(1)
    return _least(squares, SIDE * SIDE * found.squares.shape[1]) if squares.size else 0.0


def _curve(found: _Blocks, scale: int) -> Floats | None:
    """σ at each level: a parabola through those of some brightnesses.  None where these are too few.

    scale: how many times σ of the blocks the picture's is.
    """
    seen = found.clipped <= CLIPPED
    means, squares = found.means[seen], found.squares[seen]
    count = min(PARTS, len(means) // FEW)
    if count < 3:
        return None
    parts = np.array_split(np.argsort(means), count)
    levels = np.array([means[part].mean() for part in parts])
    sigmas = scale * np.maximum([_least(squares[part], SIDE * SIDE) for part in parts], 0.5)
    whole = np.minimum(levels, 255 - levels) > INSIDE * sigmas
    levels, sigmas = levels[whole], sigmas[whole]
    if len(levels) < 3 or np.ptp(levels) < PARTS or sigmas.max() < BENT * sigmas.min():
        return None
    fit = np.polynomial.Polynomial.fit(levels, sigmas, 2, w=1 / sigmas)
    curve = np.minimum(fit(LEVELS), 1.2 * sigmas.max())
    return np.asarray(np.maximum(curve, max(0.8 * sigmas.min(), curve.max() / STEEP)))


def _least(squares: Floats, degrees: int) -> float:
    """σ by a low quantile of mean squares of so many degrees of freedom (Wilson and Hilferty 1931)."""
    spread = (1 - 2 / (9 * degrees) + DEVIATE * math.sqrt(2 / (9 * degrees))) ** 3
    return math.sqrt(float(np.quantile(squares, QUANTILE)) / spread)


def _blocks(pixels: Image8) -> _Blocks:
    """All whole blocks; of one channel where all are the same."""
    if pixels.shape[2] > 1 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, :1]
    side, channels = 2 * SIDE, pixels.shape[2]
    found = []
    for top in range(0, max(1, len(pixels)), ROWS):
        rows, columns = (n // side for n in pixels[top : top + ROWS].shape[:2])
        part = pixels[top : top + rows * side, : columns * side].astype(np.float32)
        cells = (part[0::2, 0::2] - part[0::2, 1::2] - part[1::2, 0::2] + part[1::2, 1::2]) / 2
        squares = np.square(cells, dtype=np.float64).reshape(rows, SIDE, columns, SIDE, channels).mean((1, 3))
        blocks = part.reshape(rows, side, columns, side, channels)
        clipped = ((blocks == 0) | (blocks == 255)).mean((1, 3))
        found.append([x.reshape(rows * columns, channels) for x in (blocks.mean((1, 3)), squares, clipped)])
    return _Blocks(*(np.concatenate(x).astype(np.float64) for x in zip(*found, strict=True)))
