"""Samples of 9 to 16 bits: as those of other depths, exact pixels, patches, alpha and averages of them; damage."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezip import errors
from aezip.format import alpha, averages, depth, exact, facts, patches
from aezip.format import container as c

DEPTHS = list(c.DEPTHS)


@st.composite
def pictures(draw: st.DrawFn, side: int = 40) -> tuple[np.ndarray, int]:
    """Noise, slopes or few values, and their depth.  [H, W, C]"""
    height, width, channels = draw(st.integers(1, side)), draw(st.integers(1, side)), draw(st.sampled_from((1, 3)))
    bits, rng = draw(st.sampled_from(DEPTHS)), np.random.default_rng(draw(st.integers(0, 2**32)))
    y, x, ends = *np.mgrid[:height, :width][..., None], (0, depth.top(bits))
    made = {
        "noise": rng.integers(0, 2**bits, (height, width, channels)),
        "slope": (70 * x + 331 * y + np.arange(channels)) % 2**bits,
        "ends": rng.choice(ends, (height, width, channels)),
        "green": rng.integers(0, 2**bits, (height, width, 1)) + np.zeros(channels, int),
    }
    return made[draw(st.sampled_from(sorted(made)))].astype(np.uint16), bits


@settings(max_examples=150, deadline=None)
@given(pictures(), st.data())
def test_exact_pixels_come_back(given: tuple[np.ndarray, int], data: st.DataObject) -> None:
    pixels, bits = given
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BAND_BYTES", data.draw(st.sampled_from((100, 2**22))))
        stored = exact.encode(pixels)
        np.testing.assert_array_equal(exact.decode(stored, *pixels.shape, depth=bits), pixels)
        height, width, _ = pixels.shape
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        part = exact.decode(stored, *pixels.shape, (x, y, width - x, height - y), bits)
    np.testing.assert_array_equal(part, pixels[y:, x:])


def test_samples_of_16_bits_by_hand() -> None:
    """As FORMAT.md has it: a row from its left neighbours, folded, high bytes first; one from above."""
    rows = bytes((1, 0x03, 0x00, 0x00, 0xE8, 0x01, 0x04)) + bytes((2, 0x00, 0x00, 0x00, 0x02, 0x00, 0x05))
    data = b"\x10\0" + len(zlib.compress(rows)).to_bytes(4, "little") + zlib.compress(rows)
    want = [[500, 499, 501], [501, 499, 498]]
    np.testing.assert_array_equal(exact.decode(data, 2, 3, 1, depth=9)[..., 0], want)
    with pytest.raises(errors.SectionDamaged, match="a sample of 501 in a picture of 8"):
        depth.check(np.array(want), 8)


def test_smooth_pictures_are_short() -> None:
    y, x = np.mgrid[:200, :300]
    slope = np.dstack([150 * x, 100 * y + 20 * x, 65535 - 200 * x]).astype(np.uint16)
    assert len(exact.encode(slope)) < slope.nbytes / 50
    noisy = slope // 16 + np.random.default_rng(0).integers(0, 4, slope.shape).astype(np.uint16)
    assert len(exact.encode(noisy)) < 0.45 * len(zlib.compress(noisy.tobytes(), 9))


@pytest.mark.parametrize("bits", DEPTHS)
def test_depths_there_and_back(bits: int) -> None:
    plain, deep = np.arange(256, dtype=np.uint8), np.arange(2**bits, dtype=np.uint16)
    np.testing.assert_array_equal(depth.scaled(depth.scaled(plain, 8, bits), bits, 8), plain)
    np.testing.assert_array_equal(depth.scaled(depth.scaled(deep, bits, 16), 16, bits), deep)
    np.testing.assert_array_equal(depth.scaled(deep, bits, 8), np.floor(deep.astype(float) * 255 / (2**bits - 1) + 0.5))
    if bits < 16:  # in 1/256 of a level each sample has a place of its own
        fine = depth.fine_of(depth.levels(deep, bits))
        np.testing.assert_array_equal(depth.of_fine(fine, bits), deep)
    ends = depth.fine_of(np.array([-3, 0, 0.5 / 256, 1.5 / 256, 255, 300], np.float32))
    assert ends.tolist() == [0, 0, 0, 2, 65280, 65280]
    assert depth.of_fine(ends, bits)[[0, -1]].tolist() == [0, 2**bits - 1]


@settings(max_examples=60, deadline=None)
@given(pictures(), st.integers(0, 2**32), st.sampled_from((1, 2, 4, 8, 16)))
def test_patches_are_laid(given: tuple[np.ndarray, int], seed: int, scale: int) -> None:
    pixels, bits = given
    height, width, channels = pixels.shape
    cells = np.random.default_rng(seed).random((-(-height // 16), -(-width // 16))) < 0.4
    cells[-1, -1] = True
    stored = patches.encode(pixels, cells)
    patches.check(stored, height, width, channels, bits)
    where = cells.repeat(16, 0).repeat(16, 1)[:height, :width, None]
    small = averages.averaged(where.astype(np.uint8), scale)[..., 0] > 0
    for there in (np.zeros_like(pixels), np.zeros(pixels.shape, np.uint8)):
        want = np.where(where, pixels, 0).astype(np.uint16)
        want = want if there.dtype == np.uint16 else depth.scaled(want, bits, 8)
        found = averages.averaged(there, scale)
        patches.lay(found, stored, height, width, (0, 0, found.shape[1], found.shape[0]), scale, bits)
        np.testing.assert_array_equal(found[small], averages.averaged(want, scale)[small])


@pytest.mark.parametrize("bits", DEPTHS)
def test_alpha(bits: int) -> None:
    rng = np.random.default_rng(bits)
    deep = rng.integers(0, 2**bits, (300, 21)).astype(np.uint16)
    plain = depth.scaled(rng.integers(0, 256, (300, 21)).astype(np.uint8), 8, bits)
    opaque = np.full((300, 21), 2**bits - 1, np.uint16)
    for plane, kind in ((deep, 2), (plain, 1), (opaque, 0)):
        data = alpha.encode(plane, bits)
        assert data[0] == kind
        np.testing.assert_array_equal(alpha.decode(data, 300, 21, depth=bits), plane)
        np.testing.assert_array_equal(alpha.decode(data, 300, 21, (3, 250, 9, 20), bits), plane[250:270, 3:12])
    with pytest.raises(errors.SectionDamaged, match="unknown kind"):
        alpha.decode(alpha.encode(deep, bits), 300, 21)


def test_colours_nobody_sees() -> None:
    pixels, plane = np.full((20, 30, 3), 3000, np.uint16), np.full((20, 30), 4095, np.uint16)
    pixels[5:9, 5:9], plane[5:9, 5:9] = 77, 0
    assert np.unique(alpha.fill(pixels, plane, 12)).tolist() == [3000]
    assert np.unique(alpha.fill(pixels, np.zeros_like(plane), 12)).tolist() == [2048]


def test_averages_of_the_largest() -> None:
    pixels = np.full((35, 33, 3), 65535, np.uint16)
    for weight in (None, np.full((35, 33), 65535, np.uint16), np.full((35, 33), 1, np.uint8)):
        assert np.unique(averages.averaged(pixels, 16, weight)).tolist() == [65535]


HEADER = c.Header(3, 2, 1, 1000, c.NO_MODEL)
ROW = np.array([[0, 700, 1023], [5, 1, 9]], np.uint16)[..., None]


def lat(*sections: c.Section, body: np.ndarray = ROW) -> c.Lat:
    return c.Lat(HEADER, (*sections, c.Section(c.PIXELS, exact.encode(body))))


def test_the_section_says_the_depth() -> None:
    data = c.pack(lat(*c.depth_sections(10)))
    found = c.unpack(data)
    assert (found.depth, found.sections[0]) == (10, (b"dPTH", b"\x0a"))
    assert facts.facts_of("a", found, len(data), {})["depth"] == 10
    assert "3 × 2 pixels, grey, 10 bits" in "\n".join(facts.lines_of(facts.facts_of("a", found, len(data), {})))
    assert c.depth_sections(8) == ()
    assert lat().depth == 8


@pytest.mark.parametrize("said", [b"", b"\x08", b"\x11", b"\x0a\x0a"])
def test_depths_that_are_none(said: bytes) -> None:
    with pytest.raises(errors.SectionDamaged, match="one byte, 9 to 16"):
        c.pack(lat(c.Section(c.DEPTH, said)))


def test_damage() -> None:
    stored = exact.encode(ROW)
    with pytest.raises(errors.SectionDamaged, match="a sample of 1023 in a picture of 9 bits"):
        exact.decode(stored, 2, 3, 1, depth=9)
    for data, bits in ((stored, 8), (exact.encode(ROW.astype(np.uint8)), 10), (b"\x10\1" + stored[2:], 10)):
        with pytest.raises(errors.SectionDamaged, match="bits with the flags"):
            exact.decode(data, 2, 3, 1, depth=bits)
    with pytest.raises(errors.SectionOrder, match="appears 2 times"):
        c.pack(lat(*c.depth_sections(10), *c.depth_sections(10)))
