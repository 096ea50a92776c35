"""Anomalies: pictures that are normal → a profile; another picture → how far it is from them, and where.

Two things are measured. Of each cell of 16×16 pixels the latents of the picture and of its half-size copy, one vector,
against a Gaussian of such vectors (PaDiM, Defard et al. 2020, with one Gaussian for all places): the most distant 2×2
cells tell of a defect. And of the whole picture the energies of its latents' channels, along the
directions in which those of normal pictures differ most: they tell of another kind of picture, also of one that has
less in it. Each is put in units of its own spread over normal pictures; the score is the larger. What normal scores are
is found by scoring each fifth of the pictures with the statistics of the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, UsageError
from .gaussian import Gaussian, Moments, fitted, leading, moments
from .vectors import Latents, energies, halved

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]
FOLDS = 5
FEWEST = 5  # pictures
SMALLEST = 32  # pixels a side, so that the half-size copy has a cell
INDEPENDENT = 0.05  # the share of cells that tell something of their own, neighbours being alike
LEAST = 0.005  # shrinkage of the cells' covariance
COMPONENTS = 16  # of whole pictures' energies
TAIL = 0.75  # quantile from which the tail of normal scores is taken as exponential


@dataclass(frozen=True)
class Seen:
    """A picture's vectors."""

    cells: Array  # [h, w, D]
    whole: Array  # [P]


@dataclass(frozen=True)
class Scale:
    """Where a measure of normal pictures lies and how far it spreads: median, and half of 16 % … 84 %."""

    middle: float
    spread: float

    def __call__(self, value: float) -> float:
        return (value - self.middle) / self.spread


@dataclass(frozen=True)
class Profile:
    """What normal pictures are like."""

    model: str
    digest: str  # of the model's encoder
    pictures: int
    cell: Gaussian
    whole: Gaussian
    cell_scale: Scale
    whole_scale: Scale
    normal: Array  # scores of the normal pictures, ascending

    def threshold(self, rate: float) -> float:
        """The score that so many of the normal pictures pass.  rate: 0 … 1, open.  Raises UsageError."""
        if not 0 < rate < 1:
            raise UsageError(f"a false-positive rate of {rate}", "a share between 0 and 1")
        start, slope = self._tail()
        if rate < 1 - TAIL:
            return start + slope * math.log((1 - TAIL) / rate)
        return float(np.quantile(self.normal, 1 - rate))

    def p_value(self, score: float) -> float:
        """The share of normal pictures that score so high or higher."""
        start, slope = self._tail()
        if score > start:
            return (1 - TAIL) * math.exp(-(score - start) / slope)
        return max(1 - TAIL, float((self.normal >= score).mean()))

    def _tail(self) -> tuple[float, float]:
        start = float(np.quantile(self.normal, TAIL))
        excess = self.normal[self.normal > start] - start
        return start, max(float(excess.mean()) if excess.size else 0.0, 1e-3)


@dataclass(frozen=True)
class Score:
    """How far a picture is from normal ones."""

    value: float  # in spreads of normal pictures; about 0 for a normal one
    p_value: float
    cell: float  # the most distant 2×2 cells'
    whole: float  # the picture's as a whole
    map: Array  # [h, w], each cell's, in the same units
    place: tuple[int, int]  # x, y of the most distant cell's middle, in pixels


