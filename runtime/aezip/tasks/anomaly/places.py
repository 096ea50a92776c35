"""A Gaussian for each place of pictures that show their parts alike (PaDiM, Defard et al. 2020).

Its covariance is that of the place and its neighbours, shrunk towards the mean of all.
Moments here have a row for each place: total [h, w, D], outer [h, w, T], the T = D (D + 1) / 2 products of the upper
triangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...arrays import around
from .gaussian import Array, Moments

SHRINKAGE = 0.2  # towards the mean covariance of all places


@dataclass(frozen=True)
class Places:
    """Where vectors lie at each place, and the lower triangles that make their coordinates spread alike."""

    mean: Array  # [h, w, D]
    whitening: Array  # [h, w, T]

    def distance(self, vectors: Array) -> Array:
        """Squared Mahalanobis distance over D: about 1 for vectors of this kind.  [H, W, D] → [h, w]

        A grid of one place is for all; else vectors are those nearest to each place.
        """
        near = vectors if self.mean.shape[:2] == (1, 1) else regridded(vectors, self.mean.shape[:2])
        away = near - self.mean
        whitened = np.zeros_like(away)
        for number, (row, column) in enumerate(zip(*_lower(away.shape[-1]), strict=True)):
            whitened[..., row] += self.whitening[..., number] * away[..., column]
        return np.asarray(np.square(whitened).mean(-1), np.float32)


def moments(vectors: Array, grid: tuple[int, ...]) -> Moments:
    """Of one picture's vectors [H, W, D], on a grid of places."""
    x = regridded(vectors, grid).astype(np.float64)
    rows, columns = np.triu_indices(x.shape[-1])
    return Moments(1, x, np.take(x, rows, 2) * np.take(x, columns, 2))


def everywhere(of: Moments) -> Moments:
    """Of all places together, as a grid of one place."""
    h, w = of.total.shape[:2]
    total, outer = (sums.sum((0, 1), keepdims=True) for sums in (of.total, of.outer))
    return Moments(of.count * h * w, total, outer)


def fitted(of: Moments, floors: NDArray[np.float64]) -> Places:
    """The Gaussians of moments.  floors: variances [D] that are added."""
    size, n = of.total.shape[-1], max(of.count, 2)
    rows, columns = np.triu_indices(size)
    mean = of.total / n
    spread = (of.outer / n - mean[..., rows] * mean[..., columns]) * (n / (n - 1))
    spread = (1 - SHRINKAGE) * around(spread) + SHRINKAGE * spread.mean((0, 1))
    covariance = np.empty((*spread.shape[:2], size, size))
    covariance[..., rows, columns] = covariance[..., columns, rows] = spread
    covariance[..., range(size), range(size)] += floors
    lower = _lower(size)
    inverse = np.linalg.inv(np.linalg.cholesky(covariance))
    return Places(mean.astype(np.float32), inverse[..., lower[0], lower[1]].astype(np.float32))


def regridded(vectors: Array, grid: tuple[int, ...]) -> Array:
    """The vectors nearest to the places of a grid.  [H, W, D] → [h, w, D]"""
    if vectors.shape[:2] == tuple(grid):
        return vectors
    rows, columns = ((2 * np.arange(n) + 1) * size // (2 * n) for n, size in zip(grid, vectors.shape, strict=False))
    return np.asarray(vectors[rows][:, columns], np.float32)


def spread_over(values: Array, grid: tuple[int, int]) -> Array:
    """The largest value in each cell of another grid.  [H, W] → [h, w]"""
    for axis, n in enumerate(grid):
        values = np.maximum.reduceat(values, np.arange(n) * values.shape[axis] // n, axis)
    return values


def _lower(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows, columns = np.tril_indices(size)
    return rows, columns
