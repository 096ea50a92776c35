from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from aezip import __version__
from aezip.cli import COMMANDS, main
from aezip.cli.messages import _fit, table
from aezip.errors import ModelNotFound, ProviderError, UsageError
from aezip.format.container import LATENTS, Header, Lat, Section, pack, unpack
from aezip.model import store

FINGERPRINT = bytes(range(8))


class CodecStub:
    """Stores the pixels."""

    made: tuple[Any, ...] = ()
    qualities: tuple[float, ...] = ()
    asked: tuple[bool | None, float] = (None, 0.0)  # lossless, cell_psnr
    failure: BaseException | None = None
    padding = 0  # bytes

    def __init__(
        self,
        model: str | None = "photo",
        provider: str = "cpu",
        threads: int | None = None,
        decoder: str = "full",
        batch: int | None = None,
        offline: bool = False,
    ) -> None:
        CodecStub.made = (model, provider, threads)
        if model == "nothing":
            raise ModelNotFound("no model named 'nothing'", "one of: photo")
        if provider == "nothing":
            raise ProviderError("no provider named 'nothing'", "one of: cpu")
        if threads == 999:
            raise UsageError("999 threads", "fewer")

    def prepare(self) -> None:
        pass

    def encode(
        self,
        pixels: NDArray[np.uint8],
        quality: float = 60,
        *,
        sections: tuple[Section, ...] = (),
        effort: int = 1,
        lossless: bool | None = None,
        cell_psnr: float = 0.0,
        max_pixels: int = 2**28,
        depth: int = 8,
    ) -> bytes:
        if CodecStub.failure is not None:
            raise CodecStub.failure
        CodecStub.asked = (lossless, cell_psnr)
        CodecStub.qualities += (quality,)
        header = Header(pixels.shape[1], pixels.shape[0], pixels.shape[2], round(quality * 10), FINGERPRINT)
        body = zlib.compress(pixels.tobytes()) + bytes(CodecStub.padding)
        return pack(Lat(header, (*sections, Section(LATENTS, body))))

    def check(self, data: bytes, *, max_pixels: int = 2**28) -> Lat:
        return self.decode(data, max_pixels=max_pixels)[1]

    def decode(
        self,
        data: bytes,
        *,
        max_pixels: int = 2**28,
        region: tuple[int, int, int, int] | None = None,
        scale: int = 1,
        partial: bool = False,
        to_8bit: bool = False,
    ) -> tuple[NDArray[np.uint8], Lat]:
        if CodecStub.failure is not None:
            raise CodecStub.failure
        lat = unpack(data, max_pixels)
        h = lat.header
        pixels = np.frombuffer(zlib.decompressobj().decompress(lat.body), np.uint8)
        pixels = pixels.reshape(h.height, h.width, h.channels)
        x, y, width, height = region or (0, 0, h.width, h.height)
        return pixels[y : y + height, x : x + width], lat


@dataclass(frozen=True)
class InstalledStub:
    name: str = "photo"
    path: Path = Path("models/photo.aezm")
    fingerprint: bytes = FINGERPRINT
    size: int = 8_100_000
    summary: str = "photographs"
    qualities: str = "0…100"
    half: str | None = None


@pytest.fixture(autouse=True)
def codec_stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[CodecStub]]:
    codec, model = types.ModuleType("aezip.codec"), types.ModuleType("aezip.model.store")
    vars(codec)["Codec"] = CodecStub
    vars(codec)["shorter"] = lambda data, *_: data
    vars(model)["installed"] = lambda: [InstalledStub()]
    vars(model)["older_releases"] = list
    vars(model)["installed_names"] = lambda: {FINGERPRINT: "photo"}
    monkeypatch.setitem(sys.modules, "aezip.codec", codec)
    monkeypatch.setitem(sys.modules, "aezip.model.store", model)
    monkeypatch.chdir(tmp_path)
    yield CodecStub
    CodecStub.made, CodecStub.qualities, CodecStub.failure = (), (), None


for command in COMMANDS:  # load them all before the stubs take the place of what they import
    main.get_command(click.Context(main), command)


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), prog_name="aezip")


