"""The properties of a picture in AVIF and HEIF (ISO 23008-12)."""

from __future__ import annotations

import struct

from ..format.colour import Cicp, ContentLight
from ..format.container import CONTENT_LIGHT, MASTERING, Section
from .boxes import boxes
from .headers import Facts

_FULL = 4  # version and flags of a full box


def facts_in(data: bytes) -> Facts:
    """Of the properties of the primary item; of a sequence without one, of its first configuration."""
    bits, cicp, light = 0, None, list[Section]()
    for kind, start, stop in _properties(data):
        if kind == b"pixi":
            bits = max((bits, *data[start + _FULL + 1 : stop]))
        elif kind in (b"av1C", b"hvcC"):
            bits = bits or _configured(data, kind, start)
        elif _names_colours(data, kind, start, stop):
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
            cicp = Cicp(primaries, transfer) if max(primaries, transfer) < 256 else None
        elif kind == b"clli" and stop - start >= 4:
            light.append(Section(CONTENT_LIGHT, ContentLight(*struct.unpack_from(">HH", data, start)).pack()))
        elif kind == b"mdcv" and stop - start >= 24:
            green, blue, red, white, brightest, darkest = (data[start + at : start + at + 4] for at in range(0, 24, 4))
            light.append(Section(MASTERING, red + green + blue + white + brightest + darkest))
    for kind in (b"av1C", b"hvcC"):
        if not bits and kind in data:
            bits = _configured(data, kind, data.index(kind) + 4)
    return Facts(bits or 8, cicp, light=tuple(light))


def _names_colours(data: bytes, kind: bytes, start: int, stop: int) -> bool:
    """Whether a box holds code points."""
    return kind == b"colr" and data[start : start + 4] == b"nclx" and stop - start >= 11


def code_points_at(data: bytes) -> int:
    """Where an AVIF or HEIF has the code points of its picture's primaries and transfer, 2 bytes each; 0: nowhere."""
    return next((start + 4 for kind, start, stop in _properties(data) if _names_colours(data, kind, start, stop)), 0)


def _configured(data: bytes, kind: bytes, start: int) -> int:
    """Bits per sample by a decoder's configuration."""
    if kind == b"hvcC":
        return 8 + (data[start + 17] & 7)
    return (12 if data[start + 2] & 0x20 else 10) if data[start + 2] & 0x40 else 8


def _properties(data: bytes) -> list[tuple[bytes, int, int]]:
    """The boxes that describe the primary item."""
    meta = next((box for box in boxes(data) if box[0] == b"meta"), None)
    if meta is None:
        return []
    found = {kind: (start, stop) for kind, start, stop in boxes(data, meta[1] + _FULL, meta[2])}
    start = found[b"pitm"][0] if b"pitm" in found else -1
    primary = struct.unpack_from(">I" if data[start] else ">H", data, start + _FULL)[0] if start >= 0 else 1
    known: list[tuple[bytes, int, int]] = []
    indices: list[int] = []
    for kind, begin, end in boxes(data, *found.get(b"iprp", (0, 0))):
        if kind == b"ipco":
            known = list(boxes(data, begin, end))
        elif kind == b"ipma":
            indices += _associated(data, begin, primary)
    return [known[i - 1] for i in indices if 0 < i <= len(known)]


def _associated(data: bytes, at: int, item: int) -> list[int]:
    """The numbers, from 1, of an item's properties."""
    wide, long = data[at + 3] & 1, data[at] > 0
    count = struct.unpack_from(">I", data, at + 4)[0]
    at += 8
    for _ in range(count):
        found = struct.unpack_from(">I" if long else ">H", data, at)[0]
        at += 4 if long else 2
        size = data[at]
        numbers = struct.unpack_from(f">{size}{'H' if wide else 'B'}", data, at + 1)
        at += 1 + size * (2 if wide else 1)
        if found == item:
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]
    return []
