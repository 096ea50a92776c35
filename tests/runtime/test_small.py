"""The small decoder: golden pixels, the same everywhere it can be asked for, and missed by name."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip import Codec, embed, errors
from aezip.cli import main
from aezip.model import packages, store, writing

CASES = ("integer", "integer-tiles", "integer-fine", "integer-grey")


@pytest.fixture(scope="module")
def both(golden: Path) -> str:
    """A model with a small decoder, too."""
    return str(golden / "small/tiny-integer.aezm")


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_the_golden_ones(both: str, golden: Path, name: str) -> None:
    data = (golden / f"{name}.lat").read_bytes()
    wanted = np.load(golden / "small/pixels.npz")[name]
    small = Codec(both, decoder="small")
    np.testing.assert_array_equal(small.decode(data)[0], wanted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(small)).decode(data)[0], wanted)
    np.testing.assert_array_equal(small.decode(data, region=(17, 5, 4, 16))[0], wanted[5:21, 17:21])
    found = embed.Decoder(both, decoder="small", size=wanted.shape[:2]).decode(data)
    np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
    np.testing.assert_array_equal(Codec(both).decode(data)[0], np.load(golden / "integer.npz")[name])


def test_it_changes_no_file_and_no_smaller_picture(both: str, golden: Path, drawn) -> None:
    small, full, plain = Codec(both, decoder="small"), Codec(both), Codec(str(golden / "tiny-integer.aezm"))
    pixels = drawn(40, 50)
    data = small.encode(pixels, 60)
    assert data == full.encode(pixels, 60) == plain.encode(pixels, 60)
    assert small.decode(data, scale=2)[0].shape == (20, 25, 3)
    packages.check(store.find(both))


def test_samples_of_more_bits_are_near_those_of_8(both: str, golden: Path) -> None:
    data = (golden / "depth-16-integer.lat").read_bytes()
    small = Codec(both, decoder="small")
    deep, plain = small.decode(data)[0], small.decode(data, to_8bit=True)[0]
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - plain).max() <= 0.51
    assert not np.array_equal(deep, Codec(both).decode(data)[0])


def test_halves_take_it_or_leave_it(both: str, golden: Path, tmp_path: Path) -> None:
    halves = {half: tmp_path / f"{half}.aezm" for half in ("encoder", "decoder")}
    for half, path in halves.items():
        path.write_bytes(writing.split(store.find_codec(both), half))
    assert "decoder.small.onnx" not in store.find(str(halves["encoder"])).members
    data = (golden / "integer.lat").read_bytes()
    found = embed.Decoder(halves["decoder"], decoder="small").decode(data)
    np.testing.assert_array_equal(found, np.load(golden / "small/pixels.npz")["integer"])
    Codec(str(halves["encoder"]), decoder="small").encode(np.zeros((20, 20, 3), np.uint8))


def test_the_command(both: str, golden: Path, tmp_path: Path) -> None:
    lat, back = golden / "integer.lat", tmp_path / "back.png"
    arguments = ["decompress", str(lat), "-o", str(back), "--decoder", "small", "-m"]
    result = CliRunner().invoke(main, [*arguments, str(golden / "tiny-integer.aezm")])
    assert result.exit_code == 1
    assert "the model 'tiny-integer' has no small decoder; expected the full one" in result.stderr
    assert not back.exists()
    result = CliRunner().invoke(main, [*arguments, both])
    assert result.exit_code == 0, result.output
    with Image.open(back) as image:
        np.testing.assert_array_equal(np.asarray(image), np.load(golden / "small/pixels.npz")["integer"])


def test_the_doctor_looks_at_it(both: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "-m", both, "--json"])
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(both) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members[packages.DESCRIPTION])
    about["small_pixels_digest"] = "0" * 16
    path = tmp_path / "wrong.aezm"
    path.write_bytes(writing.pack({**members, packages.DESCRIPTION: writing.description_text(about)}))
    result = CliRunner().invoke(main, ["doctor", "-m", str(path)])
    assert result.exit_code == 1
    about["digests"]["decoder.small.onnx"] = "no digest"
    path.write_bytes(writing.pack({**members, packages.DESCRIPTION: writing.description_text(about)}))
    with pytest.raises(errors.PackageDamaged):
        store.find(str(path))


def test_a_package_without_one_does_not_hide_one_that_has_it(both: str, golden: Path, monkeypatch, tmp_path) -> None:
    for name, package in (("a", golden / "tiny-integer.aezm"), ("b", Path(both))):
        (tmp_path / f"{name}.aezm").write_bytes(package.read_bytes())
    monkeypatch.setenv("AEZIP_MODELS", str(tmp_path))
    found = Codec(None, decoder="small").decode((golden / "integer.lat").read_bytes())[0]
    np.testing.assert_array_equal(found, np.load(golden / "small/pixels.npz")["integer"])