def draw(name: str, height: int = 20, width: int = 33, **options: Any) -> NDArray[np.uint8]:
    """Write an image file; its pixels [H, W, 3]."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    pixels = np.asarray((5 * y + 3 * x + 60 * c) % 256, np.uint8)
    Image.fromarray(pixels).save(name, **options)
    return pixels


def error_of(result: Result) -> str:
    """The one line of an error, without the command's name."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("aezip: error: ")
    return lines[0].removeprefix("aezip: error: ")


def test_the_list_of_commands_says_what_they_say_of_themselves() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name, about in COMMANDS.items():
        command = main.get_command(click.Context(main), name)
        assert (command.name, command.help.split("\n\n")[0].replace("\n", " ")) == (name, about)
        assert f"{name} " in listed


def test_there_and_back() -> None:
    pixels = draw("a.png")
    result = run("compress", "a.png")
    assert (result.exit_code, result.stdout) == (0, "")
    size, before = os.stat("a.lat").st_size, os.stat("a.png").st_size
    bpp = 8 * size / (20 * 33)
    note, line = result.stderr.splitlines()
    assert note.startswith("aezip: note: a.lat: the .lat file is larger than its input")
    assert line.startswith(f"a.png → a.lat  {before:,} → {size:,} B  {bpp:.3f} bpp  0.")
    os.remove("a.png")
    result = run("decompress", "a.lat")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"{bpp:.3f} bpp" in result.stderr
    with Image.open("a.png") as image:
        np.testing.assert_array_equal(np.array(image), pixels)
    assert sorted(os.listdir()) == ["a.lat", "a.png"]


def test_metadata_travels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draw("a.png", exif=exif.tobytes(), icc_profile=b"profile")
    assert run("compress", "a.png").exit_code == 0
    assert run("decompress", "a.lat", "-o", "b.jpg").exit_code == 0
    with Image.open("b.jpg") as image:
        assert image.getexif()[0x0112] == 6
        assert image.info["icc_profile"] == b"profile"
    result = run("decompress", "a.lat", "-o", "b.bmp")
    assert result.exit_code == 0
    assert "aezip: note: b.bmp: bmp cannot carry ICC, EXIF\n" in result.stderr


def test_options_reach_the_codec() -> None:
    draw("a.png")
    options = ("-q", "12.3", "-m", "other.aezm", "--provider", "cuda", "--threads", "3")
    assert run("compress", "a.png", *options).exit_code == 0
    assert list(CodecStub.made) == ["other.aezm", "cuda", 3]
    assert run("compress", "a.png", "-f").exit_code == 0
    assert list(CodecStub.made) == ["photo", "cpu", None]
    assert list(CodecStub.qualities) == [12.3, 60]
    for options, asked in (
        ((), (None, 0)),
        (("--lossless",), (True, 0)),
        (("--no-lossless", "--cell-psnr", "33.5"), (False, 33.5)),
        (("--target-size", "1MB", "--cell-psnr", "30"), (False, 30)),
    ):
        assert run("compress", "a.png", "-f", *options).exit_code == 0
        assert CodecStub.asked == asked


def test_verbose_says_what_is_inside() -> None:
    draw("a.png", icc_profile=b"profile")
    result = run("compress", "-v", "a.png")
    assert "33 × 20 pixels, RGB" in result.stderr
    assert "iCCP 7 B (ICC profile)" in result.stderr
    result = run("decompress", "-v", "a.lat", "-o", "b.png")
    assert f"size       {os.stat('a.lat').st_size:,} B" in result.stderr


@pytest.mark.parametrize(
    ("args", "written"),
    [
        (["a.png", "-o", "x.lat"], ["x.lat"]),
        (["a.png", "-o", "there"], ["there/a.lat"]),
        (["a.png", "sub/b.png", "-o", "there"], ["there/a.lat", "there/b.lat"]),
        (["a.png", "sub/b.png", "-o", "new/deep/"], ["new/deep/a.lat", "new/deep/b.lat"]),
        (["a.png", "sub/b.png"], ["a.lat", "sub/b.lat"]),
    ],
)
def test_where_outputs_go(args: list[str], written: list[str]) -> None:
    os.makedirs("there")
    os.makedirs("sub")
    draw("a.png")
    draw("sub/b.png")
    assert run("compress", *args).exit_code == 0
    assert sorted(p.as_posix() for p in Path().rglob("*.lat")) == written


