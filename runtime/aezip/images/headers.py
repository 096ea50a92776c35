"""What the header of a file says and Pillow does not, as the modules in kinds/ read it; parts of files.

Chunks are those of PNGs, segments those of JPEGs, boxes those of the ISO base media format: JPEG 2000, AVIF, HEIF, JPEG
XL. Photoshop's resources are those in which JPEGs and PNGs hold IPTC.
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..format.colour import Cicp
from ..format.container import Section

if TYPE_CHECKING:
    from PIL import Image

_RESOURCE, _IPTC = b"8BIM", 0x0404
_PATHS = range(2000, 2999)  # clipping paths
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")  # of a JPEG, but for those inside coded data


class Facts(NamedTuple):
    """What a header says."""

    bits: int = 8  # per sample, of the deepest channel
    cicp: Cicp | None = None  # of the pixels that a decoder gives: RGB or grey
    icc: bytes | None = None
    light: tuple[Section, ...] = ()  # of the content and of the display it was made on
    animated: bool = False  # where Pillow's plugin does not know


NOTHING = Facts()


def file_of(image: Image.Image) -> bytes:
    """The bytes of an image's file, none if it is closed."""
    file: Any = getattr(image, "fp", None)
    with contextlib.suppress(AttributeError, OSError, ValueError):
        before = file.tell()
        try:
            file.seek(0)
            return bytes(file.read())
        finally:
            file.seek(before)
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


def end_of_jpeg(data: bytes) -> int:
    """Where a JPEG's first picture ends, -1 if it has no end, 0 if it is none: a walk over its markers."""
    if not data.startswith(b"\xff\xd8"):
        return 0
    at = 2
    while found := _MARKER.search(data, at):
        at = found.end()
        if found[1] == b"\xd9":
            return at
        at += int.from_bytes(data[at : at + 2], "big")
    return -1


def boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Type, and begin and end of the body, of each box from start to stop."""
    stop = len(data) if stop is None else stop
    while start + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        end = stop if length == 0 else start + length
        if end > stop or end < start + head:
            return
        yield kind, start + head, end
        start = end


def box(kind: bytes, body: bytes) -> bytes:
    """One box."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def exif_body(exif: bytes) -> bytes:
    """EXIF as a box or item holds it: where its TIFF header begins, in 4 bytes, and without its prefix."""
    return bytes(4) + exif.removeprefix(b"Exif\0\0")


def iptc_of(resources: Any) -> bytes | None:
    """IPTC among Photoshop's resources that Pillow has read."""
    found = resources.get(_IPTC) if isinstance(resources, dict) else None
    return found if isinstance(found, bytes) else None


def has_paths(resources: Any) -> bool:
    """Whether there are clipping paths among these."""
    return isinstance(resources, dict) and any(code in _PATHS for code in resources)


def iptc_in(body: bytes) -> bytes | None:
    """IPTC among Photoshop's resources.  Raises struct.error where they are cut."""
    at = 0
    while body[at : at + 4] == _RESOURCE:
        code, name = struct.unpack_from(">HB", body, at + 4)
        at += 7 + name + (1 - name % 2)
        size = struct.unpack_from(">I", body, at)[0]
        if code == _IPTC:
            return body[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return None


def with_iptc(iptc: bytes) -> bytes:
    """Photoshop's resource of IPTC."""
    return _RESOURCE + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
