"""The header of a JPEG XL codestream (ISO 18181-1, annexes D and E): what it says, and other code points in it.

Its fields are packed as bits, the low bits of a byte first. The libraries that write JPEG XL from Python name no
colours, or the wrong ones; those of samples that are coded without loss, so without a change of colours, may be named
anew. Fields behind the colours that a library leaves at their defaults are known; others are left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import OutputError
from ..format.colour import BT709, HLG, PQ, SRGB, Cicp
from .headers import box, boxes, exif_body

_CONTAINER = b"\0\0\0\x0cJXL "
_WHOLE, _PART = b"jxlc", b"jxlp"  # boxes of codestreams
_NUMBER = 4  # bytes of a part's number
_HEAD = 512  # bytes of a codestream within which its header ends
_GREY = 1  # space of colours; RGB: 0
_ALPHA = 0  # type of a channel
_D65, _CUSTOM = 1, 2
_RELATIVE = 1  # rendering intent
_BT2020 = 9
_PRIMARIES = {BT709: 1, _BT2020: 9, 12: 11}  # code points → numbers of JPEG XL, of which the white is D65
_TRANSFERS = {1: 1, 8: 8, SRGB: 13, PQ: 16, HLG: 18}
_GAMMAS = {4: 2.2, 5: 2.8}
_PER_GAMMA = 10_000_000
_BITS_AFTER = (0, 2), (1, 1)  # behind the colours, values and widths: no extensions, and the usual transforms


class Head(NamedTuple):
    """What a codestream's header says."""

    bits: int = 8  # per sample
    animated: bool = False
    cicp: Cicp | None = None  # of samples that are coded as they are; None: others, or not known
    grey: bool = False
    colours: tuple[int, int] = (0, 0)  # the first and last bit, exclusive, of what names them; 0: not to be changed


def codestream_of(data: bytes) -> bytes:
    """The codestream in a file; of one in parts the first.  Raises StopIteration if there is none."""
    _, start, stop = _place_of(data)
    return data[start:stop]


def _place_of(data: bytes) -> tuple[int, int, int]:
    """Where the body of a codestream's box begins, and where the codestream begins and ends."""
    if not data.startswith(_CONTAINER):
        return 0, 0, len(data)
    kind, start, stop = next(found for found in boxes(data) if found[0] in (_WHOLE, _PART))
    return start, start + (_NUMBER if kind == _PART else 0), stop


def head_of(codestream: bytes) -> Head:
    """Raises ValueError if the header is cut."""
    bits = _Bits(codestream[2:_HEAD])
    _skip_size(bits)
    if bits.take(1):  # all default
        return Head()
    animated = extra = False
    if bits.take(1):
        animated, extra = _extra_fields(bits), True
    if bits.take(1):  # floating-point
        return Head(bits.choose((32, 0), (16, 0), (24, 0), (1, 6)), animated)
    depth = bits.choose(*_DEPTHS)
    with contextlib.suppress(ValueError):
        bits.take(1)  # buffers of 16 bits
        for _ in range(bits.choose((0, 0), (1, 0), (2, 4), (1, 12))):
            _skip_channel(bits)
        if not bits.take(1):  # not made XYB
            start = bits.at
            cicp, grey = _colours(bits)
            place = (start, bits.at)
            usual = not extra and all(bits.take(width) == value for value, width in _BITS_AFTER)
            return Head(depth, animated, cicp, grey, place if usual else (0, 0))
    return Head(depth, animated)


def can_name(cicp: Cicp) -> bool:
    """Whether JPEG XL has numbers for code points."""
    return cicp.primaries in _PRIMARIES and (cicp.transfer in _TRANSFERS or cicp.transfer in _GAMMAS)


