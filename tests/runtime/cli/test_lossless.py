"""Lossless and patched files through every command, with the codec itself; no model is installed for the former."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from aezip import embed
from aezip.cli import main
from aezip.errors import UnknownFingerprint
from aezip.format import container
from aezip.model import store
from aezip.viewer.server import Shown

pytestmark = pytest.mark.repairs


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("AEZIP_MODELS", str(tmp_path / "empty"))
    monkeypatch.setattr(store, "installed", lambda *_: [])
    with pytest.raises(UnknownFingerprint):
        store.find_fingerprint(bytes(8))


def run(*args: str, **options: bytes) -> Result:
    result = CliRunner().invoke(main, list(args), prog_name="aezip", **options)  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result


def pixels_of(name: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(name))


@pytest.mark.usefixtures("no_models")
@pytest.mark.parametrize("name", ["exact-rgb", "exact-palette-4", "exact-grey-1", "exact-alpha"])
def test_lossless_files_need_no_model(golden: Path, name: str) -> None:
    Path("a.lat").write_bytes((golden / f"{name}.lat").read_bytes())
    want = np.load(golden / "exact.npz")[name]
    assert "lossless" in run("decompress", "a.lat").stderr
    shown = pixels_of("a.png")
    np.testing.assert_array_equal(shown.reshape(*want.shape[:2], -1)[..., : want.shape[2]], want)
    run("decompress", "a.lat", "--region", "2,1,5,3", "-o", "part.png")
    np.testing.assert_array_equal(pixels_of("part.png"), shown[1:4, 2:7])
    assert "a.lat  whole" in run("verify", "a.lat").stdout
    if name != "exact-alpha":  # its colours under full transparency are not those that compress would store
        assert "inf dB" in run("verify", "a.lat", "--original", "a.png").stdout
    Shown("a.lat").check()
    lines = run("info", "a.lat").stdout.splitlines()
    assert "  quality    lossless" in lines
    assert "  model      none needed" in lines
    assert lines[-1].endswith("(exact pixels)")
    assert run("info", "-", input=Path("a.lat").read_bytes()).stdout.splitlines()[1:] == lines[1:]
    (facts,) = json.loads(run("info", "--json", "a.lat").stdout)
    assert (facts["lossless"], facts["patched_cells"], facts["model"]) == (True, 0, None)


def test_patches_are_counted(golden: Path, tiny: str) -> None:
    Path("a.lat").write_bytes((golden / "patched.lat").read_bytes())
    lines = run("info", "a.lat").stdout.splitlines()
    assert "  patched    4 of 12 cells of 16 × 16 pixels are exact" in lines
    assert "(patches), LATN" in lines[-1]
    assert "  latents    all coded, none skipped" in run("info", str(golden / "whole.lat")).stdout.splitlines()
    assert "patched    4 of 12" in run("decompress", "-v", "a.lat", "-m", tiny).stderr
    run("decompress", "a.lat", "-m", tiny, "--region", "16,0,16,16", "-o", "part.png")
    np.testing.assert_array_equal(pixels_of("part.png"), pixels_of("a.png")[:16, 16:32])
    told = json.loads(run("verify", "a.lat", "-m", tiny, "--json-lines").stdout)
    assert (told["lossless"], told["patched_cells"]) == (False, 4)


def test_damaged_patches_are_one_line(golden: Path, tiny: str) -> None:
    lat = container.unpack((golden / "patched.lat").read_bytes())
    patch = container.Section(container.PATCHES, (lat.section(container.PATCHES) or b"")[:-1])
    Path("a.lat").write_bytes(container.pack(lat._replace(sections=(patch, *lat.sections[1:]))))
    for command in (("decompress", "-m", tiny), ("verify", "-m", tiny)):
        result = CliRunner().invoke(main, [command[0], "a.lat", *command[1:]])
        assert result.exit_code == 1
        assert result.stderr.startswith("aezip: error: a.lat: ")
        assert result.stderr.count("\n") == 1


def test_compressing_without_loss(drawn) -> None:
    Image.fromarray(drawn(40, 50)).save("a.png")
    size = Path("a.png").stat().st_size
    run("compress", "a.png", "--lossless", "--verify", "-m", "photo")
    run("decompress", "a.lat", "-o", "b.png")
    np.testing.assert_array_equal(pixels_of("b.png"), pixels_of("a.png"))
    told = json.loads(run("compress", "-f", "a.png", "--no-lossless", "--cell-psnr", "45", "--json-lines").stdout)
    assert not told["lossless"]
    assert told["patched_cells"] > 0
    assert told["bytes_before"] == size
    Image.fromarray(np.full((64, 96, 3), (200, 20, 20), np.uint8)).save("flat.png")
    for options, lossless in (((), True), (("--no-lossless",), False)):
        told = json.loads(run("compress", "-f", "flat.png", *options, "--target-size", "2KB", "--json-lines").stdout)
        assert told["lossless"] == lossless


def test_the_half_of_a_device_reads_both(golden: Path, tiny: str) -> None:
    decoder = embed.Decoder(tiny)
    np.testing.assert_array_equal(
        decoder.decode((golden / "exact-rgb.lat").read_bytes()), np.load(golden / "exact.npz")["exact-rgb"]
    )
    want = np.load(golden / "pixels.npz")["patched"]
    found = decoder.decode((golden / "patched.lat").read_bytes())
    assert abs(found.astype(int) - want).max() <= 1
    np.testing.assert_array_equal(found[:16, 16:32], want[:16, 16:32])


def test_pipes(golden: Path, tiny: str) -> None:
    data = (golden / "exact-rgb.lat").read_bytes()
    result = run("decompress", "-", "-o", "-", input=data)
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(result.stdout_bytes))), np.load(golden / "exact.npz")["exact-rgb"]
    )
