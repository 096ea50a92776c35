"""EXIF and its kin, byte for byte, and what is done to them when the picture is turned."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

from aezip import images
from aezip.errors import ImageError
from aezip.format.container import LATENTS, Header, Lat, Section
from aezip.images import ReadOptions

THUMBNAIL = b"\xff\xd8thumbnail\xff\xd9"


def exif(order: str = ">", kind: int = 3, thumbnail: bool = False, behind: bytes = b"") -> bytes:
    """EXIF with an orientation of 6 and perhaps a second directory with a thumbnail."""
    head = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, 8)
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([6, 0] if kind == 3 else [6]))
    first = struct.pack(order + "HHHI", 1, 0x0112, kind, 1) + value + struct.pack(order + "I", 26 if thumbnail else 0)
    second = struct.pack(order + "HHHIIHHIII", 2, 513, 4, 1, 56, 514, 4, 1, len(THUMBNAIL), 0)
    return b"Exif\0\0" + head + first + (second + THUMBNAIL + behind if thumbnail else b"")


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20), (9, 99, 199)).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_an_orientation_of_either_type(order: str, kind: int) -> None:
    data = jpeg(exif=exif(order, kind))
    assert images.parse(data, intake=ReadOptions(strip=True)).pixels.shape == (30, 20, 3)
    turned = images.parse(data, intake=ReadOptions(upright=True))
    assert turned.pixels.shape == (30, 20, 3)
    found = Image.Exif()
    assert turned.exif is not None
    found.load(turned.exif)
    assert found[0x0112] == 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("behind", [b"", b"something else"])
def test_a_thumbnail_does_not_lie(order: str, behind: bytes) -> None:
    data = jpeg(exif=exif(order, 3, True, behind))
    kept, turned = images.parse(data), images.parse(data, intake=ReadOptions(upright=True))
    assert kept.exif == exif(order, 3, True, behind)
    assert turned.exif is not None
    assert b"thumbnail" not in turned.exif
    assert turned.exif.endswith(behind)
    assert len(turned.exif) == len(kept.exif) - (0 if behind else len(THUMBNAIL))
    found = Image.Exif()
    found.load(turned.exif)
    assert found[0x0112] == 1
    assert found.get_ifd(1) == {}


@pytest.mark.parametrize("size", range(0, 90, 3))
def test_a_cut_exif_is_left_as_it_is_or_turned(size: int) -> None:
    image = Image.new("L", (3, 2))
    image.info["exif"] = exif("<", 3, True)[:size]
    images.from_pillow(image, ReadOptions(upright=True))


def test_exif_that_the_caller_has_changed() -> None:
    source = Image.Exif()
    source[0x010F], source[0x0112], source[0x8769] = "Maker", 6, {0x9003: "2024:01:02 03:04:05"}
    data = jpeg(exif=source.tobytes())
    with Image.open(io.BytesIO(data)) as image:
        stored = image.info["exif"]
        assert image.getexif().get_ifd(0x8769) == {0x9003: "2024:01:02 03:04:05"}  # read, not changed
        assert images.from_pillow(image).exif == stored
        image.getexif()[0x010F] = "Another"
        changed = Image.Exif()
        changed.load(images.from_pillow(image).exif or b"")
        assert (changed[0x010F], changed.get_ifd(0x8769)[0x9003]) == ("Another", "2024:01:02 03:04:05")
        for tag in list(image.getexif()):
            del image.getexif()[tag]
        assert images.from_pillow(image).exif is None
    with Image.open(io.BytesIO(data)) as image:
        turned = images.from_pillow(ImageOps.exif_transpose(image))
        changed.load(turned.exif or b"")
        assert turned.pixels.shape == (30, 20, 3)
        assert changed.get(0x0112, 1) == 1
    fresh = Image.new("L", (3, 2))
    assert images.from_pillow(fresh).exif is None
    fresh.getexif()[0x010F] = "Maker"
    changed.load(images.from_pillow(fresh).exif or b"")
    assert changed[0x010F] == "Maker"


def test_an_orientation_of_xmp_is_no_change() -> None:
    image = Image.new("RGB", (3, 2))
    image.info["xmp"] = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    assert image.getexif()[0x0112] == 6
    assert images.from_pillow(image).exif is None


def test_text_of_a_tiff_byte_for_byte() -> None:
    artist, lens = "Jürgen Müller".encode(), b"\xe9t\xe9 35"
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[315] = artist
    info[34665] = {0xA434: "LENS 35"[: len(lens)]}
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "TIFF", tiffinfo=info)
    picture = images.parse(stream.getvalue().replace(b"LENS 3", lens))
    assert picture.exif is not None
    assert artist + b"\0" in picture.exif
    assert lens + b"\0" in picture.exif
    for format in ("tiff", "png", "jpg"):
        data, lost = images.build(picture, format)
        assert (artist + b"\0" in data, lens + b"\0" in data, lost) == (True, True, ())


GEO = {
    33550: (10.0, 10.0, 0.0),
    33922: (0.0, 0.0, 0.0, 500000.0, 4000000.0, 0.0),
    34735: (1, 1, 0, 1, 1024, 0, 1, 1),
    34736: (6378137.0, 298.257),
    34737: "WGS 84|",
}


def geotiff(orientation: int = 1) -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in {**GEO, 270: "A map"}.items():
        info[tag] = value
    if orientation != 1:
        info[274] = orientation
    stream = io.BytesIO()
    Image.fromarray(np.arange(96, dtype=np.uint8).reshape(8, 12)).save(stream, "TIFF", tiffinfo=info)
    return stream.getvalue()


def test_places_on_the_ground_are_kept_all() -> None:
    picture = images.parse(geotiff())
    with Image.open(io.BytesIO(images.build(picture, "tiff")[0])) as image:
        assert {tag: image.tag_v2[tag] for tag in GEO} == GEO
        assert [image.tag_v2.tagtype[tag] for tag in GEO] == [12, 12, 3, 12, 2]
        assert image.tag_v2[270] == "A map"


def test_places_on_the_ground_are_dropped_all() -> None:
    """They hold for the whole picture as it lay."""
    found = Image.Exif()
    turned = images.parse(geotiff(6))
    found.load(turned.exif or b"")
    assert not GEO.keys() & set(found)
    assert found[270] == "A map"
    assert turned.notes == ("left behind: GeoTIFF tags, as the picture was turned",)


def text_chunk(size: int) -> bytes:
    """A PNG with so many bytes of compressed text."""
    body = b"zTXtComment\0\0" + zlib.compress(bytes([65 + i % 26 for i in range(1000)]) * (size // 1000))
    with io.BytesIO() as stream:
        Image.new("L", (4, 4), 7).save(stream, "PNG")
        data = stream.getvalue()
    return data[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


def test_long_texts_of_a_png() -> None:
    before = PngImagePlugin.MAX_TEXT_CHUNK
    assert images.parse(text_chunk(2**21)).pixels.max() == 7
    with pytest.raises(ImageError, match="unpack to more than 16 MiB"):
        images.parse(text_chunk(2**25))
    assert before == PngImagePlugin.MAX_TEXT_CHUNK


def test_a_part_has_no_place_on_the_ground() -> None:
    picture = images.parse(geotiff())
    header = Header(12, 8, 1, 600, bytes(range(8)))
    lat = Lat(header, (*images.sections_of(picture), Section(LATENTS, b"")))
    whole, part = images.picture_of(picture.pixels, lat), images.picture_of(picture.pixels, lat, (0, 0, 5, 5))
    assert whole.exif == picture.exif
    assert part.exif is not None
    assert len(part.exif) == len(picture.exif or b"")
    found = Image.Exif()
    found.load(part.exif)
    assert not GEO.keys() & set(found)
    assert found[270] == "A map"