@pytest.mark.parametrize(
    ("args", "kind", "name"),
    [
        (["--format", "jpg"], "JPEG", "a.jpg"),
        (["-o", "b.webp"], "WEBP", "b.webp"),
        (["-o", "b.tif"], "TIFF", "b.tif"),
        (["-o", "b.jpeg", "--format", "jpg"], "JPEG", "b.jpeg"),
        (["-o", "b.data", "--format", "bmp"], "BMP", "b.data"),
        (["-o", "there", "--format", "PPM"], "PPM", "there/a.ppm"),
    ],
)
def test_formats(args: list[str], kind: str, name: str) -> None:
    os.makedirs("there")
    draw("a.png")
    assert run("compress", "a.png").exit_code == 0
    result = run("decompress", "a.lat", *args)
    assert result.exit_code == 0, result.output
    with Image.open(name) as image:
        assert image.format == kind


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["compress"], "Missing argument"),
        (["compress", "a.png", "-q", "101"], "101 is not in the range; expected 0 (smallest) to 100 (best)"),
        (["compress", "a.png", "-q", "nan"], "nan is not in the range"),
        (["compress", "a.png", "-q", "high"], "'high' is not a number; expected 0 (smallest) to 100 (best)"),
        (["compress", "a.png", "-q", "60.55"], "60.55 is not a multiple of 0.1; expected 60.5 or 60.6"),
        (["compress", "a.png", "out.lat"], "'out.lat' does not exist; if it is the output, use -o out.lat"),
        (["compress", "a.png", "out/"], "if it is the output, use -o out/"),
        (["decompress", "a.lat", "out.png"], "if it is the output, use -o out.png"),
        (["compress", "a.png", "--threads", "0"], "x>=1"),
        (["compress", "a.png", "--threads", "999"], "999 threads; expected fewer"),
        (["compress", "a.png", "b.png", "-o", "x.lat"], "names one file for 2 inputs"),
        (["compress", "a.png", "a.jpg"], "'a.png' and 'a.jpg' would both be written to 'a.lat'"),
        (["compress", "a.png", "-o", "a.png/"], "cannot be made"),
        (["decompress", "x/a.lat", "x/./a.lat", "y/a.lat", "-o", "."], "'x/a.lat' and 'y/a.lat' would both be written"),
        (["decompress", "x/a.lat", "y/a.lat", "-o", "."], "would both be written"),
        (["decompress", "a.lat", "--format", "xyz"], "'png', 'jpg'"),
        (["decompress", "a.lat", "-o", "a.xyz"], "'xyz'; expected one of png, jpg"),
        (["decompress", "a.lat", "-o", "a"], "expected one of png, jpg"),
        (["decompress", "a.lat", "-o", "b.jpg", "--format", "png"], "has the suffix of jpg"),
        (["compress", "a.png", "--lossless", "-q", "60"], "--lossless keeps every pixel, whatever the quality"),
        (["compress", "a.png", "--lossless", "--target-size", "1KB"], "whatever a target says; expected one"),
        (["compress", "a.png", "--cell-psnr", "nan"], "nan is not a number"),
        (["nothing"], "No such command 'nothing'."),
        (["compres"], "No such command 'compres'. Did you mean 'compress' or 'recompress' or 'decompress'?"),
    ],
)
def test_wrong_usage(args: list[str], words: str) -> None:
    draw("a.png")
    before = sorted(os.listdir())
    result = run(*args)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert sorted(os.listdir()) == before


def _nothing(_: str) -> None:
    pass


