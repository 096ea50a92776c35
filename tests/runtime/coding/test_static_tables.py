"""Models without a hyperprior: files, golden ones too, and every command that takes a model."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip import codec as codecs
from aezip import coding, embed, errors, images
from aezip.cli import main
from aezip.coding import encoder, lossy, static_tables, windows
from aezip.engine.sessions import Sessions
from aezip.model import packages, store, writing
from aezip.tasks.features.vectors import Latents

NAMES = {"static": 3, "static-grey": 1, "static-vae": 3}


@pytest.fixture(params=NAMES)
def kind(request) -> str:
    return request.param


def package_of(golden: Path, kind: str) -> str:
    return str(golden / f"tiny-{kind}.aezm")


def test_decode_inverts_encode(golden, kind) -> None:
    sessions = Sessions(store.find_codec(package_of(golden, kind)))
    rng = np.random.default_rng(1)
    for quality in (0, 12, 13, 487, 1000):
        found = coding.at(sessions, quality)
        latent = rng.normal(0, 60, (5, 7, len(found.graphs.rung.gain))).astype(np.int16)
        latent[0, 0, 0] = 16 * 1023
        symbols = (latent.astype(int) + 8) >> 4
        stream, decoded, _ = found.encode(latent, 5, 7, effort=0)
        np.testing.assert_array_equal(found.decode(stream, 5, 7), 16 * symbols)
        np.testing.assert_array_equal(decoded, 16 * symbols)
        assert len(found.encode(latent, 5, 7)[0]) <= len(stream)


def test_the_nearest_node_counts() -> None:
    assert [static_tables.node(q, 41) for q in (0, 12, 13, 37, 38, 987, 988, 1000)] == [0, 0, 1, 1, 2, 39, 40, 40]
    assert [static_tables.node(q, 3) for q in (0, 249, 250, 749, 750, 1000)] == [0, 0, 1, 1, 2, 2]


def test_golden_files_decode(golden, kind) -> None:
    data = (golden / f"{kind}.lat").read_bytes()
    facts = json.loads((golden / "families.json").read_text())[kind]
    assert hashlib.sha256(data).hexdigest() == facts["file"]
    codec = codecs.Codec(package_of(golden, kind))
    pixels, lat = codec.decode(data)
    latents, _ = lossy.decode_latents(Sessions(codec.package), lat)
    assert hashlib.sha256(latents.astype("<i2").tobytes()).hexdigest() == facts["latents"]
    want = np.load(golden / "families.npz")[kind]
    assert pixels.shape == want.shape
    assert np.abs(pixels.astype(int) - want).max() <= 1


def test_parts_are_those_of_the_whole(golden, kind, drawn, monkeypatch) -> None:
    codec = codecs.Codec(package_of(golden, kind))
    pixels = drawn(200, 300, 3, NAMES[kind])
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    data = codec.encode(pixels, 80)
    whole, _ = codec.decode(data)
    part, _ = codec.decode(data, region=(130, 70, 60, 50))
    assert np.abs(part.astype(int) - whole[70:120, 130:190]).max() <= 1
    monkeypatch.setattr(windows, "WINDOW", 8)
    windowed, _ = codec.decode(data)
    assert np.abs(windowed.astype(int) - whole).max() <= 1
    assert embed.Encoder(package_of(golden, kind)).encode(pixels, 80) == data
    found = embed.Decoder(package_of(golden, kind), size=(200, 300)).decode(data)
    assert np.abs(found.astype(int).reshape(whole.shape) - whole).max() <= 1


def test_channels_that_do_not_fit_are_told(golden, drawn, tmp_path) -> None:
    grey, rgb = (codecs.Codec(package_of(golden, k)) for k in ("static-grey", "static"))
    with pytest.raises(errors.ModelUnfit, match="codes grey pictures, and this one has 3 channels"):
        grey.encode(drawn(32, 32))
    with pytest.raises(errors.ModelUnfit, match="codes grey pictures"):
        Latents(package_of(golden, "static-grey")).of(drawn(32, 32))
    pixels, _ = rgb.decode(rgb.encode(drawn(32, 32, channels=1)))
    assert pixels.shape == (32, 32, 1)
    Image.fromarray(drawn(32, 32)).save(tmp_path / "rgb.png")
    result = CliRunner().invoke(main, ["compress", "-m", package_of(golden, "static-grey"), str(tmp_path / "rgb.png")])
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "rgb.png: the model 'tiny-static-grey' codes grey pictures" in result.output
    assert not (tmp_path / "rgb.lat").exists()


def test_every_command_takes_them(golden, kind, drawn, tmp_path, monkeypatch) -> None:
    package = package_of(golden, kind)
    picture, lat, back = (str(tmp_path / name) for name in ("a.png", "a.lat", "b.png"))
    images.write(picture, images.Picture(drawn(70, 90, 2, NAMES[kind])), images.format_of(picture))
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    for arguments in (
        ["compress", "-m", package, picture, "-o", lat],
        ["decompress", lat, "-o", back],
        ["compress", "-fm", package, picture, "-o", lat, "--target-bpp", "0.5"],
        ["compress", "-fm", package, picture, "-o", lat, "--target-psnr", "18"],
        ["decompress", "-f", lat, "-o", back, "--region", "10,20,30,40"],
        ["info", lat],
        ["verify", lat, "--original", picture],
        ["models", "show", package],
        ["models", "split", package, "--encoder-only", "-o", str(tmp_path / "half.aezm")],
        ["features", picture, "-m", package, "-o", str(tmp_path / "v.npz")],
        ["sample", "-m", package, "--between", picture, picture, "-n", "2", "-o", str(tmp_path / "walk.png")],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (arguments, result.output)
    drawn_ones = ["sample", "-m", package, "-n", "2", "--size", "40x24", "-o", str(tmp_path / "new.png")]
    result = CliRunner().invoke(main, drawn_ones)
    assert result.exit_code == (kind != "static-vae")
    assert kind == "static-vae" or "has no prior to draw from; expected one of the family vae" in result.output
    half = codecs.Codec(str(tmp_path / "half.aezm"))
    assert half.encode(drawn(70, 90, 2, NAMES[kind]), 50) == codecs.Codec(package).encode(
        drawn(70, 90, 2, NAMES[kind]), 50
    )


def changed(golden: Path, tmp_path: Path, description: dict[str, object], **arrays: object) -> Path:
    """The tiny package with other facts and arrays."""
    with zipfile.ZipFile(golden / "tiny-static.aezm") as package:
        members = {name: package.read(name) for name in package.namelist()}
    about = {**json.loads(members.pop("model.json")), **description}
    found = {**np.load(io.BytesIO(members["tables.npz"])), **arrays}
    file = io.BytesIO()
    np.savez(file, **{k: np.asarray(v, np.int32) for k, v in found.items() if v is not None})
    members["tables.npz"] = file.getvalue()
    about["digests"] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    path = tmp_path / "changed.aezm"
    path.write_bytes(writing.pack({**members, "model.json": json.dumps(about).encode()}))
    return path


@pytest.mark.parametrize(
    ("description", "arrays", "finding"),
    [
        ({"coding": "other"}, {}, "not a complete model package"),
        ({"channels": 2}, {}, "channels 2"),
        ({}, {"table": None}, "table none"),
        ({}, {"table": np.zeros((41, 3))}, r"\(41, 3\)"),
        ({}, {"table": np.full((41, 12), 64)}, "from 64 to 64"),
        ({}, {"gain": np.zeros((8, 12))}, "ladder"),
    ],
)
def test_damaged_packages_are_refused(golden, tmp_path, description, arrays, finding) -> None:
    path = changed(golden, tmp_path, description, **arrays)
    with pytest.raises(errors.PackageDamaged, match=finding):
        packages.check(packages.describe(path))


def test_a_changed_table_is_another_model(golden, tmp_path) -> None:
    path = changed(golden, tmp_path, {}, skip=1)
    packages.check(packages.describe(path))
    assert packages.describe(path).fingerprint != store.find(package_of(golden, "static")).fingerprint
