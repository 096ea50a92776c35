"""Anomalies: pictures that are normal → a profile; another picture → how far it is from them, and where.

Four things are measured, each against a Gaussian of the normal pictures' values:

    cell      of each 16×16 pixels the latents of the picture and of its half-size copy (PaDiM, Defard et al. 2020, with
              one Gaussian for all places); the most distant 2×2 cells count
    texture   of each 2×2 cells the energies of the latents' channels: a smear has less of them than usual
    colour    of each cell the mean red, green and blue
    whole     of the whole picture these energies, along the directions in which those of normal pictures differ
              most: it finds another kind of picture

Each is put in units of its spread over normal pictures. The largest of the first three is put in units of its spread
once more. The score is this or that of the whole, whichever is larger. Normal scores are found by scoring each fifth of
the pictures with the statistics of the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError, UsageError
from ..features.vectors import FLOOR, Latents, energies, halved
from .gaussian import Gaussian, Moments, fitted, leading, moments

Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Number = TypeVar("Number", float, Array)
CELL = 16  # pixels
TINY = 1e-9  # a distance of nothing
FOLDS = 5
FEWEST = 5  # pictures
SMALLEST = 32  # pixels a side, so that the half-size copy has a cell
INDEPENDENT = 0.05  # the share of cells that tell something of their own, neighbours being alike
LEAST = 0.005  # shrinkage of the covariances of cells
COMPONENTS = 16  # of whole pictures' energies
MEASURES = ("cell", "texture", "colour", "whole")
LOCAL = MEASURES[:3]
TAIL = 0.75  # quantile from which the tail of normal scores is taken as exponential


@dataclass(frozen=True)
class Seen:
    """A picture's vectors."""

    cell: Array  # [h, w, D]
    texture: Array  # [h − 1, w − 1, C]
    colour: Array  # [h, w, 3], grey levels
    whole: Array  # [P]

    @property
    def nbytes(self) -> int:
        return sum(of(self, name).nbytes for name in MEASURES)


@dataclass(frozen=True)
class Scale:
    """Where a measure of normal pictures lies and how far it spreads: median, and half of 16 % … 84 %."""

    middle: float
    spread: float

    def __call__(self, value: Number) -> Number:
        return (value - self.middle) / self.spread


@dataclass(frozen=True)
class Profile:
    """What normal pictures are like."""

    model: str
    digest: str  # of the model's encoder
    pictures: int
    gaussians: Mapping[str, Gaussian]  # of each measure
    scales: Mapping[str, Scale]  # of each measure's logarithm; `local`: of the largest of LOCAL
    normal: Array  # scores of the normal pictures, ascending

    def threshold(self, rate: float) -> float:
        """The score that this share of the normal pictures exceeds.  rate: 0 … 1, open.  Raises UsageError."""
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
    parts: Mapping[str, float]  # each measure's, in its own units
    map: Array  # [h, w], each cell's, in the same units
    place: tuple[int, int]  # x, y of the most distant cell's middle, in pixels


def of(picture: Seen, measure: str) -> Array:
    """The vectors of one measure."""
    vectors: Array = getattr(picture, measure)
    return vectors