def _cut(name: str) -> None:
    draw(name, 64, 64)
    data = Path(name).read_bytes()
    Path(name).write_bytes(data[: len(data) // 2])


def _saved(mode: str, suffix: str = "png") -> Callable[[str], None]:
    return lambda name: Image.new(mode, (9, 9)).save(name, suffix)


def _frames(name: str) -> None:
    Image.new("L", (9, 9)).save(name, "GIF", save_all=True, append_images=[Image.new("L", (9, 9), 99)])


BROKEN_IMAGES: dict[str, tuple[Callable[[str], object], str]] = {
    "missing": (_nothing, "no such file or folder; expected a file that can be read"),
    "folder": (os.mkdir, "the folder holds no such file; expected files with the suffix"),
    "empty": (lambda name: Path(name).write_bytes(b""), "the file is empty; expected an image"),
    "text": (lambda name: Path(name).write_text("hello"), "not an image that can be read; expected an image"),
    "cut": (_cut, "the image data is damaged or cut short"),
    "cmyk": (_saved("CMYK", "jpeg"), "has CMYK colours and no ICC profile that says which; expected --plain-cmyk"),
    "deep": (_saved("F", "TIFF"), "has floating-point samples; expected whole numbers of 8 to 16 bits, or --to-8bit"),
    "frames": (_frames, "has 2 frames or pages; expected a single picture, or --frame N, 1 to 2"),
}


@pytest.mark.parametrize("kind", BROKEN_IMAGES)
def test_a_broken_image_is_one_line(kind: str) -> None:
    make, finding = BROKEN_IMAGES[kind]
    make("a.png")
    before = os.listdir()
    assert error_of(run("compress", "a.png")).startswith(f"a.png: {finding}")
    assert os.listdir() == before


def test_how_a_picture_is_taken_in() -> None:
    _frames("a.gif")
    assert run("compress", "--frame", "2", "a.gif").exit_code == 0
    Image.fromarray(np.full((9, 9), 65535, np.uint16)).save("b.png")
    result = run("compress", "--to-8bit", "b.png")
    assert result.exit_code == 0
    assert "aezip: note: b.lat: 16-bit samples of 0 to 65535 made 8-bit\n" in result.stderr
    exif = Image.Exif()
    exif[0x0112] = 6
    draw("c.png", exif=exif.tobytes(), icc_profile=b"profile", dpi=(300, 300))
    sizes = {"--upright": 20, "--strip": 20, "--force": 33}
    for option, width in sizes.items():
        assert run("compress", "-f", option, "c.png").exit_code == 0
        lat = unpack(Path("c.lat").read_bytes())
        assert lat.header.width == width
        assert len(lat.sections) == (1 if option == "--strip" else 4)


def test_transparency_needs_a_format_that_holds_it() -> None:
    image = Image.new("RGBA", (9, 9), (9, 8, 7, 128))
    image.save("a.png")
    assert run("compress", "a.png").exit_code == 0
    assert "RGB and alpha" in run("info", "a.lat").stdout
    assert error_of(run("decompress", "a.lat", "-o", "b.jpg")) == (
        "a.lat: the picture is partly transparent, which jpg cannot hold; "
        "expected one of png, webp, avif, jxl, tiff, pam"
    )
    assert run("decompress", "a.lat", "-o", "b.png").exit_code == 0
    with Image.open("b.png") as again:
        assert again.mode == "RGBA"
        assert again.getpixel((4, 4)) == (9, 8, 7, 128)


def test_no_permission_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)
    assert error_of(run("compress", "a.png")) == "a.png: no permission; expected a file that can be read"


def _lat(sections: tuple[Section, ...] = ()) -> bytes:
    body = Section(LATENTS, zlib.compress(bytes(12)))
    return pack(Lat(Header(2, 2, 3, 605, FINGERPRINT, tile_units=16), (*sections, body)))


BROKEN_LATS = {
    "empty": (b"", "the file is empty; expected a file written by aezip"),
    "text": (b"hello, world", "not a .lat file; expected"),
    "cut header": (_lat()[:20], "the file ends after 20 bytes; expected"),
    "header": (_lat()[:9] + b"!" + _lat()[10:], "the header does not match its checksum; expected"),
    "cut section": (_lat()[:-3], "the file ends"),
    "section": (_lat()[:-1] + b"!", "section 1 does not match its checksum; expected"),
}


@pytest.mark.parametrize("command", ["decompress", "info"])
@pytest.mark.parametrize("kind", BROKEN_LATS)
def test_a_broken_lat_is_one_line(command: str, kind: str) -> None:
    data, finding = BROKEN_LATS[kind]
    Path("a.lat").write_bytes(data)
    assert error_of(run(command, "a.lat")).startswith(f"a.lat: {finding}")
    assert os.listdir() == ["a.lat"]


@pytest.mark.parametrize("command", ["decompress", "info"])
def test_a_lat_that_cannot_be_read(command: str) -> None:
    os.mkdir("b.lat")
    assert error_of(run(command, "a.lat")) == "a.lat: no such file or folder; expected a file that can be read"
    finding = {"info": "is a folder", "decompress": "the folder holds no such file"}[command]
    assert error_of(run(command, "b.lat")).startswith(f"b.lat: {finding}; expected ")
    assert os.listdir() == ["b.lat"]


def test_the_other_files_are_done() -> None:
    draw("a.png")
    draw("c.png")
    Path("b.png").write_bytes(b"")
    result = run("compress", "a.png", "b.png", "c.png", "d.png")
    assert result.exit_code == 1
    assert [line.split(": ")[:3] for line in result.stderr.splitlines() if "error" in line] == [
        ["aezip", "error", "b.png"],
        ["aezip", "error", "d.png"],
    ]
    assert sorted(os.listdir()) == ["a.lat", "a.png", "b.png", "c.lat", "c.png"]


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_existing_outputs_need_force(command: str) -> None:
    draw("a.png")
    Path("a.lat").write_bytes(_lat())
    source, target = ("a.png", "a.lat") if command == "compress" else ("a.lat", "a.png")
    before = Path(target).read_bytes()
    assert error_of(run(command, source)) == f"{target}: exists already; expected a new name, or --force"
    assert Path(target).read_bytes() == before
    assert CodecStub.made == ()
    if command == "decompress":
        line = "a.png: is not newer than 'a.lat' and may be its original; expected another output, or --replace-"
        line += "original"
        assert error_of(run(command, source, "--force")) == line
        assert error_of(run(command, source, "--force", "-o", "./")) == f"./{line}"
        assert Path(target).read_bytes() == before
        assert run(command, source, "--force", "-o", "a.png").exit_code == 0  # it is named
        os.utime("a.png", (1, 1))
        assert run(command, source, "--force", "--replace-original").exit_code == 0
        Path(target).write_bytes(b"newer")
        os.utime("a.lat", (1, 1))
    assert run(command, source, "--force").exit_code == 0
    assert Path(target).read_bytes() not in (before, b"newer")


@pytest.mark.parametrize("output", ["a.lat", "./a.lat"])
def test_the_input_is_not_replaced(output: str) -> None:
    draw("a.png")
    Path("a.png").rename("a.lat")
    before = Path("a.lat").read_bytes()
    assert "the output would replace the input" in error_of(run("compress", "a.lat", "-f", "-o", output))
    assert Path("a.lat").read_bytes() == before


@pytest.mark.parametrize(("output", "finding"), [("missing/a.lat", "no folder"), ("a.png/a.lat", "is not a folder")])
def test_an_output_that_cannot_be_written(output: str, finding: str) -> None:
    draw("a.png")
    assert finding in error_of(run("compress", "a.png", "-o", output))
    assert CodecStub.made == ()
    assert os.listdir() == ["a.png"]


def test_no_permission_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    draw("a.png")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert error_of(run("compress", "a.png")).startswith("a.lat: no permission to write in ")
    assert os.listdir() == ["a.png"]


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    draw("a.png")
    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(os, "replace", full)
    assert error_of(run("compress", "a.png")).startswith("a.lat: no space left on the device")
    assert os.listdir() == ["a.png"]


@pytest.mark.parametrize(
    ("option", "finding"),
    [
        (("-m", "nothing"), "no model named 'nothing'; expected one of: photo"),
        (("--provider", "nothing"), "no provider named 'nothing'; expected one of: cpu"),
    ],
)
def test_what_keeps_every_file_from_being_done(option: tuple[str, str], finding: str) -> None:
    draw("a.png")
    draw("b.png")
    assert error_of(run("compress", "a.png", "b.png", *option)) == finding
    assert sorted(os.listdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("failure", "finding"),
    [
        (MemoryError(), "a.png: not enough memory"),
        (RuntimeError("it\nbroke"), "a.png: RuntimeError: it broke (--debug shows where)"),
        (RuntimeError(), "a.png: RuntimeError (--debug shows where)"),
        (UsageError("something", "something else"), "a.png: something; expected something else"),
        (OSError(errno.EIO, "Input/output error", "x"), "a.png: Input/output error ('x')"),
    ],
)
def test_what_nobody_expected_is_one_line(failure: BaseException, finding: str) -> None:
    draw("a.png")
    CodecStub.failure = failure
    assert error_of(run("compress", "a.png")) == finding
    assert os.listdir() == ["a.png"]


@pytest.mark.parametrize("args", [("--debug", "compress", "a.png"), ("compress", "a.png", "--debug")])
def test_debug_shows_the_traceback(args: tuple[str, ...]) -> None:
    draw("a.png")
    CodecStub.failure = RuntimeError("it broke")
    result = run(*args)
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert result.stderr.endswith("aezip: error: a.png: RuntimeError: it broke\n")


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_ctrl_c(command: str) -> None:
    draw("a.png")
    draw("b.png")
    assert run("compress", "a.png", "b.png").exit_code == 0
    before = sorted(os.listdir())
    CodecStub.failure = KeyboardInterrupt()
    suffix, options = ("png", ()) if command == "compress" else ("lat", ("--replace-original",))
    result = run(command, f"a.{suffix}", f"b.{suffix}", "-o", ".", "-f", *options)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.startswith("aezip: interrupted\n2 files: none done; ")
    assert sorted(os.listdir()) == before


def test_info() -> None:
    Path("a.lat").write_bytes(_lat((Section(b"eXIF", bytes(1234)),)))
    size = os.stat("a.lat").st_size
    result = run("info", "a.lat")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "a.lat",
        "  picture    2 × 2 pixels, RGB",
        "  colours    sRGB",
        f"  size       {size:,} B, {8 * size / 4:.3f} bpp",
        "  quality    60.5",
        "  model      0001020304050607 (photo)",
        "  tiles      of 1024 pixels",
        "  version    1",
        "  sections   eXIF 1,234 B (EXIF), LATN 11 B (latents)",
    ]