def with_code_points(data: bytes, cicp: Cicp) -> bytes:
    """A file, written without loss, whose header names colours by these code points, for which there are numbers.

    Raises OutputError if its header has fields that are not known here.
    """
    begin, at, last = _place_of(data)
    head = head_of(data[at:last])
    start, stop = head.colours
    if not stop or (begin and data[begin - 4 : begin] not in (_WHOLE, _PART)):  # else its size has 64 bits
        raise OutputError("this version of the library writes a JPEG XL whose header is not known", "another format")
    end = stop + sum(width for _, width in _BITS_AFTER)
    value = int.from_bytes(data[at + 2 : min(at + _HEAD, last)], "little")
    packed, size = value & ((1 << start) - 1), start
    for number, width in (*_named(cicp, head.grey), *_BITS_AFTER):
        packed |= number << size
        size += width
    changed = packed.to_bytes(-(-size // 8), "little") + data[at + 2 + -(-end // 8) : last]
    if not begin:
        return data[:2] + changed
    return data[: begin - 8] + box(data[begin - 4 : begin], data[begin : at + 2] + changed) + data[last:]


def with_metadata(data: bytes, exif: bytes | None, xmp: bytes | None) -> bytes:
    """A file in a container with EXIF and XMP behind the picture."""
    if exif:
        data += box(b"Exif", exif_body(exif))
    return data + box(b"xml ", xmp) if xmp else data


def _named(cicp: Cicp, grey: bool) -> Iterator[tuple[int, int]]:
    """The fields of colours, their values and widths."""
    yield 0, 1  # not all default
    yield 0, 1  # no ICC profile
    yield from _enum(_GREY if grey else 0)
    yield from _enum(_D65)
    if not grey:
        yield from _enum(_PRIMARIES[cicp.primaries])
    gamma = _GAMMAS.get(cicp.transfer)
    yield (1 if gamma else 0), 1
    if gamma:
        yield round(_PER_GAMMA / gamma), 24
    else:
        yield from _enum(_TRANSFERS[cicp.transfer])
    yield from _enum(_RELATIVE)


def _enum(value: int) -> Iterator[tuple[int, int]]:
    if value < 2:
        yield value, 2
    else:
        yield (2, 2) if value < 18 else (3, 2)
        yield (value - 2, 4) if value < 18 else (value - 18, 6)


class _Bits:
    """Numbers of a header, their low bits first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._size, self.at = int.from_bytes(data, "little"), 8 * len(data), 0

    def take(self, count: int) -> int:
        if self.at + count > self._size:
            raise ValueError("the header ends early")
        self.at += count
        return (self._value >> (self.at - count)) & ((1 << count) - 1)

    def choose(self, *ways: tuple[int, int]) -> int:
        """One of four ways: an offset, and the bits that are added."""
        offset, bits = ways[self.take(2)]
        return offset + self.take(bits)

    def enum(self) -> int:
        return self.choose((0, 0), (1, 0), (2, 4), (18, 6))


_DEPTHS = (8, 0), (10, 0), (12, 0), (1, 6)


def _skip_size(bits: _Bits) -> None:
    small = bits.take(1)

    def side() -> None:
        if small:
            bits.take(5)
        else:
            bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    side()
    if not bits.take(3):  # no ratio
        side()


def _extra_fields(bits: _Bits) -> bool:
    """Whether there are several frames."""
    bits.take(3)  # orientation
    if bits.take(1):
        _skip_size(bits)
    if bits.take(1):
        _skip_preview(bits)
    if animated := bool(bits.take(1)):  # rate, loops, time codes
        bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
        bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
        bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
        bits.take(1)
    return animated


def _skip_preview(bits: _Bits) -> None:
    ways = ((16, 0), (32, 0), (1, 5), (33, 9)) if bits.take(1) else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.choose(*ways)
    if not bits.take(3):
        bits.choose(*ways)


def _skip_channel(bits: _Bits) -> None:
    """Raises ValueError if it is not of alpha, or has a name."""
    if bits.take(1):  # all default
        return
    kind, floating = bits.enum(), bits.take(1)
    if floating or kind != _ALPHA:
        raise ValueError("a channel that is not known")
    bits.choose(*_DEPTHS)
    bits.choose((0, 0), (3, 0), (4, 0), (1, 3))  # how much smaller it is
    if bits.choose((0, 0), (0, 4), (16, 5), (48, 10)):
        raise ValueError("a channel with a name")
    bits.take(1)  # premultiplied


def _colours(bits: _Bits) -> tuple[Cicp | None, bool]:
    """Their code points, and whether they are grey, of which the primaries are not said.

    Raises ValueError for what has more fields: ICC profiles, and white or primaries by their places.
    """
    if bits.take(1):  # all default
        return Cicp(BT709, SRGB), False
    profile, space, white = bits.take(1), bits.enum(), bits.enum()
    primaries = _PRIMARIES[BT709] if space == _GREY else bits.enum()
    if profile or space > _GREY or _CUSTOM in (white, primaries):
        raise ValueError("colours that are not known")
    if bits.take(1):
        power = _PER_GAMMA / max(bits.take(24), 1)
        transfer = next((code for code, gamma in _GAMMAS.items() if abs(gamma - power) < 1e-4), None)
    else:
        transfer = _code_of(bits.enum(), _TRANSFERS)
    bits.enum()  # rendering intent
    first = _code_of(primaries, _PRIMARIES)
    if space == _GREY and transfer in (PQ, HLG):
        first = _BT2020
    if white != _D65 or first is None or transfer is None:
        return None, space == _GREY
    return Cicp(first, transfer), space == _GREY


def _code_of(number: int, known: dict[int, int]) -> int | None:
    return next((code for code, found in known.items() if found == number), None)
