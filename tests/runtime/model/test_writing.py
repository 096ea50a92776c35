"""Halves of packages, and the user's folder."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from aezip import errors
from aezip.cli import main
from aezip.codec import Codec
from aezip.model import packages, store, writing

HALVES = ("encoder", "decoder")


@pytest.fixture
def halves(tiny: str, tmp_path: Path) -> dict[str, str]:
    paths = {half: tmp_path / f"{half}-half.aezm" for half in HALVES}
    for half, path in paths.items():
        assert run("models", "split", tiny, f"--{half}-only", "-o", str(path)).exit_code == 0
    return {half: str(path) for half, path in paths.items()}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "aezip" / "models"


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), prog_name="aezip")


def error_of(result: Result) -> str:
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    return line


def test_what_a_half_encodes_the_other_decodes(tiny: str, halves: dict[str, str], drawn) -> None:
    pixels = drawn(50, 70)
    data = Codec(tiny).encode(pixels)
    assert Codec(halves["encoder"]).encode(pixels) == data
    assert (Codec(halves["decoder"]).decode(data)[0] == Codec(tiny).decode(data)[0]).all()
    whole = packages.describe(Path(tiny))
    for path in halves.values():
        about = packages.describe(Path(path))
        assert about.fingerprint == whole.fingerprint
        assert about.size < whole.size
        with zipfile.ZipFile(path) as package:
            assert set(package.namelist()) == {*about.members, packages.DESCRIPTION}
        packages.check(about)


def test_models_that_restore_are_installed_and_have_no_halves(golden: Path, tmp_path: Path, drawn) -> None:
    path = golden / "tiny-denoise.aezm"
    assert run("models", "install", str(path)).exit_code == 0
    assert "takes noise out" in run("models", "show", "tiny-denoise").stdout
    Image.fromarray(drawn(20, 30)).save(tmp_path / "a.png")
    assert run("restore", "--task", "denoise", "-m", "tiny-denoise", str(tmp_path / "a.png")).exit_code == 0
    half = tmp_path / "half.aezm"
    line = error_of(run("models", "split", "tiny-denoise", "--encoder-only", "-o", str(half)))
    assert "cannot compress pictures; it is for denoise" in line
    assert not half.exists()


def test_a_half_says_what_it_cannot_do(halves: dict[str, str], drawn, tmp_path: Path) -> None:
    pixels = drawn(20, 30)
    data = Codec(halves["encoder"]).encode(pixels)
    with pytest.raises(errors.HalfPackage, match="the decoder half of a model and cannot encode; expected the whole"):
        Codec(halves["decoder"]).encode(pixels)
    with pytest.raises(errors.HalfPackage, match="the encoder half of a model and cannot decode; expected the whole"):
        Codec(halves["encoder"]).decode(data)
    Codec(halves["encoder"]).check(data)
    with pytest.raises(errors.HalfPackage, match="cannot decode"):
        writing.split(packages.Package(store.find(halves["encoder"])), "decoder")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    line = error_of(run("compress", "-m", halves["decoder"], str(tmp_path / "a.png")))
    assert "cannot encode" in line
    (tmp_path / "a.lat").write_bytes(data)
    line = error_of(run("decompress", "-m", halves["encoder"], str(tmp_path / "a.lat"), "-o", str(tmp_path / "b.png")))
    assert "cannot decode" in line


def test_an_installed_model_is_found_by_name_and_by_fingerprint(
    tiny: str, halves: dict[str, str], folder: Path, drawn
) -> None:
    data = Codec(tiny).encode(drawn(20, 30))
    with pytest.raises(errors.UnknownFingerprint, match="aezip models install"):
        Codec(None).decode(data)
    assert run("models", "install", halves["encoder"]).exit_code == 0
    with pytest.raises(errors.HalfPackage):
        Codec(None).decode(data)
    assert "-m tiny" in run("models", "install", tiny).stderr
    assert Codec(None).decode(data)[0].shape == Codec(halves["encoder"]).decode(data)[0].shape == (20, 30, 3)
    assert Codec("tiny").encode(drawn(20, 30)) == Codec("encoder-half").encode(drawn(20, 30)) == data
    names = [line.split()[0] for line in run("models", "list").stdout.splitlines()]
    assert names == ["NAME", "encoder-half", "tiny", "colorize", "denoise", "inpaint", "photo", "vae"]
    assert "encodes only" in run("models", "show", "encoder-half").stdout
    assert '"fingerprint"' in run("models", "show", "photo", "--json").stdout
    assert "exists already" in error_of(run("models", "install", tiny))
    assert run("models", "install", "--force", tiny).exit_code == 0
    assert run("models", "remove", "--yes", "tiny", "encoder-half").exit_code == 0
    assert not list(folder.iterdir())


def test_what_cannot_be_installed_or_removed(tiny: str, tmp_path: Path, folder: Path) -> None:
    damaged = bytearray(Path(tiny).read_bytes())
    damaged[len(damaged) // 3] ^= 1
    (tmp_path / "damaged.aezm").write_bytes(damaged)
    (tmp_path / "photo.aezm").write_bytes(Path(tiny).read_bytes())
    for name, finding in (("damaged", "cannot read"), ("photo", "a model inside aezip"), ("absent", "no such model")):
        assert finding in error_of(run("models", "install", str(tmp_path / f"{name}.aezm")))
    assert not folder.exists()
    assert "not among the models you installed" in error_of(run("models", "remove", "photo"))
    assert "no model named 'nothing'" in error_of(run("models", "remove", "nothing"))
    assert "no model named '../x'" in error_of(run("models", "remove", "../x"))


@pytest.mark.parametrize("args", [("-o", "x.aezm"), ("--encoder-only",), ("--encoder-only", "-o", "x.zip")])
def test_wrong_usage_of_split(args: tuple[str, ...]) -> None:
    assert run("models", "split", "photo", *args).exit_code == 2


def test_a_half_is_not_written_over_a_file(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "x.aezm").write_bytes(b"mine")
    assert "exists already" in error_of(run("models", "split", tiny, "--encoder-only", "-o", str(tmp_path / "x.aezm")))
    assert (tmp_path / "x.aezm").read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder of Linux")
def test_the_folder_without_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative/path"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert store.user_folder() == tmp_path / ".local/share/aezip/models"


def test_wrong_halves_are_damage(halves: dict[str, str], tmp_path: Path) -> None:
    with zipfile.ZipFile(halves["encoder"]) as package:
        members = {name: package.read(name) for name in package.namelist()}
    for half in (b'"both"', b"[]", b"7"):
        text = members[packages.DESCRIPTION].replace(b'"half": "encoder"', b'"half": ' + half)
        path = tmp_path / "odd.aezm"
        path.write_bytes(writing.pack({**members, packages.DESCRIPTION: text}))
        with pytest.raises(errors.PackageDamaged, match="half"):
            packages.describe(path)