def test_info_as_json_leaves_out_what_is_broken() -> None:
    Path("a.lat").write_bytes(_lat())
    Path("b.lat").write_bytes(b"")
    result = run("info", "a.lat", "b.lat", "--json")
    assert result.exit_code == 1
    assert result.stderr.startswith("aezip: error: b.lat: ")
    (facts,) = json.loads(result.stdout)
    assert facts == {
        "file": "a.lat",
        "bytes": len(_lat()),
        "bpp": 8 * len(_lat()) / 4,
        "version": 1,
        "width": 2,
        "height": 2,
        "channels": 3,
        "depth": 8,
        "alpha": False,
        "resolution": None,
        "colours": "sRGB",
        "light": None,
        "quality": 60.5,
        "lossless": False,
        "patched_cells": 0,
        "no_skip": False,
        "tile": 1024,
        "fingerprint": "0001020304050607",
        "model": "photo",
        "sections": [{"type": "LATN", "bytes": 11}],
    }


def test_info_without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError

    Path("a.lat").write_bytes(_lat())
    monkeypatch.setitem(sys.modules, "aezip.model.store", store)
    monkeypatch.setattr(store, "installed", fail)
    result = run("info", "a.lat")
    assert result.exit_code == 0
    assert "0001020304050607 (not installed)" in result.stdout


