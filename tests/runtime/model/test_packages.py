"""Packages: found, described, and refused when anything in them was changed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aezip import errors
from aezip.codec import Codec
from aezip.model import kinds, packages, store


def rewrite(source: str, target: Path, change: dict[str, bytes | None]) -> str:
    """A copy of a package with members replaced, or left out for None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change.get(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return str(target)


def test_the_shipped_model_is_described() -> None:
    photo = next(m for m in store.installed() if m.name == "photo")
    assert len(photo.fingerprint) == 8
    assert photo.size <= 12 * 2**20
    assert photo.summary
    assert store.find("photo").fingerprint == photo.fingerprint
    assert store.find_fingerprint(photo.fingerprint).path == photo.path
    assert photo.description["fingerprint"] == photo.fingerprint.hex()


@pytest.mark.parametrize("name", ["nothing", "/nowhere/x.aezm"])
def test_an_unknown_model_is_named(name: str) -> None:
    with pytest.raises(errors.ModelNotFound):
        Codec(name)


def test_a_file_that_is_no_package(tmp_path: Path) -> None:
    for name, content in (("a.aezm", b""), ("b.aezm", b"PK\3\4 but no more"), ("c.aezm", b"x" * 1000)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(errors.PackageDamaged):
            Codec(str(tmp_path / name))


@pytest.mark.parametrize("member", [name for name in kinds.HYPERPRIOR.members if name != "CARD.md"])
@pytest.mark.parametrize("missing", [True, False])
def test_damaged_and_missing_members(tiny: str, tmp_path: Path, member: str, missing: bool) -> None:
    with zipfile.ZipFile(tiny) as package:
        data = bytearray(package.read(member))
    data[len(data) // 2] ^= 1
    path = rewrite(tiny, tmp_path / "broken.aezm", {member: None if missing else bytes(data)})
    with pytest.raises(errors.PackageDamaged, match=member.replace(".", r"\.")) as raised:
        codec = Codec(path)
        codec.decode(codec.encode(np.zeros((8, 8, 3), np.uint8)))
    assert raised.value.file == path


@pytest.mark.parametrize("inner", [False, True])
def test_a_member_that_stands_twice(tiny: str, tmp_path: Path, inner: bool) -> None:
    """Readers would choose one or the other."""
    if inner:
        with zipfile.ZipFile(tiny) as package:
            buffer = io.BytesIO(package.read("tables.npz"))
        with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("skip.npy", archive.read("skip.npy"))
        with pytest.raises(ValueError, match="twice"):
            packages.arrays_of(buffer.getvalue())
        return
    (tmp_path / "twice.aezm").write_bytes(Path(tiny).read_bytes().replace(b"encoder.onnx", b"decoder.onnx"))
    with pytest.raises(errors.PackageDamaged, match="twice"):
        packages.Package(packages.describe(tmp_path / "twice.aezm")).member("decoder.onnx")


def test_a_damaged_zip(tiny: str, tmp_path: Path) -> None:
    data = bytearray(Path(tiny).read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / "broken.aezm"
    path.write_bytes(data)
    with pytest.raises(errors.PackageDamaged):
        codec = Codec(str(path))
        codec.decode(codec.encode(np.zeros((8, 8, 3), np.uint8)))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 99},
        {"digests": {}},
        {"digests": None},
        {"name": None, "version": "x"},
        {"name": "a\nb"},
        {"summary": "\x1b[31m"},
        {"margins": None},
        {"margins": {"encoder": 7}},
        {"margins": {"encoder": 7, "decoder": 10**6}},
        {"bits_per_error": 0},
        {"bits_per_error": "12"},
        {"bits_per_error": float("nan")},
    ],
)
def test_wrong_descriptions(tiny: str, tmp_path: Path, change: dict[str, object]) -> None:
    with zipfile.ZipFile(tiny) as package:
        description = json.loads(package.read("model.json"))
    text = json.dumps({**description, **change}).encode()
    with pytest.raises(errors.PackageDamaged):
        Codec(rewrite(tiny, tmp_path / "x.aezm", {"model.json": text}))


def with_tables(tiny: str, target: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """A copy of a package whose tables were changed, with digests that fit."""
    with zipfile.ZipFile(tiny) as package:
        arrays = dict(np.load(io.BytesIO(package.read("tables.npz"))))
        description = json.loads(package.read("model.json"))
    change(arrays)
    file = io.BytesIO()
    np.savez(file, **arrays)
    description["digests"]["tables.npz"] = hashlib.sha256(file.getvalue()).hexdigest()
    return rewrite(tiny, target, {"tables.npz": file.getvalue(), "model.json": json.dumps(description).encode()})


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.pop("skip"),
        lambda a: a.update(skip=np.array([1, 2])),
        lambda a: a.update(skip=np.int32(64)),
        lambda a: a.update(radius=a["radius"][:10]),
        lambda a: a.update(frequency=np.int32(3)),
        lambda a: a.update(frequency=a["frequency"].astype(float)),
        lambda a: a.update(gain=a["gain"][:, :10], inverse_gain=a["inverse_gain"][:, :10]),
        lambda a: a.update(gain=a["gain"][:, :0]),
        lambda a: a.pop("hyper_offset"),
    ],
)
def test_impossible_tables_with_digests_that_fit(tiny: str, tmp_path: Path, change: Callable[..., object]) -> None:
    path = with_tables(tiny, tmp_path / "odd.aezm", change)
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)  # of flat pictures no latent is skipped
    with pytest.raises(errors.PackageDamaged):
        Codec(path).encode(noise)


def test_a_damaged_package_in_the_search_path_is_told(tiny: str, tmp_path: Path, monkeypatch, golden: Path) -> None:
    shipped = [m.name for m in store.installed()]
    data = bytearray(Path(tiny).read_bytes())
    for name, damaged in (("short", data[:-9]), ("flag", data[:-20] + b"\xff" + data[-19:])):
        (tmp_path / f"{name}.aezm").write_bytes(damaged)
    monkeypatch.setenv("AEZIP_MODELS", str(tmp_path))
    assert [m.name for m in store.installed()] == shipped
    with pytest.raises(errors.UnknownFingerprint, match=r"flag\.aezm: model.json is missing"):
        Codec(None).decode((golden / "odd.lat").read_bytes())


def test_every_flipped_byte_of_the_zip_is_told(tiny: str, tmp_path: Path) -> None:
    data = Path(tiny).read_bytes()
    at = [*range(0, 200, 7), *range(len(data) - 700, len(data), 3)]
    for position in at:
        broken = bytearray(data)
        broken[position] ^= 0x80
        (tmp_path / "x.aezm").write_bytes(broken)
        with contextlib.suppress(errors.ModelError):
            package = packages.Package(packages.describe(tmp_path / "x.aezm"))
            for member in kinds.HYPERPRIOR.members:
                package.member(member)


def test_providers_and_threads_are_checked(tiny: str) -> None:
    for arguments in ({"provider": "abacus"}, {"threads": 0}):
        with pytest.raises(errors.UsageError):
            Codec(tiny, **arguments)  # type: ignore[arg-type]
    with pytest.raises(errors.ProviderError, match="one of: cpu"):
        Codec(tiny, provider="rocm")
