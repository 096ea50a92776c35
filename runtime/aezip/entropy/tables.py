"""The frequency tables: 64 symmetric distributions of zero mean on a log₂ grid of scales.

Table `i` has scale σ = 2^((i − INDEX_ONE) / OCTAVE): 0.1035 for table 0, 290 for table 63. A table covers the symbols
−radius … radius and ends with the escape; its frequencies are whole, at least 1, and sum to 2¹⁶ exactly.

Networks learn with mixtures of two Gaussians. Tables are made once, at export, from these or from what is counted in
pictures, and travel in the model package as integers: no decoder evaluates an error function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import PackageDamaged

if TYPE_CHECKING:
    from . import _coder

OCTAVE = 5.5  # tables to a doubling of the scale
INDEX_ONE = 18  # the table whose scale is 1
INDEX_TOP = 63
TOTAL_BITS = 16
TOTAL = 1 << TOTAL_BITS
SYMBOL_MAX = 4095  # of any symbol, escaped or not: latents of i16 reach 2978 of the smallest steps
RADIUS_MAX = 1023  # of symbols that are not escaped
MIXTURE = ((0.77, 0.81), (0.23, 1.5))  # weight and σ, in units of a table's, of its Gaussians: measured on photographs
REACH = 6  # σ beyond which a symbol is escaped
STEPS = (16, 21, 9, 12)  # local steps, in 1/16 of the quality's; an index's two highest bits choose one
STEP_SHIFTS = (0, 2, -5, -2)  # how many tables wider they are
STEP_BIT = 6  # of an index


@dataclass(frozen=True)
class Tables:
    """All tables, one after the other: entries −radius … radius, escape; then the next table's.

    radius: [T] int64; frequency: [entries] int64, entries = Σ (2·radius + 2)
    """

    radius: NDArray[np.int64]
    frequency: NDArray[np.int64]

    @cached_property
    def base(self) -> NDArray[np.int64]:
        """[T], the entry of each table's symbol 0."""
        size = 2 * self.radius + 2
        return np.asarray(np.cumsum(size) - size + self.radius)

    @cached_property
    def start(self) -> NDArray[np.int64]:
        """[entries], sum of the frequencies before an entry in its table."""
        return np.asarray((np.cumsum(self.frequency) - self.frequency) % TOTAL)

    @cached_property
    def symbol(self) -> NDArray[np.int16]:
        """[entries], the symbol of an entry; SYMBOL_MAX + 1 for escapes."""
        parts = [np.append(np.arange(-r, r + 1), SYMBOL_MAX + 1) for r in self.radius]
        return np.concatenate(parts).astype(np.int16)

    @cached_property
    def lookup(self) -> NDArray[np.uint16]:
        """[T · 2¹⁶], the entry that owns a slot of a table."""
        return np.asarray(np.repeat(np.arange(len(self.frequency), dtype=np.uint16), self.frequency))

    def entries(self, index: NDArray[np.integer], symbol: NDArray[np.integer]) -> NDArray[np.int64]:
        """The entry of each symbol under its table; the table's escape where it is outside.  Any one shape."""
        radius = self.radius[index]
        inside = np.where(np.abs(symbol) <= radius, symbol, radius + 1)
        return np.asarray(self.base[index] + inside)

    @cached_property
    def cost(self) -> NDArray[np.float32]:
        """[entries], bits of an entry in whole 2⁻¹⁶, so that any order sums alike; an escape's with its 16 more."""
        cost = TOTAL_BITS - np.log2(self.frequency) + 16 * (self.symbol > SYMBOL_MAX)
        return np.asarray(np.round(cost * TOTAL) / TOTAL, np.float32)

    @cached_property
    def compiled(self) -> _coder.Tables:
        """The tables as the compiled coder has them."""
        from . import _coder

        radius, frequency = (values.astype("<i4").tobytes() for values in (self.radius, self.frequency))
        return _coder.tables(radius, frequency, self.cost.tobytes())

    def bits(self, index: NDArray[np.integer], symbol: NDArray[np.integer]) -> float:
        """What the tables say these symbols cost, in bits; an escaped one costs 16 more."""
        return self.bits_of(self.entries(index, symbol))

    def bits_of(self, entry: NDArray[np.int64]) -> float:
        """The same, of entries."""
        return float(self.cost[entry].sum(dtype=np.float64))

    def check(self) -> None:
        """Raise PackageDamaged unless every table is whole: frequencies ≥ 1, sums of 2¹⁶, sane radii."""
        if self.radius.shape != (INDEX_TOP + 1,) or self.radius.min() < 1 or self.radius.max() > RADIUS_MAX:
            raise PackageDamaged("the frequency tables have impossible radii", f"64 from 1 to {RADIUS_MAX}")
        size = 2 * self.radius + 2
        if self.frequency.shape != (size.sum(),) or self.frequency.size > TOTAL:
            raise PackageDamaged(f"{self.frequency.size} frequencies", f"{size.sum()} for these radii")
        if self.frequency.min() < 1:
            raise PackageDamaged("a frequency below 1", "at least 1 everywhere")
        sums = np.add.reduceat(self.frequency, np.cumsum(size) - size)
        if (sums != TOTAL).any():
            bad = int(np.argmax(sums != TOTAL))
            raise PackageDamaged(f"table {bad} sums to {sums[bad]}", str(TOTAL))


def mixture_tables() -> Tables:
    """Mixtures of two Gaussians of one mean, integrated over the unit cells around each symbol."""
    return tables_of(mixture_masses())


def mixture_masses() -> list[NDArray[np.float64]]:
    """What each table says of −radius … radius, and of all symbols beyond; sums of 1."""
    found = []
    for i in range(INDEX_TOP + 1):
        sigma = 2 ** ((i - INDEX_ONE) / OCTAVE)
        radius = min(math.ceil(REACH * sigma) + 4, RADIUS_MAX)
        tail = [_tail((s - 0.5) / sigma) for s in range(1, radius + 2)]
        half = [tail[s] - tail[s + 1] for s in range(radius)]  # symbols 1 … radius
        found.append(np.array([*half[::-1], 1 - 2 * tail[0], *half, 2 * tail[radius]]))
    return found


def _tail(x: float) -> float:
    """The mixture's mass above x, for a table whose scale is 1."""
    return sum(weight * 0.5 * math.erfc(x / width * math.sqrt(0.5)) for weight, width in MIXTURE)


def tables_of(masses: list[NDArray[np.float64]]) -> Tables:
    """Tables near these masses, each [2·radius + 2]: of −radius … radius, and of all symbols beyond."""
    radius = np.array([len(mass) // 2 - 1 for mass in masses])
    return Tables(radius, np.concatenate([integer_frequencies(mass) for mass in masses]))


def integer_frequencies(mass: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole frequencies ≥ 1 that sum to 2¹⁶, near `mass`; what rounding leaves goes to the largest."""
    spare = TOTAL - len(mass)
    frequency = 1 + np.floor(mass / mass.sum() * spare).astype(np.int64)
    frequency[int(np.argmax(frequency))] += TOTAL - frequency.sum()
    return np.asarray(frequency)
