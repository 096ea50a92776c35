"""What the header of a file says and Pillow does not, as the modules in kinds/ read it; parts of PNGs and JPEGs."""

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
