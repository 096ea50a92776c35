"""Exact pixels and patches there and back, whole and in part; damage; the rules of the container around them."""

from __future__ import annotations

import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezip import errors
from aezip.arrays import Image8
from aezip.format import container as c
from aezip.format import exact, facts, patches


@st.composite
def pictures(draw: st.DrawFn, side: int = 40) -> Image8:
    """Of few colours, of many, of evenly spaced greys; noise, stripes or flat.  [H, W, C]"""
    height, width, channels = draw(st.integers(1, side)), draw(st.integers(1, side)), draw(st.sampled_from((1, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.sampled_from((1, 2, 3, 4, 5, 16, 17, 255, 256, 257, 1000)))
    colours = rng.integers(0, 256, (count, channels), np.uint8)
    if draw(st.booleans()):
        colours = (np.arange(count) * 255 // max(1, count - 1) % 256).astype(np.uint8)[:, None].repeat(channels, 1)
    how = draw(st.sampled_from(("noise", "across", "down")))
    y, x = np.mgrid[:height, :width]
    places = {"noise": rng.integers(0, count, (height, width)), "across": x, "down": 7 * y + x // 3}[how]
    return colours[places % count]


@settings(max_examples=200, deadline=None)
@given(pictures(), st.data())
def test_decoding_inverts_encoding(pixels: Image8, data: st.DataObject) -> None:
    stored = exact.encode(pixels)
    np.testing.assert_array_equal(exact.decode(stored, *pixels.shape), pixels)
    height, width, _ = pixels.shape
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    part = exact.decode(stored, *pixels.shape, (x, y, w, h))
    np.testing.assert_array_equal(part, pixels[y : y + h, x : x + w])


@settings(max_examples=60, deadline=None)
@given(pictures())
def test_bands_are_cut_anywhere(pixels: Image8) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BAND_BYTES", 100)
        stored = exact.encode(pixels)
        np.testing.assert_array_equal(exact.decode(stored, *pixels.shape), pixels)


def test_what_is_simple_is_short() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 2, (128, 128, 1), np.uint8)
    assert len(exact.encode(255 * noise)) < 128 * 128 / 8 + 200  # a scan: a bit for each pixel
    assert len(exact.encode((noise * (3, 70, 90) + 5).astype(np.uint8))) < 128 * 128 / 8 + 200
    assert len(exact.encode(np.full((500, 400, 3), 9, np.uint8))) < 150
    y, x = np.mgrid[:300, :400]
    slope = np.dstack([y // 2, x // 2, x // 3 + y // 4]).astype(np.uint8)
    assert len(exact.encode(slope)) < slope.size / 50


@pytest.mark.repairs
def test_the_estimate_is_near(drawn) -> None:
    for pixels in (np.full((90, 80, 3), 7, np.uint8), drawn(200, 300, channels=1) // 20 * 20, drawn(1, 1)):
        assert exact.estimate(pixels) == 0  # of few colours: always worth a try
    grey = drawn(200, 300, channels=1)
    for pixels in (drawn(200, 300), drawn(1000, 30), drawn(3, 500), grey, grey.repeat(3, 2)):
        assert 0.2 < exact.estimate(pixels) / len(exact.encode(pixels)) < 5


@settings(max_examples=100, deadline=None)
@given(pictures(), st.integers(0, 2**32), st.data())
def test_patches_are_laid(pixels: Image8, seed: int, data: st.DataObject) -> None:
    height, width, channels = pixels.shape
    rng = np.random.default_rng(seed)
    cells = rng.random((-(-height // 16), -(-width // 16))) < 0.4
    cells[rng.integers(len(cells)), rng.integers(cells.shape[1])] = True
    stored = patches.encode(pixels, cells)
    np.testing.assert_array_equal(patches.which(stored, height, width), cells)
    assert patches.count(stored, height, width) == cells.sum()
    patches.check(stored, height, width, channels)
    under = rng.integers(0, 256, pixels.shape, np.uint8)
    wanted = np.where(np.kron(cells, np.ones((16, 16), bool))[:height, :width, None], pixels, under)
    whole = under.copy()
    patches.lay(whole, stored, height, width, (0, 0, width, height))
    np.testing.assert_array_equal(whole, wanted)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    part = under[y : y + h, x : x + w].copy()
    patches.lay(part, stored, height, width, (x, y, w, h))
    np.testing.assert_array_equal(part, wanted[y : y + h, x : x + w])


def test_cells_are_counted_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "_PART", 7)
    cells = np.random.default_rng(3).random((30, 20)) < 0.3
    stored = patches.encode(np.zeros((480, 310, 1), np.uint8), cells)
    assert patches.count(stored, 480, 310) == cells.sum()
    for height, width in ((480, 300), (481, 310), (2**20, 2**20)):
        with pytest.raises(errors.SectionDamaged):
            patches.count(stored, height, width)


def test_damaged_bytes_are_named() -> None:
    rng = random.Random(4)
    pixels = np.random.default_rng(4).integers(0, 5, (40, 37, 3), np.uint8)
    cells = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]], bool)
    refused = 0
    for whole, read in (
        (exact.encode(pixels), lambda data: exact.decode(data, *pixels.shape)),
        (exact.encode(pixels[..., :1]), lambda data: exact.decode(data, 40, 37, 1)),
        (patches.encode(pixels, cells), lambda data: patches.check(data, *pixels.shape)),
        (patches.encode(pixels, cells), lambda data: patches.lay(pixels.copy(), data, 40, 37, (0, 0, 37, 40))),
        (patches.encode(pixels, cells), lambda data: patches.count(data, 40, 37)),
    ):
        for number in range(400):
            data = bytearray(whole)
            for _ in range(rng.choice((1, 1, 3))):
                data[rng.randrange(min(len(data), rng.choice((6, 40, len(data)))))] = rng.randrange(256)
            try:
                read(bytes(data[: rng.randrange(len(data))] if number % 4 == 0 else data))
            except errors.SectionDamaged as error:
                refused += "expected" in str(error)
    assert refused > 1200


def stored(*bands: bytes, head: bytes = b"\x08\0") -> bytes:
    return head + struct.pack(f"<{len(bands)}I", *map(len, bands)) + b"".join(bands)


ROW = zlib.compress(b"\0\1\2\3")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08",
        b"\x08\0",
        stored(),
        stored(b""),
        stored(ROW) + b"!",
        stored(ROW[:-1]),
        stored(ROW + b"!"),
        stored(zlib.compress(b"\0\1\2")),
        stored(zlib.compress(b"\0\1\2\3\4")),
        stored(zlib.compress(b"\4\1\2\3")),
        stored(zlib.compress(bytes(2**24))),
        stored(ROW, head=b"\x03\0"),
        stored(ROW, head=b"\x08\2"),
        stored(ROW, head=b"\x08\4"),
        stored(ROW, head=b"\x08\1"),
        stored(ROW, head=b"\x08\1\1\7\x08"),
        stored(ROW, head=b"\1\1\2\7\x08\x09"),
        stored(ROW, ROW),
    ],
)
def test_each_rule_has_its_error(data: bytes) -> None:
    """Of a grey picture of 3 × 1 pixels."""
    np.testing.assert_array_equal(exact.decode(stored(ROW), 1, 3, 1)[0, :, 0], [1, 2, 3])
    with pytest.raises(errors.SectionDamaged, match="expected"):
        exact.decode(data, 1, 3, 1)


GREY = exact.encode(np.full((8, 8, 1), 7, np.uint8))
PATCH = patches.encode(np.full((8, 8, 1), 7, np.uint8), np.ones((1, 1), bool))
NONE = c.Header(8, 8, 1, 1000, c.NO_MODEL)
MODEL = NONE._replace(fingerprint=b"12345678")
PIXELS, LATENTS, PATCHES = c.Section(c.PIXELS, GREY), c.Section(c.LATENTS, b"x"), c.Section(c.PATCHES, PATCH)


def packed(header: c.Header, *sections: c.Section) -> bytes:
    """A file that `pack` might refuse."""
    head = c.HEADER.pack(
        c.MAGIC,
        1,
        header.channels,
        header.width,
        header.height,
        header.quality_tenths,
        header.tile_units,
        header.flags,
        header.fingerprint,
        0,
    )[:-4]
    parts = [head, struct.pack("<I", zlib.crc32(head))]
    parts += [c.SECTION.pack(kind, len(data), zlib.crc32(kind + data)) + data for kind, data in sections]
    return b"".join(parts)


@pytest.mark.parametrize(
    ("header", "sections"),
    [
        (NONE, (PIXELS,)),
        (NONE, (c.Section(c.ICC, b"?"), PIXELS)),
        (NONE._replace(width=2100, height=2100), (PIXELS,)),
        (MODEL, (LATENTS,)),
        (MODEL, (PATCHES, LATENTS)),
        (MODEL._replace(flags=c.NO_SKIP), (PATCHES, LATENTS)),
    ],
)
def test_files_that_may_be(header: c.Header, sections: tuple[c.Section, ...]) -> None:
    data = packed(header, *sections)
    lat = c.unpack(data)
    assert c.pack(lat) == data
    assert lat.lossless == (sections[-1] is PIXELS)
    said = facts.facts_of("", lat, len(data), {})
    assert (said["lossless"], said["no_skip"]) == (lat.lossless, bool(header.flags))
    assert said["patched_cells"] == (PATCHES in sections)


@pytest.mark.parametrize(
    ("error", "header", "sections"),
    [
        (errors.HeaderDamaged, MODEL, (PIXELS,)),
        (errors.HeaderDamaged, NONE._replace(tile_units=1), (PIXELS,)),
        (errors.HeaderDamaged, NONE._replace(flags=c.NO_SKIP), (PIXELS,)),
        (errors.HeaderDamaged, NONE._replace(quality_tenths=999), (PIXELS,)),
        (errors.HeaderDamaged, MODEL._replace(flags=4), (LATENTS,)),
        (errors.HeaderDamaged, NONE._replace(width=2100, height=2100), (LATENTS,)),
        (errors.HeaderDamaged, MODEL._replace(width=2100, height=2100), (LATENTS,)),
        (errors.SectionOrder, NONE, (PATCHES, PIXELS)),
        (errors.SectionOrder, NONE, (LATENTS, PIXELS)),
        (errors.SectionOrder, MODEL, (PIXELS, LATENTS)),
        (errors.SectionOrder, NONE, (PIXELS, PIXELS)),
        (errors.SectionOrder, NONE, (PIXELS, c.Section(c.ICC, b""))),
        (errors.SectionOrder, MODEL, (PATCHES, PATCHES, LATENTS)),
        (errors.SectionOrder, MODEL, (LATENTS, PATCHES)),
        (errors.Truncated, MODEL, (PATCHES,)),
        (errors.Truncated, NONE, ()),
    ],
)
def test_each_rule_of_the_container_has_its_error(
    error: type[errors.AezipError], header: c.Header, sections: tuple[c.Section, ...]
) -> None:
    with pytest.raises(error, match="expected") as raised:
        c.unpack(packed(header, *sections))
    assert type(raised.value) is error
    with pytest.raises(error):
        c.pack(c.Lat(header, sections))
