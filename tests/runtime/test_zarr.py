"""Arrays of pictures in Zarr, formats 2 and 3, and the codec of numcodecs under them."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import aezip
from aezip import errors

codecs = pytest.importorskip("numcodecs")
from aezip import numcodecs as ours  # noqa: E402

SHAPES = [(50, 70, 3), (1, 50, 70, 3), (50, 70), (1, 1, 50, 70), (50, 70, 1)]


@pytest.fixture(scope="module")
def pictures(drawn) -> np.ndarray:
    return np.stack([drawn(48, 64, seed=seed) for seed in range(3)])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_chunk_is_a_lat_file(tiny: str, drawn, shape: tuple[int, ...]) -> None:
    chunk = drawn(50, 70, channels=3 if shape[-1] == 3 else 1).reshape(shape)
    codec, whole = ours.Aezip(tiny, quality=80), aezip.Codec(tiny)
    data = codec.encode(chunk)
    assert data == whole.encode(chunk.reshape(50, 70, -1), 80)
    expected = whole.decode(data)[0].reshape(shape)
    for stored in (data, np.frombuffer(data, np.uint8), memoryview(data)):
        np.testing.assert_array_equal(codec.decode(stored).reshape(shape), expected)
    out = np.zeros_like(chunk)
    codec.decode(data, out)
    np.testing.assert_array_equal(out, expected)


def test_a_model_that_moved_is_found_by_its_fingerprint(tiny: str, drawn, monkeypatch) -> None:
    data = ours.Aezip(tiny).encode(drawn(20, 30))
    moved = ours.Aezip("/no/such/folder/tiny.aezm")
    with pytest.raises(errors.UnknownFingerprint):
        moved.decode(data)
    installed(tiny, monkeypatch)
    np.testing.assert_array_equal(moved.decode(data), ours.Aezip(tiny).decode(data))


def test_settings_travel(tiny: str) -> None:
    codec = ours.Aezip(tiny, quality=33.5, effort=0)
    config = codec.get_config()
    assert config == {"id": "aezip", "model": tiny, "quality": 33.5, "effort": 0, "lossless": None, "depth": None}
    codecs.register_codec(ours.Aezip)
    assert codecs.get_codec(json.loads(json.dumps(config))) == codec
    del config["lossless"]  # as it was written before files could be lossless
    assert codecs.get_codec(config) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec


@pytest.mark.parametrize("shape", [(2, 50, 70, 3), (3, 50, 70), (50,), (), (50, 70, 4)])
def test_what_is_no_picture_is_refused(tiny: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(errors.UsageError, match="one picture a chunk"):
        ours.Aezip(tiny).encode(np.zeros(shape, np.uint8))


def test_wrong_settings_and_types(tiny: str) -> None:
    for wrong in ({"quality": 101}, {"quality": "60"}, {"quality": True}, {"effort": 2}, {"model": 7}, {"lossless": 1}):
        with pytest.raises(errors.UsageError):
            ours.Aezip(**wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.ImageError, match="uint8"):
        ours.Aezip(tiny).encode(np.zeros((8, 8), np.float32))
    with pytest.raises(errors.NotALat):
        ours.Aezip(tiny).decode(b"no file at all")


def test_entry_points_lead_to_the_classes() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points."numcodecs.codecs"]\naezip = "aezip.numcodecs:Aezip"' in text
    assert '[project.entry-points."zarr.codecs"]\naezip = "aezip.zarr:Aezip"' in text
    assert EntryPoint("aezip", "aezip.numcodecs:Aezip", "numcodecs.codecs").load() is ours.Aezip


def test_without_numcodecs_the_command_to_type() -> None:
    code = "import sys; sys.modules['numcodecs'] = None; import aezip.numcodecs"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install zarr" in done.stderr.splitlines()[-1]


def installed(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEZIP_MODELS", os.path.dirname(tiny))
    ours._codec.cache_clear()


def test_an_array_of_format_2(tiny: str, pictures: np.ndarray, tmp_path: Path, monkeypatch) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    installed(tiny, monkeypatch)
    codecs.register_codec(ours.Aezip)
    array = zarr.create_array(
        tmp_path / "a",
        shape=pictures.shape,
        chunks=(1, 48, 64, 3),
        dtype="uint8",
        zarr_format=2,
        compressors=ours.Aezip("tiny", quality=90),
        fill_value=0,
    )
    array[:] = pictures
    again = zarr.open_array(tmp_path / "a", mode="r")
    for picture, stored in zip(pictures, again, strict=True):
        np.testing.assert_array_equal(stored, through(tiny, picture, 90))


@pytest.mark.parametrize("shards", [None, (2, 96, 64, 3)])
def test_an_array_of_format_3(tiny: str, pictures: np.ndarray, tmp_path: Path, monkeypatch, shards) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    from aezip.zarr import Aezip

    installed(tiny, monkeypatch)
    zarr.registry.register_codec("aezip", Aezip)
    array = zarr.create_array(
        tmp_path / "a",
        shape=(3, 60, 64, 3),
        chunks=(1, 48, 64, 3),
        shards=shards,
        dtype="uint8",
        serializer=Aezip("tiny", quality=90),
        compressors=None,
        fill_value=7,
    )
    array[:, :48] = pictures
    again = zarr.open_array(tmp_path / "a", mode="r")
    np.testing.assert_array_equal(again[0, :48], through(tiny, pictures[0], 90))
    np.testing.assert_array_equal(again[1, 10:20, 30:40], through(tiny, pictures[1], 90)[10:20, 30:40])
    assert (again[:, 48:] == 7).all()
    assert '"aezip"' in (tmp_path / "a" / "zarr.json").read_text()
    if shards is None:
        data = (tmp_path / "a" / "c/0/0/0/0").read_bytes()
        assert aezip.unpack(data).header.width == 64


def test_lossless_chunks_need_no_model(drawn, tmp_path: Path) -> None:
    chunk = drawn(50, 70)
    codec = ours.Aezip("no such model", lossless=True)
    np.testing.assert_array_equal(codec.decode(codec.encode(chunk)), chunk)
    zarr = pytest.importorskip("zarr", minversion="3")
    from aezip.zarr import Aezip

    zarr.registry.register_codec("aezip", Aezip)
    array = zarr.create_array(
        tmp_path / "a",
        shape=(2, 50, 70),
        chunks=(1, 50, 70),
        dtype="uint8",
        serializer=Aezip("none", lossless=True),
        compressors=None,
        fill_value=0,
    )
    array[:] = np.moveaxis(chunk, 2, 0)[:2]
    array[0, 3:5] = 7
    again = zarr.open_array(tmp_path / "a", mode="r")
    np.testing.assert_array_equal(again[1], chunk[..., 1])
    np.testing.assert_array_equal(again[0, 5:], chunk[5:, :, 0])
    told = Aezip(quality=33, lossless=False).to_dict()
    assert Aezip.from_dict(json.loads(json.dumps(told))) == Aezip(quality=33, lossless=False)
    del told["configuration"]["lossless"]
    assert Aezip.from_dict(told) == Aezip(quality=33)


def test_channels_in_front(tiny: str, pictures: np.ndarray, monkeypatch) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    from aezip.zarr import Aezip

    installed(tiny, monkeypatch)
    zarr.registry.register_codec("aezip", Aezip)
    array = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=(3, 3, 48, 64),
        chunks=(1, 3, 48, 64),
        dtype="uint8",
        filters=zarr.codecs.TransposeCodec(order=(0, 2, 3, 1)),
        serializer=Aezip("tiny"),
        compressors=None,
    )
    array[:] = pictures.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(array[2].transpose(1, 2, 0), through(tiny, pictures[2], 60))


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("bits", [12, 16])
def test_arrays_of_16_bits(tiny: str, drawn, monkeypatch, bits: int, lossless: bool) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    from aezip.zarr import Aezip

    installed(tiny, monkeypatch)
    pictures = np.stack([drawn(48, 64, seed).astype(np.uint16) << bits - 8 for seed in range(2)])
    settings = {"model": "tiny", "lossless": lossless, "depth": None if bits == 16 else bits}
    ways = {2: {"compressors": ours.Aezip(**settings)}, 3: {"serializer": Aezip(**settings), "compressors": None}}
    codec, want = aezip.Codec(tiny), []
    for picture in pictures:
        want.append(codec.decode(codec.encode(picture, 60, lossless=lossless, depth=bits))[0])
    for version, how in ways.items():
        store = zarr.storage.MemoryStore()
        array = zarr.create_array(
            store, shape=pictures.shape, chunks=(1, 48, 64, 3), dtype="uint16", zarr_format=version, **how
        )
        array[:] = pictures
        found = zarr.open_array(store)[:]
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, pictures if lossless else want)


def test_arrays_that_cannot_be_are_refused(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    from aezip.zarr import Aezip

    chunks = {"chunks": (2, 8, 8, 3), "serializer": Aezip(), "compressors": None, "fill_value": 0}
    with pytest.raises(errors.ImageError, match="uint32; expected uint8 or uint16"):
        zarr.create_array(tmp_path / "a", shape=(2, 8, 8, 3), dtype="uint32", **chunks)
    array = zarr.create_array(tmp_path / "b", shape=(2, 8, 8, 3), dtype="uint8", **chunks)
    with pytest.raises(errors.UsageError, match="one picture a chunk"):
        array[:] = 1
    with pytest.raises(errors.UsageError, match="configured with speed"):
        Aezip.from_dict({"name": "aezip", "configuration": {"speed": 1}})


def test_bytes_in_another_order_are_refused(tiny: str, drawn) -> None:
    """Zarr of format 2 would read what comes back in the array's order."""
    other = np.dtype(np.uint16).newbyteorder()
    with pytest.raises(errors.ImageError, match="expected uint8, or uint16 in this machine's order of bytes"):
        ours.Aezip(tiny).encode(drawn(40, 50).astype(other))


def through(tiny: str, picture: np.ndarray, quality: float) -> np.ndarray:
    codec = aezip.Codec(tiny)
    return codec.decode(codec.encode(picture, quality))[0]


def test_arrays_of_order_f_are_refused(tiny: str, drawn) -> None:
    codec = ours.Aezip(tiny)
    with pytest.raises(errors.UsageError, match="order 'F'"):
        codec.encode(np.asfortranarray(drawn(40, 50)))
    assert codec.decode(codec.encode(drawn(40, 50))).shape == (40, 50, 3)
