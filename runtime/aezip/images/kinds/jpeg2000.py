"""JPEG 2000, of which comments are kept, and GIF, which has them too; neither is written.

Colours of more than 8 bits are made 8-bit past Pillow's rounding, which wraps white to black:
Pillow makes a sample v of p bits (v + half) >> (p - 8), and the brightest half step of that does not fit into 8 bits.
So the picture is decoded again with another p in its header. Of an irreversible (9/7) transform that scales the
samples: with p = 8 they are rounded and limited by the decoder itself. Of a reversible one (5/3) it moves them to the
middle of a range twice as wide: seven bits without a wrap, which say what a zero was.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ImageError
from ...format.container import COMMENT, DEEPEST, PLAIN, Section
from .. import deep
from ..headers import Facts, boxes, file_of
from .base import Reader, bytes_in

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes

CODESTREAM = b"\xff\x4f\xff\x51"  # begins with SOC and SIZ
_YCC = 18  # the enumerated colour space sYCC
_COD, _SOT = 0xFF52, 0xFF90
_OPENJPEG = b"Created by OpenJPEG"  # a comment that says nothing of the picture


class CommentReader(Reader):
    """A comment."""

    def extras(self, image: Image.Image, data: bytes) -> dict[bytes, bytes | None]:
        comment = bytes_in(image, "comment")
        return {COMMENT: None if comment.startswith(_OPENJPEG) else comment}


class Jpeg2000Reader(CommentReader):
    """Boxes."""

    looked_into = True

    def facts(self, data: bytes) -> Facts:
        icc, at = None, 0
        if not data.startswith(CODESTREAM):
            for kind, start, stop in opened(data):
                if kind == b"colr" and data[start] in (2, 3):
                    icc = data[start + 3 : stop]
                if kind == b"jp2c":
                    at = start
                    break
        return Facts(max(depths_of(data, at)), icc=icc)

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        if not deep.is_grey(image):
            return deep.by_imagecodecs(image, file_of(image), "jpeg2k_decode", bits), bits
        values, most = deep.grey_of(image)  # shifted to 16 bits
        return (values >> np.uint16(DEEPEST - bits), bits) if PLAIN < bits < DEEPEST else (values, most)

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        found = {kind.decode().strip() for kind, _, _ in boxes(data) if kind in (b"uuid", b"xml ")}
        if found:
            yield f"metadata ({', '.join(sorted(found))})"


def in_8_bits(data: bytes) -> Image.Image:
    """The image of a JPEG 2000 file with two to four channels, some of more than 8 bits.  Raises ImageError."""
    at = 0 if data.startswith(CODESTREAM) else _codestream(data)
    plain = _decoded(data)
    if _irreversible(data, at):
        other = _decoded(_with_depths(data, at, lambda bits: min(bits, 8)))
        same, found = np.asarray(plain).astype(int), np.asarray(other)
        if not np.isin(np.abs(same - found), (0, 1, 254, 255)).all():
            raise _unclear()
        return other
    wide = np.asarray(_decoded(_with_depths(data, at, lambda bits: bits + 1 if bits > 8 else bits)))
    found = np.array(plain)
    deep = np.array([bits > 8 for bits in depths_of(data, at)])
    wrapped = (found == 0) & (wide >= 128) & deep
    found[wrapped] = 255
    near = np.abs(64 + found / 2 - wide.clip(64, 192)) <= 1  # the wider range does not limit them
    if not (near | ~deep).all():
        raise _unclear()
    from PIL import Image

    made: Image.Image = Image.fromarray(found)
    return made


def _unclear() -> ImageError:
    return ImageError("has JPEG 2000 samples of more than 8 bits that Pillow does not decode rightly", "PNG or TIFF")


def _decoded(data: bytes) -> Image.Image:
    from PIL import Image

    image = Image.open(io.BytesIO(data), formats=["JPEG2000"])
    image.load()
    if image.mode not in ("LA", "RGB", "RGBA"):
        raise _unclear()
    return image


def _codestream(data: bytes) -> int:
    """Where it begins."""
    for kind, start, _ in opened(data):
        if kind == b"colr" and data[start] == 1 and struct.unpack_from(">I", data, start + 3)[0] == _YCC:
            raise _unclear()
        if kind == b"jp2c":
            return start
    raise _unclear()


def opened(data: bytes, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The boxes within that of the header, and those of codestreams."""
    for kind, start, end in boxes(data, 0, stop):
        if kind == b"jp2h":
            yield from boxes(data, start, end)
        elif kind == b"jp2c":
            yield kind, start, end


def depths_of(data: bytes, at: int) -> list[int]:
    """Bits per sample of each channel."""
    return [(data[at + 42 + 3 * i] & 0x7F) + 1 for i in range(struct.unpack_from(">H", data, at + 40)[0])]


def _with_depths(data: bytes, at: int, change: Callable[[int], int]) -> bytes:
    """The file with other bits per sample in its headers."""
    patched = bytearray(data)
    for i, bits in enumerate(depths_of(data, at)):
        patched[at + 42 + 3 * i] = patched[at + 42 + 3 * i] & 0x80 | change(bits) - 1
    for kind, start, stop in opened(data, at) if at else ():
        for place in [start + 10] if kind == b"ihdr" else range(start, stop) if kind == b"bpcc" else ():
            if data[place] != 255:  # "see bpcc"
                patched[place] = data[place] & 0x80 | change((data[place] & 0x7F) + 1) - 1
    return bytes(patched)


def _irreversible(data: bytes, at: int) -> bool:
    """Whether the transform is the 9/7 filter, by the marker COD of the main header."""
    at += 2
    while True:
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _COD:
            return data[at + 13] == 0
        if marker == _SOT or marker < 0xFF00:
            raise _unclear()
        at += 2 + length
