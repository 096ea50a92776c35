"""Textures drawn by code, and defects planted in them, for `measure_tasks.py textures`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Pixels = NDArray[np.uint8]  # [H, W, 3]
KINDS = ("weave", "wood", "grain", "dots", "brushed", "tiles")
DEFECTS = ("scratch", "stain", "smear", "patch", "hole")
SIDE = 256


def drawn(kind: str, rng: np.random.Generator, side: int = SIDE) -> Pixels:
    """One picture of a kind: every phase, its noise and its light are drawn anew."""
    y, x = np.mgrid[:side, :side].astype(np.float64)
    a, b, c, d = rng.uniform(0, 2 * np.pi, 4)
    if kind == "weave":
        over = np.sin(np.pi * x / 11 + a / 2) * np.sin(np.pi * y / 11 + b / 2) > 0
        v = 130 + 35 * np.where(over, np.sin(2 * np.pi * x / 11 + a), np.sin(2 * np.pi * y / 11 + b))
        v, colour = v + 8 * noise(rng, side, 1), (1, 0.95, 0.8)
    elif kind == "wood":
        bent = x + 6 * noise(rng, side, 30)
        v = 150 + 25 * np.sin(2 * np.pi * bent / 17 + a) + 10 * np.sin(2 * np.pi * bent / 5.3 + b)
        v, colour = v + 6 * noise(rng, side, 1.5), (1, 0.75, 0.5)
    elif kind == "grain":
        v, colour = 120 + 25 * noise(rng, side, 1.2) + 10 * noise(rng, side, 6), (0.9, 0.95, 1)
    elif kind == "dots":
        inside = np.hypot((x + 10 * a) % 20 - 10, (y + 10 * b) % 20 - 10) < 5
        v, colour = blurred(190.0 - 90 * inside + 6 * noise(rng, side, 0.7), 0.8), (0.8, 0.9, 1)
    elif kind == "brushed":
        v, colour = 140 + 18 * noise(rng, side, 14, along=True), (1, 1, 1)
    else:
        joint = ((x + 8 * c) % 48 < 3) | ((y + 8 * d) % 48 < 3)
        v = np.where(joint, 70, 150 + 12 * noise(rng, side, 3)) + 4 * noise(rng, side, 0.6)
        colour = (1, 0.9, 0.85)
    slope = rng.uniform(-0.06, 0.06, 2)
    light = rng.uniform(0.93, 1.07) * (1 + slope[0] * (x / side - 0.5) + slope[1] * (y / side - 0.5))
    return whole(v[:, :, None] * np.array(colour) * light[:, :, None])


def broken(pixels: Pixels, defect: str, rng: np.random.Generator) -> Pixels:
    """The same with a defect somewhere, 8 to 80 pixels long."""
    t = pixels.astype(np.float64)
    h, w = t.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float64)
    top, left = rng.uniform(40, h - 40), rng.uniform(40, w - 40)
    far = np.hypot(x - left, y - top)
    if defect == "scratch":
        angle = rng.uniform(0, np.pi)
        along = (x - left) * np.cos(angle) + (y - top) * np.sin(angle)
        across = (y - top) * np.cos(angle) - (x - left) * np.sin(angle)
        line = np.exp(-0.5 * (across / 1.2) ** 2) * (np.abs(along) < rng.uniform(20, 40))
        t += line[:, :, None] * rng.choice([-60, 60])
    elif defect == "stain":
        t *= 1 - np.exp(-0.5 * (far / rng.uniform(8, 14)) ** 4)[:, :, None] * np.array([0.25, 0.3, 0.4])
    elif defect == "smear":
        inside = far < rng.uniform(12, 18)
        t[inside] = np.stack([blurred(t[:, :, i], 4) for i in range(3)], 2)[inside]
    elif defect == "patch":
        n = int(rng.uniform(20, 32))
        i, j = int(top) - n // 2, int(left) - n // 2
        t[i : i + n, j : j + n] = np.rot90(t[i : i + n, j : j + n], int(rng.integers(1, 3)))
    else:
        t[far < rng.uniform(4, 7)] *= 0.35
    return whole(t)


def noise(rng: np.random.Generator, side: int, size: float, *, along: bool = False) -> Plane:
    """White noise blurred to a Gaussian of `size` pixels (along rows alone, or all around), of variance 1."""
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    keep = np.exp(-2 * (np.pi * size) ** 2 * (across**2 + (0 if along else down**2)))
    v = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * keep, (side, side))
    return np.asarray(v / v.std())


def blurred(plane: Plane, size: float) -> Plane:
    """By a Gaussian of `size` pixels, as if the plane went on around its edges."""
    down, across = np.fft.fftfreq(plane.shape[0])[:, None], np.fft.rfftfreq(plane.shape[1])[None]
    keep = np.exp(-2 * (np.pi * size) ** 2 * (down**2 + across**2))
    return np.asarray(np.fft.irfft2(np.fft.rfft2(plane) * keep, plane.shape))


def whole(t: Plane) -> Pixels:
    return np.asarray(np.clip(np.rint(t), 0, 255), np.uint8)
