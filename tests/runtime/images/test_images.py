from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from aezip import images
from aezip.errors import AezipError, ImageError, InputNotFound, LimitExceeded, OutputError, OutputExists, UsageError
from aezip.format.container import Header, Lat, Section
from aezip.images import (
    Picture,
    ReadOptions,
    Resolution,
    build,
    from_pillow,
    parse,
    picture_of,
    profiles,
    read,
    sections_of,
    to_pillow,
    write,
)

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>\xc3\xa9</a></x:xmpmeta>'


def drawn(height: int = 20, width: int = 33, channels: int = 3) -> NDArray[np.uint8]:
    """Slopes, [H, W, C]."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    return np.asarray((5 * y + 3 * x + 60 * c) % 256, np.uint8)


def exif(orientation: int = 6) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010F] = "Maker"
    return data.tobytes()


def icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def full(channels: int = 3) -> Picture:
    return Picture(drawn(channels=channels), icc=icc(), exif=exif(), xmp=XMP)


@pytest.mark.parametrize("channels", [1, 3])
def test_pillow_and_back(channels: int) -> None:
    picture = full(channels)
    image = to_pillow(picture)
    assert image.mode == ("L" if channels == 1 else "RGB")
    assert image.size == (33, 20)
    again = from_pillow(image)
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert (again.icc, again.exif, again.xmp) == (picture.icc, picture.exif, picture.xmp)


@pytest.mark.parametrize("channels", [1, 3])
def test_sections_and_back(channels: int) -> None:
    picture = full(channels)
    sections = sections_of(picture)
    assert [s.type for s in sections] == [b"iCCP", b"eXIF", b"xMPx"]
    header = Header(33, 20, channels, 600, bytes(8))
    again = picture_of(picture.pixels, Lat(header, (*sections, Section(b"LATN", b""))))
    assert (again.icc, again.exif, again.xmp) == (picture.icc, picture.exif, picture.xmp)
    assert sections_of(Picture(picture.pixels)) == ()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp", "a.tif", "a.bmp", "a.ppm"])
def test_files_and_back(tmp_path: Path, name: str, channels: int) -> None:
    picture = full(channels)
    lost = write(tmp_path / name, picture)
    again = read(tmp_path / name)
    kind = images.FORMATS[images.format_of(name)]
    if kind.pillow == "WEBP" and channels == 1:
        assert again.pixels.shape[2] == 3
        again = replace(again, pixels=again.pixels[:, :, :1])
    if kind.pillow == "JPEG":
        assert np.abs(again.pixels.astype(int) - picture.pixels).mean() < 5
    elif kind.pillow in ("TIFF", "BMP", "PPM"):  # Pillow turns the first on reading; the others have no orientation
        np.testing.assert_array_equal(again.pixels, np.rot90(picture.pixels, -1))
    else:
        np.testing.assert_array_equal(again.pixels, picture.pixels)
    keeps = "icc" in kind.carries
    assert lost == (() if keeps else ("ICC", "EXIF", "XMP"))
    if keeps:
        fits = picture.icc if channels == 3 or kind.pillow != "PNG" else profiles.for_grey(icc())
        assert (again.icc, again.xmp) == (fits, picture.xmp)
    if keeps and kind.pillow != "TIFF":
        assert again.exif is not None
        assert again.exif.removeprefix(b"Exif\0\0") == exif().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_exif_without_its_prefix(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, Picture(drawn(), exif=exif().removeprefix(b"Exif\0\0")))
    with Image.open(tmp_path / name) as image:
        assert image.getexif()[0x0112] == 6


def test_orientation_is_kept_and_not_applied(tmp_path: Path) -> None:
    to_pillow(full()).save(tmp_path / "a.jpg", exif=exif(8))
    picture = read(tmp_path / "a.jpg")
    assert picture.pixels.shape == (20, 33, 3)
    assert to_pillow(picture).getexif()[0x0112] == 8


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("PA", 3), ("RGB", 3), ("RGBA", 3), ("RGBX", 3), ("YCbCr", 3)],
)
def test_modes_that_are_taken(mode: str, channels: int) -> None:
    grey = Image.fromarray(np.repeat(np.repeat(drawn(1, 33, 1), 20, 0), 3, 2))
    image = grey.convert("P").convert("PA") if mode == "PA" else grey.convert(mode)
    picture = from_pillow(image)
    assert picture.pixels.shape == (20, 33, channels)
    assert picture.pixels.dtype == np.uint8
    if mode in ("L", "LA", "RGB", "RGBA"):
        np.testing.assert_array_equal(picture.pixels, np.array(grey)[:, :, :channels])


def test_a_transparent_colour() -> None:
    image = Image.fromarray(drawn(channels=1)[:, :, 0] // 2)
    image.info["transparency"] = int(np.array(image)[3, 3])
    picture = from_pillow(image)
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha == 0, np.array(image) == np.array(image)[3, 3])


@pytest.mark.parametrize("suffix", ["gif", "webp", "tiff", "png"])
def test_several_frames_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.roll(drawn(), i, 0)) for i in range(3)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError) as caught:
        read(path)
    assert (
        str(caught.value)
        == f"{path}: has 3 frames or pages; expected a single picture, or ReadOptions(frame=N), 1 to 3"
    )


def test_the_first_picture_of_an_mpo(tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels) for pixels in (drawn(), 255 - drawn())]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:], quality=95, subsampling="4:4:4")
    for frame, difference in ((None, 0), (1, 0), (2, 255)):
        found = read(tmp_path / "a.jpg", ReadOptions(frame=frame)).pixels.astype(int)
        assert np.abs(np.abs(difference - found) - drawn()).mean() < 10


def png(colour: int, depth: int, row: bytes) -> bytes:
    """A PNG of 2×2 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 2, 2, depth, colour, 0, 0, 0)
    body = zlib.compress((b"\0" + row) * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("colour", [0, 2])
def test_sixteen_bits_in_a_file(tmp_path: Path, colour: int) -> None:
    (tmp_path / "a.png").write_bytes(png(colour, 16, bytes(12 if colour else 4)))
    with pytest.raises(ImageError, match="16-bit"):
        read(tmp_path / "a.png")


def _encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_file_that_is_cut_short(tmp_path: Path, kind: str, part: float) -> None:
    data = _encoded(kind)
    path = tmp_path / "a"
    path.write_bytes(data[: int(part * len(data))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError) as caught:
            read(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_are_read_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF"):
        data = np.frombuffer(_encoded(kind), np.uint8)
        for _ in range(20):
            broken = data.copy()
            broken[rng.integers(0, min(200, len(data)), 4)] = rng.integers(0, 256, 4)
            (tmp_path / "a").write_bytes(broken.tobytes())
            with contextlib.suppress(ImageError, LimitExceeded):
                read(tmp_path / "a")


@pytest.mark.parametrize(
    ("make", "kind", "finding"),
    [
        (lambda p: None, InputNotFound, "no such file"),
        (lambda p: p.mkdir(), ImageError, "is a folder"),
        (lambda p: p.write_bytes(b""), ImageError, "the file is empty"),
        (lambda p: p.write_text("not a picture"), ImageError, "not an image that can be read"),
    ],
)
def test_what_is_no_image(tmp_path: Path, make: Callable[[Path], object], kind: type[AezipError], finding: str) -> None:
    make(tmp_path / "a.png")
    with pytest.raises(kind, match=finding) as caught:
        read(tmp_path / "a.png")
    assert caught.value.file == str(tmp_path / "a.png")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)
    with pytest.raises(ImageError, match="no permission"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("pillow", [1, 10**9, None])
@pytest.mark.parametrize("limit", [10, 659, 660])
def test_too_many_pixels(monkeypatch: pytest.MonkeyPatch, limit: int, pillow: int | None) -> None:
    """The limit is ours, whatever Pillow's is."""
    data, _ = build(Picture(drawn()), "png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if limit < 660:
            with pytest.raises(LimitExceeded, match=rf"pixels; expected at most {limit}, or a higher max_pixels"):
                parse(data, limit)
        else:
            assert parse(data, limit).pixels.shape == (20, 33, 3)
    assert pillow == Image.MAX_IMAGE_PIXELS


def test_a_library_call_leaves_pillow_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits are raised for what is above them, and never made lower; a warning that is an error stays one."""
    data, _ = build(Picture(drawn()), "png")
    seen = list[tuple[int | None, object]]()
    check = Image._decompression_bomb_check

    def noted(size: tuple[int, int]) -> None:
        seen.append((Image.MAX_IMAGE_PIXELS, warnings.filters[0]))
        check(size)

    before = warnings.filters[0]
    monkeypatch.setattr(Image, "_decompression_bomb_check", noted)
    for pillow, limit, highest in ((10**6, 1000, 10**6), (10**6, 10**7, 10**6), (100, 1000, 1000)):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillow)
        parse(data, limit)
        assert max(found or 0 for found, _ in seen) == highest
        assert {filters for _, filters in seen} == {before}
        seen.clear()
    monkeypatch.setattr(Image, "_decompression_bomb_check", lambda _: warnings.warn("of the caller", stacklevel=1))
    with pytest.raises(UserWarning, match="of the caller"):
        parse(data)


def test_threads_that_read_leave_pillow_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12)
    data, _ = build(Picture(drawn()), "png")
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        shapes = list(pool.map(lambda limit: parse(data, limit).pixels.shape, [660 + n for n in range(64)]))
    assert shapes == 64 * [(20, 33, 3)]
    assert Image.MAX_IMAGE_PIXELS == 12
    assert warnings.filters == before


def test_write_refuses(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    picture = Picture(drawn())
    with pytest.raises(UsageError, match="'xyz'; expected one of png, jpg, webp, avif, jxl, tiff, bmp, ppm"):
        write(tmp_path / "a.xyz", picture)
    with pytest.raises(UsageError, match="no suffix"):
        write(tmp_path / "a", picture)
    with pytest.raises(UsageError, match="'xyz'"):
        write(tmp_path / "a.png", picture, "xyz")
    with pytest.raises(OutputError, match="WEBP cannot hold this picture"):
        write(tmp_path / "a.webp", Picture(np.zeros((1, 17000, 3), np.uint8)))
    with pytest.raises(OutputError, match="JPEG cannot hold this picture"):
        write(tmp_path / "a.jpg", Picture(np.zeros((1, 65501, 3), np.uint8)))
    assert capfd.readouterr().err == ""
    assert os.listdir(tmp_path) == []
    write(tmp_path / "a", picture, "png")
    with pytest.raises(OutputExists):
        write(tmp_path / "a", picture, "png")
    write(tmp_path / "a", picture, "JPG", force=True)
    with Image.open(tmp_path / "a") as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize(
    ("name", "picture", "lost"),
    [
        ("a.jpg", Picture(drawn(), icc=icc(), exif=b"Exif\0\0" + bytes(70000)), "EXIF"),
        ("a.jpg", Picture(drawn(), icc=icc(), xmp=bytes(70000)), "XMP"),
        ("a.tiff", Picture(drawn(), icc=icc(), exif=b"MM"), "EXIF"),
        ("a.tiff", Picture(drawn(), icc=icc(), exif=b"E\xf8\0f"), "EXIF"),
        ("a.tiff", Picture(drawn(), icc=icc(), exif=b"Exif\0\0" + 9 * b"garbage"), "EXIF"),
        (
            "a.png",
            Picture(drawn(), icc=icc(), resolution=Resolution(Fraction(5 * 10**9), Fraction(1), 3)),
            "resolution",
        ),
    ],
)
def test_metadata_that_do_not_fit_are_left_out(tmp_path: Path, name: str, picture: Picture, lost: str) -> None:
    assert write(tmp_path / name, picture) == (f"this {lost}",)
    again = read(tmp_path / name)
    assert again.pixels.shape == picture.pixels.shape
    assert again.icc == picture.icc
    assert (again.exif, again.xmp) == (None, None)


def test_pillow_is_loaded_at_first_use() -> None:
    code = "import sys, aezip.images; print(sorted({'PIL', 'numpy', 'onnxruntime'} & set(sys.modules)))"
    path = os.pathsep.join(p for p in sys.path if p)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path})
    assert (result.stdout.strip(), result.stderr) == ("[]", "")
