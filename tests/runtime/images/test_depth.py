"""Samples of more than 8 bits, and of fewer: refused or right, by the depth that a file's header says."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from aezip import images
from aezip.errors import ImageError
from aezip.format.colour import Cicp
from aezip.images import ReadOptions
from aezip.images.headers import Facts, file_of
from aezip.images.kinds import avif, facts_of, reader_of

SIZE = (24, 40)  # height, width


def drawn() -> np.ndarray:
    """A slope from black to white, and fields of both.  [H, W, 3]"""
    out = np.zeros((*SIZE, 3), np.uint8)
    out[:8] = np.linspace(0, 255, SIZE[1]).astype(np.uint8)[None, :, None]
    out[8:, :20] = 255
    out[16:, 20:, 1] = 200
    return out


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(body: bytes) -> bytes:
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def deeper(data: bytes, bits: int, reversible: bool) -> bytes:
    """A JPEG 2000 file of 8 bits made one of more: 255 becomes the brightest half step, which Pillow wraps.

    Samples of an irreversible transform scale with the depth in the header; of a reversible one the exponents of the
    bands (QCD) say how many bits are below those that are there.
    """
    out, at = bytearray(data), data.index(b"\xff\x4f\xff\x51")
    for i in range(struct.unpack_from(">H", data, at + 40)[0]):
        out[at + 42 + 3 * i] = bits - 1
    out[data.index(b"ihdr") + 14] = bits - 1
    if reversible:
        start = data.index(b"\xff\x5c")
        for place in range(start + 5, start + 2 + struct.unpack_from(">H", data, start + 2)[0]):
            out[place] += bits - 8 << 3
    return bytes(out)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_colours_of_jpeg2000(bits: int, reversible: bool, mode: str) -> None:
    planes = [*np.moveaxis(drawn(), 2, 0)][: 1 if mode == "LA" else 3]
    planes += [np.full(SIZE, 255, np.uint8)] if mode[-1] == "A" else []
    plain = saved(Image.merge(mode, [Image.fromarray(p) for p in planes]), "JPEG2000", irreversible=not reversible)
    data = deeper(plain, bits, reversible)
    with pytest.raises(
        ImageError, match=rf"has {bits}-bit samples; expected 8-bit samples, or ReadOptions\(to_8bit=True\)"
    ):
        images.parse(data)
    picture = images.parse(data, intake=ReadOptions(to_8bit=True))
    want = images.parse(plain)
    # the bits below those that there are count as a half in each band
    assert np.abs(picture.pixels.astype(int) - want.pixels).max() <= (8 if reversible else 1)
    assert picture.pixels[10:, 2:18].min() >= 254
    assert picture.notes == (f"{bits}-bit samples made 8-bit",)
    if mode[-1] == "A":
        assert picture.alpha is not None
        assert picture.alpha.min() >= 254
    with Image.open(io.BytesIO(data)) as image:  # why all this: Pillow's own way
        assert not reversible or np.asarray(image)[12, 5, 0] == 0


def test_a_profile_in_jpeg2000() -> None:
    data = saved(Image.fromarray(drawn()), "JPEG2000")
    at = data.index(b"colr") - 4
    old = struct.unpack_from(">I", data, at)[0]
    box = struct.pack(">I4sBBB", 15, b"colr", 2, 0, 0) + b"ICC!"
    header = data.index(b"jp2h") - 4
    length = struct.unpack_from(">I", data, header)[0] + len(box) - old
    data = data[:header] + struct.pack(">I", length) + data[header + 4 : at] + box + data[at + old :]
    assert images.parse(data).icc == b"ICC!"


def heif(*properties: bytes, kind: bytes = b"avif") -> bytes:
    """A file of a header alone, with the properties of item 7, and one of 16 bits that is not its own."""

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(body), name) + body

    known = [box(b"pixi", bytes(4) + b"\x01\x10"), *(box(p[:4], p[4:]) for p in properties)]
    numbers = bytes(0x80 | i for i in range(2, len(known) + 1))
    ipma = bytes(4) + struct.pack(">IHBBHB", 2, 6, 1, 1, 7, len(numbers)) + numbers
    meta = (
        bytes(4) + box(b"pitm", bytes(4) + b"\0\x07") + box(b"iprp", box(b"ipco", b"".join(known)) + box(b"ipma", ipma))
    )
    return box(b"ftyp", kind + bytes(4)) + box(b"meta", meta)


NCLX = b"colrnclx" + struct.pack(">HHHB", 12, 16, 6, 128)


@pytest.mark.parametrize(
    ("properties", "facts"),
    [
        ([b"pixi\0\0\0\0\x03\x0a\x0a\x0a", NCLX], Facts(10, Cicp(12, 16))),
        ([b"pixi\0\0\0\0\x03\x08\x08\x08"], Facts(8)),
        ([b"av1C\x81\x20\x40\x00"], Facts(10)),
        ([b"av1C\x81\x20\x60\x00"], Facts(12)),
        ([b"hvcC" + bytes(17) + b"\x02"], Facts(10)),
        ([b"pixi"], Facts(8)),
        ([b"colrnclx"], Facts(8)),
        ([], Facts(8)),
    ],
)
def test_headers_of_avif_and_heif(properties: list[bytes], facts: Facts) -> None:
    image = Image.new("L", (1, 1))
    image.format, image.fp = "AVIF", io.BytesIO(heif(*properties))  # type: ignore[attr-defined]
    assert facts_of(reader_of(image), file_of(image)) == facts


HEIF = heif(b"pixi\0\0\0\0\x03\x0a\x0a\x0a", NCLX)
JPEG2000 = deeper(saved(Image.fromarray(drawn()), "JPEG2000"), 10, True)
# of 12 bits: one of the sizes of small pictures, no extra fields, whole numbers, no channels, made XYB
JPEG_XL = b"\xff\x0a" + (1 | 1 << 6 | 2 << 12 | 1 << 17).to_bytes(3, "little")
CHUNKS = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR" + bytes(13)) + chunk(b"cICP\x09\x10\0\x01")


@pytest.mark.parametrize(
    ("kind", "data", "enough", "facts"),
    [
        ("AVIF", HEIF, len(HEIF), Facts(10, Cicp(12, 16))),
        ("HEIF", HEIF, len(HEIF), Facts(10, Cicp(12, 16))),
        ("JPEG2000", JPEG2000, len(JPEG2000), Facts(10)),
        ("JXL", JPEG_XL, 4, Facts(12)),
        ("PNG", CHUNKS, len(CHUNKS) - 4, Facts(cicp=Cicp(9, 16))),
    ],
)
def test_headers_that_are_cut(kind: str, data: bytes, enough: int, facts: Facts) -> None:
    """They say what they say or nothing, and of another kind of file nothing that is raised."""
    image = Image.new("L", (1, 1))
    for size in range(len(data) + 1):
        image.format, image.fp = kind, io.BytesIO(data[:size])  # type: ignore[attr-defined]
        assert facts_of(reader_of(image), file_of(image)) == (facts if size >= enough else Facts())
        for other in ("AVIF", "HEIF", "JPEG2000", "JXL", "PNG"):
            image.format = other
            assert facts_of(reader_of(image), file_of(image)).icc is None


def test_avif_of_ten_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow writes 8 bits only."""
    data = saved(Image.fromarray(drawn()), "AVIF")
    monkeypatch.setattr(avif.AvifReader, "facts", lambda *_: Facts(10))
    with pytest.raises(ImageError, match="has 10-bit samples"):
        images.parse(data)
    assert images.parse(data, intake=ReadOptions(to_8bit=True)).notes == ("10-bit samples made 8-bit",)


