"""A Gaussian of many vectors, gathered a few at a time, and how far a vector lies from its middle.

Moments can be added and taken from each other. The covariance is that of standardised coordinates: shrunk towards their
identity as far as its number of vectors makes it uncertain (Chen, Wiesel, Eldar and Hero 2010, the oracle-approximating
shrinkage), or, of few vectors, kept in its leading principal components alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Number = TypeVar("Number", float, NDArray[np.floating[Any]])
LEAST_DEVIATION = 1e-4  # of the largest coordinate's: what never varies must not count without bound

VECTORS = 4  # for each principal component that is kept, at least


@dataclass(frozen=True)
class Scale:
    """Where a measure of normal pictures lies and how far it spreads: median, and half of 16 % … 84 %."""

    middle: float
    spread: float

    def __call__(self, value: Number) -> Number:
        return (value - self.middle) / self.spread

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Scale:
        """Of normal pictures' values."""
        low, middle, high = np.quantile(values, [0.16, 0.5, 0.84])
        return cls(float(middle), max(float(high - low) / 2, 1e-3))


@dataclass(frozen=True)
class Moments:
    """Of `count` vectors of D numbers."""

    count: int
    total: NDArray[np.float64]  # [D]
    outer: NDArray[np.float64]  # [D, D], sum of products

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.outer + other.outer)

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.count - other.count, self.total - other.total, self.outer - other.outer)


def moments(vectors: Array) -> Moments:
    """Of vectors [..., D]."""
    x = vectors.reshape(-1, vectors.shape[-1]).astype(np.float64)
    return Moments(len(x), x.sum(0), x.T @ x)


@dataclass(frozen=True)
class Gaussian:
    """Where vectors lie, and the map to coordinates in which they spread alike."""

    mean: Array  # [D]
    whitening: Array  # [D, K], from the right; of K = D zero below the diagonal

    def distance(self, rows: Array) -> Array:
        """Squared Mahalanobis distance over K: about 1 for vectors of this kind.  [..., D] → [...]"""
        y = (rows - self.mean) @ self.whitening
        return np.asarray(np.square(y).mean(-1), np.float32)


def fitted(of: Moments, independent: float = 1.0, least: float = 0.0) -> Gaussian:
    """The Gaussian of moments.  independent: the share of vectors that count as such; least: shrinkage at least."""
    n, size = max(of.count, 1), len(of.total)
    mean, deviation, correlation = _standardised(of)
    weight = max(least, _shrinkage(correlation, max(n * independent, 2.0)))
    lower = np.linalg.cholesky((1 - weight) * correlation + (weight + 1e-6) * np.eye(size))
    whitening = np.triu(np.linalg.inv(lower).T) / deviation[:, None]
    return Gaussian(mean.astype(np.float32), whitening.astype(np.float32))


def leading(of: Moments, components: int) -> Gaussian:
    """The Gaussian of moments along its first principal components, at most one for each VECTORS vectors."""
    mean, deviation, correlation = _standardised(of)
    count = max(1, min(components, of.count // VECTORS, len(mean)))
    spread, axes = np.linalg.eigh(correlation)
    spread, axes = spread[::-1][:count], axes[:, ::-1][:, :count]
    whitening = axes / np.sqrt(np.maximum(spread, 1e-6)) / deviation[:, None]
    return Gaussian(mean.astype(np.float32), whitening.astype(np.float32))


def _standardised(of: Moments) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, deviation and correlation."""
    n = max(of.count, 1)
    mean = of.total / n
    covariance = of.outer / n - np.outer(mean, mean)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
    deviation = np.maximum(deviation, max(LEAST_DEVIATION * deviation.max(), 1e-12))
    return mean, deviation, covariance / np.outer(deviation, deviation)


def _shrinkage(correlation: NDArray[np.float64], n: float) -> float:
    size = len(correlation)
    square, trace = float((correlation**2).sum()), float(np.trace(correlation))
    above = (1 - 2 / size) * square + trace**2
    below = (n + 1 - 2 / size) * (square - trace**2 / size)
    return 1.0 if below <= 0 else min(1.0, above / below)
