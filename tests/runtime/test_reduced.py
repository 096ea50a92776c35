"""Smaller pictures of `.lat` files: by every door the same, near the averages of the whole."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import aezip.pillow
from aezip import embed, errors, images
from aezip.cli import main
from aezip.codec import Codec
from aezip.coding import encoder, windows
from aezip.format.averages import averaged
from aezip.format.scales import SCALES
from aezip.model import packages, store, writing

assert aezip.pillow


@pytest.fixture(scope="session")
def small(golden: Path) -> str:
    """The golden model with decoders of small pictures."""
    return str(golden / "reduced" / "tiny.aezm")


@pytest.fixture(scope="module")
def kept(golden: Path) -> dict[str, np.ndarray]:
    return dict(np.load(golden / "reduced" / "pixels.npz"))


def test_golden_files_at_every_scale(golden, small, kept) -> None:
    codec = Codec(small)
    for key, want in kept.items():
        name, scale = key.split(".")
        found = codec.decode((golden / f"{name}.lat").read_bytes(), scale=int(scale))[0]
        assert found.shape == want.shape
        assert np.abs(found.astype(int) - want).max() <= (0 if name.startswith("exact") else 1)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_near_the_averages_of_the_whole(small, tiny, drawn, scale) -> None:
    data = Codec(small).encode(drawn(150, 90, seed=40), 60)
    want = averaged(Codec(small).decode(data)[0], scale).astype(int)
    for model, most in ((small, 2.5), (tiny, 0)):  # without such decoders it is them, but where the border cuts squares
        found = Codec(model).decode(data, scale=scale)[0]
        assert found.shape == want.shape
        assert np.abs(found - want)[:-1, :-1].mean() <= most


def test_tiles_windows_and_regions(small, drawn, monkeypatch) -> None:
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    codec, pixels = Codec(small, threads=1), drawn(333, 210, seed=41)
    data = codec.encode(pixels, 50)
    for scale in SCALES:
        whole = codec.decode(data, scale=scale)[0].astype(int)
        with monkeypatch.context() as patch:
            patch.setattr(windows, "WINDOW", 4)
            assert np.abs(whole - codec.decode(data, scale=scale)[0]).max() <= 1
        part = codec.decode(data, region=(37, 101, 64, 100), scale=scale)[0]
        top, left = 101 // scale, 37 // scale
        assert part.shape == (-(-201 // scale) - top, -(-101 // scale) - left, 3)
        assert np.abs(whole[top : top + part.shape[0], left : left + part.shape[1]] - part).max() <= 1


def test_patches_follow(small, golden, tiny) -> None:
    data = (golden / "patched.lat").read_bytes()
    codec = Codec(small)
    whole = codec.decode(data)[0]
    for row, column in [(0, 1), (1, 3), (2, 0), (2, 3)]:  # whole cells, and some that the border cuts
        for scale in (2, 4, 8, 16):
            side = 16 // scale
            cell = averaged(whole[16 * row : 16 * (row + 1), 16 * column : 16 * (column + 1)], scale)
            found = codec.decode(data, scale=scale)[0][side * row :, side * column :][:side, :side]
            assert np.array_equal(found, cell)


def test_alpha_resolution_and_exact_pixels(small, drawn) -> None:
    plane = np.where(np.arange(50)[:, None] < 20, 0, 255).astype(np.uint8) * np.ones((1, 40), np.uint8)
    about = images.Resolution(Fraction(300), Fraction(150), 1)
    picture = images.Picture(drawn(50, 40), alpha=plane, resolution=about)
    for lossless in (False, True):
        data = Codec(small).encode(picture.pixels, 60, sections=images.sections_of(picture), lossless=lossless)
        pixels, lat = Codec(small).decode(data, scale=8)
        found = images.picture_of(pixels, lat, scale=8)
        assert np.array_equal(found.alpha, averaged(plane[..., None], 8)[..., 0])
        assert (found.resolution.x, found.resolution.y) == (Fraction(300, 8), Fraction(150, 8))
        if lossless:
            assert np.array_equal(pixels, averaged(picture.pixels, 8, plane))


def test_doors_agree(small, drawn, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AEZIP_MODELS", str(Path(small).parent))
    aezip.pillow._codec.cache_clear()  # other tests have models of the same fingerprint
    data = Codec(small).encode(drawn(160, 120, seed=42), 60)
    (tmp_path / "a.lat").write_bytes(data)
    want = Codec(small).decode(data, scale=8)[0]
    for size in (None, (160, 120)):
        assert np.array_equal(embed.Decoder(small, size=size).decode(data, scale=8), want)
    with Image.open(tmp_path / "a.lat") as image:
        assert image.draft(None, (15, 20)) == ("RGB", (0, 0, 15.0, 20.0))
        assert image.size == (15, 20)
        assert np.array_equal(np.asarray(image), want)
    with Image.open(io.BytesIO(data)) as image:
        assert image.draft(None, (120, 160)) is None
        image.thumbnail((15, 15))
        assert image.size == (11, 15)
    with Image.open(tmp_path / "a.lat") as image:
        assert image.draft(None, (100, 100)) is None
        assert np.array_equal(np.asarray(image), Codec(small).decode(data)[0])
    arguments = ["decompress", str(tmp_path / "a.lat"), "--scale", "1/8", "-o", str(tmp_path / "a.png")]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 0, run.output
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), want)


def test_folders_of_thumbnails(small, drawn, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AEZIP_MODELS", str(Path(small).parent))
    for n, shape in enumerate([(160, 120), (20, 33), (90, 300)]):
        (tmp_path / f"in/{n}").mkdir(parents=True)
        (tmp_path / f"in/{n}/a.lat").write_bytes(Codec(small).encode(drawn(*shape, seed=n), 60))
    arguments = ["decompress", "-r", str(tmp_path / "in"), "--max-size", "50", "-o", str(tmp_path / "out"), "-j", "2"]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 0, run.output
    for n, size in enumerate([(38, 50), (33, 20), (50, 15)]):
        with Image.open(tmp_path / f"out/{n}/a.png") as image:
            assert image.size == size
    for wrong in (["--scale", "1/3"], ["--max-size", "0"], ["--scale", "1/8", "--max-size", "50"]):
        assert CliRunner().invoke(main, ["decompress", str(tmp_path / "in/0/a.lat"), *wrong]).exit_code == 2
    with pytest.raises(errors.UsageError, match="a scale of 3; expected one of"):
        Codec(small).decode(b"", scale=3)


def test_the_model_is_the_same(small, tiny, tmp_path) -> None:
    found, plain = store.find(small), store.find(tiny)
    assert found.fingerprint == plain.fingerprint
    assert set(found.members) - set(plain.members) == {"decoder.8.onnx", "decoder.4.onnx"}
    packages.check(found)
    assert [packages.Package(found).decoder(scale) for scale in SCALES] == [
        ("decoder", 1),
        ("decoder", 1),
        ("decoder.4", 4),
        ("decoder.8", 8),
        ("decoder.8", 8),
    ]
    assert {packages.Package(plain).decoder(scale) for scale in SCALES} == {("decoder", 1)}
    for half, has in (("decoder", True), ("encoder", False)):
        path = tmp_path / f"{half}.aezm"
        path.write_bytes(writing.split(packages.Package(found), half))
        assert ("decoder.8.onnx" in packages.describe(path).members) == has
