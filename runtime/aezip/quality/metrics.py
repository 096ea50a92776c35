"""Distortion and rate, as the field measures them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..format.container import PLAIN
from ..format.depth import Samples, top


def bits_per_pixel(size: int, pixels: NDArray[np.uint8]) -> float:
    """Rate of a whole file of `size` bytes that holds the picture [H, W, …]."""
    height, width = pixels.shape[:2]
    return 8 * size / (int(height) * int(width))


def psnr_db(a: Samples, b: Samples, depth: int = PLAIN) -> float:
    """Peak signal-to-noise ratio of two pictures of one shape and depth, over all channels, in dB; inf when equal."""
    if a.shape != b.shape:
        raise ValueError(f"pictures of one shape expected, got {a.shape} and {b.shape}")
    rows = max(1, 2**20 // max(1, a[:1].size))  # at a time, so that a large picture takes no more memory
    bands = range(0, len(a), rows)
    wide = np.int32 if depth == PLAIN else np.int64
    total = sum(int(((a[i : i + rows].astype(wide) - b[i : i + rows]) ** 2).sum(dtype=np.int64)) for i in bands)
    mse = total / a.size
    return math.inf if mse == 0 else 10 * math.log10(top(depth) ** 2 / mse)


SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
_WINDOW /= _WINDOW.sum()


def ms_ssim(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Multi-scale structural similarity of two pictures [H, W, C] in grey levels, mean over channels, 0 … 1.

    Wang, Simoncelli, Bovik 2003: Gaussian window of 11 (σ 1.5), K = 0.01 and 0.03, five scales; fewer, with their
    weights made to sum to 1, where the shorter side is under 176 pixels. NaN when it is under 11.
    """
    if a.shape != b.shape:
        raise ValueError(f"pictures of one shape expected, got {a.shape} and {b.shape}")
    x, y = (p.reshape(*p.shape[:2], -1).astype(np.float64) for p in (a, b))
    scales = sum(min(a.shape[:2]) >> s >= 11 for s in range(len(SCALE_WEIGHTS)))
    if not scales:
        return math.nan
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    product = np.ones(x.shape[2])
    for scale, weight in enumerate(weights):
        if scale:
            x, y = _half(x), _half(y)
        luminance, contrast = _ssim_terms(x, y)
        value = (luminance * contrast).mean((0, 1)) if scale == scales - 1 else contrast.mean((0, 1))
        product *= np.maximum(value, 0) ** weight
    return float(product.mean())


def _ssim_terms(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = _blur(x), _blur(y)
    vx, vy, cov = _blur(x * x) - mx * mx, _blur(y * y) - my * my, _blur(x * y) - mx * my
    return (2 * mx * my + c1) / (mx * mx + my * my + c1), (2 * cov + c2) / (vx + vy + c2)


def _blur(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The window's weighted mean at every place where it fits.  [H, W, C] → [H − 10, W − 10, C]"""
    rows = sum(w * x[i : x.shape[0] - 10 + i] for i, w in enumerate(_WINDOW))
    return np.asarray(sum(w * rows[:, i : x.shape[1] - 10 + i] for i, w in enumerate(_WINDOW)))


def _half(x: NDArray[np.float64]) -> NDArray[np.float64]:
    h, w = (n // 2 * 2 for n in x.shape[:2])
    return np.asarray((x[0:h:2, 0:w:2] + x[1:h:2, 0:w:2] + x[0:h:2, 1:w:2] + x[1:h:2, 1:w:2]) / 4)


def bd_rate(
    rate: NDArray[np.float64],
    quality: NDArray[np.float64],
    other_rate: NDArray[np.float64],
    other_quality: NDArray[np.float64],
    span: tuple[float, float] = (-math.inf, math.inf),
) -> float:
    """Bjøntegaard delta rate of `other` against the first curve, in percent (negative: fewer bits).

    Mean difference of log rate over the common quality range within `span`, each curve interpolated by PCHIP
    (Bjøntegaard, VCEG-M33, 2001; PCHIP as in JVET's sheets). NaN without a common range.
    """
    low = max(min(quality), min(other_quality), span[0])
    high = min(max(quality), max(other_quality), span[1])
    if not low < high:
        return math.nan
    at = np.linspace(low, high, 1001)
    ours = pchip(other_quality, np.log(other_rate), at)
    theirs = pchip(quality, np.log(rate), at)
    return float(np.expm1(np.trapezoid(ours - theirs, at) / (high - low)) * 100)


def pchip(x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape-preserving piecewise cubic through (x, y) (Fritsch & Carlson 1980), at points inside its range."""
    order = np.argsort(x)
    x, y = np.asarray(x, float)[order], np.asarray(y, float)[order]
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    d = np.zeros_like(y)
    if len(x) == 2:
        d[:] = slope
    else:
        same = slope[:-1] * slope[1:] > 0
        w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            d[1:-1] = np.where(same, (w1 + w2) / (w1 / slope[:-1] + w2 / slope[1:]), 0)
        d[0] = _edge(h[0], h[1], slope[0], slope[1])
        d[-1] = _edge(h[-1], h[-2], slope[-1], slope[-2])
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    t = (at - x[i]) / h[i]
    return np.asarray(
        y[i] * (1 + 2 * t) * (1 - t) ** 2
        + y[i + 1] * t**2 * (3 - 2 * t)
        + h[i] * (d[i] * t * (1 - t) ** 2 - d[i + 1] * t**2 * (1 - t))
    )


def _edge(h0: float, h1: float, s0: float, s1: float) -> float:
    """One-sided three-point slope that keeps the shape."""
    d = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
    if d * s0 <= 0:
        return 0.0
    return 3 * s0 if s0 * s1 < 0 and abs(d) > 3 * abs(s0) else float(d)
