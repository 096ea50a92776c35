"""Files that should do harm, and damage that decoders pass over."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from aezip import complaints, images
from aezip.errors import ImageError
from aezip.images import ReadOptions


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of the command."""
    monkeypatch.setattr(complaints, "_heard", True)


def page() -> Image.Image:
    """A page of black and white."""
    y, x = np.mgrid[:80, :96]
    return Image.fromarray(((x // 7 + y // 5) % 3 > 0).astype(np.uint8) * 255).convert("1")


def fax(damaged: bool) -> bytes:
    stream = io.BytesIO()
    page().save(stream, "TIFF", compression="group4")
    data = bytearray(stream.getvalue())
    if damaged:
        with Image.open(io.BytesIO(data)) as image:
            at, size = image.tag_v2[273][0], image.tag_v2[279][0]
        data[at + size // 2 : at + size // 2 + 9] = 9 * b"U"
    return bytes(data)


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(4).integers(0, 256, (64, 64, 3), np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize("start", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\xc5\xd0\xd3\xc6\0\0"])
def test_postscript_is_never_run(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    Image.init()
    with pytest.raises(ImageError, match="not an image that can be read"):
        images.parse(start + b"{} loop\n%%EOF\n")


@pytest.mark.usefixtures("heard")
def test_a_tiff_that_ends_early_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Pillow's own functions for libtiff print, too."""
    stream = io.BytesIO()
    Image.new("L", (64, 64)).save(stream, "TIFF", compression="tiff_lzw", tiffinfo={270: "tail"})
    data = bytearray(stream.getvalue())
    with Image.open(io.BytesIO(data)) as image:
        place = data.index(struct.pack("<HHI", 273, 4, 1)) + 8
        assert struct.unpack_from("<I", data, place)[0] == image.tag_v2[273][0]
    struct.pack_into("<I", data, place, len(data) + 1000)
    with pytest.raises(ImageError, match="damaged or cut short"):
        images.parse(bytes(data))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("start", [b"\xd7\xcd\xc6\x9a\0\0", b"GRIB\0\0\0\1", b"BUFR\0\0\0\4", b"\x89HDF\r\n\x1a\n"])
def test_stubs_are_no_images(start: bytes) -> None:
    Image.init()
    with pytest.raises(ImageError, match="not an image that can be read"):
        images.parse(start + bytes(200))


@pytest.mark.usefixtures("heard")
def test_a_damaged_fax_is_noted(capfd: pytest.CaptureFixture[str]) -> None:
    picture = images.parse(fax(True))
    assert len(picture.notes) == 1
    assert picture.notes[0].startswith("the image data is damaged: Fax4Decode: ")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImageError, match="is damaged: Fax4Decode"):
        images.parse(fax(True), intake=ReadOptions(strict=True))
    assert images.parse(fax(False), intake=ReadOptions(strict=True)).notes == ()


def test_the_library_leaves_stderr_as_it_is(capfd: pytest.CaptureFixture[str], monkeypatch) -> None:
    """Unless it is asked for what libtiff prints."""
    monkeypatch.setattr(complaints, "_heard", False)
    with pytest.raises(ImageError, match="is damaged: Fax4Decode"):
        images.parse(fax(True), intake=ReadOptions(strict=True))
    assert capfd.readouterr().err == ""

    def taken(_: list[str]) -> None:
        raise AssertionError("file descriptor 2 was taken")

    monkeypatch.setattr(complaints, "_caught", taken)
    assert images.parse(fax(True)).notes == ()
    assert "Fax4Decode: Bad code word" in capfd.readouterr().err


@pytest.mark.usefixtures("heard")
def test_an_error_of_libtiff_is_in_the_message(capfd: pytest.CaptureFixture[str]) -> None:
    stream = io.BytesIO()
    page().convert("L").save(stream, "TIFF", compression="tiff_lzw")
    data = bytearray(stream.getvalue())
    with Image.open(io.BytesIO(data)) as image:
        at, size = image.tag_v2[273][0], image.tag_v2[279][0]
    data[at + size // 3 : at + size] = (size - size // 3) * b"\x55"
    with pytest.raises(ImageError, match=r"damaged or cut short \((LZWDecode|tempfile\.tif): .*code"):
        images.parse(bytes(data))
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("heard")
def test_what_others_print_meanwhile_is_printed(capfd: pytest.CaptureFixture[str], monkeypatch) -> None:
    load = Image.Image.load

    def talkative(image: Image.Image) -> object:
        os.write(2, b"of another thread\nValueError: of another thread\n")
        return load(image)

    monkeypatch.setattr(Image.Image, "load", talkative)
    assert images.parse(fax(True)).notes[0].startswith("the image data is damaged: Fax4Decode")
    assert "of another thread\nValueError: of another thread\n" in capfd.readouterr().err


@pytest.mark.usefixtures("heard")
def test_threads_have_their_own_notes(capfd: pytest.CaptureFixture[str]) -> None:
    files = [fax(i % 2 > 0) for i in range(24)]
    with ThreadPoolExecutor(6) as pool:
        notes = [len(picture.notes) for picture in pool.map(images.parse, files)]
    assert notes == [i % 2 for i in range(24)]
    assert capfd.readouterr().err == ""


@pytest.mark.filterwarnings("ignore")  # as in the command
@pytest.mark.usefixtures("heard")
def test_nothing_is_printed_of_a_damaged_head(capfd: pytest.CaptureFixture[str]) -> None:
    """Pillow logs some of it, libtiff prints the rest."""
    data = fax(False)
    for i in range(len(data) - 150, len(data)):
        for value in (0, 255):
            with contextlib.suppress(ImageError):
                images.parse(data[:i] + bytes([value]) + data[i + 1 :])
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("heard")
def test_without_a_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: int) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "dup", absent)
    monkeypatch.setattr(sys, "stderr", None)
    assert images.parse(fax(False)).pixels.shape == (80, 96, 1)


def test_a_jpeg_without_its_end() -> None:
    whole = jpeg()
    assert images.parse(whole, intake=ReadOptions(strict=True)).notes == ()
    assert images.parse(whole + b"trailing \xff\xd8 bytes", intake=ReadOptions(strict=True)).notes == ()
    cut = whole[: len(whole) // 2].rstrip(b"\xff") + bytes(len(whole) // 2)
    picture = images.parse(cut)
    assert picture.notes == (
        "the image data is damaged: the JPEG has no end (EOI), and part of the picture may be missing",
    )
    with pytest.raises(ImageError, match="no end"):
        images.parse(cut, intake=ReadOptions(strict=True))


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"optimize": True}])
def test_whole_jpegs_of_every_kind(options: dict[str, object]) -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[270] = "\xff\xd9" * 9
    with Image.open(io.BytesIO(jpeg())) as image:
        image.save(stream, "JPEG", exif=exif, comment=b"\xff\xd9 no end", **options)
    data = stream.getvalue()
    padded = data[:2] + b"\xff\xff\xff" + struct.pack(">BH", 0xFE, 4) + b"hi" + data[2:]  # fill bytes before a marker
    for file in (data, padded):
        assert images.parse(file, intake=ReadOptions(strict=True)).notes == ()