def seen(latents: Latents, pixels: Pixels) -> Seen:
    """The vectors of a picture.  Raises ImageError."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST:
        raise ImageError(f"{width}×{height} pixels", f"at least {SMALLEST} a side")
    fine, coarse = latents.of(pixels), latents.of(halved(pixels))
    h, w = fine.shape[:2]
    rows, columns = (np.minimum(np.arange(n) // 2, m - 1) for n, m in zip((h, w), coarse.shape, strict=False))
    return Seen(np.concatenate((fine, coarse[rows][:, columns]), 2), energies(fine))


class Fit:
    """The profile of normal pictures in the making.

    Vectors are kept in memory up to `keep` bytes; pictures beyond are read and encoded a second time.
    """

    def __init__(self, latents: Latents, keep: int = 2**29) -> None:
        self._latents, self._keep = latents, keep
        self._again: list[Callable[[], Seen]] = []
        self._cells: list[Moments] = []  # of each fold
        self._wholes: list[Moments] = []

    def add(self, read: Callable[[], Pixels]) -> None:
        """One picture more.  Raises what `read` raises, and ImageError."""
        picture = seen(self._latents, read())
        self._keep -= picture.cells.nbytes
        self._again.append((lambda: picture) if self._keep >= 0 else lambda: seen(self._latents, read()))
        found = moments(picture.cells.reshape(-1, picture.cells.shape[2])), moments(picture.whole[None])
        fold = (len(self._again) - 1) % FOLDS
        for mine, new in zip((self._cells, self._wholes), found, strict=True):
            if fold < len(mine):
                mine[fold] += new
            else:
                mine.append(new)

    def profile(self) -> Profile:
        """Raises ImageError for fewer than FEWEST pictures."""
        if len(self._again) < FEWEST:
            raise ImageError(f"{len(self._again)} normal pictures", f"at least {FEWEST}")
        cells, wholes = _sum(self._cells), _sum(self._wholes)
        found = []
        for fold, (their_cells, their_wholes) in enumerate(zip(self._cells, self._wholes, strict=True)):
            others = _gaussians(cells - their_cells, wholes - their_wholes)
            found += [_measures(again(), *others) for again in self._again[fold::FOLDS]]
        cell_scale, whole_scale = (_scale(np.array(column)) for column in zip(*found, strict=True))
        normal = np.sort(np.array([max(cell_scale(c), whole_scale(w)) for c, w in found], np.float32))
        return Profile(
            self._latents.name, self._latents.digest, len(found), *_gaussians(cells, wholes), cell_scale, whole_scale,
            normal,
        )


def score(profile: Profile, picture: Seen) -> Score:
    """How far a picture is from the profile's."""
    distance = profile.cell.distance(picture.cells)
    far = squares(distance)
    around = np.pad(far, 1)  # a cell is as far as the farthest square that it is in
    most = np.maximum.reduce([around[:-1, :-1], around[1:, :-1], around[:-1, 1:], around[1:, 1:]])
    heat = np.asarray((np.log(most + 1e-9) - profile.cell_scale.middle) / profile.cell_scale.spread, np.float32)
    cell, whole = (
        scale(value) for scale, value in zip(
            (profile.cell_scale, profile.whole_scale), _measures(picture, profile.cell, profile.whole), strict=True
        )
    )
    top, left = np.unravel_index(int(far.argmax()), far.shape)
    inner, along = np.unravel_index(int(distance[top : top + 2, left : left + 2].argmax()), (2, 2))
    y, x = top + inner, left + along
    value = max(cell, whole)
    return Score(value, profile.p_value(value), cell, whole, heat, (16 * int(x) + 8, 16 * int(y) + 8))


def squares(distance: Array) -> Array:
    """Of each 2×2 cells, on average: what is odd in one cell alone is often the grid.  [h, w] → [h − 1, w − 1]"""
    return np.asarray((distance[:-1, :-1] + distance[1:, :-1] + distance[:-1, 1:] + distance[1:, 1:]) / 4)


def _sum(parts: list[Moments]) -> Moments:
    return sum(parts[1:], parts[0])


def _gaussians(cells: Moments, wholes: Moments) -> tuple[Gaussian, Gaussian]:
    return fitted(cells, INDEPENDENT, LEAST), leading(wholes, COMPONENTS)


def _measures(s: Seen, cell: Gaussian, whole: Gaussian) -> tuple[float, float]:
    """Logarithms of the most distant cells' distance and of the whole picture's."""
    far = squares(cell.distance(s.cells)).max(), whole.distance(s.whole)
    return math.log(float(far[0]) + 1e-9), math.log(float(far[1]) + 1e-9)


def _scale(values: NDArray[np.float64]) -> Scale:
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    return Scale(float(middle), max(float(high - low) / 2, 1e-3))
