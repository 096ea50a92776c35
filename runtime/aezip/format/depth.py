"""Depth: bits of a sample, 8 to 16, and samples of one depth as those of another.

Samples of 8 bits are uint8, those of 9 to 16 uint16, from 0 to 2ᵈ − 1. What a decoder makes for them is `fine`: uint16
in 1/256 of a grey level, 0 to 255 · 256, which float32 holds exactly. Tables of all values do each step, so that a
large picture takes no more memory than its samples.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples as Samples
from ..errors import SectionDamaged
from .container import PLAIN

FINE = 256  # of a grey level
_FINE_TOP = 255 * FINE


def top(depth: int) -> int:
    """The largest sample."""
    return int(2**depth - 1)


def kind(depth: int) -> type[np.uint8] | type[np.uint16]:
    """The type of samples."""
    return np.uint8 if depth == PLAIN else np.uint16


def scaled(samples: Samples, depth: int, to: int) -> Samples:
    """Samples of another depth: the nearest of the same part of white, the larger of two."""
    return samples if depth == to else np.asarray(np.take(_scale(depth, to), samples))


def levels(samples: Samples, depth: int) -> NDArray[np.float32]:
    """Samples in grey levels, 0 … 255."""
    return samples.astype(np.float32) if depth == PLAIN else np.asarray(np.take(_levels(depth), samples))


def fine_of(made: NDArray[np.float32]) -> NDArray[np.uint16]:
    """What a decoder made, in grey levels → fine.  Exact where `made` is."""
    return np.asarray(np.rint(made * np.float32(FINE)).clip(0, _FINE_TOP), np.uint16)


def of_fine(fine: NDArray[np.uint16], depth: int) -> NDArray[np.uint16]:
    """Fine → samples of 9 to 16 bits."""
    return np.asarray(np.take(_of_fine(depth), fine))


def is_narrow(samples: Samples, depth: int) -> bool:
    """Whether samples of more than 8 bits are within a sixteenth of their range, as those of sensors may be."""
    return depth > PLAIN and int(samples.max()) - int(samples.min()) < 2 ** (depth - 4)


def check(samples: Samples, depth: int) -> None:
    """Raise SectionDamaged for samples that are too large."""
    most = int(samples.max(initial=0))
    if most > top(depth):
        raise SectionDamaged(f"a sample of {most} in a picture of {depth} bits", f"at most {top(depth)}")


@lru_cache(maxsize=4)
def _scale(depth: int, to: int) -> Samples:
    values, whole = np.arange(top(depth) + 1, dtype=np.uint32), top(depth)
    return np.asarray((values * top(to) + whole // 2) // whole, kind(to))


@lru_cache(maxsize=4)
def _levels(depth: int) -> NDArray[np.float32]:
    return np.asarray(np.arange(top(depth) + 1) * 255 / top(depth), np.float32)


@lru_cache(maxsize=4)
def _of_fine(depth: int) -> NDArray[np.uint16]:
    values = np.arange(_FINE_TOP + 1, dtype=np.uint32)
    return np.asarray((values * top(depth) + _FINE_TOP // 2) // _FINE_TOP, np.uint16)
