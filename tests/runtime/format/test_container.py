"""pack and unpack, and an error for every rule of FORMAT.md."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aezip import errors
from aezip.format import container as c

HEADER = c.Header(640, 480, 3, 600, b"12345678")
LAT = c.Lat(HEADER, (c.Section(c.ICC, b"profile"), c.Section(b"abCD", b"?"), c.Section(c.LATENTS, b"latents")))


@given(
    st.builds(
        c.Header,
        st.integers(1, 2**15),
        st.integers(1, 2**7),
        st.sampled_from([1, 3]),
        st.integers(0, 1000),
        st.binary(min_size=8, max_size=8),
        st.integers(0, 255),
        st.just(c.VERSION),
        st.integers(0, 1),
    ),
    st.binary(max_size=50),
    st.binary(max_size=50),
)
def test_unpacking_inverts_packing(header: c.Header, icc: bytes, body: bytes) -> None:
    lat = c.Lat(header, (c.Section(c.ICC, icc), c.Section(c.LATENTS, body)))
    data = c.pack(lat)
    assert c.unpack(data) == lat
    assert c.pack(c.unpack(data)) == data
    assert len(data) == 32 + 2 * 12 + len(icc) + len(body)


def test_a_header_is_read_from_the_first_bytes() -> None:
    data = c.pack(LAT)
    assert c.read_header(data[:32]) == c.read_header(data) == HEADER
    with pytest.raises(errors.Truncated):
        c.read_header(data[:31])
    with pytest.raises(errors.NotALat):
        c.read_header(b"GIF89a" + data[6:])


def test_a_header_speaks_in_the_units_that_are_asked_for() -> None:
    header = c.read_header(c.pack(c.Lat(HEADER._replace(quality_tenths=605, tile_units=16), LAT.sections)))
    assert (header.quality, header.tile, HEADER.tile) == (60.5, 1024, 0)


def test_sections_are_found() -> None:
    lat = c.unpack(c.pack(LAT))
    assert lat.section(c.ICC) == b"profile"
    assert lat.section(c.EXIF) is None
    assert lat.body == b"latents"


def test_every_truncation_is_named() -> None:
    data = c.pack(LAT)
    for length in range(len(data)):
        with pytest.raises((errors.Truncated, errors.NotALat)):
            c.unpack(data[:length])


def test_every_flipped_byte_is_named() -> None:
    data = c.pack(LAT)
    for at in range(len(data)):
        for flip in (1, 0x20, 0xFF):
            broken = bytearray(data)
            broken[at] ^= flip
            with pytest.raises(errors.FormatError):
                c.unpack(bytes(broken))


def header(**changes: object) -> bytes:
    """A header with fields replaced and a right checksum, then LATN."""
    fields = {
        "magic": c.MAGIC,
        "version": 1,
        "channels": 3,
        "width": 8,
        "height": 8,
        "quality": 0,
        "tile": 0,
        "flags": 0,
        "fingerprint": b"12345678",
    }
    head = c.HEADER.pack(*{**fields, **changes}.values(), 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(head)) + section(c.LATENTS, b"x")


def section(kind: bytes, data: bytes) -> bytes:
    return c.SECTION.pack(kind, len(data), zlib.crc32(kind + data)) + data


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", errors.NotALat),
        (b"\x89PNG\r\n\x1a\n", errors.NotALat),
        (header().replace(b"\r\n", b"\n"), errors.NotALat),
        (header(version=2), errors.UnsupportedVersion),
        (header(version=0), errors.HeaderDamaged),
        (header(channels=2), errors.HeaderDamaged),
        (header(width=0), errors.HeaderDamaged),
        (header(height=2**20 + 1), errors.HeaderDamaged),
        (header(quality=1001), errors.HeaderDamaged),
        (header(flags=4), errors.HeaderDamaged),
        (header(width=2**20, height=2**20, tile=16), errors.LimitExceeded),
        (header(width=2**12, height=2**11), errors.HeaderDamaged),
        (header(width=2**12, height=2**12, tile=64), errors.HeaderDamaged),
        (header()[:32], errors.Truncated),
        (header()[:32] + section(b"Abcd", b"") + section(c.LATENTS, b""), errors.SectionUnknown),
        (header()[:32] + section(b"ab1!", b"") + section(c.LATENTS, b""), errors.SectionDamaged),
        (header() + section(c.ICC, b""), errors.SectionOrder),
        (header() + section(c.LATENTS, b""), errors.SectionOrder),
        (header()[:32] + 2 * section(c.ICC, b"") + section(c.LATENTS, b""), errors.SectionOrder),
    ],
)
def test_each_rule_has_its_error(data: bytes, error: type[errors.AezipError]) -> None:
    with pytest.raises(error) as raised:
        c.unpack(data)
    assert type(raised.value) is error
    assert "\n" not in str(raised.value)
    assert "expected" in str(raised.value)


def test_limit_is_the_callers() -> None:
    with pytest.raises(errors.LimitExceeded, match="640×480"):
        c.unpack(c.pack(LAT), max_pixels=640 * 480 - 1)
