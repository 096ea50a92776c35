"""Colours that a file names otherwise than by an ICC profile, and profiles that are applied or do not fit."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from aezip import images
from aezip.format.colour import Cicp
from aezip.images import Picture, ReadOptions, profiles, signalling

COLOUR = (200, 60, 90)


def chunk(name: bytes, *numbers: int) -> tuple[bytes, bytes]:
    return name, bytes(numbers) if name == b"cICP" else struct.pack(f">{len(numbers)}I", *numbers)


def png(*chunks: tuple[bytes, bytes], mode: str = "RGB", **options: object) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, body in chunks:
        info.add(name, body)
    stream = io.BytesIO()
    Image.new(mode, (8, 6), COLOUR if mode == "RGB" else 128).save(stream, "PNG", pnginfo=info, **options)
    return stream.getvalue()


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def shown(picture: Picture) -> tuple[int, ...]:
    """The picture's colour as a screen (sRGB) shows it."""
    icc = signalling.profile_of(picture, picture.pixels.shape[2])
    pixels = profiles.to_srgb(picture.pixels, icc) if icc else picture.pixels
    return tuple(map(int, pixels[0, 0]))


def converted(matrix: object, power: float | str) -> list[float]:
    """What COLOUR is in sRGB, from the definitions.  matrix: to linear sRGB; power: of the transfer."""
    signal = np.array(COLOUR) / 255
    linear = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    linear = linear if power == "srgb" else signal ** float(power)
    linear = (np.array(matrix) @ linear).clip(0, 1)
    return list(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


SAME = np.eye(3)
P3 = ((1.2249, -0.2247, 0), (-0.0420, 1.0419, 0), (-0.0197, -0.0786, 1.0979))  # CSS Color 4
BT2020 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))  # ITU-R BT.2087


@pytest.mark.parametrize(
    ("chunks", "matrix", "power"),
    [
        ([chunk(b"cICP", 12, 13, 0, 1)], P3, "srgb"),
        ([chunk(b"cICP", 9, 8, 0, 1)], BT2020, 1),
        ([chunk(b"cICP", 1, 4, 0, 1)], SAME, 2.2),
        ([chunk(b"cICP", 1, 13, 0, 1)], SAME, "srgb"),
        ([chunk(b"cICP", 2, 2, 0, 1)], SAME, "srgb"),
        ([chunk(b"gAMA", 100000)], SAME, 1),
        ([chunk(b"gAMA", 55556)], SAME, 1.8),
        ([chunk(b"gAMA", 45455)], SAME, "srgb"),
        ([chunk(b"gAMA", 100000), (b"sRGB", b"\0")], SAME, "srgb"),
        ([chunk(b"cHRM", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)], P3, "srgb"),
        ([chunk(b"cHRM", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)], SAME, "srgb"),
        ([chunk(b"cHRM", 0, 0, 0, 0, 0, 0, 0, 0)], SAME, "srgb"),
    ],
)
def test_colours_of_a_png(chunks: list[tuple[bytes, bytes]], matrix: object, power: float | str) -> None:
    picture = images.parse(png(*chunks))
    np.testing.assert_allclose(shown(picture), converted(matrix, power), atol=2)
    assert picture.pixels[0, 0].tolist() == list(COLOUR)
    stripped = images.parse(png(*chunks), intake=ReadOptions(strip=True))
    assert stripped.icc is stripped.cicp is None
    np.testing.assert_allclose(stripped.pixels[0, 0], converted(matrix, power), atol=2)


def test_curves_by_their_definition() -> None:
    """BT.709 and its kin: the inverse of the camera's function (H.273)."""
    for transfer, knee in ((1, (4.5, 0.018, 1.099, 0.45)), (7, (4, 0.0228, 1.1115, 0.45))):
        made = profiles.of_cicp(Cicp(1, transfer), 1)
        assert made.icc is not None
        linear = np.linspace(0, 1, 12)
        slope, at, scale, power = knee
        signal = np.where(linear < at, slope * linear, scale * linear**power - (scale - 1))
        pixels = np.rint(255 * signal).astype(np.uint8)[None, :, None]
        want = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(profiles.to_srgb(pixels, made.icc)[0, :, 0], 255 * want, atol=2)


