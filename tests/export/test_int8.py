"""Graphs in 8 bits: near those in float, of listed operators, optional everywhere."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip import errors
from aezip.cli import main
from aezip.codec import Codec
from aezip.model import kinds, onnx_check, packages, store, writing
from aezip.quality import metrics
from aezip_export import int8
from aezip_export.package import amend


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model that comes with aezip, whose decoder is exact, without its variant in 8 bits."""
    package = store.find_codec("photo")
    about = dict(package.about.description)
    optional = kinds.HYPERPRIOR.optional
    about["digests"] = {name: digest for name, digest in about["digests"].items() if name not in optional}
    members = {name: package.member(name) for name in about["digests"]}
    path = tmp_path_factory.mktemp("plain") / "photo.aezm"
    path.write_bytes(writing.pack({**members, packages.DESCRIPTION: writing.description_text(about)}))
    return str(path)


@pytest.fixture(scope="module")
def whole8(tmp_path_factory: pytest.TempPathFactory, plain: str, drawn) -> str:
    """The same with it; calibrated on drawn pictures."""
    path = tmp_path_factory.mktemp("int8") / "photo8.aezm"
    amend(Path(plain), path, int8.add(store.find_codec(plain), [drawn(128, 128, seed=n) for n in range(6)]))
    return str(path)


def test_8_bits_are_near_float_and_read_each_other(whole8: str, drawn) -> None:
    pixels = drawn(120, 150, seed=20)
    exact, fast = Codec(whole8), Codec(whole8, precision="int8")
    for precision in (exact, fast):
        data = precision.encode(pixels, 60)
        assert len(data) == pytest.approx(len(exact.encode(pixels, 60)), rel=0.05)
        np.testing.assert_array_equal(exact.decode(data)[0], fast.decode(data)[0])
    found = [metrics.psnr_db(pixels, exact.decode(codec.encode(pixels, 60))[0]) for codec in (exact, fast)]
    assert found[1] > found[0] - 0.1
    assert exact.encode(pixels, 60) != fast.encode(pixels, 60)


def test_the_package_is_the_same_model(whole8: str, plain: str) -> None:
    with_both, without = store.find(whole8), store.find(plain)
    assert with_both.fingerprint == without.fingerprint
    assert set(with_both.members) - set(without.members) == {"encoder.int8.onnx"}
    packages.check(with_both)
    pixels = np.zeros((20, 30, 3), np.uint8)
    assert Codec(whole8).encode(pixels) == Codec(plain).encode(pixels)


def listed(graph: bytes) -> bool:
    """Whether a graph computes in 8 bits with operators that packages may use."""
    found = {node.op_type for node in onnx.load_from_string(graph).graph.node}
    return {"DequantizeLinear", "QuantizeLinear"} <= found <= onnx_check.OPERATORS


def test_the_graph_is_of_listed_operators_and_half_the_size(whole8: str) -> None:
    package = store.find_codec(whole8)
    data = package.member("encoder.int8.onnx")
    assert listed(data)
    assert len(data) < 0.85 * len(package.member("encoder.onnx"))


def test_a_decoder_in_float_has_one_too(tiny: str, tmp_path: Path, drawn) -> None:
    path = tmp_path / "tiny8.aezm"
    amend(Path(tiny), path, int8.add(store.find_codec(tiny), [drawn(64, 64, seed=n) for n in range(3)]))
    assert listed(store.find_codec(str(path)).member("decoder.int8.onnx"))
    pixels = drawn(50, 70, seed=4)
    data = Codec(str(path)).encode(pixels, 60, lossless=False)
    exact, fast = (Codec(str(path), precision=precision).decode(data)[0] for precision in ("float", "int8"))
    assert not np.array_equal(exact, fast)
    assert metrics.psnr_db(exact, fast) > 30


def test_halves_take_their_own(whole8: str, tmp_path: Path, drawn) -> None:
    half = tmp_path / "half.aezm"
    half.write_bytes(writing.split(store.find_codec(whole8), "encoder"))
    assert "decoder.int8.onnx" not in store.find(str(half)).members
    pixels = drawn(40, 50)
    assert Codec(str(half), precision="int8").encode(pixels) == Codec(whole8, precision="int8").encode(pixels)


def test_the_commands(whole8: str, plain: str, tmp_path: Path, drawn) -> None:
    picture, lat, back = tmp_path / "a.png", tmp_path / "a.lat", tmp_path / "back.png"
    Image.fromarray(drawn(40, 50)).save(picture)
    arguments = ["compress", str(picture), "--precision", "int8", "-m"]
    result = CliRunner().invoke(main, [*arguments, plain])
    assert result.exit_code == 1
    assert "the model 'photo' has no graphs in 8 bits" in result.stderr
    assert not lat.exists()
    for step in ([*arguments, whole8], ["decompress", str(lat), "-o", str(back), "--precision", "int8", "-m", whole8]):
        result = CliRunner().invoke(main, step)
        assert result.exit_code == 0, result.output
    with Image.open(back) as image:
        assert image.size == (50, 40)


def test_an_unknown_precision_is_refused(tiny: str) -> None:
    with pytest.raises(errors.UsageError, match="precision 'int4'"):
        Codec(tiny, precision="int4")


def test_a_graph_without_branches_is_refused(tiny: str) -> None:
    package = store.find_codec(tiny)
    with pytest.raises(ValueError, match="no residual branches"):
        int8.quantised(package.member("hyper.onnx"), [])


def test_a_damaged_digest_of_the_description_is_refused(whole8: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(whole8) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members[packages.DESCRIPTION])
    about["digests"]["encoder.int8.onnx"] = "no digest"
    path = tmp_path / "damaged.aezm"
    path.write_bytes(writing.pack({**members, packages.DESCRIPTION: writing.description_text(about)}))
    with pytest.raises(errors.PackageDamaged):
        store.find(str(path))
