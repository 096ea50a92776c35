"""The beginning of a file: what it shows, for whom, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFile

import aezip.pillow
from aezip import errors
from aezip.cli import main
from aezip.codec import Codec
from aezip.coding import encoder, tiles
from aezip.format import container
from aezip.quality.metrics import psnr_db

assert aezip.pillow


@pytest.fixture(scope="module")
def data(tiny, drawn) -> bytes:
    return Codec(tiny).encode(drawn(200, 150, seed=50), 60)


def latents_from(data: bytes) -> int:
    """Where the latents begin."""
    return len(data) - len(container.unpack(data).body)


def test_more_of_a_file_shows_more(tiny, data) -> None:
    codec, start = Codec(tiny), latents_from(data)
    whole = codec.decode(data)[0]
    shown = []
    for share in (0.01, 0.2, 0.5, 0.8, 0.95):
        pixels, lat = codec.decode(data[: start + int(share * (len(data) - start))], partial=True)
        assert pixels.shape == whole.shape
        assert lat.missing == len(data) - start - int(share * (len(data) - start))
        shown.append(psnr_db(whole, pixels))
    assert shown == sorted(shown)
    assert shown[1] < shown[-1] - 3
    pixels, lat = codec.decode(data, partial=True)
    assert lat.missing == 0
    assert np.array_equal(pixels, whole)


def test_any_length_is_shown_or_refused(tiny, data) -> None:
    codec, start = Codec(tiny, threads=1), latents_from(data)
    for length in [*range(0, start + 80, 3), *range(start + 80, len(data), 97)]:
        with pytest.raises(errors.FormatError):
            codec.decode(data[:length])
        if length <= start:
            with pytest.raises(errors.FormatError):
                codec.decode(data[:length], partial=True)
        else:
            assert codec.decode(data[:length], partial=True)[1].missing == len(data) - length


@pytest.mark.parametrize("name", ["early", "early-tiles", "odd", "tiles", "static", "integer"])
def test_beginnings_of_golden_files_show_the_golden_pixels(golden, name) -> None:
    model = f"tiny-{name}" if name in ("static", "integer") else "tiny"
    codec = Codec(str(golden / f"{model}.aezm"))
    looks = dict(np.load(golden / "looks.npz"))
    lengths = [int(key.split(".")[1]) for key in looks if key.split(".")[0] == name]
    assert lengths
    for length in lengths:
        found = codec.decode((golden / f"{name}.lat").read_bytes()[:length], partial=True)[0]
        assert np.abs(found.astype(int) - looks[f"{name}.{length}"]).max() <= 1


def test_tiles_come_slice_by_slice(tiny, drawn, monkeypatch) -> None:
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    codec = Codec(tiny)
    data = codec.encode(drawn(200, 150, seed=51), 60)
    whole, lat = codec.decode(data)
    start = latents_from(data)
    half = codec.decode(data[: start + (len(data) - start) // 2], partial=True)[0]
    errors_of = np.abs(whole.astype(int) - half).mean(2)
    rows = [errors_of[n : n + 64].mean() for n in (0, 64, 128)]
    assert max(rows) < 2.5 * min(rows)  # no part of the picture waits for others
    streams = tiles.unpack_streams(lat.body, 12, tiles.SLICES)
    assert tiles.pack_streams(streams, tiles.SLICES) == lat.body
    assert tiles.pack_streams(streams) != lat.body
    with pytest.raises(errors.StreamDamaged, match="the lengths of 12 tiles"):
        codec.decode(data[: start + 40], partial=True)


@pytest.mark.parametrize("length", [[0, 0], [1, 500], [63, 64, 65, 129], [7] * 9])
def test_slices_put_together_are_the_streams(length) -> None:
    rng = np.random.default_rng(1)
    streams = [rng.bytes(n) for n in length]
    for slices in (1, 64):
        section = tiles.pack_streams(streams, slices)
        assert tiles.unpack_streams(section, len(length), slices) == streams
        for end in range(4 * len(length), len(section)):
            found = tiles.unpack_streams(section[:end], len(length), slices, len(section) - end)
            assert all(whole.startswith(part) for whole, part in zip(streams, found, strict=True))
            assert sum(map(len, found)) == end - 4 * len(length)


@pytest.mark.parametrize("name", ["static", "static-grey"])
def test_models_without_a_hyperprior(golden, drawn, name) -> None:
    codec = Codec(str(golden / f"tiny-{name}.aezm"))
    data = codec.encode(drawn(60, 70, channels=1 if "grey" in name else 3), 60)
    assert container.unpack(data).header.flags == container.PROGRESSIVE
    whole = codec.decode(data)[0]
    near, far = (psnr_db(whole, codec.decode(data[:-cut], partial=True)[0]) for cut in (len(data) // 5, len(data) // 2))
    assert near > far


def test_the_command_says_what_is_missing(tiny, golden, data, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    cut, exact = tmp_path / "cut.lat", tmp_path / "exact.lat"
    cut.write_bytes(data[: len(data) // 2])
    run = CliRunner().invoke(main, ["decompress", str(cut), "-o", str(tmp_path / "a.png")])
    assert run.exit_code == 1
    assert "the file ends" in run.stderr
    assert not (tmp_path / "a.png").exists()
    run = CliRunner().invoke(main, ["decompress", "--partial", str(cut), "-o", str(tmp_path / "a.png")])
    assert run.exit_code == 0
    assert run.stderr.count("note:") == 1
    assert "% of the latents" in run.stderr
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (150, 200)
    exact.write_bytes((golden / "exact-rgb.lat").read_bytes()[:-5])
    run = CliRunner().invoke(main, ["decompress", "--partial", str(exact), "-o", str(tmp_path / "b.png")])
    assert run.exit_code == 1


def test_pillow_loads_truncated_files_if_told_so(golden, data, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    (tmp_path / "cut.lat").write_bytes(data[: len(data) // 2])
    with Image.open(tmp_path / "cut.lat") as image, pytest.raises(OSError, match="the file ends"):
        image.load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(tmp_path / "cut.lat") as image:
        image.load()
        assert image.size == (150, 200)
