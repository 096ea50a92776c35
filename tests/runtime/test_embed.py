"""Half a codec: the bytes and pixels of the whole one, with less of everything else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aezip import embed, errors, unpack
from aezip.cli import messages
from aezip.codec import Codec
from aezip.coding import windows
from aezip.engine import fixed_size, library
from aezip.engine.sessions import open_session
from aezip.model import packages, store, writing
from aezip.model.kinds import GraphName


@pytest.fixture(scope="module")
def halves(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("halves")
    whole = packages.Package(store.find(tiny))
    for half in ("encoder", "decoder"):
        (folder / f"{half}.aezm").write_bytes(writing.split(whole, half))
    return {half: str(folder / f"{half}.aezm") for half in ("encoder", "decoder")}


@pytest.mark.parametrize("shape", [(50, 70, 3), (64, 64, 1), (1, 90)])
@pytest.mark.parametrize("planned", [False, True])
def test_a_half_does_what_the_codec_does(tiny, halves, drawn, shape, planned) -> None:
    size = shape[:2] if planned else None
    codec, encoder = Codec(tiny), embed.Encoder(halves["encoder"], size=size)
    decoder = embed.Decoder(halves["decoder"], size=size)
    for seed, quality in enumerate((60, 5.5, 100)):
        pixels = drawn(*shape[:2], seed=seed, channels=3 if shape[-1] == 3 else 1).reshape(shape)
        data = codec.encode(pixels, quality)
        assert encoder.encode(pixels, quality) == data
        image = decoder.decode(data)
        want = codec.decode(data)[0]
        np.testing.assert_array_equal(image, want if shape[-1] == 3 else want[:, :, 0])


@pytest.mark.parametrize("threads", [1, 2])
def test_windows_and_tiles_of_a_planned_size(tiny, halves, drawn, monkeypatch, threads) -> None:
    monkeypatch.setattr("aezip.coding.encoder.TILED_FROM", 0)
    monkeypatch.setattr("aezip.coding.encoder.TILE", 1)
    monkeypatch.setattr(windows, "WINDOW", 8)
    encoder = embed.Encoder(halves["encoder"], size=(333, 410), threads=threads)
    decoder = embed.Decoder(halves["decoder"], size=(333, 410), threads=threads)
    codec = Codec(tiny, threads=threads)
    for seed in range(2):
        pixels = drawn(333, 410, seed=seed)
        data = codec.encode(pixels)
        assert encoder.encode(pixels) == data
        np.testing.assert_array_equal(decoder.decode(data), codec.decode(data)[0])


def test_the_shipped_model_at_its_default(drawn) -> None:
    pixels = drawn(130, 200)
    assert embed.Encoder(size=(130, 200)).encode(pixels) == Codec().encode(pixels)


def test_a_planned_size_opens_sessions_once(halves, drawn, monkeypatch) -> None:
    opened: list[tuple[Any, ...]] = []
    real = fixed_size.open_session

    def noted(*args: Any, **options: Any) -> Any:
        opened.append((str(args[1]), options["dimensions"]))
        return real(*args, **options)

    monkeypatch.setattr(fixed_size, "open_session", noted)
    encoder = embed.Encoder(halves["encoder"], size=(100, 90))
    decoder = embed.Decoder(halves["decoder"], size=(100, 90))
    for seed in range(3):
        decoder.decode(encoder.encode(drawn(100, 90, seed=seed)))
    assert sorted(name for name, _ in opened) == ["context", "context", "decoder", "encoder", "hyper", "prior", "prior"]
    assert dict(opened)["encoder"] == {"N": 1, "H": 128, "W": 128, "h": 8, "w": 8, "p": 4, "q": 4, "a": 2, "b": 2}


@pytest.mark.parametrize("name", ["decoder.small", "context"])
def test_a_planned_size_keeps_products_of_8_bits(tmp_path, monkeypatch, name) -> None:
    """onnxruntime would make `Gemm`s of float of them, to the same numbers, in twice the time."""
    ort, package = library.onnxruntime(), packages.Package(store.find("photo"))
    plain = ort.SessionOptions

    def saved(dimensions: dict[str, int] | None) -> bytes:
        file = tmp_path / f"{bool(dimensions)}.onnx"

        def options() -> Any:
            made = plain()
            made.optimized_model_filepath = str(file)
            return made

        monkeypatch.setattr(ort, "SessionOptions", options)
        open_session(package, GraphName.of(name), "cpu", 1, "extended", dimensions)
        return file.read_bytes()

    sizes = {"N": 1, "h": 32, "w": 48, "p": 16, "q": 24}
    any_size, one_size = saved(None), saved(sizes)
    products = any_size.count(b"MatMulIntegerToFloat")
    assert products > 3
    assert one_size.count(b"MatMulIntegerToFloat") == products
    assert b"Gemm" not in one_size


def test_wrong_input_is_named(tiny, halves, drawn, golden) -> None:
    encoder, decoder = embed.Encoder(tiny, size=(40, 50)), embed.Decoder(tiny, size=(40, 50))
    with pytest.raises(errors.UsageError, match="51×40 pixels; expected 50×40 pixels, the size of this encoder"):
        encoder.encode(drawn(40, 51))
    with pytest.raises(errors.UsageError, match="expected 50×40 pixels, the size of this decoder"):
        decoder.decode((golden / "odd.lat").read_bytes())
    with pytest.raises(errors.ImageError):
        encoder.encode(np.zeros((40, 50, 3)))
    with pytest.raises(errors.UsageError):
        encoder.encode(drawn(40, 50), 101)
    with pytest.raises(errors.NotALat):
        decoder.decode(b"GIF89a")
    with pytest.raises(errors.LimitExceeded):
        embed.Decoder(tiny, max_pixels=1999).decode(encoder.encode(drawn(40, 50)))
    with pytest.raises(errors.UnknownFingerprint, match="which this decoder holds"):
        embed.Decoder().decode(encoder.encode(drawn(40, 50)))
    with pytest.raises(errors.HalfPackage, match="cannot encode"):
        embed.Encoder(halves["decoder"])
    with pytest.raises(errors.HalfPackage, match="cannot decode"):
        embed.Decoder(halves["encoder"])
    with pytest.raises(errors.UsageError):
        embed.Encoder(tiny, threads=0)
    for size in ((40,), (0, 50), 40, (40.0, 50), "40x50", (True, 50)):
        with pytest.raises(errors.UsageError, match="expected rows and columns"):
            embed.Decoder(tiny, size=size)


def test_half_a_codec_promises_nothing_of_cells(tiny, halves, drawn) -> None:
    pixels, half = drawn(40, 50), Codec(halves["encoder"])
    assert half.encode(pixels, lossless=False) == embed.Encoder(tiny).encode(pixels)
    with pytest.raises(errors.HalfPackage, match="cannot see how its cells come out") as caught:
        half.encode(pixels, cell_psnr=30)
    assert unpack(half.encode(pixels, cell_psnr=30, lossless=True)).lossless  # there it holds
    assert messages.as_options(str(caught.value)).endswith("the whole model, or no --cell-psnr")


def test_alpha_is_left_where_it_is(tiny, golden) -> None:
    found = embed.Decoder(tiny).decode((golden / "alpha.lat").read_bytes())
    np.testing.assert_allclose(found.astype(int), np.load(golden / "pixels.npz")["alpha"], atol=1)


ALONE = """
import sys
for name in ("PIL", "click", "tqdm", "torch", "onnx", "aezip_train", "aezip_export", "aezip.images", "aezip.cli"):
    sys.modules[name] = None
import numpy as np
from aezip import embed
half, path, source, target = sys.argv[1:]
if half == "encoder":
    open(target, "wb").write(embed.Encoder(path, size=(50, 70)).encode(np.load(source), 60))
else:
    np.save(target, embed.Decoder(path, size=(50, 70)).decode(open(source, "rb").read()))
"""


def test_a_half_alone(tiny, halves, drawn, tmp_path: Path) -> None:
    """Each in a process without Pillow, click, tqdm, and without the other half's graphs."""
    pixels = drawn(50, 70)
    np.save(tmp_path / "in.npy", pixels)
    for half, source, target in (("encoder", "in.npy", "a.lat"), ("decoder", "a.lat", "out.npy")):
        paths = os.pathsep.join(p for p in sys.path if p)
        command = [sys.executable, "-c", ALONE, half, halves[half], str(tmp_path / source), str(tmp_path / target)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": paths})
    data = Codec(tiny).encode(pixels, 60)
    assert (tmp_path / "a.lat").read_bytes() == data
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), Codec(tiny).decode(data)[0])
