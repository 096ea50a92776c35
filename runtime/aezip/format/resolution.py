"""Resolution ↔ bytes of the section `rESO`.

Two fractions and a unit, so that whole pixels per metre (PNG), per inch (JFIF) and fractions (TIFF) come back as the
numbers they were.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SectionDamaged

if TYPE_CHECKING:
    from fractions import Fraction

UNITS = ("aspect", "inch", "centimetre", "metre")  # "aspect": the ratio alone means something
_PER_METRE = {1: (5000, 127), 2: (100, 1), 3: (1, 1)}  # units to a metre, as fractions
_LAYOUT = struct.Struct("<B4I")


class Resolution(NamedTuple):
    """Pixels a unit."""

    x: Fraction
    y: Fraction
    unit: int  # index in UNITS

    def pack(self) -> bytes:
        """17 bytes, the section `rESO`."""
        return _LAYOUT.pack(self.unit, self.x.numerator, self.x.denominator, self.y.numerator, self.y.denominator)

    @classmethod
    def unpack(cls, data: bytes) -> Resolution:
        """Raises SectionDamaged."""
        if len(data) != _LAYOUT.size:
            raise SectionDamaged(f"a resolution of {len(data)} bytes", str(_LAYOUT.size))
        unit, *numbers = _LAYOUT.unpack(data)
        if unit >= len(UNITS) or 0 in numbers:
            raise SectionDamaged("the resolution has an unknown unit, or a zero", "two fractions above 0")
        from fractions import Fraction

        return cls(Fraction(*numbers[:2]), Fraction(*numbers[2:]), unit)

    def per(self, unit: int) -> tuple[Fraction, Fraction]:
        """The numbers for another unit than aspect."""
        from fractions import Fraction

        factor = Fraction(*_PER_METRE[self.unit]) / Fraction(*_PER_METRE[unit]) if self.unit != unit else Fraction(1)
        return self.x * factor, self.y * factor

    def times(self, across: Fraction, down: Fraction) -> Resolution:
        """Of the same picture with so many times as many pixels."""
        return Resolution(self.x * across, self.y * down, self.unit)

    def turned(self) -> Resolution:
        """After a quarter turn."""
        return Resolution(self.y, self.x, self.unit)

    def __str__(self) -> str:
        numbers = " × ".join(f"{float(v):.6g}" for v in (self.x, self.y))
        return f"{numbers} per {UNITS[self.unit]}" if self.unit else f"pixels of {self.y} : {self.x}"
