"""What people hand to a codec: right, or one clear sentence."""

from __future__ import annotations

import io
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import aezip
from aezip import ReadOptions, embed
from aezip.codec import Codec
from aezip.errors import FormatError, ImageError, InputNotFound, LimitExceeded, TargetMissed, Truncated, UsageError
from aezip.format.container import EXIF, ICC, XMP, read_header, unpack
from aezip.quality.verify import verify


@pytest.fixture(scope="module")
def codec(tiny: str) -> Codec:
    return Codec(tiny)


@pytest.fixture
def file(drawn, tmp_path: Path) -> Path:
    image = Image.fromarray(drawn(30, 40))
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif, pnginfo=info)
    return tmp_path / "a.png"


def test_paths_are_models_and_pictures(codec: Codec, tiny: str, file: Path) -> None:
    want = codec.compress(Image.open(file))
    assert Codec(Path(tiny)).compress(str(file)) == want
    assert codec.compress(file) == want
    (file.parent / "a.lat").write_bytes(want)
    assert codec.decompress(file.parent / "a.lat").tobytes() == codec.decompress(want).tobytes()
    embed.Encoder(Path(tiny))
    for take in (codec.compress, codec.decompress):
        for kind in (InputNotFound, FileNotFoundError):
            with pytest.raises(kind, match=r"nothing\.png: no such file") as caught:
                take("nothing.png")
            assert (caught.value.errno, str(pickle.loads(pickle.dumps(caught.value)))) == (2, str(caught.value))
    for source in (file, Image.open(file), np.asarray(Image.open(file))):
        with pytest.raises(LimitExceeded, match="40×30 pixels; expected at most 1199, or a higher max_pixels"):
            codec.compress(source, max_pixels=1199)
    with pytest.raises(FormatError, match=r"a\.png: not a \.lat file"):
        codec.decompress(file)


def test_what_a_file_is_decoded_to(codec: Codec, drawn, tmp_path: Path) -> None:
    pixels = drawn(60, 90)
    image = Image.fromarray(np.dstack((pixels, drawn(60, 90, 1, channels=1))))
    data = codec.compress(image, max_pixels=5400, lossless=True)
    file = tmp_path / "a.lat"
    file.write_bytes(data)
    with pytest.raises(LimitExceeded, match=r"a\.lat: 90×60 pixels; expected at most 5399, or a higher max_pixels"):
        codec.decompress(file, max_pixels=5399)
    assert codec.decompress(file, max_pixels=5400).size == (90, 60)
    box = (10, 20, 50, 33)
    for source in (data, file):
        part = codec.decompress(source, region=box)
        assert part.tobytes() == image.crop((10, 20, 60, 53)).tobytes()
        assert codec.decompress(source, scale=4).size == (23, 15)
        assert codec.decompress(source, region=box, scale=2).size == (25, 17)
    with pytest.raises(UsageError, match=r"a\.lat: region 80,0,20,20; expected X,Y,W,H within the picture's 90×60"):
        codec.decompress(file, region=(80, 0, 20, 20))
    lossy = codec.encode(pixels, lossless=False)
    with pytest.raises(Truncated):
        codec.decompress(lossy[:-40])
    assert codec.decompress(lossy[:-40], partial=True).tobytes() == codec.decode(lossy[:-40], partial=True)[0].tobytes()
    grey = codec.encode(np.full((8, 8), 0x8080, np.uint16), lossless=True)
    assert [codec.decompress(grey, to_8bit=plain).getpixel((0, 0)) for plain in (False, True)] == [0x8080, 0x80]


