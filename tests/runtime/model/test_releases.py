"""Releases: files of every one of them are read by the last; Python, C and JavaScript."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import lzma
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from aezip import errors
from aezip.cli import main
from aezip.codec import Codec
from aezip.model import packages, releases, store, writing

ROOT = Path(__file__).parents[3]
WEB = ROOT / "runtime/web"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        spec = importlib.util.spec_from_file_location("release_model", ROOT / "tools/release_model.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    return module


def variant(package: str, skip: int, path: Path) -> Path:
    """Another model: the same graphs, another number of tables whose latents are not coded."""
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(members.pop("model.json"))
    arrays = {**packages.arrays_of(members["tables.npz"]), "skip": np.int32(skip)}
    file = io.BytesIO()
    np.savez(file, **arrays)
    members["tables.npz"] = file.getvalue()
    description["digests"]["tables.npz"] = hashlib.sha256(members["tables.npz"]).hexdigest()
    path.write_bytes(writing.pack({**members, "model.json": writing.description_text(description)}))
    return path


@pytest.fixture(scope="module")
def history(tool, tiny, golden, drawn, tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """aezip's own weights after three releases, and a file of each."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / releases.REGISTRY).write_bytes(releases.text([]))
    models = [tiny, variant(tiny, 3, folder / "second"), str(golden / "tiny-static.aezm")]
    files = {}
    for version, model in enumerate(models, 1):
        path = folder / f"{version}.package"
        shutil.copy(model, path)
        made, grown = tool.release(packages.describe(path), "photo", folder)
        assert (made.full_name, grown > 0) == (f"photo-{version}", version > 1)
        files[made.full_name] = Codec(model).encode(drawn(70, 90, version), lossless=False)
        path.unlink()
    (folder / "second").unlink()
    return folder, files


@pytest.fixture
def last(history, monkeypatch) -> dict[str, bytes]:
    """The installation of the last release."""
    monkeypatch.setattr(store, "INCLUDED", history[0])
    return history[1]


def test_files_of_three_releases_are_read_by_the_last(history, last, drawn) -> None:
    assert sorted(path.name for path in history[0].rglob("*") if path.is_file()) == [
        "photo-1.aezm.xz",
        "photo-2.aezm.xz",
        "photo.aezm",
        "releases.json",
    ]
    codec = Codec("photo")
    assert codec.package.about.kind.name == "static"  # the newest writes
    for version, (name, data) in enumerate(last.items(), 1):
        decoded = codec.decode(data)[0]
        assert decoded.shape == (70, 90, 3)
        assert np.abs(decoded.astype(int) - drawn(70, 90, version)).mean() < 60
        assert store.find(name).fingerprint == codec.check(data).header.fingerprint
    assert len({data[20:28] for data in last.values()}) == 3


def test_pixels_are_those_of_the_model_that_was_released(last, tiny) -> None:
    data = last["photo-1"]
    assert (Codec(None).decode(data)[0] == Codec(tiny).decode(data)[0]).all()


def test_names_and_what_they_can(last, drawn) -> None:
    def run(*args: str) -> str:
        result = CliRunner().invoke(main, list(args), prog_name="aezip")
        assert result.exit_code == 0, result.output
        return result.stdout

    listed = json.loads(run("models", "--json"))
    assert [(m["name"], m["release"], m["half"]) for m in listed] == [
        ("photo", "photo-3", None),
        ("photo-1", "photo-1", "decoder"),
        ("photo-2", "photo-2", "decoder"),
    ]
    assert "release     photo-2" in run("models", "show", "photo-2")
    assert Codec("photo-3").encode(drawn(20, 30)) == Codec("photo").encode(drawn(20, 30))
    result = CliRunner().invoke(main, ["models", "remove", "photo-1"])
    assert "'photo-1' is in" in result.stderr
    assert "released, not among the models you installed" in result.stderr
    with pytest.raises(errors.HalfPackage, match="cannot encode; expected the newest release"):
        Codec("photo-1").encode(drawn(20, 30))
    assert set(store.installed_names().values()) == {"photo-1", "photo-2", "photo-3"}


