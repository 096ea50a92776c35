"""What a file says of its colours ↔ bytes of the sections `cICP`, `cLLI` and `mDCV`, and in words.

The bytes are those of the chunks of PNG (third edition) of these names. Code points are those of ITU-T H.273; light is
described by ANSI/CTA 861.3 (content) and SMPTE ST 2086 (the display that the picture was made on).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..errors import SectionDamaged

UNSPECIFIED, SRGB, PQ, HLG = 2, 13, 16, 18  # code points
BT709 = 1
_PRIMARIES = {
    1: "BT.709",
    4: "BT.470 M",
    5: "BT.601 625",
    6: "BT.601 525",
    7: "SMPTE 240M",
    8: "film",
    9: "BT.2020",
    10: "XYZ",
    11: "DCI-P3",
    12: "Display P3",
    22: "EBU 3213",
}
_TRANSFERS = {
    1: "BT.709",
    4: "gamma 2.2",
    5: "gamma 2.8",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "linear",
    9: "log 100",
    10: "log 316",
    11: "xvYCC",
    12: "BT.1361",
    13: "sRGB",
    14: "BT.2020 10-bit",
    15: "BT.2020 12-bit",
    16: "PQ",
    17: "DCI",
    18: "HLG",
}
_LIGHT = struct.Struct(">2I")
_DISPLAY = struct.Struct(">8H2I")
_UNIT = 10000  # of light, to a cd/m²


class Cicp(NamedTuple):
    """Code points of H.273 for RGB or grey samples, which have no matrix."""

    primaries: int
    transfer: int
    full_range: bool = True

    def pack(self) -> bytes:
        """4 bytes, the section `cICP`."""
        return bytes((self.primaries, self.transfer, 0, self.full_range))

    @classmethod
    def unpack(cls, data: bytes) -> Cicp:
        """Raises SectionDamaged."""
        if len(data) != 4 or data[2] or data[3] > 1:
            raise SectionDamaged(f"the colours are {data[:8].hex(' ')}", "primaries, transfer, 0 and a range of 0 or 1")
        return cls(data[0], data[1], bool(data[3]))

    @property
    def hdr(self) -> bool:
        """Whether the transfer is that of high dynamic range."""
        return self.transfer in (PQ, HLG)

    @property
    def silent(self) -> bool:
        """Whether nothing is specified."""
        return self.full_range and self.primaries == self.transfer == UNSPECIFIED

    @property
    def srgb(self) -> bool:
        """Whether nothing is said that is not so without it."""
        return self.full_range and self.primaries in (BT709, UNSPECIFIED) and self.transfer in (SRGB, UNSPECIFIED)

    def __str__(self) -> str:
        words = [
            names.get(code, f"{kind} {code}" if code != UNSPECIFIED else f"{kind} unspecified")
            for names, kind, code in (
                (_PRIMARIES, "primaries", self.primaries),
                (_TRANSFERS, "transfer", self.transfer),
            )
        ]
        return ", ".join(words + ([] if self.full_range else ["narrow range"]))


class ContentLight(NamedTuple):
    """Light of the picture in cd/m²; 0: not known."""

    largest: float  # MaxCLL: of the brightest pixel
    average: float  # MaxFALL

    def pack(self) -> bytes:
        """8 bytes, the section `cLLI`."""
        return _LIGHT.pack(*(round(light * _UNIT) for light in self))

    @classmethod
    def unpack(cls, data: bytes) -> ContentLight:
        """Raises SectionDamaged."""
        if len(data) != _LIGHT.size:
            raise SectionDamaged(f"content light of {len(data)} bytes", str(_LIGHT.size))
        return cls(*(light / _UNIT for light in _LIGHT.unpack(data)))

    def __str__(self) -> str:
        return f"MaxCLL {self.largest:g}, MaxFALL {self.average:g} cd/m²"


class Mastering(NamedTuple):
    """The display on which a picture was made."""

    chromaticity: tuple[int, ...]  # x, y of red, green, blue and white, in 1/50000
    brightest: int  # cd/m² / 10000
    darkest: int

    def pack(self) -> bytes:
        """24 bytes, the section `mDCV`."""
        return _DISPLAY.pack(*self.chromaticity, self.brightest, self.darkest)

    @classmethod
    def unpack(cls, data: bytes) -> Mastering:
        """Raises SectionDamaged."""
        if len(data) != _DISPLAY.size:
            raise SectionDamaged(f"a mastering display of {len(data)} bytes", str(_DISPLAY.size))
        *chromaticity, brightest, darkest = _DISPLAY.unpack(data)
        return cls(tuple(chromaticity), brightest, darkest)

    def __str__(self) -> str:
        return f"made on a display of {self.darkest / _UNIT:g} to {self.brightest / _UNIT:g} cd/m²"
