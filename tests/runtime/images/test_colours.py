"""Depth × transfers × primaries × containers in and out: what comes back is what went in, or a note says what not."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aezip import images
from aezip.bulk.jobs import Decompression
from aezip.codec import Codec
from aezip.coding import exact_pixels
from aezip.errors import SectionDamaged
from aezip.format import depth as depths
from aezip.format.colour import Cicp, ContentLight, Mastering
from aezip.format.container import CICP, CONTENT_LIGHT, MASTERING, Header, Lat, Section, pack, unpack
from aezip.format.facts import facts_of, lines_of
from aezip.images import Picture, profiles, signalling
from aezip.images.headers import file_of

COLOURS = np.array(((200, 60, 90), (30, 160, 70), (90, 90, 90), (250, 240, 20)), np.uint8)
PIXELS = np.repeat(np.repeat(COLOURS.reshape(2, 2, 3), 16, 0), 16, 1)
DEEP = images.ReadOptions(deep=True)
LIGHT = struct.pack(">2I", 10_000_000, 4_000_000)
DISPLAY = struct.pack(">8H2I", 35400, 14600, 8500, 39850, 6550, 2300, 15635, 16450, 40_000_000, 50)
CODECS = bool(importlib.util.find_spec("imagecodecs"))
PLUGIN = {"jxl": "pillow_jxl", "heic": "pillow_heif"}  # kind of file → what reads it


def samples(depth: int) -> np.ndarray:
    """The fields of colour in so many bits, of which the lower half is no copy of the upper."""
    return PIXELS if depth == 8 else depths.scaled(PIXELS, 8, depth) - np.uint16(2 ** (depth - 8) // 3)


def saved(format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, format, **options)
    return stream.getvalue()


def chunk(body: bytes) -> bytes:
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def png(cicp: Cicp, *chunks: bytes, depth: int = 8) -> bytes:
    pixels = samples(depth) if depth == 8 else depths.scaled(samples(depth), depth, 16)
    height, width, _ = pixels.shape
    bits = 8 * pixels.itemsize
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    named = b"cICP" + bytes((cicp.primaries, cicp.transfer, 0, cicp.full_range))
    said = (b"sBIT" + bytes((depth,)) * 3,) if depth < bits else ()
    rows = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in pixels)
    all_chunks = (head, named, *said, *chunks, b"IDAT" + zlib.compress(rows), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunk, all_chunks))


def with_nclx(data: bytes, cicp: Cicp) -> bytes:
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", cicp.primaries, cicp.transfer) + data[at + 4 :]


def avif(cicp: Cicp, depth: int = 8) -> bytes:
    if depth == 8:
        return with_nclx(saved("AVIF", quality=100, subsampling="4:4:4"), cicp)
    codecs = pytest.importorskip("imagecodecs")
    points = {"primaries": cicp.primaries, "transfer": cicp.transfer, "matrix": 0}
    return bytes(codecs.avif_encode(samples(depth), level=100, bitspersample=depth, pixelformat="444", **points))


def heic(cicp: Cicp, depth: int = 8) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pixels = samples(depth) if depth == 8 else samples(depth) << np.uint16(16 - depth)
    made = pillow_heif.from_bytes("RGB" if depth == 8 else "RGB;16", PIXELS.shape[1::-1], pixels.tobytes())
    made.save(stream, quality=-1, chroma=444, matrix_coefficients=0, **({} if depth == 8 else {"bit_depth": depth}))
    return with_nclx(stream.getvalue(), cicp)


def jpeg(cicp: Cicp, depth: int = 8) -> bytes:
    """With the profile that is made for code points, in which they are."""
    assert depth == 8
    icc = profiles.of_cicp(cicp, 3).icc
    return saved("JPEG", quality=100, subsampling="4:4:4", **({"icc_profile": icc} if icc else {}))


# What reads code points, and in which depths; and what is written, in which, with colours and without loss.
IN: dict[str, tuple[Callable[..., bytes], tuple[int, ...]]] = {
    "png": (png, (8, 10, 12, 16)),
    "avif": (avif, (8, 10, 12)),
    "heic": (heic, (8, 10, 12)),
    "jpg": (jpeg, (8,)),
}
OUT: dict[str, tuple[tuple[int, ...], str, bool]] = {
    "png": ((8, 10, 12, 16), "named", True),
    "avif": ((8, 10, 12) if CODECS else (8,), "named", False),
    "jxl": ((8, 10, 12, 16) if CODECS else (8,), "named", True),
    "tiff": ((8, 16), "profiled", True),
    "webp": ((8,), "profiled", True),
    "jpg": ((8,), "profiled", False),
    "ppm": ((8, 10, 12, 16), "", True),
    "pam": ((8, 10, 12, 16), "", True),
    "bmp": ((8,), "", True),
}
NAMED = ("png", "avif")  # with a place for all code points
PROFILED = ("jpg", "webp", "tiff")  # for profiles
TRANSFERS = (1, 4, 8, 13, 16, 18)
PRIMARIES = (1, 9, 12)


def through_lat(picture: Picture) -> Picture:
    """What a `.lat` file gives back."""
    height, width, channels = picture.pixels.shape
    header = Header(width, height, channels, 600, bytes(range(8)))
    lat = unpack(pack(Lat(header, (*images.sections_of(picture), Section(b"LATN", b"")))))
    return images.picture_of(picture.pixels, lat)


@pytest.mark.parametrize("kind", IN)
@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("primaries", PRIMARIES)
def test_what_is_read(kind: str, depth: int, transfer: int, primaries: int) -> None:
    make, holds = IN[kind]
    if depth not in holds:
        return
    cicp = Cicp(primaries, transfer)
    picture = images.parse(make(cicp, depth=depth), intake=DEEP)
    assert (picture.cicp, picture.icc, picture.depth) == (None if cicp.srgb else cicp, None, depth)
    assert picture.notes == ()
    far = np.abs(picture.pixels.astype(int) - samples(depth)).max()
    assert far <= (0 if kind == "png" else 6 * 2 ** (depth - 8))


@pytest.mark.parametrize("kind", OUT)
@pytest.mark.parametrize("depth", [8, 10, 12, 16])
@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("primaries", PRIMARIES)
def test_what_is_written(kind: str, depth: int, transfer: int, primaries: int) -> None:
    """What comes back is what went in, or a note says what does not."""
    if kind in PLUGIN:
        pytest.importorskip(PLUGIN[kind])
    cicp = Cicp(primaries, transfer)
    given = Picture(samples(depth), cicp=None if cicp.srgb else cicp, depth=depth)
    lat = unpack(exact_pixels.encode(given.pixels, images.sections_of(given), depth))
    given = images.picture_of(exact_pixels.decode(lat), lat)
    assert (given.cicp, given.depth) == (None if cicp.srgb else cicp, depth)
    holds, colours, exact = OUT[kind]
    data, lost = images.build(given, kind, *(() if exact else (100,)))
    again = images.parse(data, intake=DEEP)
    to = min((bits for bits in holds if bits >= depth), default=max(holds))
    assert (again.depth, again.icc) == (to, None)
    assert again.cicp == (given.cicp if colours else None)
    far = np.abs(again.pixels.astype(int) - depths.scaled(samples(depth), depth, to)).max()
    assert far <= (0 if exact else 6 * 2 ** (to - 8))
    notes = []
    if to != depth:
        notes.append(f"{depth}-bit samples" + (f" other than scaled to {to}" if to > 8 else ""))
    if given.cicp and colours == "profiled" and cicp.hdr:
        notes.append(f"code points of {cicp} (kept in an ICC profile, which not every viewer understands)")
    if given.cicp and not colours:
        notes.append(f"code points of {cicp}")
    assert list(lost) == notes


def test_what_jpeg_xl_cannot_name() -> None:
    """Colours that it has no number for become sRGB, as do all where it is written with loss."""
    pytest.importorskip("pillow_jxl")
    for cicp, quality in ((Cicp(9, 14), None), (Cicp(5, 1), None), (Cicp(9, 16), 90)):
        data, lost = images.build(Picture(PIXELS, cicp=cicp), "jxl", quality)
        assert images.parse(data).cicp is None
        assert lost == (f"a colour space (colours ({cicp}) {'tone mapped to' if cicp.hdr else 'made'} sRGB)",)


def test_grey_of_high_range_says_where_its_name_is_lost() -> None:
    """ICC has no tag for it."""
    picture = Picture(PIXELS[..., :1], cicp=Cicp(9, 16))
    for format in ("png", "tiff"):
        data, lost = images.build(picture, format)
        again = images.parse(data)
        assert again.cicp == (picture.cicp if format == "png" else None)
        said = "code points of BT.2020, PQ (an ICC profile of grey does not name them, and its light ends at 203 cd/m²)"
        assert lost == (() if format == "png" else (said,))


@pytest.mark.parametrize("transfer", [1, 8, 13, 16, 18])
@pytest.mark.parametrize("primaries", PRIMARIES)
def test_sixteen_bits_made_srgb(transfer: int, primaries: int) -> None:
    cicp = Cicp(primaries, transfer)
    mapped = images.tone_mapped(Picture(samples(16), cicp=cicp, depth=16))
    assert (mapped.cicp, mapped.depth, mapped.pixels.dtype) == (None, 16, np.uint16)
    stripped = images.parse(png(cicp, depth=16), intake=DEEP._replace(strip=True))
    assert stripped.cicp == (cicp if cicp.hdr else None)
    np.testing.assert_array_equal(stripped.pixels, samples(16) if cicp.hdr else mapped.pixels)


def test_a_tone_mapped_ramp_has_no_bands() -> None:
    """16 bits of PQ make as many levels as sRGB has; 8 bits leave gaps."""
    ramp = np.linspace(0, 0.55, 4000)
    deep = np.rint(65535 * np.repeat(ramp[None, :, None], 3, 2)).astype(np.uint16)
    mapped = images.tone_mapped(Picture(deep, cicp=Cicp(9, 16), depth=16))
    shallow = images.tone_mapped(Picture((deep >> 8).astype(np.uint8), cicp=Cicp(9, 16)))
    assert len(np.unique(images.in_8_bits(mapped).pixels)) > 220
    assert len(np.unique(shallow.pixels)) < 150


@pytest.mark.parametrize("format", [*NAMED, *PROFILED])
def test_narrow_range(format: str) -> None:
    """A PNG keeps it, other files have full range."""
    picture = through_lat(images.parse(png(Cicp(9, 1, False))))
    assert picture.cicp == Cicp(9, 1, False)
    np.testing.assert_array_equal(picture.pixels, PIXELS)
    again = images.parse(images.build(picture, format, *(() if format in ("png", "tiff", "webp") else (100,)))[0])
    assert again.cicp == Cicp(9, 1, format != "png")
    full = np.clip((PIXELS.astype(float) - 16) * 255 / 219, 0, 255)
    inner = np.s_[4:12, 4:12]  # of the first colour
    np.testing.assert_allclose(again.pixels[inner], (PIXELS if format == "png" else full)[inner], atol=3)


@pytest.mark.parametrize("depth", [10, 16])
def test_narrow_range_in_8_bits(depth: int, tiny: str) -> None:
    """White is 235 · 2^(depth − 8), which no share of the largest sample is: 8 bits have full range."""
    levels = np.repeat(np.array((16, 126, 235)), 64).reshape(3, 8, 8).transpose(1, 0, 2).reshape(8, 24, 1)
    pixels = np.repeat(levels << (depth - 8), 3, 2).astype(np.uint16)
    picture = Picture(pixels, cicp=Cicp(9, 16, False), depth=depth)
    full = np.repeat(np.array((0, 128, 255)), 8)
    sections = images.sections_of(picture)
    data = Decompression(to_8bit=True).run(Codec(tiny), exact_pixels.encode(pixels, sections, depth), "a.png").data
    shallow = images.parse(images.build(picture, "png")[0], intake=images.ReadOptions(to_8bit=True))
    assert shallow.notes == (f"{depth}-bit samples of narrow range made 8-bit, of full range",)
    for found in (images.parse(data or b""), shallow):
        assert (found.cicp, found.depth) == (Cicp(9, 16), 8)
        np.testing.assert_array_equal(found.pixels[4, :, 1], full)


@pytest.mark.parametrize(("primaries", "transfer"), [(99, 13), (9, 12), (2, 99)])
def test_code_points_that_nobody_knows(primaries: int, transfer: int) -> None:
    picture = through_lat(images.parse(png(Cicp(primaries, transfer))))
    assert picture.cicp == Cicp(primaries, transfer)
    for format in (*NAMED, *PROFILED):
        data, lost = images.build(picture, format)
        assert images.parse(data).cicp == (picture.cicp if format in NAMED else None)
        assert lost == (() if format in NAMED else (f"code points of {picture.cicp} (not known; taken as sRGB)",))


def test_a_profile_beside_code_points() -> None:
    """Code points say the colours; a PNG gets both back."""
    other = profiles.of_cicp(Cicp(1, 8), 3).icc
    assert other is not None
    picture = Picture(PIXELS, icc=other[:80] + b"else" + other[84:], cicp=Cicp(12, 13))
    for format in (*NAMED, *PROFILED):
        data, lost = images.build(through_lat(picture), format)
        again = images.parse(data)
        assert again.cicp == Cicp(12, 13)
        assert again.icc == (picture.icc if format == "png" else None)
        assert lost == (() if format == "png" else ("an ICC profile beside code points (H.273)",))


def test_a_profile_is_above_code_points_in_an_avif() -> None:
    icc = profiles.of_cicp(Cicp(1, 8), 3).icc
    assert icc is not None
    icc = icc[:80] + b"else" + icc[84:]
    data = saved("AVIF", icc_profile=icc)
    picture = images.parse(data)
    assert (picture.icc, picture.cicp) == (icc, None)


def test_code_points_of_a_jpeg_xl() -> None:
    """libjxl makes a profile of its own for them."""
    icc = profiles.of_cicp(Cicp(9, 16), 3).icc
    assert icc is not None
    image = Image.fromarray(PIXELS)
    image.info["icc_profile"] = icc[:80] + b"jxl " + icc[84:]
    assert signalling.of_image(image, images.headers.NOTHING, 3).icc is not None  # it might be anybody's
    image.format = "JXL"
    assert signalling.of_image(image, images.headers.NOTHING, 3) == (None, Cicp(9, 16), "")


@pytest.mark.skipif(not importlib.util.find_spec("pillow_jxl"), reason="needs pillow-jxl-plugin")
def test_a_jpeg_xl_of_srgb_needs_no_profile() -> None:
    images.reading._register_plugins()
    picture = images.parse(saved("JXL", lossless=True))
    assert (picture.icc, picture.cicp) == (None, None)


def test_light_of_content_and_display() -> None:
    chunks = (b"cLLI" + LIGHT, b"mDCV" + DISPLAY)
    picture = through_lat(images.parse(png(Cicp(9, 16), *chunks)))
    assert picture.extras == (Section(CONTENT_LIGHT, LIGHT), Section(MASTERING, DISPLAY))
    again = images.parse(images.build(picture, "png")[0])
    assert (again.extras, again.cicp) == (picture.extras, Cicp(9, 16))
    data, lost = images.build(picture, "avif")
    assert (lost, images.parse(data).extras) == ((), picture.extras)
    odd = replace(picture, extras=(Section(CONTENT_LIGHT, struct.pack(">2I", 10_000_001, 0)),))  # no whole cd/m²
    assert images.build(odd, "avif")[1] == images.build(picture, "webp")[1][-2:-1] == ("content light level",)
    for kind, data, words in (
        (ContentLight, LIGHT, "MaxCLL 1000, MaxFALL 400 cd/m²"),
        (Mastering, DISPLAY, "made on a display of 0.005 to 4000 cd/m²"),
    ):
        assert kind.unpack(data).pack() == data
        assert str(kind.unpack(data)) == words


def test_light_of_an_avif() -> None:
    """Its boxes count whole candelas, and have green first."""

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(body), name) + body

    green_first = DISPLAY[4:12] + DISPLAY[:4] + DISPLAY[12:]
    known = box(b"clli", struct.pack(">HH", 1000, 400)) + box(b"mdcv", green_first)
    ipma = bytes(4) + struct.pack(">IHBBB", 1, 1, 2, 1, 2)
    meta = bytes(4) + box(b"pitm", bytes(4) + b"\0\1") + box(b"iprp", box(b"ipco", known) + box(b"ipma", ipma))
    image = Image.new("L", (1, 1))
    image.format, image.fp = "AVIF", io.BytesIO(box(b"ftyp", b"avif" + bytes(4)) + box(b"meta", meta))  # type: ignore[attr-defined]
    light = images.kinds.facts_of(images.kinds.reader_of(image), file_of(image)).light
    assert light == (Section(CONTENT_LIGHT, LIGHT), Section(MASTERING, DISPLAY))


def test_words_of_info() -> None:
    picture = Picture(PIXELS, cicp=Cicp(9, 16), extras=(Section(CONTENT_LIGHT, LIGHT),))
    header = Header(32, 32, 3, 600, bytes(range(8)))
    facts = facts_of("a.lat", Lat(header, (*images.sections_of(picture), Section(b"LATN", b""))), 999, {})
    assert (facts["colours"], facts["light"]) == ("BT.2020, PQ", "MaxCLL 1000, MaxFALL 400 cd/m²")
    lines = lines_of(facts)
    assert "  colours    BT.2020, PQ" in lines
    assert "  light      MaxCLL 1000, MaxFALL 400 cd/m²" in lines
    assert str(Cicp(12, 13)) == "Display P3, sRGB"
    assert str(Cicp(2, 99, False)) == "primaries unspecified, transfer 99, narrow range"


@pytest.mark.parametrize("data", [b"", b"\1\x0d\0", b"\1\x0d\1\1", b"\1\x0d\0\2", b"\1\x0d\0\1\0"])
def test_damaged_sections(data: bytes) -> None:
    header = Header(32, 32, 3, 600, bytes(range(8)))
    lat = Lat(header, (Section(CICP, data), Section(b"LATN", b"")))
    for check in (images.check_sections, lambda lat: facts_of("a.lat", lat, 9, {})):
        with pytest.raises(SectionDamaged, match="the colours are"):
            check(lat)


@pytest.mark.parametrize("kind", [CONTENT_LIGHT, MASTERING])
def test_damaged_light(kind: bytes) -> None:
    """Nobody needs it to see the picture; `aezip verify` says it."""
    picture = Picture(PIXELS, cicp=Cicp(9, 16), extras=(Section(kind, LIGHT[:7]),))
    assert images.build(picture, "png")[1] == (images.picture.EXTRA_NAMES[kind],)
    assert images.tone_mapped(picture).cicp is None
    header = Header(32, 32, 3, 600, bytes(range(8)))
    with pytest.raises(SectionDamaged, match="of 7 bytes"):
        images.check_sections(Lat(header, (*images.sections_of(picture), Section(b"LATN", b""))))


def test_a_lat_file_in_pillow(tmp_path: Path) -> None:
    """It says its colours when it is opened, and keeps them when it is saved again."""
    import aezip.pillow

    assert aezip.pillow.SUFFIX == ".lat"
    file = tmp_path / "a.lat"
    picture = Picture(PIXELS, cicp=Cicp(9, 16))
    file.write_bytes(exact_pixels.encode(PIXELS, images.sections_of(picture)))
    with Image.open(file) as image:
        assert image.info["icc_profile"] == profiles.of_cicp(Cicp(9, 16), 3).icc
        image.save(tmp_path / "b.lat", lossless=True)
    assert unpack((tmp_path / "b.lat").read_bytes()).section(CICP) == bytes((9, 16, 0, 1))


def test_pillow_sees_a_profile() -> None:
    image = images.to_pillow(Picture(PIXELS, cicp=Cicp(9, 16)))
    assert image.info["icc_profile"] == profiles.of_cicp(Cicp(9, 16), 3).icc
    assert images.from_pillow(image).cicp == Cicp(9, 16)
    given = images.replaced(Picture(PIXELS, cicp=Cicp(9, 16)), {"icc_profile": b"mine"})
    assert (given.icc, given.cicp) == (b"mine", None)
