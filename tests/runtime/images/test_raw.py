"""Raw camera files: developed by LibRaw where it is installed, and never mistaken for their previews."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip import images
from aezip.cli import main
from aezip.errors import DependencyMissing, ImageError, LimitExceeded
from aezip.format.container import unpack
from aezip.images import ReadOptions, raw, reading

SIDE, WHITE = 64, 4000  # pixels, and the sample that is white
DEEP = ReadOptions(deep=True)
LIGHT = {"red": 0.5, "green": 0.18, "blue": 0.05}  # of all that a sensor can take, in colours of linear sRGB
# from XYZ to the camera's colours: those of linear sRGB
XYZ = (3.2405, -1.5371, -0.4985, -0.9693, 1.876, 0.0416, 0.0556, -0.204, 1.0572)
ASCII, SHORT, LONG, RATIONAL, SIGNED, BYTE = 2, 3, 4, 5, 10, 1
FORMS = {ASCII: "s", SHORT: "H", LONG: "I", BYTE: "B"}


def rationals(values: tuple[float, ...]) -> list[int]:
    return [number for value in values for number in (round(10000 * value), 10000)]


def tiff(tags: dict[int, tuple[int, object]], pixels: bytes = b"") -> bytes:
    """A little-endian TIFF.  tags: their types and values; 273, where the pixels are, and Exif's place are set here."""
    tags = dict(sorted(tags.items()))
    end = 8 + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, (kind, value) in tags.items():
        if kind == ASCII:
            body, count = str(value).encode() + b"\0", len(str(value)) + 1
        elif kind in (RATIONAL, SIGNED):
            numbers = rationals(value)  # type: ignore[arg-type]
            body, count = struct.pack(f"<{len(numbers)}{'I' if kind == RATIONAL else 'i'}", *numbers), len(numbers) // 2
        else:
            numbers = list(value) if isinstance(value, (tuple, bytes)) else [value]  # type: ignore[list-item]
            body, count = struct.pack(f"<{len(numbers)}{FORMS[kind]}", *numbers), len(numbers)
        if len(body) > 4:
            body, values = struct.pack("<I", end + len(values)), values + body + bytes(len(body) % 2)
        entries += struct.pack("<HHI", tag, kind, count) + body.ljust(4, b"\0")
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values
    place = data.index(struct.pack("<HHI", 273, LONG, 1)) + 8 if pixels else 0
    return data[:place] + struct.pack("<I", len(data)) + data[place + 4 :] + pixels if pixels else data


def dng(orientation: int = 1) -> bytes:
    """Four fields, of grey, red, green and blue light, under a filter of red, green, green and blue."""
    light = np.zeros((SIDE, SIDE, 3))
    half = SIDE // 2
    light[:half, :half] = 0.18
    light[:half, half:, 0], light[half:, :half, 1], light[half:, half:, 2] = LIGHT.values()
    mosaic = np.empty((SIDE, SIDE))
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = light[row::2, column::2, channel]
    samples = np.rint(mosaic * WHITE).astype("<u2").tobytes()
    tags: dict[int, tuple[int, object]] = {
        254: (LONG, 0),
        256: (LONG, SIDE),
        257: (LONG, SIDE),
        258: (SHORT, 16),
        259: (SHORT, 1),
        262: (SHORT, 32803),  # a filter of colours
        271: (ASCII, "Maker"),
        272: (ASCII, "Model"),
        273: (LONG, 0),
        274: (SHORT, orientation),
        277: (SHORT, 1),
        278: (LONG, SIDE),
        279: (LONG, len(samples)),
        315: (ASCII, "J\u00fcrgen"),
        33421: (SHORT, (2, 2)),
        33422: (BYTE, (0, 1, 1, 2)),
        50706: (BYTE, (1, 4, 0, 0)),  # version of DNG
        50708: (ASCII, "Maker Model"),
        50714: (LONG, 0),
        50717: (LONG, WHITE),
        50721: (SIGNED, XYZ),
        50728: (RATIONAL, (1.0, 1.0, 1.0)),
        50778: (SHORT, 21),  # seen under D65
    }
    return tiff(tags, samples)


