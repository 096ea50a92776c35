"""A grey picture and the colours of some of its pixels → colours of all.

Neighbours of like brightness have like colours (Levin, Lischinski and Weiss 2004): the squared differences between
neighbours, weighed by how alike these are, sum to the least. That is a system of linear equations with a Laplacian of
the picture's grid, solved by conjugate gradients, each step helped by a V of coarser grids whose cells are 2×2 of the
next finer one (unsmoothed aggregation).

`guessed` compares every pixel with the hints, by brightness and place, and holds it weakly at the mean of those it is
like (kernel regression; Nadaraya and Watson 1964).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...arrays import Image8, around
from .chroma import LUMA, Plane

CHROMA = np.array([[0.0, 1.402], [-0.344136, -0.714136], [1.772, 0.0]], np.float32)  # R, G, B of Cb, Cr
POWER = 2.0  # of the difference of grey levels, in how little neighbours share
HELD = 10.0  # how firmly a hint holds, where a neighbour that is alike holds by 1
GUESSED = 1e-3  # how firmly a guess holds, where a hint by hand does by 1
LIKE = (12.0, 12.0, 0.25)  # differences that count alike: of brightness, of its variation, of place in picture heights
MOST = 256  # hints that pixels are compared with
OVER = 1.8  # of coarse corrections: aggregates are too stiff (Braess 1995)
COARSEST = 4  # sides of a grid that is only smoothed
STEPS, PRECISION = 40, 1e-3  # of conjugate gradients, at most, and the share of the error that is left
WAYS = ((0, 1), (1, 0), (1, 1), (1, -1))  # to four of a pixel's neighbours, rows and columns


Known = tuple[Plane, Plane]  # chroma [H, W, 2], and how firmly it is known [H, W]


class Grid(NamedTuple):
    """The equations: held·x + Σ weight·(x − neighbour) = right side."""

    weights: tuple[Plane, ...]  # [h, w] each, one a way of WAYS; 0 where there is no neighbour
    held: Plane  # [h, w]
    total: Plane  # [h, w], the sum of all that holds a pixel


def luma_of(pixels: Image8) -> Plane:
    """RGB [..., 3] → brightness [...] in grey levels"""
    return np.asarray(pixels.astype(np.float32) @ LUMA.astype(np.float32))


def chroma_of(pixels: Image8) -> Plane:
    """RGB [..., 3] → Cb, Cr [..., 2] in grey levels"""
    x, luma = pixels.astype(np.float32), luma_of(pixels)
    return np.stack(((x[..., 2] - luma) / CHROMA[2, 0], (x[..., 0] - luma) / CHROMA[0, 1]), -1)


def halved(chroma: Plane, held: Plane) -> Known:
    """Hints for a picture of half the size: means of 2×2, as firm as the firmest of them."""
    height, width = (n // 2 * 2 for n in held.shape)
    chroma, held = chroma[:height, :width], held[:height, :width]
    total = _summed(held[:, :, None])
    mean = _summed(chroma * held[:, :, None]) / np.maximum(total, np.float32(1e-12))
    return mean, np.maximum.reduce([held[i::2, j::2] for i in (0, 1) for j in (0, 1)])


def together(one: Known, other: Known) -> Known:
    """Both hints; where both know a pixel, the firmer one counts more."""
    held = one[1] + other[1]
    total = one[0] * one[1][:, :, None] + other[0] * other[1][:, :, None]
    return np.asarray(total / np.maximum(held, 1e-12)[:, :, None], np.float32), held


def guessed(grey: Image8, known: Known) -> Known:
    """Chroma of every pixel by the hints that it is like; held weakly.  grey: uint8 [H, W, 1]"""
    chroma, held = known
    bright, varied = texture(grey[:, :, 0].astype(np.float32), (2,))
    rows, columns = (np.arange(n, dtype=np.float32) for n in held.shape)
    places = np.argwhere(held > 0)
    total, weights = np.zeros_like(chroma), np.full(held.shape, 1e-12, np.float32)
    for y, x in places[:: -(-len(places) // MOST)]:
        far = np.square((rows - y) / (LIKE[2] * len(rows)))[:, None] + np.square((columns - x) / (LIKE[2] * len(rows)))
        for value, scale in zip((bright, varied), LIKE, strict=False):
            far += np.square((value - value[y, x]) / scale)
        weight = 1 / np.square(1e-3 + far)
        total += weight[:, :, None] * chroma[y, x]
        weights += weight
    return total / weights[:, :, None], np.full_like(held, GUESSED)


def texture(luma: Plane, wide: tuple[int, ...]) -> list[Plane]:
    """Brightness [H, W] against the picture's own mean and spread, and how it varies that many pixels around."""
    y = 128 + 50 * (luma - luma.mean()) / max(float(luma.std()), 1.0)
    return [around(y), *(np.sqrt(np.maximum(around(y * y, r) - around(y, r) ** 2, 0)) for r in wide)]


