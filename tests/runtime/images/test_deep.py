"""Files of 9 to 16 bits: what went in comes back, or a note says what changed; depth × colours × kind of file."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip import images
from aezip.cli import main
from aezip.errors import DependencyMissing, ImageError, OutputError
from aezip.format import depth as depths
from aezip.format.colour import Cicp
from aezip.format.container import unpack
from aezip.images import Picture, ReadOptions, avif, build, deep, jxl, profiles

SIZE = (11, 17)  # height, width
DEEP = ReadOptions(deep=True)
MODES = {"grey": (1, False), "grey-alpha": (1, True), "rgb": (3, False), "rgba": (3, True)}


def picture(bits: int, mode: str) -> Picture:
    """Noise of all bits, nowhere wholly transparent."""
    (channels, alpha), rng = MODES[mode], np.random.default_rng(bits)
    kind, most = depths.kind(bits), 2**bits
    pixels = rng.integers(0, most, (*SIZE, channels)).astype(kind)
    plane = rng.integers(1, most, SIZE).astype(kind) if alpha else None
    return Picture(pixels, alpha=plane, depth=bits)


def planes(found: Picture) -> np.ndarray:
    return found.pixels if found.alpha is None else np.dstack((found.pixels, found.alpha))


def as_depth(found: Picture, bits: int) -> np.ndarray:
    return depths.scaled(planes(found), found.depth, bits)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("kind", ["png", "tiff", "ppm", "pam", "webp", "jxl"])
def test_there_and_back(kind: str, bits: int, mode: str) -> None:
    if kind == "jxl":
        pytest.importorskip("pillow_jxl")
        pytest.importorskip("imagecodecs")
    given = picture(bits, mode)
    if kind == "ppm" and given.alpha is not None:
        return
    data, lost = build(given, kind)
    found = images.parse(data, intake=DEEP)
    if kind == "webp":
        assert lost == ((f"{bits}-bit samples",) if bits > 8 else ())
        return
    assert found.depth == (16 if kind == "tiff" and bits > 8 else bits)
    want = planes(given)
    if kind == "tiff" and bits > 8 and mode == "grey-alpha":
        assert lost[-1] == "such grey beside alpha, and has RGB"
        want = want[..., (0, 0, 0, 1)]
    np.testing.assert_array_equal(as_depth(found, bits), want)
    assert bool(lost) == (kind == "tiff" and bits > 8 and (bits < 16 or mode == "grey-alpha"))
    again, _ = build(found, kind)
    np.testing.assert_array_equal(planes(images.parse(again, intake=DEEP)), planes(found))


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("order", "<>")
def test_tiffs_of_others(order: str, compressed: bool) -> None:
    """Either byte order, by libtiff or not."""
    given = picture(16, "rgb").pixels
    body = given.astype(f"{order}u2").tobytes()
    body = zlib.compress(body) if compressed else body
    tags = [(256, 4, 1, SIZE[1]), (257, 4, 1, SIZE[0]), (258, 3, 3, 134), (259, 4, 1, 8 if compressed else 1)]
    tags += [(262, 4, 1, 2), (273, 4, 1, 140), (277, 4, 1, 3), (278, 4, 1, SIZE[0]), (279, 4, 1, len(body))]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    head += b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags)
    data = head.ljust(134, b"\0") + struct.pack(f"{order}3H", 16, 16, 16) + body
    found = images.parse(data, intake=DEEP)
    assert found.depth == 16
    np.testing.assert_array_equal(found.pixels, given)


@pytest.mark.parametrize("compressed", [True, False])
def test_tiffs_in_planes(compressed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which Pillow gives the high bytes, or takes them for 8 bits if they are not compressed."""
    given = picture(16, "rgb").pixels
    plane = [given[..., i].astype("<u2").tobytes() for i in range(3)]
    plane = [zlib.compress(body) for body in plane] if compressed else plane
    at = np.cumsum([170, *map(len, plane)])
    tags = [(256, 4, 1, SIZE[1]), (257, 4, 1, SIZE[0]), (258, 3, 3, 140), (259, 4, 1, 8 if compressed else 1)]
    tags += [(262, 4, 1, 2), (273, 4, 3, 146), (277, 4, 1, 3), (278, 4, 1, SIZE[0]), (279, 4, 3, 158), (284, 4, 1, 2)]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    data = head.ljust(140, b"\0") + struct.pack("<3H6I", 16, 16, 16, *at[:3], *map(len, plane)) + b"".join(plane)
    if importlib.util.find_spec("imagecodecs"):
        found = images.parse(data, intake=DEEP)
        assert (found.depth, found.notes) == (16, ())
        np.testing.assert_array_equal(found.pixels, given)
        found = images.parse(data, intake=ReadOptions(to_8bit=True))
        np.testing.assert_array_equal(found.pixels, depths.scaled(given, 16, 8))
        lying = data.replace(struct.pack("<HHII", 278, 4, 1, SIZE[0]), struct.pack("<HHII", 274, 4, 1, 6))
        found = images.parse(lying, intake=DEEP)
        np.testing.assert_array_equal(found.pixels, np.rot90(given, 3))
    monkeypatch.setattr(deep, "has_codecs", lambda: False)
    with pytest.raises(DependencyMissing, match=r"in planes; expected imagecodecs \(pip install .*, or pixels whose"):
        images.parse(data, intake=DEEP)
    if compressed:
        found = images.parse(data, intake=ReadOptions(to_8bit=True))
        np.testing.assert_array_equal(found.pixels, given >> 8)
    else:
        with pytest.raises(DependencyMissing, match=r"in planes; expected imagecodecs"):
            images.parse(data, intake=ReadOptions(to_8bit=True))