def test_info_of_a_picture_too_large_to_decode() -> None:
    header = Header(2**20, 2**20, 3, 0, FINGERPRINT, tile_units=16)
    Path("a.lat").write_bytes(pack(Lat(header, (Section(LATENTS, b""),))))
    assert "1048576 × 1048576 pixels" in run("info", "a.lat").stdout


def test_models() -> None:
    result = run("models")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["NAME", "FINGERPRINT", "QUALITIES", "SIZE", "SUMMARY"],
        ["photo", "0001020304050607", "0…100", "8.1", "MB", "photographs"],
    ]
    (facts,) = json.loads(run("models", "--json").stdout)
    assert (facts["name"], facts["fingerprint"], facts["bytes"]) == ("photo", "0001020304050607", 8_100_000)


def test_no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["aezip.model.store"], "installed", list)
    result = run("models")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "aezip: no model is installed\n")
    assert json.loads(run("models", "--json").stdout) == []


def test_a_stream_that_has_no_arrows() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    assert _fit("a → b  2 × 2 … é", stream) == "a -> b  2 x 2 ... ?"
    assert _fit("a → é", io.TextIOWrapper(io.BytesIO(), "utf-8")) == "a → é"


def test_table() -> None:
    assert table([("a", "b"), ("ccc", "dd")], right=(1,)) == "a     b\nccc  dd"
    assert table([]) == ""