def spread(grey: Image8, chroma: Plane, held: Plane) -> Plane:
    """Chroma of every pixel.

    Args:
        grey: uint8 [H, W, 1].
        chroma: float [H, W, 2], Cb and Cr where they are known.
        held: float [H, W], how firmly chroma is known, 1 for a hint; somewhere above 0.

    Returns:
        float [H, W, 2].
    """
    y = grey[:, :, 0].astype(np.float32)
    weights = []
    for down, along in WAYS:
        one, other = _pair(y, down, along)
        weight = np.zeros_like(y)
        _pair(weight, down, along)[0][...] = np.hypot(down, along) ** -1 / (1 + np.abs(one - other) ** POWER)
        weights.append(weight)
    grids = [_grid(tuple(weights), (HELD * held).astype(np.float32))]
    while min(grids[-1].held.shape) > COARSEST:
        grids.append(_coarser(grids[-1]))
    start = np.einsum("hwc,hw->c", chroma, held) / held.sum()  # the hints' mean
    right = grids[0].held[:, :, None] * (chroma - start)
    return np.asarray(start + _solved(grids, right.astype(np.float32)), np.float32)


def _solved(grids: list[Grid], right: Plane) -> Plane:
    """Conjugate gradients, each channel for itself."""
    out, left = np.zeros_like(right), right
    step = help = _corrected(grids, left)
    size = (left * help).sum((0, 1))
    enough = PRECISION**2 * size
    for _ in range(STEPS):
        force = _applied(grids[0], step)
        far = size / np.maximum((step * force).sum((0, 1)), 1e-20)
        out, left = out + far * step, left - far * force
        help = _corrected(grids, left)
        size, before = (left * help).sum((0, 1)), size
        if (size <= enough).all():
            break
        step = help + size / np.maximum(before, 1e-20) * step
    return out


def _corrected(grids: list[Grid], right: Plane) -> Plane:
    """A V-cycle: nearly the solution for a right side [h, w, C]; symmetric, as conjugate gradients need it."""
    grid, *coarser = grids
    total = grid.total[:, :, None]
    out = 0.7 * right / total
    if coarser:
        rest = _summed(right - _applied(grid, out))
        out = out + OVER * _repeated(_corrected(coarser, rest), right.shape)
    else:
        for _ in range(8):
            out = out + 0.7 * (right - _applied(grid, out)) / total
    return out + 0.7 * (right - _applied(grid, out)) / total


def _applied(grid: Grid, x: Plane) -> Plane:
    """The left sides.  [h, w, C]"""
    out = grid.held[:, :, None] * x
    for (down, along), weight in zip(WAYS, grid.weights, strict=True):
        one, other = _pair(x, down, along)
        flow = _pair(weight, down, along)[0][:, :, None] * (one - other)
        to_one, to_other = _pair(out, down, along)
        to_one += flow
        to_other -= flow
    return out


def _pair(x: Plane, down: int, along: int) -> tuple[Plane, Plane]:
    """Views of all pixels that have a neighbour there, and of these neighbours."""
    height, width = x.shape[:2]
    left, right = max(0, -along), width - max(0, along)
    return x[: height - down, left:right], x[down:, left + along : right + along]


def _grid(weights: tuple[Plane, ...], held: Plane) -> Grid:
    total = held.copy()
    for (down, along), weight in zip(WAYS, weights, strict=True):
        one, other = _pair(total, down, along)
        mine = _pair(weight, down, along)[0]
        one += mine
        other += mine
    return Grid(weights, held, np.maximum(total, 1e-12))


def _coarser(grid: Grid) -> Grid:
    """Cells of 2×2: what holds them is summed, and so is what holds pixels of two cells together."""
    height, width = grid.held.shape
    shape = (height + 1) // 2, (width + 1) // 2
    weights = tuple(np.zeros(shape, np.float32) for _ in WAYS)
    for (down, along), weight in zip(WAYS, grid.weights, strict=True):
        for row in (0, 1):
            for column in (0, 1):
                part = weight[row::2, column::2]
                to = (row + down) // 2, (column + along) // 2  # cells further down and along
                if to == (0, 0) or not part.size:
                    continue
                if to == (0, -1):  # the same as from the cell to the left
                    weights[0][: part.shape[0], : part.shape[1] - 1] += part[:, 1:]
                else:
                    weights[WAYS.index(to)][: part.shape[0], : part.shape[1]] += part
    return _grid(weights, _summed(grid.held[:, :, None])[:, :, 0])


def _summed(x: Plane) -> Plane:
    """Sums of 2×2, the last of fewer.  [h, w, C]"""
    x = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)))
    return np.asarray(x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2])


def _repeated(x: Plane, shape: tuple[int, ...]) -> Plane:
    """Each value for 2×2 pixels, cut to `shape`."""
    return x.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]