@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22])
@pytest.mark.parametrize("channels", [1, 3])
def test_white_is_white_in_every_profile(primaries: int, channels: int) -> None:
    made = profiles.of_cicp(Cicp(primaries, 8), channels)
    assert made.icc is not None
    pixels = np.full((1, 1, channels), 255, np.uint8)
    assert profiles.to_srgb(pixels, made.icc).min() >= 254
    profile = ImageCms.ImageCmsProfile(io.BytesIO(made.icc))
    assert profile.profile.xcolor_space == ("GRAY" if channels == 1 else "RGB ")


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.5807), (18, 0.75)])
def test_profiles_of_hdr(transfer: int, white: float) -> None:
    """White at 203 cd/m², by BT.2408, and the code points in the profile."""
    icc = profiles.of_cicp(Cicp(9, transfer), 3).icc
    assert icc is not None
    assert profiles.code_points(icc) == Cicp(9, transfer)
    levels = np.full((1, 1, 3), round(255 * white), np.uint8)
    assert profiles.to_srgb(levels, icc).min() >= 252
    assert profiles.to_srgb(levels - 12, icc).max() < 250


def test_chunks_that_name_no_colours_are_said() -> None:
    assert "ignored" in images.parse(png(chunk(b"cHRM", 0, 0, 0, 0, 0, 0, 0, 0))).notes[0]


def test_code_points_of_a_png_are_above_its_profile() -> None:
    picture = images.parse(png(chunk(b"cICP", 12, 13, 0, 1), icc_profile=srgb()))
    assert (picture.icc, picture.cicp) == (srgb(), Cicp(12, 13))
    np.testing.assert_allclose(shown(picture), converted(P3, "srgb"), atol=2)


def test_code_points_of_an_avif() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), COLOUR).save(stream, "AVIF", quality=100, subsampling="4:4:4")
    data = stream.getvalue()
    at = data.index(b"nclx") + 4
    data = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]
    np.testing.assert_allclose(shown(images.parse(data)), converted(P3, "srgb"), atol=4)


def test_grey_has_a_profile_of_grey() -> None:
    picture = images.parse(png(chunk(b"gAMA", 100000), mode="L"))
    assert picture.icc is not None
    assert picture.icc[16:20] == b"GRAY"
    assert shown(picture) == (188,)
    assert signalling.profile_of(images.parse(png(chunk(b"cICP", 12, 13, 0, 1), mode="L")), 1) is None


def test_stripping_keeps_the_colours() -> None:
    wide = profiles.of_cicp(Cicp(12, 13), 3).icc
    assert wide is not None
    wide = wide[:80] + b"else" + wide[84:]  # somebody else's
    picture = images.parse(png(icc_profile=wide), intake=ReadOptions(strip=True))
    np.testing.assert_allclose(picture.pixels[0, 0], converted(P3, "srgb"), atol=2)
    assert picture.notes == ("colours made sRGB through the ICC profile that is dropped",)
    for icc, notes in ((srgb(), 0), (b"no profile" * 9, 1)):
        picture = images.parse(png(icc_profile=icc), intake=ReadOptions(strip=True))
        assert picture.pixels[0, 0].tolist() == list(COLOUR)
        assert picture.icc is None
        assert len(picture.notes) == notes


def test_profiles_in_a_webp_fit_its_colours() -> None:
    grey = profiles.of_cicp(Cicp(1, 8), 1).icc
    picture = Picture(np.full((4, 4, 1), 128, np.uint8), icc=grey)
    written, lost = images.build(picture, "webp")
    again = images.parse(written)
    assert lost == ()
    assert again.icc is not None
    assert again.icc[16:20] == b"RGB "
    assert profiles.to_srgb(again.pixels, again.icc)[0, 0].tolist() == [188, 188, 188]
    colours = Picture(np.full((4, 4, 3), 128, np.uint8), icc=grey)
    assert images.build(colours, "webp")[1] == ("an ICC profile of GRAY in this picture",)


