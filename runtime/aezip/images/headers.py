"""What the header of a file says and Pillow does not: bits per sample, H.273 colours, an ICC profile.

Of PNG (its third edition), JPEG 2000 (ISO 15444-1), AVIF and HEIF (ISO 23008-12) and JPEG XL (ISO 18181-1). A header
that cannot be understood says nothing; whether it is damaged is for the decoder to say.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..format.colour import Cicp, ContentLight
from ..format.container import CONTENT_LIGHT, MASTERING, Section
from . import jxl
from .boxes import boxes

if TYPE_CHECKING:
    from PIL import Image

CODESTREAM = b"\xff\x4f\xff\x51"  # a JPEG 2000 codestream begins with SOC and SIZ
_FULL = 4  # version and flags of a full box


class Facts(NamedTuple):
    """What a header says."""

    bits: int = 8  # per sample, of the deepest channel
    cicp: Cicp | None = None  # of the pixels that a decoder gives: RGB or grey
    icc: bytes | None = None
    light: tuple[Section, ...] = ()  # of the content and of the display it was made on
    animated: bool = False  # where Pillow's plugin does not know


NOTHING = Facts()


def facts_of(image: Image.Image) -> Facts:
    """The facts of an image whose file is still open.  Call it before the pixels are loaded."""
    read = _READERS.get(image.format or "")
    data = file_of(image) if read else b""
    if read and data:
        with contextlib.suppress(struct.error, IndexError, ValueError, StopIteration):
            return read(data)
    return NOTHING


def file_of(image: Image.Image) -> bytes:
    """The bytes of an image's file, none if it is closed."""
    file = getattr(image, "fp", None)
    with contextlib.suppress(AttributeError, OSError, ValueError):
        before = file.tell()  # type: ignore[union-attr]
        try:
            file.seek(0)  # type: ignore[union-attr]
            return bytes(file.read())  # type: ignore[union-attr]
        finally:
            file.seek(before)  # type: ignore[union-attr]
    return b""


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk but the pixels."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, b"" if kind == b"IDAT" else data[at + 8 : at + 8 + length]
        at += 12 + length


def png_chunk(body: bytes) -> bytes:
    """A chunk of a PNG, from its type and data."""
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Marker, begin and end, and body of each segment in front of a JPEG's coded data."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xD9, 0xDA):
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if stop > len(data):
            return
        yield data[at + 1], at, stop, data[at + 4 : stop]
        at = stop


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG, of at most 65533 bytes."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _png(data: bytes) -> Facts:
    cicp, light = None, dict[bytes, bytes]()
    for kind, body in png_chunks(data):
        if kind == b"IDAT":
            break
        if kind == b"cICP" and len(body) == 4:
            cicp = Cicp(body[0], body[1], bool(body[3]))
        elif (kind, len(body)) in ((CONTENT_LIGHT, 8), (MASTERING, 24)):
            light[kind] = body
    return Facts(cicp=cicp, light=tuple(map(Section._make, light.items())))


def _jpeg2000(data: bytes) -> Facts:
    icc, at = None, 0
    if not data.startswith(CODESTREAM):
        for kind, start, stop in boxes(data):
            if kind == b"jp2h":
                for inner, begin, end in boxes(data, start, stop):
                    if inner == b"colr" and data[begin] in (2, 3):
                        icc = data[begin + 3 : end]
            if kind == b"jp2c":
                at = start
                break
    channels = struct.unpack_from(">H", data, at + 40)[0]
    return Facts(max((data[at + 42 + 3 * i] & 0x7F) + 1 for i in range(channels)), icc=icc)


def _heif(data: bytes) -> Facts:
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


def _jxl(data: bytes) -> Facts:
    head = jxl.head_of(jxl.codestream_of(data))
    return Facts(head.bits, head.cicp, animated=head.animated)


_READERS: dict[str, Callable[[bytes], Facts]] = {
    "PNG": _png,
    "JPEG2000": _jpeg2000,
    "AVIF": _heif,
    "HEIF": _heif,
    "JXL": _jxl,
}
