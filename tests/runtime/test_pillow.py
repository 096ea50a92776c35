"""`.lat` as one of Pillow's formats."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms, UnidentifiedImageError

import aezip.pillow as plugin
from aezip.format.container import pack, unpack


@pytest.fixture(autouse=True)
def models(golden, monkeypatch) -> None:
    monkeypatch.setenv("AEZIP_MODELS", str(golden))


@pytest.fixture
def image(drawn) -> Image.Image:
    alpha = np.where(np.arange(30)[:, None] + np.arange(40) < 30, 0, 255).astype(np.uint8)
    image = Image.fromarray(np.dstack((drawn(30, 40), alpha)))
    exif = Image.Exif()
    exif[0x0112] = 6
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.info.update(icc_profile=icc, exif=exif.tobytes(), xmp=b"<x/>", dpi=(300.0, 150.0))
    return image


def saved(image: Image.Image, tiny: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "LAT", model=tiny, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_there_and_back(image, tiny, mode, tmp_path) -> None:
    image.convert(mode).save(tmp_path / "a.lat", model=tiny, quality=80)
    with Image.open(tmp_path / "a.lat") as again:
        assert (again.format, again.mode, again.size) == ("LAT", mode, image.size)
        assert again.get_format_mimetype() == "image/x-aezip"
        assert again.info == image.info
        assert again.getexif()[0x0112] == 6
        again.load()
    difference = np.abs(np.asarray(again).astype(int) - np.asarray(image.convert(mode)))
    if "A" in mode:
        assert difference[:, :, -1].max() == 0
        difference = difference[np.asarray(image)[:, :, 3] > 0]
    assert difference.mean() < 30
    assert again.convert("L").size == image.size


def test_nothing_is_decoded_until_it_is_needed(image, tiny, tmp_path, golden) -> None:
    (tmp_path / "a.lat").write_bytes(saved(image, tiny))
    code = """
