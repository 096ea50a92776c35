"""Pictures of 9 to 16 bits through the codec: with loss and without, in part and smaller; repairs; every model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aezip import embed
from aezip.codec import Codec
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.errors import FormatError, ImageError, PackageDamaged, UsageError
from aezip.format import container, depth, patches
from aezip.format.averages import averaged
from aezip.model import float_graphs, packages, store
from aezip.model.kinds import GraphName
from aezip.quality.metrics import psnr_db
from aezip.quality.verify import verify

MODELS = ["tiny", "tiny-static", "tiny-static-grey", "tiny-static-vae", "tiny-integer"]


def deep(drawn, bits: int, height: int = 70, width: int = 53, channels: int = 3) -> np.ndarray:
    """A drawn picture with bits below the eighth."""
    plain = drawn(height, width, bits, channels).astype(np.uint32)
    finer = np.random.default_rng(bits).integers(0, 2 ** (bits - 8), plain.shape)
    return (plain << (bits - 8) | finer).astype(np.uint16)


@pytest.fixture(scope="module")
def codec(tiny: str) -> Codec:
    return Codec(tiny)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [9, 10, 12, 16])
def test_every_depth(codec: Codec, drawn, bits: int, channels: int) -> None:
    pixels = deep(drawn, bits, channels=channels)
    for lossless in (True, False):
        data = codec.encode(pixels, 95, depth=bits, lossless=lossless)
        found, lat = codec.decode(data)
        assert (found.dtype, found.shape, lat.depth) == (np.uint16, pixels.shape, bits)
        plain, _ = codec.decode(data, to_8bit=True)
        assert plain.dtype == np.uint8
        assert codec.check(data).depth == bits
        if lossless:
            np.testing.assert_array_equal(found, pixels)
            np.testing.assert_array_equal(plain, depth.scaled(pixels, bits, 8))
        else:
            assert psnr_db(pixels, found, bits) > 24
            assert np.abs(depth.scaled(found, bits, 8).astype(int) - plain).max() <= 1
    report = verify(codec, data, pixels, bits)
    assert report.psnr_db == psnr_db(pixels, found, bits)
    assert report.ms_ssim > 0.9


@pytest.mark.parametrize("name", MODELS)
def test_every_model(name: str, golden: Path, drawn) -> None:
    """Finer samples in give finer samples out; those of 8 bits are what they would be without this."""
    package = store.find_codec(str(golden / f"{name}.aezm"))
    channels = package.about.channels
    pixels, plain = deep(drawn, 16, 64, 96, channels), drawn(64, 96, 16, channels)
    for optimisation in ("disabled", "all"):
        graphs = Graphs.at(Sessions(package, optimisation=optimisation), 900)
        latent = graphs.encoder(plain)
        np.testing.assert_array_equal(graphs.encoder(plain.astype(np.float32)), latent)
        assert (graphs.encoder(depth.levels(pixels, 16)) != latent).any()
        image, fine = graphs.decoder(latent), graphs.decoder(latent, fine=True)
        assert fine.dtype == np.uint16
        assert np.abs(fine / 256 - image).max() <= 0.5 + 1 / 256
        assert len(np.unique(fine % 256)) > 100
    codec = Codec(str(golden / f"{name}.aezm"))
    found, _ = codec.decode(codec.encode(pixels, 100, lossless=False))
    assert psnr_db(pixels, found, 16) > 23


def test_a_decoder_in_integers_makes_the_same_pixels(golden: Path, drawn) -> None:
    package = store.find_codec(str(golden / "tiny-integer.aezm"))
    graphs = Graphs.at(Sessions(package), 700)
    latent, made = graphs.encoder(drawn(64, 80)), []
    for optimisation in ("disabled", "basic", "extended", "all"):
        for threads in (1, 2):
            sessions = Sessions(package, optimisation=optimisation, threads=threads)
            made.append(Graphs.at(sessions, 700).decoder(latent, fine=True))
    assert len({m.tobytes() for m in made}) == 1


@pytest.mark.parametrize("scale", [2, 4, 8, 16])
def test_parts_and_smaller_pictures(golden: Path, drawn, scale: int) -> None:
    codec, bits = Codec(str(golden / "reduced/tiny.aezm")), 12
    pixels = deep(drawn, bits, 150, 140)
    for lossless in (True, False):
        data = codec.encode(pixels, 90, depth=bits, lossless=lossless)
        whole, _ = codec.decode(data)
        part, _ = codec.decode(data, region=(17, 3, 60, 71))
        assert np.abs(part.astype(int) - whole[3:74, 17:77]).max() <= (0 if lossless else 16)
        small, _ = codec.decode(data, scale=scale)
        assert (small.dtype, small.shape) == (np.uint16, (-(-150 // scale), -(-140 // scale), 3))
        if lossless:
            np.testing.assert_array_equal(small, averaged(pixels, scale))


@pytest.mark.repairs
def test_bad_cells_are_patched_with_all_bits(codec: Codec, drawn) -> None:
    pixels = deep(drawn, 16, 64, 64)
    pixels[16:32, 32:48] = np.random.default_rng(0).integers(0, 65536, (16, 16, 3))
    data = codec.encode(pixels, 60, lossless=False, cell_psnr=20)
    found, lat = codec.decode(data)
    cells = patches.which(lat.section(container.PATCHES), 64, 64)
    assert cells[1, 2]
    where = cells.repeat(16, 0).repeat(16, 1)
    np.testing.assert_array_equal(found[where], pixels[where])
    plain, _ = codec.decode(data, to_8bit=True)
    np.testing.assert_array_equal(plain[where], depth.scaled(pixels[where], 16, 8))


@pytest.mark.repairs
def test_what_loss_would_leave_little_of_is_kept(codec: Codec, drawn) -> None:
    dark = drawn(64, 64).astype(np.uint16) + 300
    data = codec.encode(dark)
    np.testing.assert_array_equal(codec.decode(data)[0], dark)
    assert not container.unpack(codec.encode(dark, lossless=False)).lossless


def test_eight_bits_are_as_they_were(codec: Codec, drawn, golden: Path) -> None:
    assert container.unpack(codec.encode(drawn(33, 17, 2), 50, lossless=False)).depth == 8
    data = (golden / "grey.lat").read_bytes()
    assert codec.decode(data, to_8bit=True)[0].tobytes() == codec.decode(data)[0].tobytes()


def test_half_a_codec(tiny: str, drawn, codec: Codec) -> None:
    for channels in (1, 3):
        pixels = deep(drawn, 12, channels=channels)
        for size in (None, pixels.shape[:2]):
            encoder, decoder = embed.Encoder(tiny, size=size), embed.Decoder(tiny, size=size)
            data = encoder.encode(pixels, 80, depth=12)
            assert data == codec.encode(pixels, 80, depth=12)
            np.testing.assert_array_equal(decoder.decode(data).reshape(pixels.shape), codec.decode(data)[0])
            assert decoder.decode(data, to_8bit=True).dtype == np.uint8
            assert decoder.decode(encoder.encode(drawn(70, 53))).dtype == np.uint8


@pytest.mark.parametrize(
    ("kind", "bits", "error", "finding"),
    [
        (np.uint8, 10, UsageError, "depth 10 of uint8; expected 8, or uint16"),
        (np.uint16, 8, UsageError, "depth 8 of uint16; expected 9 to 16"),
        (np.uint16, 17, UsageError, "depth 17 of uint16"),
        (np.uint16, 10, ImageError, "a sample of 1024, which 10 bits do not hold; expected at most 1023"),
    ],
)
def test_depths_that_do_not_fit(codec: Codec, kind: type, bits: int, error: type, finding: str) -> None:
    pixels = np.full((8, 8), 1024 if kind == np.uint16 else 9, kind)
    with pytest.raises(error, match=finding):
        codec.encode(pixels, depth=bits)


def test_bytes_in_either_order(codec: Codec, drawn) -> None:
    pixels = deep(drawn, 16)
    assert codec.encode(pixels.astype(">u2")) == codec.encode(pixels)


def test_the_original_of_another_depth(codec: Codec, drawn) -> None:
    data = codec.encode(drawn(20, 20))
    with pytest.raises(ImageError, match="the original has 16 bits a sample, the file 8"):
        verify(codec, data, deep(drawn, 16, 20, 20), 16)


def test_pillow(tiny: str, drawn) -> None:
    import aezip.pillow  # noqa: F401

    codec, grey, colours = Codec(tiny), deep(drawn, 12, 20, 30, 1), deep(drawn, 12, 20, 30)
    for pixels, mode in ((grey, "I;16"), (colours, "RGB")):
        data = codec.encode(pixels, depth=12, lossless=True)
        want = depth.scaled(pixels, 12, 16 if mode == "I;16" else 8)
        with Image.open(io.BytesIO(data)) as image:
            assert image.mode == mode
            np.testing.assert_array_equal(np.asarray(image).reshape(want.shape), want)
        np.testing.assert_array_equal(np.asarray(codec.decompress(data)).reshape(want.shape), want)


def test_damage(codec: Codec, drawn) -> None:
    for lossless in (True, False):
        data = bytearray(codec.encode(deep(drawn, 12), depth=12, lossless=lossless))
        data[44] ^= 1  # the depth
        with pytest.raises(FormatError):
            codec.decode(bytes(data))


def test_graphs_that_cannot_be_made_finer(tiny: str) -> None:
    package = packages.Package(store.find(tiny))
    with pytest.raises(PackageDamaged, match=r"decoder\.onnx does not round its pixels"):
        float_graphs.fine(GraphName("decoder"), package.member("encoder.onnx"))
    for data in (b"", b"\x3a\x02\x0a"):
        with pytest.raises(PackageDamaged):
            float_graphs.fine(GraphName("decoder"), data)
