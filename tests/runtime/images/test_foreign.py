"""Files of others: kinds that went wrong among the test pictures of Pillow."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from aezip import images
from aezip.errors import DependencyMissing, ImageError
from aezip.images import Picture, ReadOptions


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_an_icon_is_no_targa(drawn) -> None:
    """The head of an icon is one of a Targa file, too, which has no signature."""
    image = Image.fromarray(drawn(32, 32)).convert("RGBA")
    np.testing.assert_array_equal(images.parse(saved(image, "ICO", sizes=[(32, 32)])).pixels, drawn(32, 32))


def test_targa_files_are_read(drawn) -> None:
    np.testing.assert_array_equal(images.parse(saved(Image.fromarray(drawn(8, 9)), "TGA")).pixels, drawn(8, 9))


def test_a_brush_of_gimp() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    head = struct.pack(">IIIII", 21, 1, 4, 3, 1) + b"\0"
    np.testing.assert_array_equal(images.parse(head + pixels.tobytes()).pixels[:, :, 0], pixels)


def test_high_colour_has_no_16_bits_a_sample() -> None:
    """5, 6 and 5 bits of a pixel of 16, in a BMP."""
    values = np.array([[0xF800, 0x07E0], [0x001F, 0xFFFF]], "<u2")
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    head = struct.pack("<IiiHHIIiiII", 40, 2, -2, 1, 16, 3, 8, 0, 0, 0, 0)
    data = b"BM" + struct.pack("<IHHI", 14 + 40 + 12 + 8, 0, 0, 14 + 40 + 12) + head + masks + values.tobytes()
    want = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]]
    np.testing.assert_array_equal(images.parse(data).pixels, want)


def test_what_pillow_does_not_read_is_not_called_damaged() -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 2, 0, 8, 0, 0, 0, 0)  # a BMP of 2 bits
    with pytest.raises(ImageError, match="is of a kind that Pillow does not read \\(Unsupported BMP pixel depth"):
        images.parse(b"BM" + struct.pack("<IHHI", 62, 0, 0, 54) + head + bytes(8))


def test_a_preview_is_not_taken_for_a_raw_picture() -> None:
    """Raw camera files begin with one, and have their picture in a directory of its own."""
    data = saved(Image.new("RGB", (16, 12)), "TIFF", tiffinfo={254: 1, 330: 8})
    with pytest.raises((ImageError, DependencyMissing), match="is a raw camera file"):  # with rawpy, and without
        images.parse(data)
    with (
        Image.open(io.BytesIO(data)) as image,
        pytest.raises(
            ImageError, match="is a raw camera file, of which Pillow reads the preview alone; expected its p"
        ),
    ):
        images.from_pillow(image)
    assert images.parse(saved(Image.new("RGB", (16, 12)), "TIFF", tiffinfo={254: 1})).pixels.shape == (12, 16, 3)


def test_tiffs_of_samples_that_pillow_does_not_know() -> None:
    data = bytearray(saved(Image.new("RGB", (16, 12)), "TIFF"))
    place = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    struct.pack_into("<H", data, place, 32845)  # LogLuv
    with pytest.raises(ImageError, match="is a TIFF or raw camera file whose samples or compression Pillow does not r"):
        images.parse(bytes(data))


def test_exif_that_tells_of_a_jpegs_pixels_makes_no_damaged_tiff(drawn) -> None:
    """Phones write width and height into Exif's first directory, where a TIFF has its own."""
    exif = Image.Exif()
    exif.update({256: 4000, 257: 3000, 258: 16, 262: 2, 277: 4, 0x010F: "Maker", 0x0112: 1})
    data, lost = images.build(Picture(drawn(20, 30), exif=exif.tobytes()), "tiff")
    again = images.parse(data)
    np.testing.assert_array_equal(again.pixels, drawn(20, 30))
    assert not lost
    found = Image.Exif()
    found.load(again.exif or b"")
    assert found[0x010F] == "Maker"


def test_exif_whose_text_is_a_number_is_left_out_of_a_tiff(drawn) -> None:
    make = struct.pack("<HHII", 0x010F, 5, 1, 26)  # a text, here a fraction
    exif = b"II*\0" + struct.pack("<IH", 8, 1) + make + struct.pack("<III", 0, 7, 2)
    data, lost = images.build(Picture(drawn(20, 30), exif=exif), "tiff")
    assert lost == ("this EXIF",)
    np.testing.assert_array_equal(images.parse(data).pixels, drawn(20, 30))


def test_cmyk_without_a_profile_if_asked_for() -> None:
    image = Image.merge("CMYK", [Image.new("L", (4, 4), value) for value in (255, 0, 51, 51)])
    with pytest.raises(ImageError, match=r"expected ReadOptions\(plain_cmyk=True\)"):
        images.from_pillow(image)
    picture = images.from_pillow(image, ReadOptions(plain_cmyk=True))
    np.testing.assert_array_equal(picture.pixels[0, 0], [0, 204, 163])
    assert picture.notes == ("CMYK colours without an ICC profile made RGB by plain arithmetic",)


def test_a_profile_of_nothing_is_named(drawn) -> None:
    _, lost = images.build(Picture(drawn(4, 4, channels=1), icc=bytes(128)), "png")
    assert lost == ("an ICC profile of unknown colours in this picture",)
