"""PGM, PPM and PAM: read back by Pillow where it knows them, and from bytes written by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from aezip import images
from aezip.errors import ImageError, LimitExceeded
from aezip.images import Picture, ReadOptions, build, netpbm

DEEP = ReadOptions(deep=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_pillow_reads_it(drawn, channels) -> None:
    pixels = drawn(7, 5, channels=channels)
    with Image.open(io.BytesIO(netpbm.write(Picture(pixels)))) as image:
        assert image.mode == ("L" if channels == 1 else "RGB")
        np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_pgm_of_more_than_8_bits() -> None:
    values = np.arange(12, dtype=">u2").reshape(2, 6)
    found = images.parse(b"P5 # a comment\n6\n2\n4095\n" + values.tobytes(), intake=DEEP)
    assert found.depth == 12
    np.testing.assert_array_equal(found.pixels[..., 0], values)
    with pytest.raises(ImageError, match="samples of up to 1000; expected 1023, all 10 bits"):
        images.parse(b"P5 6 2 1000\n" + values.tobytes(), intake=DEEP)
    with pytest.raises(ImageError, match="of text or of another kind"):
        images.parse(b"P2 2 1 4095\n7 9\n", intake=DEEP)
    with pytest.raises(ImageError, match="cut short"):
        images.parse(b"P5 6 2 4095\n" + values.tobytes()[:-1], intake=DEEP)


def pam(planes: np.ndarray, most: int, kind: str = "", more: str = "") -> bytes:
    height, width, channels = planes.shape
    named = f"TUPLTYPE {kind}\n" if kind else ""
    head = f"P7\n# by hand\nWIDTH {width}\n{more}HEIGHT {height}\nDEPTH {channels}\nMAXVAL {most}\n{named}ENDHDR\n"
    return head.encode() + planes.astype("u1" if most < 256 else ">u2").tobytes()


@pytest.mark.parametrize("kind", ["", "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"])
@pytest.mark.parametrize("bits", [8, 9, 12, 16])
def test_pam(bits: int, kind: str) -> None:
    channels = (("RGB" in kind and 3) or 1) + ("ALPHA" in kind)
    planes = np.random.default_rng(bits).integers(1, 2**bits, (5, 7, channels)).astype(np.uint16)
    data = pam(planes, 2**bits - 1, kind)
    found = images.parse(data, intake=DEEP)
    assert (found.depth, found.notes, found.pixels.itemsize) == (bits, (), 1 + (bits > 8))
    there = found.pixels if found.alpha is None else np.dstack((found.pixels, found.alpha))
    np.testing.assert_array_equal(there, planes)
    again, lost = build(found, "pam")
    assert (again[-planes.size * found.pixels.itemsize :], lost) == (data[-planes.size * found.pixels.itemsize :], ())
    assert images.parse(again, intake=DEEP).depth == bits


def test_pam_of_other_ranges() -> None:
    planes = np.array([[[0, 1], [1, 1]]], np.uint16)
    found = images.parse(pam(planes, 1, "BLACKANDWHITE_ALPHA"))
    assert found.pixels[..., 0].tolist() == [[0, 255]]
    assert np.unique(found.alpha).tolist() == [255]
    odd = pam(np.full((2, 2, 1), 500), 1000)
    with pytest.raises(ImageError, match="samples of up to 1000; expected 1023, all 10 bits, or ReadOptions"):
        images.parse(odd, intake=DEEP)
    found = images.parse(odd, intake=ReadOptions(to_8bit=True))
    assert (found.pixels.max(), found.notes) == (128, ("samples of up to 1000 made 8-bit",))
    with pytest.raises(ImageError, match=r"has 16-bit samples; expected 8-bit samples, or ReadOptions\(to_8bit=True\)"):
        images.parse(pam(np.zeros((2, 2, 3)), 65535))


def test_what_is_no_whole_pam() -> None:
    good = np.zeros((2, 2, 3))
    for data, why in (
        (b"P7\nWIDTH 2\nENDHDR\n", "header is not whole"),
        (b"P7\nWIDTH 2\n", "header is not whole"),
        (pam(good, 0), "header is not whole"),
        (pam(np.zeros((2, 2, 5)), 255), "of other tuples"),
        (pam(good, 255, "XYZ"), "of other tuples"),
        (pam(good, 70000), "samples of up to 70000"),
        (pam(good, 255)[:-1], "cut short"),
    ):
        with pytest.raises(ImageError, match=why):
            images.parse(data, intake=DEEP)
    with pytest.raises(LimitExceeded, match="2×2 pixels; expected at most 3"):
        images.parse(pam(good, 255), 3, DEEP)