def test_a_decoder_that_is_not_there_is_named(history, last, monkeypatch, tmp_path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(history[0], weights)
    monkeypatch.setattr(store, "INCLUDED", weights)
    (weights / "released/photo-1.aezm.xz").unlink()
    (weights / "released/photo-2.aezm.xz").write_bytes(b"no xz")
    with pytest.raises(errors.UnknownFingerprint, match=r"the model photo-1 \(\w{16}\), which .*no such"):
        Codec(None).decode(last["photo-1"])
    with pytest.raises(errors.UnknownFingerprint, match=r"photo-2.*not a \w+ model package"):
        Codec(None).decode(last["photo-2"])
    assert Codec(None).decode(last["photo-3"])[0].size


def test_a_bomb_is_not_expanded(tmp_path) -> None:
    path = tmp_path / "photo-1.aezm.xz"
    path.write_bytes(lzma.compress(bytes(packages.MAX_MEMBER_BYTES + 1), preset=0))
    with pytest.raises(errors.PackageDamaged):
        packages.describe(path)


def test_the_registry_of_this_package_is_whole() -> None:
    listed = releases.releases(store.INCLUDED)
    assert (store.INCLUDED / releases.REGISTRY).read_bytes() == releases.text(listed)
    for release in listed:
        assert packages.describe(store.INCLUDED / release.file).fingerprint == release.fingerprint
    newest = {release.name: release for release in listed}
    for name, release in newest.items():  # what was released is replaced by tools/release_model.py alone
        assert release.file == f"{name}.aezm"


@pytest.mark.skipif(not (shutil.which("make") and shutil.which("cc")), reason="needs make and a C compiler")
def test_the_c_core_takes_a_released_decoder(history, golden, tmp_path) -> None:
    make = ["make", "-s", "-C", ROOT / "runtime/c", f"BUILD={tmp_path}", "CFLAGS=-O0", f"{tmp_path}/aezip-dump"]
    subprocess.run(make, check=True)
    decoder = tmp_path / "photo-1.aezm"
    decoder.write_bytes(packages.read(history[0] / "released/photo-1.aezm.xz"))
    command = [tmp_path / "aezip-dump", decoder, golden / "vectors.npz", golden / "odd.lat"]
    done = subprocess.run(command, capture_output=True, check=True)
    facts = json.loads((golden / "facts.json").read_text())
    assert hashlib.sha256(done.stdout).hexdigest() == facts["odd"]["latents"]


@pytest.mark.skipif(not shutil.which("node") or not (WEB / "node_modules").is_dir(), reason="needs node, and npm ci")
def test_javascript_takes_released_decoders(history, last, tmp_path) -> None:
    script = """
        import { readFileSync } from 'node:fs';
        import * as ort from 'onnxruntime-web';
        import { Model } from './aezip.js';
        ort.env.wasm.numThreads = 1;
        for (const name of process.argv.slice(2)) {
          const model = await Model.open(readFileSync(`${name}.aezm`), ort);
          const { pixels } = await model.decode(readFileSync(`${name}.lat`));
          process.stdout.write(pixels.filter((_, at) => at % 4 < 3));
        }
    """
    for version in (1, 2):
        name = f"photo-{version}"
        (tmp_path / f"{name}.aezm").write_bytes(packages.read(history[0] / f"released/{name}.aezm.xz"))
        (tmp_path / f"{name}.lat").write_bytes(last[name])
    command = ["node", "--input-type=module", "-e", script, "x", *(str(tmp_path / f"photo-{v}") for v in (1, 2))]
    done = subprocess.run(command, cwd=WEB, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    found = np.frombuffer(done.stdout, np.uint8).reshape(2, 70, 90, 3).astype(int)
    for pixels, version in zip(found, (1, 2), strict=True):
        assert np.abs(pixels - Codec(None).decode(last[f"photo-{version}"])[0]).max() <= 1