import sys
from PIL import Image
import aezip.pillow
image = Image.open(sys.argv[1])
print(image.size, image.mode, sorted(image.info))
image.verify()
print({"onnxruntime", "aezip.codec", "aezip.model.store"} & set(sys.modules))
"""
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.lat")], capture_output=True, text=True)
    assert out.stdout.splitlines() == ["(40, 30) RGBA ['dpi', 'exif', 'icc_profile', 'xmp']", "set()"], out.stderr


def test_options_of_saving(image, tiny) -> None:
    sizes = [len(saved(image, tiny, quality=quality)) for quality in (0, 100)]
    assert sizes[0] < sizes[1]
    assert saved(image, tiny, effort=0) == saved(image, tiny, effort=0, threads=1)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    again = Image.open(io.BytesIO(saved(image, tiny, exif=exif, icc_profile=None, xmp=b"<y/>", dpi=(72, 72))))
    assert again.info == {"exif": exif.tobytes(), "xmp": b"<y/>", "dpi": (72.0, 72.0)}
    assert not Image.open(io.BytesIO(saved(image, tiny, exif=b"", icc_profile=b"", xmp=b"", dpi=None))).info
    deep = Image.fromarray(np.full((4, 4), 65535, np.uint16))
    assert [unpack(saved(deep, tiny, to_8bit=plain)).depth for plain in (False, True)] == [16, 8]
    cmyk, turned = Image.new("CMYK", (9, 8)), Image.new("RGB", (9, 8))
    with pytest.raises(OSError, match="which; expected plain_cmyk=True, or RGB"):
        saved(cmyk, tiny)
    assert unpack(saved(cmyk, tiny, plain_cmyk=True)).header.channels == 3
    turned.info["exif"] = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    assert Image.open(io.BytesIO(saved(turned, tiny, upright=True))).size == (8, 9)
    assert Image.open(io.BytesIO(saved(turned, tiny, strip=True))).info == {}
    low = Image.fromarray(np.arange(1000, 1016, dtype=np.uint16).reshape(4, 4))
    stretched = Image.open(io.BytesIO(saved(low, tiny, stretch=True, lossless=True)))
    assert (stretched.mode, stretched.getextrema()) == ("L", (0, 255))
    wrong = ({"quality": 101}, "quality 101"), ({"model": "nothing"}, "nothing"), ({"qualty": 9}, "options .*: qualty;")
    for options, finding in wrong:
        with pytest.raises(OSError, match=finding):
            image.save(io.BytesIO(), "LAT", **{"model": tiny, **options})


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_lossless_files_need_no_model(image, mode, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("AEZIP_MODELS")
    image = image.convert(mode)
    image.save(tmp_path / "a.lat", lossless=True, model="nothing")
    with Image.open(tmp_path / "a.lat") as again:
        wanted = image.convert("L") if mode == "1" else image
        assert (again.mode, again.size, again.info) == (wanted.mode, image.size, image.info)
        shown, wanted = np.asarray(again), np.asarray(wanted)
    if "A" in mode:  # colours under full transparency mean nothing
        shown, wanted = (np.where(pixels[..., -1:] > 0, pixels, 0) for pixels in (shown, wanted))
    np.testing.assert_array_equal(shown, wanted)
    data = (tmp_path / "a.lat").read_bytes()
    Image.open(io.BytesIO(data)).verify()
    with pytest.raises(OSError, match="does not match its checksum"):
        Image.open(io.BytesIO(data[:-1] + bytes((data[-1] ^ 1,)))).load()


@pytest.mark.repairs
def test_cells_that_have_to_be_good(image, tiny) -> None:
    lossy, chosen = (unpack(saved(image.convert("RGB"), tiny, lossless=lossless)) for lossless in (0, None))
    assert not lossy.lossless
    assert len(pack(chosen)) <= len(pack(lossy))
    data = saved(image.convert("RGB"), tiny, lossless=False, cell_psnr=500)
    np.testing.assert_array_equal(Image.open(io.BytesIO(data)), image.convert("RGB"))
    with pytest.raises(OSError, match="cell_psnr -1"):
        saved(image, tiny, cell_psnr=-1)


def test_copies(image, tiny) -> None:
    data = saved(image, tiny)
    again = Image.open(io.BytesIO(data))
    for other in (copy.copy(again), copy.deepcopy(again), pickle.loads(pickle.dumps(again)), again.copy()):
        assert other.tobytes() == again.tobytes()
        assert (other.mode, other.size) == (again.mode, again.size)
    again.thumbnail((10, 10))
    assert max(again.size) == 10


def test_every_truncation_is_one_of_pillows_errors(image, tiny) -> None:
    data = saved(image, tiny)
    opened = 0
    for length in range(0, len(data), 7):
        try:
            with Image.open(io.BytesIO(data[:length])) as cut:
                opened += 1
                with pytest.raises(OSError, match="the file ends"):
                    cut.load()
                cut.fp = io.BytesIO(data[:length])
                with pytest.raises(OSError, match="the file ends"):
                    cut.verify()
        except UnidentifiedImageError:
            assert not opened, "what opens once opens with more bytes, too"
    assert opened


def test_verify_finds_every_flipped_byte(image, tiny) -> None:
    data = saved(image, tiny)
    with Image.open(io.BytesIO(data)) as whole:
        whole.verify()
    for at in range(0, len(data), 5):
        broken = bytearray(data)
        broken[at] ^= 0x40
        with pytest.raises(OSError, match=r"."):  # UnidentifiedImageError is one
            Image.open(io.BytesIO(bytes(broken))).verify()


def test_a_model_that_is_not_there(image, tiny, monkeypatch) -> None:
    data = saved(image, tiny)
    monkeypatch.delenv("AEZIP_MODELS")
    plugin._codec.cache_clear()
    again = Image.open(io.BytesIO(data))
    with pytest.raises(OSError, match="which is not installed") as caught:
        again.load()
    assert "\n" not in str(caught.value)


def test_pillows_limit_on_pixels(image, tiny, monkeypatch) -> None:
    data = saved(image, tiny)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(data))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(Image.DecompressionBombError), warnings.catch_warnings():
        Image.open(io.BytesIO(data))