@pytest.mark.parametrize("args", [(), *((name,) for name in COMMANDS), ("anomaly", "score"), ("models", "split")])
def test_help(args: tuple[str, ...]) -> None:
    short, long = run(*args, "-h"), run(*args, "--help")
    assert short.exit_code == long.exit_code == 0
    assert short.stdout == long.stdout
    assert "Examples:\n" in short.stdout
    assert max(map(len, short.stdout.splitlines())) <= 100


def test_help_tells_how_to_complete() -> None:
    assert "_AEZIP_COMPLETE=bash_source aezip" in run("--help").stdout


def test_version() -> None:
    assert run("--version").stdout == f"aezip, version {__version__}\n"


def shell(code: str, *args: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run Python code in a process of its own."""
    path = os.pathsep.join(p for p in sys.path if p)
    env = {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run([sys.executable, "-c", code, *args], env={**env, **options}, capture_output=True, timeout=60)


LOADED = """
import atexit, sys
heavy = {'numpy', 'onnxruntime', 'PIL', 'torch'}
atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))
from aezip.cli import main
from aezip.model import store
main(prog_name='aezip')
"""


WITHOUT = [
    ("--help",),
    ("compress", "--help"),
    ("decompress", "--help"),
    ("--version",),
    ("info", "a.lat"),
    ("models",),
]


@pytest.mark.parametrize("args", WITHOUT)
def test_what_is_not_needed_is_not_loaded(args: tuple[str, ...]) -> None:
    Path("a.lat").write_bytes(_lat())
    result = shell(LOADED, *args)
    assert result.returncode == 0, result.stderr
    assert result.stderr.decode().splitlines()[-1] == "[]"


def test_plain_letters_in_a_plain_terminal() -> None:
    Path("a.lat").write_bytes(_lat())
    result = shell(LOADED, "info", "a.lat", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert b"2 x 2 pixels" in result.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_pipe_that_nobody_reads() -> None:
    Path("a.lat").write_bytes(_lat())
    closed = "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1)\n"
    result = shell(closed + "from aezip.cli import main; main(prog_name='aezip')", "info", "a.lat")
    assert result.returncode == 1
    assert result.stderr == b""


def test_a_region_and_the_limit_on_pixels() -> None:
    pixels = draw("a.png")
    assert run("compress", "a.png").exit_code == 0
    result = run("decompress", "a.lat", "-o", "part.png", "--region", "3, 4,10,12")
    assert result.exit_code == 0, result.output
    with Image.open("part.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels[4:16, 3:13])
    for wrong in ("1,2,3", "1,2,3,x", "-1,0,3,3"):
        assert run("decompress", "a.lat", "-o", "x.png", f"--region={wrong}").exit_code == 2
    for args in (("compress", "a.png", "-f"), ("decompress", "a.lat", "-o", "x.png")):
        result = run(*args, "--max-pixels", "659")
        assert result.exit_code == 1
        assert "33×20 pixels; expected at most 659, or a higher --max-pixels" in result.output
        assert not Path("x.png").exists()


def test_targets_and_keeping_and_verifying() -> None:
    draw("a.png")
    result = run("compress", "a.png", "--target-size", "1MB", "--verify")
    assert result.exit_code == 0, result.output
    assert "quality 100.0  inf dB" in result.stderr
    before = Path("a.png").stat().st_size
    Path("b.png").write_bytes(Path("a.png").read_bytes())
    CodecStub.padding = before
    result = run("compress", "b.png", "--keep-smaller")
    CodecStub.padding = 0
    assert result.exit_code == 0, result.output
    assert "aezip: note: b.lat: the .lat file would be larger" in result.stderr
    assert not Path("b.lat").exists()
    CodecStub.padding = before
    for options, advice in ((), ", a lower --quality makes smaller files"), (("--lossless",), ""):
        result = run("compress", "b.png", "-f", *options)
        size = Path("b.lat").stat().st_size
        said = f"the .lat file is larger than its input ({size:,} B, not {before:,} B)"
        line = f"aezip: note: b.lat: {said}; --keep-smaller keeps such inputs{advice}"
        assert result.stderr.splitlines()[0] == line
    CodecStub.padding = 0
    result = run("verify", "a.lat")
    assert result.exit_code == 0
    assert result.stdout.startswith("a.lat  whole")
    assert "SSIMULACRA2 100.00  MS-SSIM 1.0" in run("verify", "a.lat", "--original", "a.png").stdout
    assert "expected one FILE" in run("verify", "a.lat", "b.lat", "--original", "a.png").stderr
    Image.open("a.png").convert("RGBA").save("opaque.png")
    assert run("verify", "a.lat", "--original", "opaque.png").exit_code == 0
    image = Image.open("opaque.png")
    image.putpixel((3, 4), (1, 2, 3, 254))
    image.save("clear.png")
    assert "clear.png: alpha differs" not in (line := error_of(run("verify", "a.lat", "--original", "clear.png")))
    assert "alpha differs from the original's in 1 pixels; expected the picture it was made from" in line
    assert run("compress", "clear.png", "--verify").exit_code == 0
    assert run("verify", "clear.lat", "--original", "clear.png").exit_code == 0
    Image.open("a.png").save("pages.tiff", save_all=True, append_images=[Image.open("a.png")])
    assert "pages.tiff: has 2 frames" in error_of(run("verify", "a.lat", "--original", "pages.tiff"))
    assert run("verify", "a.lat", "--original", "pages.tiff", "--frame", "2").exit_code == 0
    draw("c.png", 9)
    assert "the original is 33 × 9 pixels" in error_of(run("verify", "a.lat", "--original", "c.png"))
    assert "a target within that range" in error_of(run("compress", "c.png", "--target-size", "9"))
    for options in (
        ("--target-size", "9KB", "--target-bpp", "1"),
        ("-q", "9", "--target-psnr", "30"),
        ("--target-psnr", "30", "--target-ssimulacra2", "50"),
    ):
        assert "expected one of --quality" in run("compress", "c.png", *options).stderr
    assert run("compress", "c.png", "--target-psnr", "inf").exit_code == 2
    assert run("compress", "c.png", "--target-ssimulacra2", "100").exit_code == 2


def test_a_floor_of_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    draw("a.png")
    assert "inf dB" in run("compress", "a.png", "--min-psnr", "60").stderr
    monkeypatch.setattr("aezip.quality.metrics.psnr_db", lambda *_: 31.256)
    assert "31.26 dB" in run("compress", "a.png", "-f", "--min-psnr", "31.2").stderr
    os.remove("a.lat")
    line = error_of(run("compress", "a.png", "--min-psnr", "32"))
    assert line == "a.png: the decoded picture has 31.26 dB; expected 32 dB or more, or a higher quality"
    assert not Path("a.lat").exists()
