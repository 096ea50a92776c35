"""How well image files are written: qualities and subsamplings of the kinds that have some."""

from __future__ import annotations

import importlib.util
import io
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, JpegImagePlugin, features

from aezip import images
from aezip.cli import main
from aezip.codec import Codec
from aezip.errors import DependencyMissing, UsageError
from aezip.format.colour import Cicp
from aezip.images import Picture, kinds, profiles
from aezip.quality.metrics import psnr_db

AVIF = pytest.param("avif", marks=pytest.mark.skipif(not features.check("avif"), reason="a Pillow without AVIF"))


JXL = pytest.mark.skipif(not importlib.util.find_spec("pillow_jxl"), reason="needs pillow-jxl-plugin")


@pytest.mark.parametrize("format", ["jpg", "webp", AVIF, pytest.param("jxl", marks=JXL)])
def test_quality_buys_fidelity(format: str, drawn) -> None:
    pixels = drawn(96, 128)
    files = [images.build(Picture(pixels), format, quality)[0] for quality in (30, 80)]
    assert len(files[0]) < len(files[1])
    worse, better = (psnr_db(pixels, images.parse(data).pixels) for data in files)
    assert worse < better < np.inf


def test_colours_of_fewer_samples(drawn) -> None:
    for name, code in (("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)):
        data, _ = images.build(Picture(drawn(32, 32)), "jpg", None, name)
        assert JpegImagePlugin.get_sampling(Image.open(io.BytesIO(data))) == code


@pytest.mark.skipif(not features.check("avif"), reason="a Pillow without AVIF")
def test_avif_holds_profile_and_metadata_and_says_that_alpha_is_not_exact(drawn) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    alpha = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    data, lost = images.build(Picture(drawn(32, 32), exif=exif.tobytes(), xmp=b"<x/>", alpha=alpha), "avif")
    again = images.parse(data)
    assert lost == ("alpha without loss",)
    assert again.alpha is not None
    assert np.abs(again.alpha.astype(int) - alpha).max() < 16
    assert again.xmp == b"<x/>"
    assert b"Maker" in (again.exif or b"")


@JXL
def test_jpeg_xl_is_lossless_unless_asked(drawn) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    alpha = np.tile(np.arange(4, 256, 8, dtype=np.uint8), (32, 1))
    for quality, left_out in ((None, ()), (100, ()), (80, ("alpha without loss",))):
        picture = Picture(drawn(32, 32), exif=exif.tobytes(), xmp=b"<x/>", alpha=alpha)
        data, lost = images.build(picture, "jxl", quality)
        assert lost == left_out
        assert b"Exif\0\0\0\0MM\0*" in data  # ISO/IEC 18181-2: its box begins with the offset of the TIFF header
        again = images.parse(data)
        assert np.array_equal(again.pixels, picture.pixels) is (quality != 80)
        assert again.alpha is not None
        assert np.array_equal(again.alpha, alpha)
        assert b"Maker" in (again.exif or b"")
        assert again.xmp == b"<x/>"
        assert again.notes == ()


@JXL
def test_metadata_of_jpeg_xl_that_is_compressed_is_named(drawn) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    stream = io.BytesIO()
    importlib.import_module("pillow_jxl")
    image = Image.fromarray(drawn(16, 16))
    image.save(stream, "JXL", exif=exif.tobytes(), xmp=b"<x/>", compress_metadata=True, lossless=True)
    assert images.parse(stream.getvalue()).notes == (
        "left behind: EXIF (compressed with Brotli), XMP (compressed with Brotli)",
    )


@pytest.mark.parametrize("animated", [False, True])
def test_a_header_says_that_a_jpeg_xl_is_animated(animated: bool) -> None:
    size, extra_fields = "1" + "10000" + "100", "0" + "1" + "000" + "0" + "0"  # 16 × 16; upright, no other size
    animation = "1" + "00" + "00" + "00" + "0" if animated else "0"
    bits = f"{size}{extra_fields}{animation}000".ljust(64, "0")
    data = b"\xff\x0a" + int(bits[::-1], 2).to_bytes(8, "little")
    facts = kinds.facts_of(kinds.reader_of(SimpleNamespace(format="JXL")), data)
    assert (facts.animated, facts.bits) == (animated, 8)


@JXL
def test_jpeg_xl_gets_srgb(drawn) -> None:
    p3 = profiles.of_cicp(Cicp(12, 13), 3).icc
    pixels = drawn(32, 32)
    data, lost = images.build(Picture(pixels, icc=p3), "jxl")
    assert lost == ("a colour space (colours made sRGB through the ICC profile that is dropped)",)
    assert np.array_equal(images.parse(data).pixels, profiles.to_srgb(pixels, p3))


def test_a_plugin_that_is_not_installed(drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DependencyMissing, match="pillow_jxl is required: pip install pillow-jxl-plugin"):
        images.build(Picture(drawn(8, 8)), "jxl")


@pytest.mark.parametrize(
    ("format", "options", "finding"),
    [
        ("png", {"quality": 80}, "png has no quality; expected output_quality with one of jpg, webp, avif, jxl"),
        ("webp", {"subsampling": "4:2:0"}, "webp has no subsampling; expected subsampling with one of jpg, avif"),
    ],
)
def test_formats_that_have_none(format: str, options: dict, finding: str, drawn) -> None:
    with pytest.raises(UsageError, match=finding):
        images.build(Picture(drawn(8, 8)), format, **options)


def test_decompress_strips(tiny: str, drawn, tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    pixels, p3 = drawn(40, 60), profiles.of_cicp(Cicp(12, 13), 3).icc
    picture = Image.fromarray(pixels)
    data = Codec(tiny).compress(picture, lossless=True, exif=exif, icc_profile=p3, xmp=b"<x/>")
    (tmp_path / "a.lat").write_bytes(data)
    done = CliRunner().invoke(main, ["decompress", str(tmp_path / "a.lat"), "--strip"])
    assert done.exit_code == 0, done.stderr
    assert "colours made sRGB through the ICC profile that is dropped" in done.stderr
    found = images.read(tmp_path / "a.png")
    assert found.icc is found.exif is found.xmp is None
    assert np.array_equal(found.pixels, np.rot90(profiles.to_srgb(pixels, p3), -1))


def test_the_command(tiny: str, drawn, tmp_path) -> None:
    (tmp_path / "a.lat").write_bytes(Codec(tiny).encode(drawn(64, 80)))
    sizes = []
    for quality in ("20", "95"):
        arguments = [str(tmp_path / "a.lat"), "-m", tiny, "-o", str(tmp_path / f"{quality}.jpg")]
        assert CliRunner().invoke(main, ["decompress", *arguments, "--output-quality", quality]).exit_code == 0
        sizes.append((tmp_path / f"{quality}.jpg").stat().st_size)
    assert sizes[0] < sizes[1]
    done = CliRunner().invoke(main, ["decompress", str(tmp_path / "a.lat"), "-m", tiny, "--output-quality", "20"])
    assert (done.exit_code, list(tmp_path.glob("*.png"))) == (2, [])
    assert "png has no quality; expected --output-quality with one of jpg, webp, avif, jxl" in done.stderr