def srgb(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


@pytest.mark.parametrize("deep", [True, False])
def test_a_raw_picture_is_developed(deep: bool) -> None:
    pytest.importorskip("rawpy")
    picture = images.parse(dng(), intake=DEEP if deep else ReadOptions())
    bits = 16 if deep else 8
    assert (picture.pixels.shape, picture.depth, picture.pixels.itemsize) == ((SIDE, SIDE, 3), bits, bits // 8)
    said = f"raw samples developed to sRGB of {bits} bits, with the white balance of the camera"
    assert picture.notes == (said,)
    found = picture.pixels[8 :: SIDE // 2, 8 :: SIDE // 2] / (2**bits - 1)
    red, green, blue = map(srgb, LIGHT.values())
    grey = srgb(0.18)
    np.testing.assert_allclose(found[0, 0], [grey] * 3, atol=0.01)
    np.testing.assert_allclose([found[0, 1, 0], found[1, 0, 1], found[1, 1, 2]], [red, green, blue], atol=0.02)
    assert max(found[0, 1, 1:].max(), found[1, 0, ::2].max(), found[1, 1, :2].max()) < 0.02


def test_it_is_turned_upright_and_keeps_its_metadata() -> None:
    pytest.importorskip("rawpy")
    picture = images.parse(dng(6), intake=DEEP)
    assert images.metadata.orientation_of(picture.exif, picture.xmp) == 1
    exif = Image.Exif()
    exif.load(picture.exif or b"")
    assert (exif[271], exif[272], exif[315].encode("latin-1")) == ("Maker", "Model", "J\u00fcrgen".encode())
    red, blue = picture.pixels[48, 48, ::2] / 65535  # the field that was above right is below right
    assert red > 0.7 > 0.2 > blue
    stripped = images.parse(dng(6), intake=DEEP._replace(strip=True))
    assert (stripped.exif, stripped.depth) == (None, 16)
    np.testing.assert_array_equal(stripped.pixels, picture.pixels)


def test_the_command(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rawpy")
    monkeypatch.chdir(tmp_path)
    Path("a.dng").write_bytes(dng())
    result = CliRunner().invoke(main, ["compress", ".", "--lossless", "-m", tiny])
    assert result.exit_code == 0, result.output
    assert "raw samples developed" in " ".join(result.output.split())
    assert unpack(Path("a.lat").read_bytes()).depth == 16
    assert ".dng" in images.READ_SUFFIXES


def test_what_cannot_be_developed() -> None:
    pytest.importorskip("rawpy")
    for data in (dng()[:300], b"FUJIFILMCCD-RAW " + bytes(400), b"\0\0\0\x18ftypcrx " + bytes(400)):
        with pytest.raises(ImageError, match="is a raw camera file that LibRaw does not read"):
            images.parse(data, intake=DEEP)
    with pytest.raises(LimitExceeded, match="64×64 pixels; expected at most 4095"):
        images.parse(dng(), 4095, DEEP)
    dark = dng()[: -2 * SIDE * SIDE] + bytes(2 * SIDE * SIDE)
    with pytest.raises(ImageError, match="whose samples are missing, or all black; expected a complete file"):
        images.parse(dark, intake=DEEP)
    with pytest.raises(ImageError, match="has one picture, and no frame 2"):
        images.parse(dng(), intake=DEEP._replace(frame=2))


def test_what_libraw_prints_is_a_note(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def developed(*_: object) -> images.Picture:
        os.write(2, b"unknown file: Unexpected end of file\n")
        return images.Picture(np.zeros((1, 1, 3), np.uint16), depth=16)

    monkeypatch.setattr(raw, "developed", developed)
    said = "the image data is damaged: Unexpected end of file"
    assert images.parse(dng(), intake=DEEP).notes == (said,)
    with pytest.raises(ImageError, match=said):
        images.parse(dng(), intake=DEEP._replace(strict=True))
    assert capfd.readouterr().err == ""


def test_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rawpy", None)
    with pytest.raises(DependencyMissing, match=r"is a raw camera file; expected rawpy \(pip install rawpy, .*'raw'\)"):
        images.parse(dng())
    assert (".nef" in images.NEEDS) != (".nef" in reading.READ_SUFFIXES)


@pytest.mark.parametrize(
    "head", [b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0", b"II*\0\x10\0\0\0CR\2\0", bytes(6) + b"HEAPCCDR"]
)
def test_signatures(head: bytes) -> None:
    assert raw.is_raw(head)
    assert not raw.is_raw(b"II*\0\x10\0\0\0CX\2\0")
