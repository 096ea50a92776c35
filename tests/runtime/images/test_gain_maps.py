"""Gain maps: an Ultra HDR JPEG comes back as one, the map byte for byte; other files say what they cannot hold."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from aezip import images
from aezip.bulk.jobs import Compression, Decompression
from aezip.codec import Codec
from aezip.format.container import GAIN_MAP, Section
from aezip.images import Picture, ReadOptions

XMP = b"http://ns.adobe.com/xap/1.0/\0"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
HDRGM = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description hdrgm:Version="1.0" %b/></rdf:RDF></x:xmpmeta>'
DIRECTORY = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description hdrgm:Version="1.0" dc:title="kept">
<Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg" Item:Padding="12"/>
<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="7"/>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
ROOM = bytes(12)  # behind the first picture


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def jpeg(*segments: bytes, size: tuple[int, int] = (48, 32), **options: object) -> bytes:
    y, x = np.mgrid[: size[1], : size[0]]
    stream = io.BytesIO()
    Image.fromarray((4 * x + 3 * y).astype(np.uint8)).convert("RGB").save(stream, "JPEG", **options)
    data = stream.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def gain_map(*kinds: str) -> bytes:
    """A small JPEG with the metadata of Adobe, of ISO or of Apple."""
    bodies = {
        "adobe": (0xE1, XMP + HDRGM % b'hdrgm:GainMapMax="2.3" hdrgm:HDRCapacityMax="2.3"'),
        "iso": (0xE2, ISO + struct.pack(">HH", 0, 3) + bytes(57)),
        "apple": (0xE1, XMP + b"<x>urn:com:apple:photo:2020:aux:hdrgainmap</x>"),
    }
    return jpeg(*(segment(*bodies[kind]) for kind in kinds), size=(12, 8))


def segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker, begin of the body and body, up to the coded data."""
    at = 2
    while data[at + 1] != 0xDA:
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], at + 4, data[at + 4 : at + 2 + size]
        at += 2 + size


def indexed(data: bytes) -> list[bytes]:
    """The pictures of the multi-picture format's index (CIPA DC-007)."""
    ((start, body),) = [(start, body) for marker, start, body in segments(data) if body.startswith(b"MPF\0")]
    assert body[4:12] == b"MM\0*\0\0\0\x08"
    tags = {tag: value for tag, _, _, value in struct.iter_unpack(">HHII", body[14 : 14 + 36])}
    assert tags[0xB001] == 2
    entries = list(struct.iter_unpack(">IIIHH", body[4 + tags[0xB002] :][:32]))
    assert [entry[0] for entry in entries] == [0x030000, 0]
    places = [offset and start + 4 + offset for _, _, offset, *_ in entries]
    return [data[place : place + entry[1]] for place, entry in zip(places, entries, strict=True)]


def ultra_hdr(second: bytes, xmp: bytes = DIRECTORY, **options: object) -> bytes:
    return jpeg(segment(0xE1, XMP + xmp), **options) + ROOM + second


@pytest.mark.parametrize("kinds", [("adobe",), ("iso",), ("adobe", "iso"), ("apple",)])
def test_a_map_comes_back_with_its_directory(kinds: tuple[str, ...], tiny: str) -> None:
    second = gain_map(*kinds)
    codec = Codec(tiny)
    coded = Compression().run(codec, ultra_hdr(second), "a.lat")
    assert coded.notes[:-1] == ()  # the last says that the file is larger
    assert coded.data is not None
    result = Decompression().run(codec, coded.data, "a.jpg")
    assert result.notes == ()
    data = result.data
    assert data is not None
    assert data.endswith(second)
    first, found = indexed(data)
    assert found == second
    assert first + second == data
    assert first.endswith(b"\xff\xd9")
    (xmp,) = [body for _, _, body in segments(data) if body.startswith(XMP)]
    assert re.findall(rb'Length="(\d+)"', xmp) == [b"%d" % len(second)]
    assert b'Padding="0"' in xmp
    assert b'dc:title="kept"' in xmp
    iso = [body for _, _, body in segments(data) if body.startswith(ISO)]
    assert iso == ([ISO + b"\0\0\0\3"] if "iso" in kinds else [])
    with Image.open(io.BytesIO(data)) as image:
        assert image._getmp()[45057] == 2  # type: ignore[attr-defined]
    again = images.parse(data)
    assert (again.extras, again.notes) == ((Section(GAIN_MAP, second),), ())


def test_a_directory_is_made_where_there_is_none() -> None:
    second, pixels = gain_map("adobe"), np.zeros((16, 24, 3), np.uint8)
    for xmp, exif in (
        (None, None),
        (b"<x>not RDF</x>", None),
        (HDRGM.replace(b"hdrgm", b"dc") % b"", b"Exif\0\0II*\0\x08\0\0\0" + bytes(6)),
    ):
        data, lost = images.build(Picture(pixels, exif=exif, xmp=xmp, extras=(Section(GAIN_MAP, second),)), "jpg")
        assert lost == ()
        assert indexed(data)[1] == second
        (found,) = [body for _, _, body in segments(data) if body.startswith(XMP)]
        assert b'hdrgm:Version="1.0"' in found
        assert b'Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="%d"' % len(second) in found
        assert (b"dc:Version" in found) == (exif is not None)
        assert images.parse(data).exif == exif


