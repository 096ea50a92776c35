"""Light of PQ and HLG, and pictures of high dynamic range and wide gamut as sRGB: values from the definitions."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aezip import embed, images
from aezip.bulk.jobs import Decompression
from aezip.codec import Codec
from aezip.format import depth as depths
from aezip.format.colour import HLG, PQ, Cicp, ContentLight
from aezip.format.container import CONTENT_LIGHT, Section
from aezip.images import Picture, h273, profiles, tone

BT2020 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))  # to sRGB, BT.2087


def pq(nits: object) -> NDArray[np.float64]:
    """The signal of light by SMPTE ST 2084, from its formula."""
    y = (np.asarray(nits) / 10000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


def srgb(light: object) -> NDArray[np.float64]:
    light = np.asarray(light)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def samples(signal: object, top: int = 255) -> NDArray[np.uint8]:
    """A row of pixels."""
    found = np.rint(np.asarray(signal) * top)
    return found.reshape(1, -1, 3).astype(np.uint8 if top == 255 else np.uint16)


def greys(signal: object, top: int = 255) -> NDArray[np.uint8]:
    return samples(np.repeat(np.asarray(signal)[:, None], 3, 1), top)


def test_light_of_signals() -> None:
    """BT.2100 and BT.2408: white of 203 cd/m² is 58 % of PQ and 75 % of HLG."""
    np.testing.assert_allclose(
        h273.pq_of(np.array((100, 203, 1000, 10000)) / 203), (0.5081, 0.5807, 0.7518, 1), atol=1e-4
    )
    np.testing.assert_allclose(203 * h273.light_of(PQ, np.array((0, 0.5807, 1))), (0, 203, 10000), rtol=1e-3, atol=1e-9)
    scene = h273.light_of(HLG, np.array((0, 0.5, 0.75, 1)))
    np.testing.assert_allclose(scene, (0, 1 / 12, 0.2650, 1), atol=1e-4)
    np.testing.assert_allclose(203 * h273.displayed(scene, scene), (0, 50.7, 203, 1000), rtol=2e-3, atol=1e-9)
    np.testing.assert_allclose(h273.to_bt709(9), BT2020, atol=1e-4)
    for transfer in h273.CURVES:
        np.testing.assert_allclose(h273.light_of(transfer, np.array((0, 1))), (0, 1), atol=1e-3)


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_what_is_not_brighter_than_white_stays(depth: int) -> None:
    """A picture of standard range in PQ comes back as its sRGB."""
    top, light = 2**depth - 1, np.linspace(0, 1, 40) ** 2.2
    found = tone.to_srgb(greys(pq(203 * light), top), Cicp(1, PQ), depth)
    assert found.dtype == (np.uint8 if depth == 8 else np.uint16)
    np.testing.assert_allclose(found[0, :, 0] / top, srgb(light), atol=0.012 if depth == 8 else 0.004)


def test_highlights_are_compressed() -> None:
    """BT.2390, worked by hand for a peak of 1000: the knee is at 0.4951 of PQ; white is at 0.5554, 160 cd/m²."""
    light = np.array((0, 50, 88, 203, 400, 1000))
    mapped = 203 * tone.eetf(light / 203, 1000 / 203)
    np.testing.assert_allclose(mapped, (0, 50, 88, 160.3, 195, 203), rtol=0.01)
    assert (np.diff(tone.eetf(np.linspace(0, 1000 / 203, 500), 1000 / 203)) > 0).all()
    np.testing.assert_array_equal(tone.eetf(light, 1.0), light)
    found = tone.to_srgb(greys(pq(light)), Cicp(9, PQ), brightest=1000)[0, :, 1]
    np.testing.assert_allclose(found, 255 * srgb(mapped / 203), atol=3)
    beyond = tone.to_srgb(greys(pq((1000, 4000))), Cicp(9, PQ), brightest=1000)
    np.testing.assert_array_equal(beyond, 255)


def test_the_peak_is_what_is_found_or_what_the_file_says() -> None:
    signal = np.tile(pq((50, 203, 600)), 40)
    found = tone.to_srgb(greys(signal), Cicp(9, PQ))
    np.testing.assert_allclose(found, tone.to_srgb(greys(signal), Cicp(9, PQ), brightest=600), atol=2)
    told = Section(CONTENT_LIGHT, ContentLight(4000, 0).pack())
    mapped = images.tone_mapped(Picture(greys(signal), cicp=Cicp(9, PQ), extras=(told,)))
    np.testing.assert_array_equal(mapped.pixels, tone.to_srgb(greys(signal), Cicp(9, PQ), brightest=4000))
    assert (mapped.cicp, mapped.icc, mapped.extras) == (None, None, ())
    assert mapped.notes == ("colours (BT.2020, PQ) tone mapped to sRGB",)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colours_of_srgb_keep_their_hue(transfer: int) -> None:
    """Dim colours of sRGB, as light of BT.2020 in HDR, come back as they were."""
    want = np.array(((0.3, 0.1, 0.05), (0.02, 0.2, 0.1), (0.1, 0.1, 0.4), (0.05, 0.25, 0.01)))
    light = want @ np.linalg.inv(BT2020).T
    if transfer == PQ:
        signal = pq(203 * light)
    else:  # BT.2100, the inverse OOTF and the OETF
        luminance = light @ (0.2627, 0.6780, 0.0593)
        scene = (203 / 1000 * light) * ((203 / 1000 * luminance) ** (-1 / 6))[:, None]
        signal = np.where(
            scene <= 1 / 12,
            np.sqrt(3 * scene),
            0.17883277 * np.log(12 * np.maximum(scene, 0.08) - 0.28466892) + 0.55991073,
        )
    found = tone.to_srgb(samples(signal, 65535), Cicp(9, transfer), 16, 1000.0)[0] / 65535
    np.testing.assert_allclose(found, srgb(want), atol=0.01)


def test_colours_outside_of_srgb_are_drawn_inside() -> None:
    """Saturated light of BT.2020: same luminance, no channel cut off alone."""
    pure = np.array(((60, 0, 0), (0, 60, 0), (0, 0, 60)))
    found = tone.to_srgb(samples(pq(pure), 65535), Cicp(9, PQ), 16, 1000.0)[0] / 65535
    light = np.where(found <= 0.04045, found / 12.92, ((found + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(203 * light @ (0.2126, 0.7152, 0.0722), (15.76, 40.68, 3.56), rtol=0.01)
    assert found.argmax(1).tolist() == [0, 1, 2]


def test_standard_range_is_as_by_its_profile() -> None:
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
    for cicp in (Cicp(12, 13), Cicp(9, 1), Cicp(1, 4), Cicp(9, 8)):
        icc = profiles.of_cicp(cicp, 3).icc
        assert icc is not None
        apart = np.abs(tone.to_srgb(pixels, cicp).astype(int) - profiles.to_srgb(pixels, icc))
        assert np.quantile(apart, 0.99) <= 3, cicp
    grey = pixels[..., :1]
    np.testing.assert_array_equal(tone.to_srgb(grey, Cicp(9, 13)), grey)
    with pytest.raises(ValueError, match="not known"):
        tone.to_srgb(pixels, Cicp(99, 13))


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_narrow_range(depth: int) -> None:
    step = 2 ** (depth - 8)
    ends = (np.array((0, 16, 16 + 219 / 2, 235, 255)) * step).astype(np.uint8 if depth == 8 else np.uint16)
    found = tone.full_range(ends.reshape(1, -1, 1), depth)[0, :, 0] / (2**depth - 1)
    np.testing.assert_allclose(found, (0, 0, 0.5, 1, 1), atol=0.003)
    picture = Picture(np.array((16, 126, 235), np.uint8).reshape(1, 3, 1), cicp=Cicp(1, 13, False))
    assert images.to_pillow(picture).tobytes() == bytes((0, 128, 255))


def test_the_command_makes_srgb(tiny: str) -> None:
    pixels = greys(np.tile(pq((10, 203, 1000)), 60)).reshape(12, 15, 3)
    codec = Codec(tiny)
    data = codec.encode(pixels, sections=images.sections_of(Picture(pixels, cicp=Cicp(9, PQ))), lossless=True)
    result = Decompression(tone_map=True).run(codec, data, "a.png")
    assert result.data is not None
    again = images.parse(result.data)
    assert (again.icc, again.cicp) == (None, None)
    np.testing.assert_array_equal(again.pixels, tone.to_srgb(pixels, Cicp(9, PQ)))
    assert result.notes == ("colours (BT.2020, PQ) tone mapped to sRGB",)
    plain = Decompression().run(codec, data, "a.png").data
    assert plain is not None
    assert images.parse(plain).cicp == Cicp(9, PQ)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("depth", [8, 12])
def test_the_library_makes_srgb(tiny: str, depth: int, channels: int, tmp_path: Path) -> None:
    ramp = np.rint(np.linspace(0, 0.75 * (2**depth - 1), 180)).astype(np.uint8 if depth == 8 else np.uint16)
    pixels = np.repeat(ramp.reshape(12, 15, 1), channels, 2)
    codec, decoder, cicp = Codec(tiny), embed.Decoder(tiny), Cicp(9, PQ)
    sections = images.sections_of(Picture(pixels, cicp=cicp, depth=depth))
    data = codec.encode(pixels, sections=sections, lossless=True, depth=depth)
    want = tone.to_srgb(pixels, cicp, depth)
    np.testing.assert_array_equal(decoder.decode(data, tone_map=True), want if channels == 3 else want[..., 0])
    eight = images.in_8_bits(Picture(want, depth=depth)).pixels
    eight = eight if channels == 3 else eight[..., 0]
    np.testing.assert_array_equal(decoder.decode(data, tone_map=True, to_8bit=True), eight)
    file = tmp_path / "a.lat"
    file.write_bytes(data)
    for source in (data, file):
        image = codec.decompress(source, tone_map=True)
        assert "icc_profile" not in image.info
        grey = depths.scaled(want, depth, 16)[..., 0] if image.mode == "I;16" else eight
        np.testing.assert_array_equal(np.asarray(image), grey)


@pytest.mark.parametrize(("said", "peak"), [(0, 1000), (1, 0.0001), (2**32 - 1, 429496.7295)])
def test_strange_light(said: int, peak: float) -> None:
    """Sections from anywhere: no light, for which the brightest pixel counts, nearly none, and endless light."""
    light = np.array((10, 203, 1000))
    section = Section(CONTENT_LIGHT, struct.pack(">2I", said, 0))
    mapped = images.tone_mapped(Picture(greys(pq(light)), cicp=Cicp(9, PQ), extras=(section,))).pixels
    want = 255 * srgb(tone.eetf(light / 203, peak / 203).clip(0, 1))
    np.testing.assert_allclose(mapped[0, :, 1], want, atol=3)