def test_profiles_in_a_png_fit_its_colours() -> None:
    wide = profiles.of_cicp(Cicp(12, 4), 3).icc
    grey = profiles.of_cicp(Cicp(1, 4), 1).icc
    assert wide is not None
    assert grey is not None
    pixels = np.full((4, 4, 3), 128, np.uint8)
    for channels, icc, space, lost in (
        (1, wide, b"GRAY", ()),
        (1, grey, b"GRAY", ()),
        (3, wide, b"RGB ", ()),
        (3, grey, None, ("an ICC profile of GRAY in this picture",)),
    ):
        written, missing = images.build(Picture(pixels[:, :, :channels], icc=icc), "png")
        assert missing == lost
        with Image.open(io.BytesIO(written)) as image:
            found = image.info.get("icc_profile")
        assert (found and found[16:20]) == space
        if channels == 1:
            np.testing.assert_allclose(profiles.to_srgb(pixels[:, :, :1], found)[0, 0, 0], 129, atol=1)


@pytest.mark.parametrize("depth", [10, 16])
@pytest.mark.parametrize("cicp", [Cicp(12, 13), Cicp(9, 8), Cicp(1, 4), Cicp(9, 1), Cicp(1, 13)])
def test_profiles_of_more_than_8_bits(depth: int, cicp: Cicp) -> None:
    """As by Little CMS, and finer."""
    icc = profiles.of_cicp(cicp, 3).icc or srgb()
    pixels = np.random.default_rng(6).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    deep = np.rint(pixels * ((2**depth - 1) / 255)).astype(np.uint16)
    found = profiles.to_srgb(deep, icc, depth)
    assert (found is deep) == cicp.srgb
    np.testing.assert_allclose(found * (255 / (2**depth - 1)), profiles.to_srgb(pixels, icc), atol=1.5)
    ramp = np.arange(2**depth, dtype=np.uint16).reshape(1, -1, 1)
    grey = profiles.of_cicp(Cicp(1, 8), 1).icc
    assert grey is not None
    bright = profiles.to_srgb(ramp, grey, depth)[0, :, 0].astype(int)
    assert (np.diff(bright) >= 0).all()
    assert len(np.unique(bright)) > 2**depth / 3
    np.testing.assert_array_equal(profiles.to_srgb(ramp, icc, depth)[..., 0].shape, ramp.shape[:2])


def test_curves_of_profiles() -> None:
    """Each kind of curve that a profile may have, at 0, 1/2 and 1."""
    fixed = struct.Struct(">7i").pack(*(round(v * 65536) for v in (2.0, 1.0, 0.0, 0.5, 0.25, 0.1, 0.2)))
    head = b"para\0\0\0\0\0%c\0\0"
    for curve, want in (
        (b"curv" + struct.pack(">II", 0, 0), (0, 0.5, 1)),
        (b"curv" + struct.pack(">IIH", 0, 1, 512), (0, 0.25, 1)),
        (b"curv" + struct.pack(">II3H", 0, 3, 0, 6554, 65535), (0, 0.1, 1)),
        (head % 0 + fixed, (0, 0.25, 1)),
        (head % 1 + fixed, (0, 0.25, 1)),
        (head % 2 + fixed, (0.5, 0.75, 1.5)),
        (head % 3 + fixed, (0, 0.25, 1)),
        (head % 4 + fixed, (0.2, 0.35, 1.1)),
    ):
        np.testing.assert_allclose(profiles._light_of(curve, 3), want, atol=1e-4)
    for damaged in (None, b"", b"curv", b"para\0\0\0\0\0\7\0\0" + fixed, head % 0, b"mft2" + fixed):
        with pytest.raises(ValueError, match="curve"):
            profiles._light_of(damaged, 3)


def test_a_deep_picture_keeps_a_profile_that_is_of_no_use() -> None:
    picture = Picture(np.zeros((2, 2, 3), np.uint16), icc=b"no profile" * 20, depth=16)
    mapped = images.tone_mapped(picture)
    assert mapped.icc == picture.icc
    assert "stays" in mapped.notes[0]