def test_heif_of_ten_bits() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    values = (drawn().astype(np.uint16) << 8).tobytes()
    stream = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", SIZE[::-1], values).save(stream, quality=100, chroma=444, bit_depth=10)
    with pytest.raises(ImageError, match="has 10-bit samples"):
        images.parse(stream.getvalue())
    picture = images.parse(stream.getvalue(), intake=ReadOptions(to_8bit=True))
    assert np.abs(picture.pixels.astype(int) - drawn()).mean() < 3


@pytest.mark.parametrize("container", [True, False])
def test_jpeg_xl_of_sixteen_bits(container: bool) -> None:
    pytest.importorskip("pillow_jxl")
    images.reading._register_plugins()
    for mode, bits in (("I;16", 16), ("RGB", 8), ("RGBA", 8)):
        data = saved(Image.new(mode, (40, 30)), "JXL", use_container=container)
        with Image.open(io.BytesIO(data)) as image:
            assert facts_of(reader_of(image), file_of(image)).bits == bits
    with pytest.raises(ImageError, match="has 16-bit samples"):
        images.parse(saved(Image.new("I;16", (40, 30)), "JXL"))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_grey_of_a_png(bits: int) -> None:
    """The key counts in the file's own steps."""
    top = 2**bits - 1
    values = np.tile(np.arange(8) % (top + 1), (8, 1))
    flat = np.unpackbits(values.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - bits :].reshape(8, -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in flat)
    head = struct.pack(">IIBBBBB", 8, 8, bits, 0, 0, 0, 0)
    key = chunk(b"tRNS" + struct.pack(">H", 1))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR" + head) + key + chunk(b"IDAT" + zlib.compress(rows)) + chunk(b"IEND")
    picture = images.parse(data)
    np.testing.assert_array_equal(picture.alpha == 0, values == 1)
    opaque = values != 1
    np.testing.assert_array_equal(picture.pixels[:, :, 0][opaque], (values * (255 // top))[opaque])


def tiff(values: np.ndarray, photometric: int) -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    data = bytearray(saved(Image.fromarray(values), "TIFF", tiffinfo=info))
    at = data.index(struct.pack("<HHI", 262, 3, 1))
    struct.pack_into("<H", data, at + 8, photometric)
    return bytes(data)


def test_white_is_zero() -> None:
    values = np.full((5, 6), 55769, np.uint16)
    for photometric, want in ((0, 38), (1, 217)):
        picture = images.parse(tiff(values, photometric), intake=ReadOptions(to_8bit=True))
        assert np.unique(picture.pixels) == [want]


@pytest.mark.parametrize("photometric", [0, 1])
def test_stretching(photometric: int) -> None:
    values = np.linspace(291, 694, 30).astype(np.uint16).reshape(5, 6)
    dark = images.parse(tiff(values, photometric), intake=ReadOptions(to_8bit=True))
    assert dark.notes[0].endswith("none is above 694, and ReadOptions(stretch=True) takes the range that is found")
    picture = images.parse(tiff(values, photometric), intake=ReadOptions(stretch=True))
    want = np.floor((values - 291.0) * 255 / (694 - 291) + 0.5)
    np.testing.assert_array_equal(picture.pixels[:, :, 0], want if photometric else 255 - want)
    assert picture.notes == ("16-bit samples of 291 to 694, as found and stretched, made 8-bit",)


@pytest.mark.parametrize(
    "make",
    [
        lambda v: v.astype(np.float32) / 100 - 4,
        lambda v: v.astype(np.int32) * 300 - 9000,
        lambda v: v.astype(np.uint16),
    ],
)
def test_stretching_any_range(make: Callable[[np.ndarray], np.ndarray]) -> None:
    values = make(np.arange(256).reshape(8, 32))
    picture = images.from_pillow(Image.fromarray(values), ReadOptions(stretch=True))
    np.testing.assert_array_equal(picture.pixels[:, :, 0].ravel(), np.arange(256))


def test_a_flat_picture_has_no_range() -> None:
    flat = Image.fromarray(np.full((3, 3), 700, np.uint16))
    assert images.from_pillow(flat, ReadOptions(stretch=True)).pixels.max() == 0