def test_a_pickled_codec_opens_itself(tiny: str, drawn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(Path(tiny).parent)
    codec = Codec("./tiny.aezm", threads=1)
    data = codec.encode(drawn(30, 40), 70)
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(pickle.dumps(codec))
    assert again.threads == 1
    assert again.encode(drawn(30, 40), 70) == data
    assert pickle.loads(pickle.dumps(Codec(None)))._own is None


def test_a_codec_ends_with_its_block(tiny: str, drawn) -> None:
    with Codec(tiny) as codec:
        data = codec.encode(drawn(30, 40))
    assert not codec._encoding._sessions
    assert codec.encode(drawn(30, 40)) == data  # opens its graphs again


def test_metadata_in_place_of_the_pictures_own(codec: Codec, file: Path, drawn) -> None:
    lat = unpack(codec.compress(file))
    assert lat.section(XMP) == b"<x/>"
    assert lat.section(EXIF)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    lat = unpack(codec.compress(file, icc_profile=b"a profile", exif=exif, xmp=b""))
    assert (lat.section(ICC), lat.section(EXIF), lat.section(XMP)) == (b"a profile", exif.tobytes(), None)
    assert unpack(codec.compress(drawn(8, 8), exif=b"Exif\0\0II")).section(EXIF) == b"Exif\0\0II"
    with pytest.raises(UsageError, match="xmp is a int; expected bytes"):
        codec.compress(file, xmp=3)


def test_how_a_picture_is_read(codec: Codec, file: Path) -> None:
    lat = unpack(codec.compress(file, read=ReadOptions(upright=True)))
    assert (lat.header.width, lat.header.height) == (30, 40)
    lat = unpack(codec.compress(file, read=ReadOptions(strip=True)))
    assert (lat.header.width, lat.header.height, lat.section(XMP), lat.section(EXIF)) == (30, 40, None, None)
    deep = Image.fromarray(np.full((8, 8), 65535, np.uint16))
    for given in (deep, np.asarray(deep)):
        found = [unpack(codec.compress(given, read=ReadOptions(to_8bit=plain))).depth for plain in (False, True)]
        assert found == [16, 8]
    frames = io.BytesIO()
    deep.save(frames, "TIFF", save_all=True, append_images=[Image.new("L", (8, 9), 7)])
    two = Image.open(frames)
    with pytest.raises(ImageError, match=r"or ReadOptions\(frame=N\), 1 to 2"):
        codec.compress(two)
    second = codec.decompress(codec.compress(two, read=ReadOptions(frame=2), lossless=True))
    assert (second.size, second.getextrema()) == ((8, 9), (7, 7))
    with pytest.raises(ImageError, match=r"no ICC profile that says which; expected ReadOptions\(plain_cmyk=True\)"):
        codec.compress(Image.new("CMYK", (8, 8)))
    codec.compress(Image.new("CMYK", (8, 8)), read=ReadOptions(plain_cmyk=True))
    with pytest.raises(UsageError, match="read is a dict; expected ReadOptions"):
        codec.compress(deep, read={"frame": 2})


@pytest.mark.repairs
def test_a_target_size(codec: Codec, drawn) -> None:
    pixels = drawn(128, 160)
    data = codec.compress(pixels, target_size=1000)
    assert 700 < len(data) <= 1000
    assert len(codec.compress(pixels, target_size=3000, lossless=False)) > len(data)
    flat = np.full((64, 64, 3), 7, np.uint8)
    assert len(codec.compress(flat, target_size=2000)) < 100  # stored exactly
    with pytest.raises(TargetMissed):
        codec.compress(pixels, target_size=50)
    for size in (0, 1.5, "9", True):
        with pytest.raises(UsageError, match="target_size"):
            codec.compress(pixels, target_size=size)


def test_other_targets(codec: Codec, drawn) -> None:
    pixels = drawn(64, 80)
    good = verify(codec, codec.encode(pixels, 85), pixels)
    for name in ("psnr_db", "ssimulacra2"):
        wanted = getattr(good, name) - 0.02
        target = {f"target_{name.removesuffix('_db')}": wanted}
        data = codec.compress(pixels, **target)
        quality = read_header(data).quality
        assert 0 < quality < 100
        assert getattr(verify(codec, data, pixels), name) >= wanted
        assert getattr(verify(codec, codec.encode(pixels, quality - 0.1), pixels), name) < wanted
    rate = codec.compress(pixels, target_bpp=0.6)
    assert rate == codec.compress(pixels, target_size=int(0.6 * 64 * 80 / 8))
    assert 0.55 < 8 * len(rate) / (64 * 80) <= 0.6
    with pytest.raises(UsageError, match=r"^target_size and target_psnr; expected one of them$"):
        codec.compress(pixels, target_size=999, target_psnr=30)
    with pytest.raises(UsageError, match=r"lossless=True and a target of 30\.00 dB; expected one of them"):
        codec.compress(pixels, lossless=True, target_psnr=30)
    for wrong in ({"target_psnr": "30"}, {"target_bpp": 0}, {"target_psnr": float("nan")}, {"target_psnr": True}):
        with pytest.raises(UsageError, match=r"target_.*; expected a number above 0$"):
            codec.compress(pixels, **wrong)
    with pytest.raises(UsageError, match="target_ssimulacra2 100; expected a number above 0 and below 100"):
        codec.compress(pixels, target_ssimulacra2=100)


FLOATS = np.zeros((4, 4, 3))
WRONG = {  # what is refused, and a part of the sentence
    "floats": (FLOATS, r"float64; expected uint8 or uint16; of values from 0 to 1: np.round\(255"),
    "32 bits": (np.zeros((4, 4), np.uint32), "an array of uint32; expected uint8 or uint16"),
    "booleans": (np.zeros((4, 4), bool), r"255 \* array.astype"),
    "masked": (np.ma.masked_equal(np.zeros((4, 4), np.uint8), 0), r"masked array; expected a plain one"),
    "channels first": (np.zeros((3, 8, 8), np.uint8), r"transpose\(1, 2, 0\)"),
    "alpha": (np.zeros((4, 4, 4), np.uint8), r"Image.fromarray\(array\)"),
    "bytes": (b"\x89PNG", "a bytes; expected a NumPy array"),
    "list": ([[1]], "a list; expected a NumPy array of uint8"),
    "nothing": (None, "a NoneType"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_picture_is_told_how_to_become_one(codec: Codec, name: str) -> None:
    given, sentence = WRONG[name]
    for take in (codec.encode, codec.compress):
        with pytest.raises(ImageError, match=sentence):
            take(given)


def test_a_tensor_is_told_how_to_become_an_array(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = type("Tensor", (), {"__module__": "torch"})()
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    with pytest.raises(ImageError, match=r"a Tensor; expected .* \(255 \* tensor\)\.round\(\)"):
        codec.compress(tensor)


def test_every_buffer_is_bytes(codec: Codec, drawn) -> None:
    data = codec.encode(drawn(20, 30))
    want, _ = codec.decode(data)
    for buffer in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        np.testing.assert_array_equal(codec.decode(buffer)[0], want)
        assert read_header(buffer).width == 30


@pytest.mark.parametrize(("given", "found"), [(io.BytesIO(b"x"), "a BytesIO"), ("a.lat", "'a.lat', which is no bytes")])
def test_what_is_no_bytes(codec: Codec, given: object, found: str) -> None:
    for take in (codec.decode, codec.check, aezip.read_header, aezip.unpack):
        with pytest.raises(UsageError, match=f"{found}; expected the bytes of a .lat file"):
            take(given)


TYPES = {  # of parameters that are none, and the sentence
    "quality": (["60", None, -1, 101, float("nan"), True], "expected 0 to 100"),
    "effort": ([2, -1, "1", None, True, 0.5], "expected 0 or 1"),
    "lossless": (["no", 1, 0], "lossless .*; expected True, False or None"),
    "cell_psnr": (["x", -1, float("nan"), True, None], "expected 0 or more, in dB"),
    "max_pixels": (["9", 0, float("nan"), True, None], "max_pixels .*; expected a number of pixels, 1 or more"),
}


@pytest.mark.parametrize("name", TYPES)
def test_parameters_that_are_none(codec: Codec, drawn, name: str) -> None:
    values, sentence = TYPES[name]
    for value in values:
        for take in (codec.encode, codec.compress):
            with pytest.raises(UsageError, match=sentence):
                take(drawn(8, 8), **{name: value})


def test_parameters_of_decoding_that_are_none(codec: Codec, tiny: str, drawn) -> None:
    data = codec.encode(drawn(8, 9))
    for region in ((0, 0, 4), (0.0, 0, 4, 4), (True, 0, 4, 4), "0,0,4,4", 4, [[0, 0, 4, 4]]):
        with pytest.raises(UsageError, match=r"region .*; expected four whole numbers: x, y, width, height in pixels"):
            codec.decode(data, region=region)
    np.testing.assert_array_equal(
        codec.decode(data, region=np.array((2, 1, 5, 6)))[0], codec.decode(data, region=(2, 1, 5, 6))[0]
    )
    for scale in (2.0, "2", True, None, (2,)):
        for take in (codec.decode, codec.decompress, embed.Decoder(tiny).decode):
            with pytest.raises(UsageError, match=r"a scale of .*; expected one of 1, 2, 4, 8, 16"):
                take(data, scale=scale)
    for take in (codec.decode, codec.check, codec.decompress):
        with pytest.raises(UsageError, match="max_pixels '9'; expected a number of pixels"):
            take(data, max_pixels="9")


SETTINGS = {  # what no codec is opened with, and the sentence
    "threads": (["2", 0, 1.5, True], "threads .*; expected a whole number, 1 or more"),
    "batch": (["2", 0, 2.5, True], "batch .*; expected a whole number, 1 or more"),
    "decoder": (["half", None, []], "expected one of full, small"),
    "provider": (["abacus", 3, []], "expected one of cpu, cuda"),
    "model": ([3, b"photo", ["photo"]], "model .*; expected a name or a path"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_are_none(tiny: str, name: str) -> None:
    values, sentence = SETTINGS[name]
    for value in values:
        with pytest.raises(UsageError, match=sentence):
            Codec(**{"model": tiny, name: value})


def test_only_what_is_worked_on_goes_by_its_place(codec: Codec, tiny: str, drawn) -> None:
    data = codec.encode(drawn(8, 8), 60)
    for wrong in (
        lambda: Codec(tiny, "cpu"),
        lambda: codec.encode(drawn(8, 8), 60, ()),
        lambda: codec.compress(drawn(8, 8), 60, 1000),
        lambda: codec.decode(data, 2**20),
        lambda: codec.check(data, 2**20),
        lambda: codec.decompress(data, 2**20),
    ):
        with pytest.raises(TypeError, match="positional"):
            wrong()


@pytest.mark.repairs
def test_no_cell_is_perfect_enough(codec: Codec, drawn) -> None:
    pixels = drawn(32, 32)
    for endless in (1e6, float("inf")):
        data = codec.encode(pixels, cell_psnr=endless, lossless=False)
        np.testing.assert_array_equal(codec.decode(data)[0], pixels)


def test_a_quality_of_numpy_is_one(codec: Codec, drawn) -> None:
    assert codec.encode(drawn(8, 8), np.float32(60)) == codec.encode(drawn(8, 8), 60)


def test_a_region_of_numpy_is_one(codec: Codec, drawn) -> None:
    data = codec.compress(Image.fromarray(drawn(40, 50)), exif=b"Exif\0\0")
    part = codec.decompress(data, region=np.array([2, 3, 10, 12]))
    assert part.tobytes() == codec.decompress(data, region=(2, 3, 10, 12)).tobytes()
