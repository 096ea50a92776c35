"""Arrays in, arrays out, on the golden model; and the shipped one on a few pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from aezip import coding, errors
from aezip.codec import Codec
from aezip.coding import encoder, tiles, windows
from aezip.engine.sessions import Sessions
from aezip.errors import PackageDamaged
from aezip.format import container
from aezip.model.kinds import GraphName
from aezip.quality.metrics import psnr_db


@pytest.fixture(scope="module")
def codec(tiny) -> Codec:
    return Codec(tiny)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (64, 64), (65, 63), (17, 130), (128, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_comes_back(codec, drawn, size, channels) -> None:
    pixels = drawn(*size, channels=channels)
    out, lat = codec.decode(codec.encode(pixels, 70))
    assert out.shape == pixels.shape
    assert out.dtype == np.uint8
    assert (lat.header.width, lat.header.height) == size[::-1]


def test_a_flat_array_is_grey(codec, drawn) -> None:
    pixels = drawn(20, 30, channels=1)
    assert codec.encode(pixels[:, :, 0]) == codec.encode(pixels)


def test_quality_buys_fidelity(codec, drawn) -> None:
    pixels = drawn(192, 256)
    files = [codec.encode(pixels, quality) for quality in range(0, 101, 10)]
    sizes = [len(f) for f in files]
    psnr = [psnr_db(pixels, codec.decode(f)[0]) for f in files]
    assert sizes == sorted(sizes)
    assert psnr[-1] > psnr[5] > psnr[0]


def test_the_same_input_gives_the_same_bytes(tiny, drawn) -> None:
    pixels = drawn(100, 90)
    assert len({Codec(tiny).encode(pixels, 55.5) for _ in range(3)}) == 1


def test_size_is_what_the_tables_predict(codec, drawn) -> None:
    pixels = drawn(320, 384)
    for quality in (30, 100):
        found = coding.at(Sessions(codec.package), quality * 10)
        latent = found.graphs.encoder(windows.pad(pixels))
        phases, *_ = found.symbols(latent, *latent.shape[:2], found.graphs.hyper(latent))
        bits = sum(codec.package.tables.bits(*phase) for phase in phases)
        assert 8 * (len(codec.encode(pixels, quality)) - 44) == pytest.approx(bits, rel=0.02, abs=8 * 24)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("optimisation", ["disabled", "basic", "extended", "all"])
def test_latents_are_the_same_everywhere(codec, drawn, threads, optimisation) -> None:
    """Written and read under every thread count and optimisation level: the same latents."""
    pixels = drawn(150, 170, seed=3)
    one = Sessions(codec.package, threads=threads, optimisation=optimisation)
    two = Sessions(codec.package, threads=1, optimisation="disabled")
    for quality in (15, 600, 1000):
        other, ours = (coding.at(sessions, quality) for sessions in (one, two))
        latent = other.graphs.encoder(windows.pad(pixels))
        stream, *_ = other.encode(latent, *latent.shape[:2])
        want = ours.decode(stream, *latent.shape[:2])
        np.testing.assert_array_equal(other.decode(stream, *latent.shape[:2]), want)


def test_tiles_hold_the_same_picture(codec, drawn, monkeypatch) -> None:
    pixels = drawn(200, 330)
    whole, _ = codec.decode(codec.encode(pixels, 80))
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    data = codec.encode(pixels, 80)
    tiled, lat = codec.decode(data)
    assert lat.header.tile == 64
    # means differ at the tiles' borders, so rounding does, a little
    assert psnr_db(pixels, tiled) == pytest.approx(psnr_db(pixels, whole), abs=0.3)


def test_streams_of_tiles_are_measured() -> None:
    streams = [b"abc", b"", b"de"]
    packed = tiles.pack_streams(streams)
    assert tiles.unpack_streams(packed, 3) == streams
    for broken, count in ((packed[:-1], 3), (packed + b"x", 3), (b"12", 2)):
        with pytest.raises(errors.StreamDamaged):
            tiles.unpack_streams(broken, count)


def test_a_damaged_stream_is_noticed(codec, drawn) -> None:
    """Behind a checksum that was made to fit, the states' end tells."""
    lat = container.unpack(codec.encode(drawn(64, 64), 60))
    for at in (0, 3, len(lat.body) // 2, len(lat.body) - 1):
        body = bytearray(lat.body)
        body[at] ^= 0x10
        broken = container.pack(container.Lat(lat.header, (container.Section(container.LATENTS, bytes(body)),)))
        with pytest.raises(errors.StreamDamaged):
            codec.decode(broken)


@pytest.mark.parametrize(
    ("pixels", "quality", "error"),
    [
        (np.zeros((4, 4, 3), np.float32), 50, errors.ImageError),
        (np.zeros((4, 4, 4), np.uint8), 50, errors.ImageError),
        (np.zeros((0, 4, 3), np.uint8), 50, errors.ImageError),
        ("picture.png", 50, errors.ImageError),
        (np.zeros((4, 4, 3), np.uint8), 101, errors.UsageError),
        (np.zeros((4, 4, 3), np.uint8), float("nan"), errors.UsageError),
    ],
)
def test_wrong_input_is_named(codec, pixels, quality, error) -> None:
    with pytest.raises(error):
        codec.encode(pixels, quality)


def test_pillow_images_keep_their_metadata(codec, drawn) -> None:
    image = Image.fromarray(drawn(40, 50))
    image.info["icc_profile"] = b"a profile"
    out = codec.decompress(codec.compress(image, quality=80))
    assert out.size == image.size
    assert out.info["icc_profile"] == b"a profile"


def test_the_shipped_model_beats_a_guess(drawn) -> None:
    codec = Codec()
    pixels = drawn(192, 256)
    data = codec.encode(pixels, 60)
    out, lat = codec.decode(data)
    assert lat.header.fingerprint == codec.package.fingerprint
    assert psnr_db(pixels, out) > 28
    assert len(data) < pixels.size / 4


def test_files_of_other_installed_models_decode(tiny, drawn, monkeypatch, golden) -> None:
    data = Codec(tiny).encode(drawn(30, 30))
    with pytest.raises(errors.UnknownFingerprint):
        Codec().decode(data)
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    assert Codec().decode(data)[0].shape == (30, 30, 3)


@pytest.mark.parametrize("name", ["encoder", "hyper", "prior", "context", "decoder"])
def test_graphs_that_give_other_shapes_are_damage(tiny: str, drawn, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    codec = Codec(tiny, threads=1)
    data = codec.encode(drawn(64, 64))
    session = Sessions.session

    class Cut:
        def __init__(self, whole: Any) -> None:
            self.whole, self.get_outputs = whole, whole.get_outputs

        def run(self, *args: Any) -> list[Any]:
            return [output[:, :, :-1] for output in self.whole.run(*args)]

    def cut(self: Sessions, graph: GraphName, inputs: dict[str, Any]) -> Any:
        whole = session(self, graph, inputs)
        return Cut(whole) if graph.role == name else whole

    monkeypatch.setattr(Sessions, "session", cut)
    with pytest.raises(PackageDamaged, match=rf"{name}\.onnx gives .*; expected [12]×"):
        codec.encode(drawn(64, 64))
        codec.decode(data)


def test_an_engine_that_says_nothing(tiny: str, drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("onnxruntime.InferenceSession", fail)
    with pytest.raises(PackageDamaged, match=r"onnxruntime cannot open \w+\.onnx \(RuntimeError\)"):
        Codec(tiny).encode(drawn(64, 64))


def test_a_thin_picture_is_tiled_by_the_cells_that_it_touches(tiny: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (66_000, 1, 3), np.uint8)
    codec = Codec(tiny)
    data = codec.encode(pixels)
    back, lat = codec.decode(data)
    assert lat.header.tile
    assert back.shape == pixels.shape
    whole = container.pack(lat._replace(header=lat.header._replace(tile_units=16)))
    assert container.unpack(whole).header.tile == 1024
    with pytest.raises(errors.HeaderDamaged, match="tiles of 4227072 pixels; expected at most 4194304"):
        container.pack(lat._replace(header=lat.header._replace(tile_units=0)))