def chunk(body: bytes) -> bytes:
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def png(values: np.ndarray, *chunks: bytes) -> bytes:
    """A PNG of 16 bits, by hand: rows without a filter."""
    height, width, channels = values.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = [b"IHDR" + head, *chunks, b"IDAT" + zlib.compress(rows), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunk, parts))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour(channels: int) -> None:
    values = np.full((6, 8, channels), 40000, np.uint16)
    values[2, 3] = 40001
    key = b"tRNS" + struct.pack(">H", 40001) * channels
    found = images.parse(png(values, key), intake=DEEP)
    assert found.alpha is not None
    np.testing.assert_array_equal(found.alpha == 0, values[..., 0] == 40001)
    assert np.unique(found.alpha).tolist() == [0, 65535]
    plain = images.parse(png(values, key), intake=ReadOptions(to_8bit=True))
    assert plain.alpha is not None
    np.testing.assert_array_equal(plain.alpha, found.alpha // 257)
    assert np.unique(plain.pixels).tolist() == [156]


def test_significant_bits() -> None:
    """Of a PNG, where nothing is lost by believing them."""
    values = depths.scaled(np.arange(48, dtype=np.uint16).reshape(6, 8, 1) * 20, 10, 16)
    assert images.parse(png(values, b"sBIT\x0a"), intake=DEEP).depth == 10
    values[0, 0] += 1
    found = images.parse(png(values, b"sBIT\x0a"), intake=DEEP)
    assert found.depth == 16
    np.testing.assert_array_equal(found.pixels, values)


def test_what_is_not_read_so_deep() -> None:
    with pytest.raises(ImageError, match="floating-point samples; expected whole numbers of 8 to 16 bits"):
        images.from_pillow(Image.new("F", (4, 4)), DEEP)
    with pytest.raises(ImageError, match="32-bit integer samples"):
        images.from_pillow(Image.new("I", (4, 4)), DEEP)
    assert images.from_pillow(Image.new("I;16", (4, 4)), DEEP).depth == 16


def test_heif() -> None:
    heif = pytest.importorskip("pillow_heif")
    stream, given = io.BytesIO(), picture(16, "rgb").pixels
    smooth = np.sort(given.reshape(-1)).reshape(given.shape)
    heif.from_bytes("RGB;16", SIZE[::-1], smooth.tobytes()).save(stream, quality=-1, chroma=444, bit_depth=10)
    found = images.parse(stream.getvalue(), intake=DEEP)
    assert found.depth == 10
    assert np.abs(found.pixels.astype(int) - (smooth >> 6)).mean() < 4


def test_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    with pytest.raises(DependencyMissing, match=r"has 10-bit samples; expected imagecodecs \(pip install ima"):
        deep.by_imagecodecs(Image.new("L", (1, 1)), b"", "avif_decode", 10)


@pytest.mark.parametrize("function", ["jpeg2k", "jpegxl", "avif"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_by_imagecodecs(function: str, bits: int) -> None:
    codecs = pytest.importorskip("imagecodecs")
    given = picture(bits, "rgb").pixels
    if function == "avif":
        if bits == 16:
            return
        data = codecs.avif_encode(given, level=100, bitspersample=bits)
    elif function == "jpeg2k":
        data = codecs.jpeg2k_encode(given, level=0, bitspersample=bits, reversible=True)
    else:
        data = codecs.jpegxl_encode(depths.scaled(given, bits, 16), lossless=True, bitspersample=16)
    found = images.parse(data, intake=DEEP)
    assert found.depth == (16 if function == "jpegxl" else bits)
    np.testing.assert_array_equal(as_depth(found, bits), given)


@pytest.mark.parametrize("frame", [1, 2, 3])
def test_one_of_several_frames_by_imagecodecs(frame: int) -> None:
    codecs = pytest.importorskip("imagecodecs")
    given = np.stack([picture(10, "rgb").pixels // n for n in (1, 2, 3)])
    data = codecs.avif_encode(given, level=100, bitspersample=10)
    found = images.parse(data, intake=ReadOptions(deep=True, frame=frame))
    assert found.depth == 10
    np.testing.assert_array_equal(found.pixels, given[frame - 1])


def run(*args: str) -> str:
    result = CliRunner().invoke(main, list(args), prog_name="aezip")
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("lossless", [True, False])
def test_the_command(tiny: str, tmp_path: Path, drawn, lossless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = (drawn(40, 50).astype(np.uint16) << 4) + 7
    plane = np.full((40, 50), 4095, np.uint16)
    plane[:9, :9] = 2049
    Path("a.png").write_bytes(build(Picture(pixels, alpha=plane, depth=12), "png")[0])
    how = "--lossless" if lossless else "--no-lossless"
    run("compress", "a.png", how, "-m", tiny, "--verify")
    lat = unpack(Path("a.lat").read_bytes())
    assert (lat.depth, lat.lossless) == (12, lossless)
    assert "RGB and alpha, 12 bits" in run("info", "a.lat")
    assert "dB" in run("verify", "a.lat", "--original", "a.png", "-m", tiny)
    run("decompress", "a.lat", "-m", tiny, "-o", "b.png")
    found = images.read("b.png", DEEP)
    assert found.depth == 12
    np.testing.assert_array_equal(found.alpha, plane)
    if lossless:
        np.testing.assert_array_equal(found.pixels, pixels)
    run("decompress", "a.lat", "-m", tiny, "--to-8bit", "-o", "c.png")
    with Image.open("c.png") as image:
        assert image.mode == "RGBA"
        assert np.abs(np.asarray(image)[..., :3].astype(int) - depths.scaled(found.pixels, 12, 8)).max() <= 1
    assert "webp cannot carry 12-bit samples" in run("decompress", "a.lat", "-m", tiny, "-o", "d.webp")
    run("decompress", "a.lat", "-m", tiny, "--max-size", "20", "-o", "e.png")
    small = images.read("e.png", DEEP)
    assert (small.pixels.shape, small.depth) == ((16, 20, 3), 12)
    assert np.abs(small.pixels[8:].mean() - pixels[20:].mean()) < 250
    run("compress", "a.png", "--to-8bit", how, "-m", tiny, "-o", "f.lat")
    assert unpack(Path("f.lat").read_bytes()).depth == 8


def test_a_dark_picture_is_kept_whole(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = np.linspace(291, 694, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(values).save("dark.tif")
    said = " ".join(run("compress", "dark.tif", "-m", tiny).split())
    assert "samples of 291 to 694 of 65535, of which coding with loss would leave little, are stored without it" in said
    run("decompress", "dark.lat", "-o", "again.tif")
    with Image.open("again.tif") as image:
        np.testing.assert_array_equal(np.asarray(image), values)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bits", [9, 10, 12, 16])
def test_avif(bits: int, mode: str) -> None:
    pytest.importorskip("imagecodecs")
    exif, xmp = b"II*\0\x08\0\0\0\0\0\0\0\0\0", b"<x:xmpmeta/>"
    given = replace(picture(bits, mode), cicp=Cicp(9, 16), exif=exif, xmp=xmp)
    data, lost = build(given, "avif", 100)
    to = 10 if bits <= 10 else 12
    assert (f"{bits}-bit samples other than scaled to {to}" in lost) == (bits != to)
    found = images.parse(data, intake=DEEP)
    assert (found.depth, found.cicp, found.exif, found.xmp) == (to, Cicp(9, 16), exif, xmp)
    want = depths.scaled(planes(given), bits, to)
    want = want[..., (0, 0, 0, 1)] if mode == "grey-alpha" else want
    assert np.abs(planes(found)[..., : want.shape[2]].astype(int) - want).max() <= 4
    icc = profiles.of_cicp(Cicp(12, 13), 3).icc
    assert icc is not None
    icc = icc[:80] + b"else" + icc[84:]
    data, lost = build(replace(given, icc=icc, cicp=None, exif=None), "avif", 100)
    again = images.parse(data, intake=DEEP)
    assert (again.depth, again.icc, again.cicp, again.exif, again.xmp) == (to, icc, None, None, xmp)
    np.testing.assert_allclose(planes(again).astype(int), planes(found), atol=4)  # by another matrix


@pytest.mark.parametrize(
    "change", [(b"iloc\0", b"iloc\1"), (b"ipma\0", b"ipma\1"), (b"pitm", b"pitX"), (b"meta", b"metX")]
)
def test_an_avif_whose_boxes_are_not_known(change: tuple[bytes, bytes]) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "AVIF")
    data = stream.getvalue()
    assert avif.with_more(data, [avif.xmp(b"<x/>")], []) is not None
    assert avif.with_more(data.replace(*change), [avif.xmp(b"<x/>")], []) is None
    assert avif.with_more(data, [], [avif.profile(b"x")] * 126) is None


@pytest.mark.parametrize("bits", [8, 9, 16])
@pytest.mark.parametrize("mode", MODES)
def test_jpeg_xl(mode: str, bits: int) -> None:
    """Its header is rewritten to name the colours, and libjxl understands it as it was meant."""
    pytest.importorskip("pillow_jxl")
    pytest.importorskip("imagecodecs")
    exif, xmp = b"II*\0\x08\0\0\0\0\0\0\0\0\0", b"<x/>"
    for cicp in (Cicp(9, 16), Cicp(12, 13), Cicp(1, 8), Cicp(9, 18), Cicp(12, 1)):
        given = replace(picture(bits, mode), cicp=cicp, exif=exif, xmp=xmp)
        data, lost = build(given, "jxl")
        assert lost == ()
        found = images.parse(data, intake=DEEP)
        np.testing.assert_array_equal(planes(found), planes(given))
        assert (found.depth, found.exif, found.xmp) == (bits, exif, xmp)
        if mode in ("rgb", "rgba"):
            assert found.cicp == cicp
            with Image.open(io.BytesIO(data)) as image:
                assert profiles.code_points(image.info["icc_profile"]) == cicp
        else:  # of which JPEG XL names no primaries
            assert (
                found.cicp == {16: Cicp(9, 16), 18: Cicp(9, 18), 8: Cicp(1, 8), 1: Cicp(1, 1), 13: None}[cicp.transfer]
            )


@pytest.mark.parametrize("codestream", [b"\xff\x0a", b"\xff\x0a\xfb\x7f", b"\xff\x0a" + bytes(40)])
def test_a_jpeg_xl_whose_header_is_not_known(codestream: bytes) -> None:
    with pytest.raises((OutputError, ValueError)):
        jxl.with_code_points(codestream, Cicp(9, 16))


def test_avif_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    data, lost = build(picture(10, "rgb"), "avif")
    assert (lost, images.parse(data, intake=DEEP).depth) == (("10-bit samples",), 8)
