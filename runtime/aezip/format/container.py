"""The container: bytes of a `.lat` file ↔ header and sections.

`pack` and `unpack` are inverse, byte for byte. Layout and rules stand in FORMAT.md; each rule broken raises its own
error. No model is needed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from numbers import Real
from typing import NamedTuple

from ..errors import (
    HeaderDamaged,
    LimitExceeded,
    NotALat,
    SectionDamaged,
    SectionOrder,
    SectionUnknown,
    Truncated,
    UnsupportedVersion,
    UsageError,
)
from .geometry import HYPER_STRIDE, grid

MAGIC = b"\xaeLAT\r\n"  # no ASCII in front, a line end inside: text-mode transfers are caught
VERSION = 1
HEADER = struct.Struct("<6sBBIIHBB8sI")  # magic version channels width height quality tile flags fingerprint crc
SECTION = struct.Struct("<4sII")  # type length crc
LATENTS, PIXELS = b"LATN", b"PIXL"  # one of them ends a file
PATCHES = b"PTCH"
ICC, CICP, EXIF, XMP = b"iCCP", b"cICP", b"eXIF", b"xMPx"
ALPHA, RESOLUTION, DEPTH = b"ALPH", b"rESO", b"dPTH"
IPTC, EXTENDED_XMP, COMMENT, TEXTS = b"iPTC", b"xMPe", b"cOMM", b"tEXt"  # of the kinds of files that have them
CONTENT_LIGHT, MASTERING, GAIN_MAP = b"cLLI", b"mDCV", b"gMAP"  # the same
KNOWN = {LATENTS, PIXELS, PATCHES, ICC, CICP, EXIF, XMP, ALPHA, RESOLUTION, DEPTH}
NO_SKIP = 1  # flags: no latent is skipped;
PROGRESSIVE = 2  # the symbols that matter most come first
NO_MODEL = bytes(8)  # the fingerprint of a file of exact pixels
QUALITY_TOP = 1000
PLAIN, DEEPEST = 8, 16  # bits of a sample
DEPTHS = range(PLAIN + 1, DEEPEST + 1)  # those that the section of the depth may say
MAX_SIDE = 2**20
MAX_TILE_PIXELS = 2**22
DEFAULT_MAX_PIXELS = 2**28
DEFAULT_MAX_SECTIONS = 1024


class Section(NamedTuple):
    """Four letters and bytes.  A small first letter marks a section that may be skipped."""

    type: bytes
    data: bytes


class Header(NamedTuple):
    """What is known without a model.  Quality and tile are stored in other units than they are asked for in.

    Attributes:
        width: Pixels of a row.
        height: Rows.
        channels: 1 or 3.
        quality_tenths: 0 … 1000.
        fingerprint: 8 bytes of the model; zeros in a file of exact pixels.
        tile_units: The side of a tile in units of 64 pixels; 0: the whole picture is one.
        version: Of the format.
        flags: 1, NO_SKIP: no latent is skipped; 2, PROGRESSIVE: the symbols that matter most come first.
    """

    width: int
    height: int
    channels: int
    quality_tenths: int
    fingerprint: bytes
    tile_units: int = 0
    version: int = VERSION
    flags: int = 0

    @property
    def quality(self) -> float:
        """0 … 100."""
        return self.quality_tenths / 10

    @property
    def tile(self) -> int:
        """The side of a tile in pixels; 0: the whole picture is one."""
        return self.tile_units * HYPER_STRIDE


class Lat(NamedTuple):
    """A whole file."""

    header: Header
    sections: tuple[Section, ...]
    missing: int = 0  # bytes of the last section, of a file that is cut off

    def section(self, section_type: bytes) -> bytes | None:
        """The bytes of the section of this type, if there is one."""
        return next((s.data for s in self.sections if s.type == section_type), None)

    @property
    def depth(self) -> int:
        """Bits of a sample, 8 to 16."""
        said = self.section(DEPTH)
        return said[0] if said else PLAIN

    @property
    def lossless(self) -> bool:
        """Whether the file holds exact pixels rather than latents."""
        return self.sections[-1].type == PIXELS

    @property
    def body(self) -> bytes:
        """The bytes of the last section: latents or exact pixels."""
        return self.sections[-1].data


def pack(lat: Lat) -> bytes:
    """Write header and sections.  Latents or exact pixels have to be the last section."""
    h = lat.header
    fields = (MAGIC, h.version, h.channels, h.width, h.height, h.quality_tenths, h.tile_units, h.flags, h.fingerprint)
    _check_header(h)
    _check_sections(h, lat.sections)
    head = HEADER.pack(*fields, 0)[:-4]
    parts = [head, struct.pack("<I", zlib.crc32(head))]
    for s in lat.sections:
        parts += [SECTION.pack(s.type, len(s.data), zlib.crc32(s.data, zlib.crc32(s.type))), s.data]
    return b"".join(parts)


def unpack(
    data: bytes,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_sections: int = DEFAULT_MAX_SECTIONS,
    *,
    partial: bool = False,
) -> Lat:
    """Read header and sections; every checksum and rule is checked.  No model is needed.

    Args:
        data: The file's bytes, all of them.
        max_pixels: Limit on the picture's pixels.
        max_sections: Limit on the number of sections.
        partial: Take a file that is cut off within its latents, whose checksum then says nothing.

    Returns:
        Header and sections.

    Raises:
        NotALat, UnsupportedVersion, HeaderDamaged, UsageError: As of `read_header`.
        Truncated: The file ends before its sections do.
        LimitExceeded: There are more pixels or sections than allowed.
        SectionDamaged: A section does not match its checksum.
        SectionUnknown: A newer aezip is needed to read the file.
        SectionOrder: The latents are not at the end, or a section is there more than once.
    """
    data = _bytes_of(data)
    header = read_header(data)
    check_limit(header.width, header.height, max_pixels)
    sections: list[Section] = []
    position, missing = HEADER.size, 0
    while position < len(data):
        if len(sections) == max_sections:
            raise LimitExceeded(f"more than {max_sections} sections", f"at most {max_sections}")
        name = f"section {len(sections) + 1}"
        if len(data) - position < SECTION.size:
            raise Truncated(f"the file ends inside the head of {name}", f"{SECTION.size} bytes")
        section_type, length, crc = SECTION.unpack_from(data, position)
        position += SECTION.size
        missing = max(0, length - (len(data) - position))
        if missing and not (partial and section_type == LATENTS and missing < length):
            raise Truncated(f"the file ends {len(data) - position} bytes into {name}", f"{length} bytes")
        body = bytes(data[position : position + length])
        if not missing and zlib.crc32(body, zlib.crc32(section_type)) != crc:
            raise SectionDamaged(f"{name} does not match its checksum", f"CRC-32 {crc:08x}")
        if not (section_type.isalpha() and section_type.isascii()):
            raise SectionDamaged(f"{name} is of type {section_type!r}", "four letters")
        if section_type not in KNOWN and section_type[:1].isupper():
            raise SectionUnknown(f"{name} is of the unknown type '{section_type.decode()}'", "a newer aezip to read it")
        sections.append(Section(section_type, body))
        position += length
    _check_sections(header, sections)
    return Lat(header, tuple(sections), missing)


def read_header(data: bytes) -> Header:
    """Read the first 32 bytes of a file.

    Args:
        data: The file's bytes, or its first 32; what follows them is not looked at.

    Returns:
        The header: width and height in pixels, channels, quality 0 … 100, the model's fingerprint, tile, version.

    Raises:
        NotALat: It is another kind of file.
        UnsupportedVersion: A newer aezip wrote it.
        Truncated: There are fewer than 32 bytes.
        HeaderDamaged: The checksum or a field is wrong.
        UsageError: It is no bytes, but a path or an open file.
    """
    data = _bytes_of(data)
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise NotALat("not a .lat file" if data else "the file is empty", "a file written by aezip")
    if len(data) < HEADER.size:
        raise Truncated(f"the file ends after {len(data)} bytes", f"a header of {HEADER.size} bytes")
    _, version, channels, width, height, quality, tile, flags, fingerprint, crc = HEADER.unpack_from(data)
    intact = zlib.crc32(data[: HEADER.size - 4]) == crc
    if version > VERSION and intact:
        raise UnsupportedVersion(f"version {version} of the format", f"at most {VERSION}; update aezip")
    if not intact:
        raise HeaderDamaged("the header does not match its checksum", f"CRC-32 {crc:08x}")
    header = Header(width, height, channels, quality, fingerprint, tile, version, flags)
    _check_header(header)
    return header


def _bytes_of(data: bytes) -> bytes:
    """Bytes as they are, and any other buffer as a view of bytes.  Raises UsageError."""
    if isinstance(data, bytes):
        return data
    try:
        return memoryview(data).cast("B")
    except TypeError:
        finding = f"{data!r}, which is no bytes" if isinstance(data, str) else f"a {type(data).__name__}"
        raise UsageError(finding, "the bytes of a .lat file, as its read() gives them") from None


def check_limit(width: int, height: int, max_pixels: int) -> None:
    """Raise LimitExceeded for more pixels than allowed, and UsageError if the limit is none."""
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, Real) or not max_pixels >= 1:
        raise UsageError(f"max_pixels {max_pixels!r}", "a number of pixels, 1 or more")
    if width * height > max_pixels:
        raise LimitExceeded(f"{width}×{height} pixels", f"at most {max_pixels}, or a higher max_pixels")


def depth_sections(depth: int) -> tuple[Section, ...]:
    """What says a depth: nothing for 8 bits."""
    return (Section(DEPTH, bytes((depth,))),) if depth in DEPTHS else ()


def tile_pixels(h: Header) -> int:
    """Pixels of the largest tile, whose sides count in whole hyper-latents."""
    side = h.tile or MAX_SIDE
    return padded_pixels(min(side, h.width), min(side, h.height))


def padded_pixels(width: int, height: int) -> int:
    """Pixels of all hyper-latents that a picture touches, which is what the network works on."""
    rows, columns = grid((height, width), HYPER_STRIDE)
    return rows * columns * HYPER_STRIDE**2


def _check_header(h: Header) -> None:
    tiles = 0 if h.fingerprint == NO_MODEL else tile_pixels(h)
    for found, good, expectation in (
        (f"version {h.version}", 1 <= h.version <= VERSION, f"1 to {VERSION}"),
        (f"width {h.width}", 1 <= h.width <= MAX_SIDE, f"1 to {MAX_SIDE} pixels"),
        (f"height {h.height}", 1 <= h.height <= MAX_SIDE, f"1 to {MAX_SIDE} pixels"),
        (f"{h.channels} channels", h.channels in (1, 3), "1 or 3"),
        (f"quality {h.quality_tenths}", 0 <= h.quality_tenths <= QUALITY_TOP, f"0 to {QUALITY_TOP}"),
        (f"tile {h.tile_units}", 0 <= h.tile_units <= 255, "0 to 255"),
        (f"tiles of {tiles} pixels", tiles <= MAX_TILE_PIXELS, f"at most {MAX_TILE_PIXELS}"),
        (f"flags {h.flags:#x}", 0 <= h.flags <= NO_SKIP | PROGRESSIVE, f"0 to {NO_SKIP | PROGRESSIVE}"),
        (f"a fingerprint of {len(h.fingerprint)} bytes", len(h.fingerprint) == 8, "8"),
    ):
        if not good:
            raise HeaderDamaged(f"the header says {found}", expectation)


def _check_sections(h: Header, sections: Sequence[Section]) -> None:
    types = [section.type for section in sections]
    last = types[-1:]
    if LATENTS in types and PIXELS in types:
        raise SectionOrder("latents and exact pixels are both there", "one of them")
    if last not in ([LATENTS], [PIXELS]):
        body = next((section_type.decode() for section_type in (LATENTS, PIXELS) if section_type in types), "")
        if body:
            raise SectionOrder(f"the section '{body}' is not the last", "it at the file's end")
        raise Truncated("latents and exact pixels are missing", "one of them at the file's end")
    for section_type in KNOWN:
        count = types.count(section_type)
        if count > 1:
            raise SectionOrder(f"the section '{section_type.decode()}' appears {count} times", "one at most")
    for section in sections:
        if section.type == DEPTH and not (len(section.data) == 1 and section.data[0] in DEPTHS):
            raise SectionDamaged(f"a depth of {list(section.data[:2])} bits", "one byte, 9 to 16")
    if last == [PIXELS]:
        if PATCHES in types:
            raise SectionOrder("exact pixels have patches", "none")
        if (h.fingerprint, h.tile_units, h.flags, h.quality_tenths) != (NO_MODEL, 0, 0, QUALITY_TOP):
            raise HeaderDamaged("the header of exact pixels names a model", f"none, and quality {QUALITY_TOP}")
    elif tile_pixels(h) > MAX_TILE_PIXELS:
        raise HeaderDamaged(f"the header says tiles of {tile_pixels(h)} pixels", f"at most {MAX_TILE_PIXELS}")