def test_other_files_say_what_they_cannot_hold(formats: tuple[str, ...]) -> None:
    picture = images.parse(ultra_hdr(gain_map("adobe")))
    for format in formats:
        _, lost = images.build(picture, format)
        assert ("gain map (HDR)" in lost) == (format != "jpg")


def test_a_map_is_of_the_whole_picture_as_it_lies(tiny: str) -> None:
    turned = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0" + bytes(4)
    data = ultra_hdr(gain_map("adobe"), exif=turned)
    assert len(images.parse(data).extras) == 1
    upright = images.parse(data, intake=ReadOptions(upright=True))
    assert upright.extras == ()
    assert upright.notes == ("left behind: a gain map (HDR), as the picture was turned",)
    stripped = images.parse(data, intake=ReadOptions(strip=True))
    assert (stripped.extras, stripped.notes) == ((), ("left behind: a gain map (HDR)",))
    codec = Codec(tiny)
    coded = Compression().run(codec, data, "a.lat").data
    assert coded is not None
    part = Decompression(region=(0, 0, 16, 16)).run(codec, coded, "a.jpg")
    assert part.notes == ("the gain map (HDR) is left out, as it is of the whole picture",)
    assert len(list(segments(part.data or b""))) > 0
    assert b"MPF\0" not in (part.data or b"")
    small = Decompression(scale=2).run(codec, coded, "a.jpg")
    assert indexed(small.data or b"")[1] == gain_map("adobe")


LISTED = DIRECTORY.replace(b"<Container:Item", b'<rdf:li rdf:parseType="Resource"> <Container:Item').replace(
    b"/>\n", b"/> </rdf:li>\n"
)


@pytest.mark.parametrize("xmp", [DIRECTORY, LISTED, DIRECTORY.replace(b'"', b"'")])
def test_xmp_does_not_name_a_map_that_is_gone(tiny: str, xmp: bytes) -> None:
    codec = Codec(tiny)
    coded = Compression().run(codec, ultra_hdr(gain_map("adobe"), xmp), "a.lat").data
    assert coded is not None
    found = [
        images.parse(Decompression(**how).run(codec, coded, name).data or b"")  # type: ignore[arg-type]
        for how, name in (({"region": (0, 0, 16, 16)}, "a.jpg"), ({"tone_map": True}, "a.jpg"), ({}, "a.png"))
    ]
    for said in (*(picture.xmp for picture in found), codec.decompress(coded).info["xmp"]):
        assert not re.search(rb"GainMap|hdrgm:Version|<rdf:li[^<]*</rdf:li>", said or b"")
        assert re.search(rb"dc:title=.kept.", said)
        assert re.search(rb"Semantic=.Primary.", said)
    assert all(picture.notes == () for picture in found)
    alone = HDRGM % b'hdrgm:GainMapMax="2.3"'  # the XMP of a map that is the picture
    assert images.gain_map.without_names(alone) == alone


def test_what_is_no_map_is_left_behind() -> None:
    plain = jpeg(size=(12, 8))
    assert images.parse(ultra_hdr(plain)).notes == ("left behind: a gain map (HDR)",)  # which XMP names
    assert images.parse(jpeg() + gain_map("adobe")[:-400]).extras == ()
    stream = io.BytesIO()
    Image.new("RGB", (24, 16)).save(
        stream, "MPO", save_all=True, append_images=[Image.new("RGB", (24, 16)), Image.new("L", (8, 8))]
    )
    third = stream.getvalue() + gain_map("iso")
    picture = images.parse(third)
    assert picture.extras == (Section(GAIN_MAP, gain_map("iso")),)
    assert picture.notes == ("left behind: further pictures (MPO)",)


@pytest.mark.parametrize(
    "body", [b"x", b"\xff\xd8\xff\xd9", b"\xff" * 99, gain_map("adobe")[:-9], gain_map("iso") + b"more"]
)
def test_damaged_maps_are_left_out(body: bytes) -> None:
    picture = Picture(np.zeros((4, 4, 3), np.uint8), extras=(Section(GAIN_MAP, body),))
    data, lost = images.build(picture, "jpg")
    assert lost == ("gain map (HDR)",)
    assert images.parse(data).notes == ()


def test_xmp_without_room_for_a_directory() -> None:
    xmp = b"<rdf:RDF>" + b" " * 65_400 + b"</rdf:RDF>"
    picture = Picture(np.zeros((4, 4, 3), np.uint8), xmp=xmp, extras=(Section(GAIN_MAP, gain_map("adobe")),))
    data, lost = images.build(picture, "jpg")
    assert lost == ("gain map (HDR)",)
    assert images.parse(data).xmp == xmp