def seen(latents: Latents, pixels: Pixels) -> Seen:
    """The vectors of a picture.  Raises ImageError."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST:
        raise ImageError(f"{width}×{height} pixels", f"at least {SMALLEST} a side")
    fine, coarse = latents.of(pixels), latents.of(halved(pixels))
    h, w = fine.shape[:2]
    rows, columns = (np.minimum(np.arange(n) // 2, m - 1) for n, m in zip((h, w), coarse.shape, strict=False))
    cell = np.concatenate((fine, coarse[rows][:, columns]), 2)
    texture = np.asarray(np.log(squares(np.square(fine)) + FLOOR))
    return Seen(cell, texture, colours(pixels, h, w), energies(fine))


def colours(pixels: Pixels, h: int, w: int) -> Array:
    """Mean of the pixels of each cell.  [H, W, C] → [h, w, 3]"""
    rows = pixels[: CELL * h, : CELL * w].reshape(h, CELL, CELL * w, -1).sum(1, dtype=np.uint32)
    means = rows.reshape(h, w, CELL, -1).sum(2).astype(np.float32) / CELL**2
    return np.ascontiguousarray(np.broadcast_to(means, (h, w, 3)))


class Fit:
    """The profile of normal pictures in the making.

    Vectors are kept in memory up to `keep` bytes; pictures beyond are read and encoded a second time.
    """

    def __init__(self, latents: Latents, keep: int = 2**29) -> None:
        self._latents, self._keep = latents, keep
        self._again: list[Callable[[], Seen]] = []
        self._moments: list[dict[str, Moments]] = []  # of each fold, of each measure

    def add(self, read: Callable[[], Pixels]) -> None:
        """One picture more.  Raises what `read` raises, and ImageError."""
        picture = seen(self._latents, read())
        self._keep -= picture.nbytes
        self._again.append((lambda: picture) if self._keep >= 0 else lambda: seen(self._latents, read()))
        found = {name: moments(_rows(of(picture, name))) for name in MEASURES}
        fold = (len(self._again) - 1) % FOLDS
        if fold < len(self._moments):
            self._moments[fold] = {name: self._moments[fold][name] + found[name] for name in MEASURES}
        else:
            self._moments.append(found)

    def profile(self) -> Profile:
        """Raises ImageError for fewer than FEWEST pictures."""
        if len(self._again) < FEWEST:
            raise ImageError(f"{len(self._again)} normal pictures", f"at least {FEWEST}")
        total = {name: _sum([fold[name] for fold in self._moments]) for name in MEASURES}
        found = []
        for number, fold in enumerate(self._moments):
            others = _gaussians({name: total[name] - fold[name] for name in MEASURES})
            found += [_measures(_distances(again(), others)) for again in self._again[number::FOLDS]]
        scales = {name: _scale(np.array([each[name] for each in found])) for name in MEASURES}
        scales["local"] = _scale(np.array([_most(_scaled(each, scales)) for each in found]))
        normal = np.sort(np.array([_value(_scaled(each, scales), scales) for each in found], np.float32))
        return Profile(self._latents.name, self._latents.digest, len(found), _gaussians(total), scales, normal)


def score(profile: Profile, picture: Seen) -> Score:
    """How far a picture is from the profile's."""
    distances = _distances(picture, profile.gaussians)
    parts = _scaled(_measures(distances), profile.scales)
    value = _value(parts, profile.scales)
    maps = []
    for name in LOCAL:
        far = distances[name]
        if far.shape != picture.cell.shape[:2]:  # a cell is as far as the farthest square that it is in
            around = np.pad(far, 1)
            far = np.maximum.reduce([around[:-1, :-1], around[1:, :-1], around[:-1, 1:], around[1:, 1:]])
        maps.append(profile.scales[name](np.log(far + TINY)))
    heat = np.asarray(profile.scales["local"](np.maximum.reduce(maps)), np.float32)
    single = profile.gaussians["cell"].distance(picture.cell)
    y, x = np.unravel_index(int(np.where(heat == heat.max(), single, -1).argmax()), heat.shape)
    return Score(value, profile.p_value(value), parts, heat, (CELL * int(x) + CELL // 2, CELL * int(y) + CELL // 2))


def squares(cells: Array) -> Array:
    """Of each 2×2 cells, on average: what is odd in one cell alone is often the grid.  [h, w, …] → [h − 1, w − 1, …]"""
    return np.asarray((cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]) / 4)


def _rows(vectors: Array) -> Array:
    return vectors.reshape(-1, vectors.shape[-1])


def _sum(parts: list[Moments]) -> Moments:
    return sum(parts[1:], parts[0])


def _gaussians(of_measures: Mapping[str, Moments]) -> dict[str, Gaussian]:
    return {
        name: leading(found, COMPONENTS) if name == "whole" else fitted(found, INDEPENDENT, LEAST)
        for name, found in of_measures.items()
    }


def _distances(picture: Seen, gaussians: Mapping[str, Gaussian]) -> dict[str, Array]:
    """Of each measure's vectors; of cells, of each 2×2 on average."""
    distances = {name: gaussians[name].distance(of(picture, name)) for name in MEASURES}
    return {**distances, "cell": squares(distances["cell"])}


def _measures(distances: Mapping[str, Array]) -> dict[str, float]:
    """Logarithms of the largest distances."""
    return {name: math.log(float(far.max()) + TINY) for name, far in distances.items()}


def _scaled(measures: Mapping[str, float], scales: Mapping[str, Scale]) -> dict[str, float]:
    return {name: scales[name](value) for name, value in measures.items()}


def _most(parts: Mapping[str, float]) -> float:
    return max(parts[name] for name in LOCAL)


def _value(parts: Mapping[str, float], scales: Mapping[str, Scale]) -> float:
    return max(scales["local"](_most(parts)), parts["whole"])


def _scale(values: NDArray[np.float64]) -> Scale:
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
    return Scale(float(middle), max(float(high - low) / 2, 1e-3))
