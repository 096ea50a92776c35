"""IPTC, extended XMP, comments and texts come back in the files that have a place for them; the rest is named."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from aezip import images
from aezip.bulk.jobs import Compression, Decompression
from aezip.codec import Codec
from aezip.errors import ImageError
from aezip.format.container import Header, Lat, Section, pack, unpack
from aezip.images import Picture, ReadOptions
from aezip.images.extras import parts_of
from aezip.images.kinds import reader_of

IPTC = b"\x1c\x02x\0\rCaption here!"
GUID = b"0123456789ABCDEF" * 2
LONG = b"<x>" + bytes(65 + i % 26 for i in range(150_000)) + b"</x>"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def extended(lengths: int = 60_000) -> bytes:
    head = b"http://ns.adobe.com/xmp/extension/\0" + GUID
    return b"".join(
        segment(0xE1, head + struct.pack(">II", len(LONG), at) + LONG[at : at + lengths])
        for at in range(0, len(LONG), lengths)
    )


def jpeg(*segments: bytes, behind: bytes = b"") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (24, 16), (9, 99, 199)).save(stream, "JPEG")
    data = stream.getvalue()
    return data[:2] + b"".join(segments) + data[2:] + behind


PHOTOSHOP = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
FULL = (segment(0xED, PHOTOSHOP), extended(), segment(0xFE, b"my comment"))
WANTED = {b"iPTC": IPTC, b"xMPe": GUID + LONG, b"cOMM": b"my comment"}


def through_lat(picture: Picture) -> Picture:
    """What a `.lat` file gives back."""
    height, width, channels = picture.pixels.shape
    header = Header(width, height, channels, 600, bytes(range(8)))
    return images.picture_of(
        picture.pixels, unpack(pack(Lat(header, (*images.sections_of(picture), Section(b"LATN", b"")))))
    )


def found_in(data: bytes) -> dict[bytes, bytes]:
    return {section.type: section.data for section in images.parse(data).extras}


def test_a_jpeg_comes_back_with_all_of_it() -> None:
    picture = images.parse(jpeg(*FULL))
    assert picture.notes == ()
    assert {section.type: section.data for section in picture.extras} == WANTED
    data, lost = images.build(through_lat(picture), "jpg")
    assert lost == ()
    assert found_in(data) == WANTED


def test_other_files_have_places_for_some() -> None:
    picture = through_lat(images.parse(jpeg(*FULL)))
    data, lost = images.build(picture, "png")
    assert lost == ("extended XMP",)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.text["Comment"] == "my comment"  # type: ignore[attr-defined]
    assert found_in(data)[b"iPTC"] == IPTC
    data, lost = images.build(picture, "tiff")
    assert lost == ("extended XMP", "comment")
    assert found_in(data) == {b"iPTC": IPTC}
    data, lost = images.build(picture, "webp")
    assert lost == ("IPTC", "extended XMP", "comment")
    assert images.parse(jpeg(*FULL), intake=ReadOptions(strip=True)).extras == ()


def test_the_command_says_what_is_lost(tiny: str) -> None:
    codec = Codec(tiny)
    coded = Compression().run(codec, jpeg(*FULL), "a.lat").data
    assert coded is not None
    result = Decompression().run(codec, coded, "a.webp")
    assert result.notes[-1] == "webp cannot carry IPTC, extended XMP, comment"
    result = Decompression().run(codec, coded, "a.jpg")
    assert result.data is not None
    assert found_in(result.data) == WANTED


def test_texts_of_a_png() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Läufer")
    info.add_text("Long", "word " * 900, zip=True)
    info.add_itxt("Author", "名", "ja", "著者")
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    stream = io.BytesIO()
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(stream, "PNG", pnginfo=info)
    picture = images.parse(stream.getvalue())
    assert [section.type for section in picture.extras] == [b"tEXt"]
    data, lost = images.build(through_lat(picture), "png")
    assert lost == ()
    with Image.open(io.BytesIO(stream.getvalue())) as before, Image.open(io.BytesIO(data)) as after:
        before.load()
        after.load()
        assert after.text == before.text  # type: ignore[attr-defined]
        assert after.text["Author"].lang == "ja"  # type: ignore[attr-defined]
    assert images.build(through_lat(picture), "jpg")[1] == ("texts of a PNG",)


@pytest.mark.filterwarnings("ignore:Metadata Warning")
@pytest.mark.parametrize("numbers", [False, True])
def test_iptc_of_a_tiff(numbers: bool) -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    padded = IPTC + bytes(-len(IPTC) % 4)
    info[33723] = padded
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "TIFF", tiffinfo=info)
    data = stream.getvalue()
    if numbers:  # as Adobe writes it
        entry = struct.pack("<HHI", 33723, 7, 20)
        assert entry in data
        data = data.replace(entry, struct.pack("<HHI", 33723, 4, 5))
    picture = images.parse(data)
    assert picture.extras == (Section(b"iPTC", padded),)


def test_extended_xmp_that_is_not_whole() -> None:
    whole = extended()
    picture = images.parse(jpeg(whole[: len(whole) // 2 - len(whole) // 2 % 60_079]))
    assert (picture.extras, picture.notes) == ((), ("left behind: extended XMP, which is not whole",))


def test_what_stays_behind_is_named() -> None:
    video = struct.pack(">I", 24) + b"ftypmp42" + bytes(40)
    cases = {
        jpeg(behind=video): "a video (motion photo)",
        jpeg(behind=b"MotionPhoto_Data" + video): "a video (motion photo)",
        jpeg(segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))): "a gain map (HDR)",
        jpeg(segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0"/>')): "a gain map (HDR)",
    }
    for data, name in cases.items():
        assert images.parse(data).notes == (f"left behind: {name}",)
        assert images.parse(data, intake=ReadOptions(strip=True)).notes == ()
    assert images.parse(jpeg(behind=b"some bytes")).notes == ()
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x hdrgm:Version="1.0"/>')  # of the file that this was made from
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "PNG", pnginfo=info)
    assert images.parse(stream.getvalue()).notes == ()
    for xmp, notes in ((b'<x hdrgm:Version="1.0"/>', ()), (b"<x>tmap</x>", ("left behind: a gain map (HDR)",))):
        stream = io.BytesIO()
        Image.new("RGB", (4, 4)).save(stream, "AVIF", xmp=xmp)  # the second looks like an item of its name
        assert images.parse(stream.getvalue()).notes == notes
    stream = io.BytesIO()
    Image.new("RGB", (24, 16)).save(stream, "MPO", save_all=True, append_images=[Image.new("RGB", (24, 16), "red")])
    assert images.parse(stream.getvalue()).notes == ("left behind: further pictures (MPO)",)


def test_damaged_sections_are_left_out(formats: tuple[str, ...]) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    for kind in (b"iPTC", b"xMPe", b"cOMM", b"tEXt"):
        for body in (b"x", bytes(100), b"\xff" * 100, struct.pack(">I4s", 2**31, b"tEXt") + b"short", bytes(70_000)):
            for format in formats:
                data, _ = images.build(Picture(pixels, extras=(Section(kind, body),)), format)
                assert images.parse(data).pixels.shape == (4, 4, 3)


def test_a_closed_file_gives_what_pillow_holds() -> None:
    with Image.open(io.BytesIO(jpeg(*FULL))) as image:
        image.load()
        assert {section.type for section in parts_of(reader_of(image), image, b"")[0]} == set(WANTED)


def saved(format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (24, 16), (9, 99, 199)).save(stream, format, **options)
    return stream.getvalue()


def test_what_has_no_section_is_named() -> None:
    c2pa, flir = segment(0xEB, b"JP\0\0c2pa"), segment(0xE1, b"FLIR\0thermal")
    assert images.parse(jpeg(flir, c2pa, c2pa)).notes == ("left behind: data of applications (APP1, APP11)",)
    assert images.parse(jpeg(segment(0xEC, b"Ducky\0"), segment(0xEE, b"Adobe" + bytes(7)))).notes == ()
    path = b"Photoshop 3.0\x008BIM" + struct.pack(">HHI", 2000, 0, 4) + b"path"
    assert images.parse(jpeg(segment(0xED, path))).notes == ("left behind: clipping paths",)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[37724], tags[65000] = b"layers of Photoshop", "private"
    tiff = saved("TIFF", tiffinfo=tags)
    assert images.parse(tiff).notes == ("left behind: TIFF tags 37724, 65000",)
    assert images.parse(tiff, intake=ReadOptions(strip=True)).notes == ()
    jp2 = saved("JPEG2000")
    assert images.parse(jp2).notes == ()
    uuid = struct.pack(">I4s16s", 28, b"uuid", bytes(16)) + b"data"
    assert images.parse(jp2 + uuid).notes == ("left behind: metadata (uuid)",)


def test_sections_that_are_too_long_are_named() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Long", "x" * 2**24)
    picture = images.parse(saved("PNG", pnginfo=info))
    assert (picture.extras, picture.notes) == ((), (f"left behind: texts of a PNG of {2**24 + 13:,} B",))


def test_comment_of_a_jpeg_2000() -> None:
    assert found_in(saved("JPEG2000", comment="on the beach")) == {b"cOMM": b"on the beach"}
    assert found_in(saved("JPEG2000", comment="Created by OpenJPEG version 2.5.4")) == {}


def test_what_gdal_writes_comes_back() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42112], tags[42113] = "<GDALMetadata/>", "-9999"
    picture = images.parse(saved("TIFF", tiffinfo=tags))
    assert picture.notes == ()
    with Image.open(io.BytesIO(images.build(through_lat(picture), "tiff")[0])) as image:
        assert (image.tag_v2[42112], image.tag_v2[42113]) == ("<GDALMetadata/>", "-9999")  # type: ignore[attr-defined]


def test_a_text_that_is_too_long_to_unpack_is_no_damage() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Long", "x" * (2**24 + 1), zip=True)
    with pytest.raises(ImageError, match="holds texts or a profile that unpack to more than 16 MiB; expected a PNG"):
        images.parse(saved("PNG", pnginfo=info))
