"""Archives that carry their models, what archives need, and re-encoding."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import aezip.pillow
from aezip import errors
from aezip.cli import main
from aezip.codec import Codec
from aezip.format import container
from aezip.model import archives, packages, writing
from aezip.viewer import server

TIME = 1_500_000_000 * 10**9


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty; the tests run in a folder of pictures."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "data/aezip/models"


@pytest.fixture
def pictures(drawn) -> Path:
    for number, name in enumerate(("a.png", "sub/b.png")):
        path = Path("pictures", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn(40, 50, number)).save(path)
    return Path("pictures")


@pytest.fixture
def archive(pictures: Path, tiny: str) -> Path:
    assert run("compress", "pictures", "-r", "-o", "archive", "-m", tiny, "--with-model").exit_code == 0
    return Path("archive")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, args)), prog_name="aezip")


def key(package: str | Path) -> str:
    return packages.describe(Path(package)).fingerprint.hex()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_archive_carries_its_decoder_once_and_readers_find_it(archive, tiny, drawn) -> None:
    assert files(archive) == [f".aezip/{key(tiny)}.aezm", "a.lat", "sub/b.lat"]
    about = packages.describe(archive / ".aezip" / f"{key(tiny)}.aezm")
    assert about.half == "decoder"
    assert run("decompress", archive, "-r", "-o", "out").exit_code == 0
    assert run("verify", archive / "sub/b.lat", "-j", "2").exit_code == 0
    expected = Codec(tiny).decode((archive / "sub/b.lat").read_bytes())[0]
    assert (np.asarray(Image.open("out/sub/b.png")) == expected).all()
    with aezip.pillow.Image.open(archive / "sub/b.lat") as image:
        assert (np.asarray(image) == expected).all()
    assert (np.asarray(Codec(None).decompress(archive / "sub/b.lat")) == expected).all()
    assert "(tiny)" in run("info", archive / "a.lat").stdout
    shutil.move(archive / "sub/b.lat", "elsewhere.lat")
    assert "which is not installed" in run("decompress", "elsewhere.lat").stderr


def test_the_viewer_finds_it(archive, tiny) -> None:
    carried = (archive / ".aezip" / f"{key(tiny)}.aezm").read_bytes()
    assert server.Shown(file=str(archive / "sub/b.lat")).package(key(tiny)) == carried
    with pytest.raises(errors.UnknownFingerprint):
        server.Shown().package(key(tiny))


def test_many_processes_find_it(archive) -> None:
    done = run("decompress", archive, "-r", "-o", "out", "-j", "2")
    assert done.exit_code == 0, done.stderr
    assert files(Path("out")) == ["a.png", "sub/b.png"]


def test_where_the_decoder_goes(pictures, tiny) -> None:
    name = f".aezip/{key(tiny)}.aezm"
    said = run("compress", "pictures", "-r", "-m", tiny, "--with-model").stderr
    assert f"→ pictures/{name}  " in said
    assert files(Path()) == [
        f"pictures/{name}",
        "pictures/a.lat",
        "pictures/a.png",
        "pictures/sub/b.lat",
        "pictures/sub/b.png",
    ]
    assert run("compress", "pictures/a.png", "-m", tiny, "-o", "x.lat", "--with-model").exit_code == 0
    assert Path(name).is_file()
    before = os.stat(name)
    assert run("compress", "pictures/a.png", "-m", tiny, "-o", "y.lat", "--with-model").exit_code == 0
    assert os.stat(name).st_mtime_ns == before.st_mtime_ns  # it is there
    Path(name).write_bytes(b"damaged")
    assert run("compress", "pictures/a.png", "-m", tiny, "-o", "z.lat", "--with-model").exit_code == 0
    packages.check(packages.describe(Path(name)))


def test_an_archive_of_a_bucket_is_a_place(pictures, tiny, golden) -> None:
    bucket = pytest.importorskip("fsspec").filesystem("memory")
    try:
        for model in (tiny, golden / "tiny-static.aezm"):
            name = "b" if model == tiny else "c"
            done = run("compress", "pictures", "-r", "-o", f"memory://arch/{name}", "-m", model, "--with-model")
            assert done.exit_code == 0, done.stderr
            done = run("compress", "pictures/a.png", "-o", "memory://arch/b/", "-m", model, "--with-model", "--force")
            assert done.exit_code == 0, done.stderr
        assert len(bucket.ls("/arch/b/.aezip")) == 3
        assert run("decompress", "-r", "memory://arch/b", "-o", "out").exit_code == 1  # nothing is fetched unasked
        assert run("models", "add", "memory://arch/b/.aezip").stderr == "added memory://arch/b/.aezip  2 models\n"
        assert run("decompress", "-r", "memory://arch/b", "-o", "out").exit_code == 0
        assert files(Path("out")) == ["a.png", "sub/b.png"]
        found = json.loads(run("models", "needed", "memory://arch/b", "--json").stdout)
        assert [m["where"][-1] for m in found] == ["memory://arch/b/.aezip"] * 2
    finally:
        bucket.rm("/arch", recursive=True)


def test_what_carries_nothing(pictures, tiny) -> None:
    assert "expected no --with-model" in run("compress", "pictures/a.png", "--lossless", "--with-model").stderr
    result = run("compress", "pictures/a.png", "-m", tiny, "-o", "-", "--with-model")
    assert result.exit_code == 2
    assert "a pipe cannot carry a model" in result.stderr


def test_a_link_in_an_archive_is_not_written_through(pictures, tiny, tmp_path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"precious")
    Path("archive/.aezip").mkdir(parents=True)
    Path("archive/.aezip", f"{key(tiny)}.aezm").symlink_to(theirs)
    result = run("compress", "pictures", "-r", "-o", "archive", "-m", tiny, "--with-model")
    assert result.exit_code == 1
    assert "is a symbolic link" in result.stderr
    assert theirs.read_bytes() == b"precious"


BAD = ("link", "pipe", "huge", "other", "restorer", "encoder", "half", "folder", "link above")


@pytest.mark.parametrize("what", BAD)
def test_what_lies_in_an_archive_is_not_trusted(what, archive, tiny, golden, tmp_path) -> None:
    path = archive / ".aezip" / f"{key(tiny)}.aezm"
    whole = path.read_bytes()
    path.unlink()
    (tmp_path / "kept").mkdir()
    kept = tmp_path / "kept" / path.name
    kept.write_bytes(whole)
    if what == "link":
        path.symlink_to(kept)
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "huge":
        with open(path, "wb") as file:
            file.truncate(packages.MAX_PACKAGE_BYTES + 1)
    elif what in ("other", "restorer"):
        shutil.copy(golden / ("tiny-static.aezm" if what == "other" else "tiny-denoise.aezm"), path)
    elif what == "encoder":
        assert run("models", "split", tiny, "--encoder-only", "-o", path).exit_code == 0
    elif what == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif what == "folder":
        path.mkdir()
    else:
        path.parent.rmdir()
        path.parent.symlink_to(tmp_path / "kept")
    result = run("decompress", archive / "a.lat", "-o", "a.png")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert f"{path.name}: " in line
    assert "which is not installed (" in line
    assert not Path("a.png").exists()


@pytest.mark.parametrize("honest", [False, True])
def test_graphs_of_an_archive_are_checked_before_they_are_run(honest, archive, tiny) -> None:
    """A package that pretends to be the right one, and a file that was made for a package with a hostile graph."""
    path = archive / ".aezip" / f"{key(tiny)}.aezm"
    with zipfile.ZipFile(path) as package:
        members = {name: package.read(name) for name in package.namelist()}
    members["decoder.onnx"] = members["decoder.onnx"].replace(b"LeakyRelu", b"OptionalX")
    if honest:
        description = json.loads(members["model.json"])
        description["digests"]["decoder.onnx"] = hashlib.sha256(members["decoder.onnx"]).hexdigest()
        members["model.json"] = writing.description_text(description)
    path.write_bytes(writing.pack(members))
    made = path.with_name(f"{key(path)}.aezm")
    path.rename(made)
    lat = container.unpack((archive / "a.lat").read_bytes())
    header = lat.header._replace(fingerprint=bytes.fromhex(made.stem))
    (archive / "a.lat").write_bytes(container.pack(lat._replace(header=header)))
    (line,) = run("decompress", archive / "a.lat", "-o", "a.png").stderr.splitlines()
    assert ("decoder.onnx uses the operator 'OptionalX'" if honest else "does not match its digest") in line
    assert str(made) in line


def test_the_nearest_whole_package_is_taken(archive, tiny) -> None:
    near = archive / "sub/.aezip"
    near.mkdir()
    (near / f"{key(tiny)}.aezm").write_bytes(b"damaged")
    assert run("verify", archive / "sub/b.lat").exit_code == 0
    assert archives.search(str(archive / "sub/b.lat"), bytes.fromhex(key(tiny))).path.parent.parent == archive.resolve()


def test_a_decoder_that_rots_in_an_archive_is_found(archive, tiny, data) -> None:
    """Also where only the symbols are read; a whole one elsewhere is used, and put in its place."""
    path = archive / ".aezip" / f"{key(tiny)}.aezm"
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as package:
        info = package.getinfo("decoder.onnx")
    at = info.header_offset + info.file_size // 2
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    (archive / "sub/.aezip").mkdir()
    (archive / "sub/.aezip" / path.name).write_bytes(whole)
    assert run("decompress", archive / "sub/b.lat", "-o", "b.png").exit_code == 0
    for command in (("verify", archive / "a.lat"), ("models", "needed", archive / "a.lat")):
        result = run(*command)
        assert result.exit_code == 1
        assert f"{path.name}: cannot read decoder.onnx" in result.stderr
    result = run("models", "needed", archive)
    assert result.exit_code == 1
    assert "is found for some files only; expected the same command with --save" in result.stderr
    assert run("models", "needed", archive, "--save").exit_code == 0
    assert path.read_bytes() == whole
    assert "no place but" not in run("verify", archive).stderr


def test_verify_tells_of_models_that_are_in_one_folder_alone(pictures, tiny, data) -> None:
    assert run("models", "install", tiny).exit_code == 0
    assert run("compress", "pictures", "-r", "-o", "archive", "-m", "tiny").exit_code == 0
    note = run("verify", "-r", "archive").stderr.splitlines()[-1]
    assert "2 files need the model tiny" in note
    assert f"which is in no place but {data}" in note
    command = note.split("'")[1]
    assert command == f"aezip models needed {Path('archive').resolve()} --save"
    assert run("verify", "-r", "archive", "--quiet").stderr == ""
    assert run(*command.split()[1:]).exit_code == 0
    assert "no place but" not in run("verify", "-r", "archive").stderr
    shutil.rmtree("archive/.aezip")
    (Path("archive/sub/.aezip")).mkdir()
    shutil.copy(tiny, f"archive/sub/.aezip/{key(tiny)}.aezm")  # which one of two files does not find
    assert "2 files need" in run("verify", "-r", "archive").stderr
    assert run("models", "add", tiny).exit_code == 0
    assert "no place but" not in run("verify", "-r", "archive").stderr


def test_verify_tells_of_a_model_that_was_only_named(pictures, tiny) -> None:
    assert run("compress", "pictures", "-r", "-o", "archive", "-m", tiny).exit_code == 0
    note = run("verify", "-r", "archive", "-m", tiny).stderr.splitlines()[-1]
    assert f"2 files need the model {key(tiny)}, which is only {tiny}; " in note
    command = note.split("'")[1]
    assert command == f"aezip models needed {Path('archive').resolve()} --model {tiny} --save"
    assert run(*command.split()[1:]).exit_code == 0
    assert files(Path("archive")) == [f".aezip/{key(tiny)}.aezm", "a.lat", "sub/b.lat"]


def test_files_of_aezips_own_models_need_no_note(pictures, data) -> None:
    assert run("compress", "pictures/a.png", "-m", "vae").exit_code == 0
    assert run("verify", "pictures/a.lat").stderr == ""


def test_which_models_files_need(archive, tiny, golden, data) -> None:
    shutil.copy(golden / "static.lat", archive / "static.lat")
    shutil.copy(golden / "exact-rgb.lat", archive / "exact.lat")
    (archive / "broken.lat").write_bytes(b"x")
    result = run("models", "needed", archive)
    assert result.exit_code == 1
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["MODEL", "FINGERPRINT", "FILES", "WHERE"]
    assert lines[1][1:] == [key(tiny), "2", str((archive / ".aezip" / f"{key(tiny)}.aezm").resolve())]
    assert lines[2] == ["?", key(golden / "tiny-static.aezm"), "1", "nowhere"]
    errors_ = result.stderr.splitlines()
    assert "broken.lat: " in errors_[0]
    assert "archive/static.lat: written by the model" in errors_[1]
    (archive / "broken.lat").unlink()
    assert run("models", "install", golden / "tiny-static.aezm").exit_code == 0
    assert run("models", "needed", archive, "-m", "tiny-static").stdout == "archive/static.lat\n"
    found = json.loads(run("models", "needed", archive, "--json").stdout)
    assert [(m["model"], m["files"]) for m in found] == [(None, 2), ("tiny-static", 1)]
    assert json.loads(run("models", "needed", archive, "-m", tiny, "--json").stdout) == [
        "archive/a.lat",
        "archive/sub/b.lat",
    ]
    assert run("models", "needed", archive, "--save").exit_code == 0
    assert run("models", "remove", "--yes", "tiny-static").exit_code == 0
    assert run("verify", "-r", archive).exit_code == 0


@pytest.fixture
def rich(tiny: str, drawn) -> Path:
    """A file with alpha, metadata and a time of its own."""
    image = Image.fromarray(drawn(40, 50)).convert("RGBA")
    image.putalpha(Image.fromarray(drawn(40, 50, 1, 1)[:, :, 0]))
    exif = Image.Exif()
    exif[0x010E] = "a picture"
    Path("in").mkdir()
    image.save("in/a.png", exif=exif, dpi=(72, 72))
    assert run("compress", "in", "-o", "in", "-m", tiny, "-q", "50").exit_code == 0
    os.chmod("in/a.lat", 0o640)
    os.utime("in/a.lat", ns=(TIME, TIME))
    return Path("in/a.lat")


def sections(path: Path) -> dict[bytes, bytes]:
    parsed = container.unpack(path.read_bytes())
    return {s.type: s.data for s in parsed.sections if s.type not in (container.LATENTS, container.PATCHES)}


def test_files_are_encoded_again_with_all_that_belongs_to_them(rich, tiny, golden, drawn) -> None:
    before, decoded = sections(rich), Codec(tiny).decode(rich.read_bytes())[0]
    other = golden / "tiny-static.aezm"
    result = run("recompress", "in", "-m", other, "-o", "out")
    assert "2 models" not in result.stderr
    assert result.exit_code == 1  # the old model is not installed
    assert "in/a.lat: written by the model" in result.stderr
    assert run("models", "install", tiny, other).exit_code == 0
    old = rich.read_bytes()
    result = run("recompress", "in", "-m", "tiny-static", "-q", "70", "--force")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("aezip: note: decoded pictures are encoded again, which loses about 0.6 dB") == 1
    header = container.read_header(rich.read_bytes())
    assert (header.fingerprint.hex(), header.quality) == (key(other), 70)
    assert sections(rich) == before
    assert {b"ALPH", b"eXIF", b"rESO"} <= set(before)
    assert os.stat(rich).st_mtime_ns == TIME
    assert stat.S_IMODE(os.stat(rich).st_mode) == 0o640
    assert rich.read_bytes() != old
    assert rich.read_bytes() == Codec(str(other)).encode(
        decoded, 70, sections=tuple(container.Section(*s) for s in before.items())
    )
    assert sorted(os.listdir("in")) == ["a.lat", "a.png"]
    again = rich.read_bytes()
    result = run("recompress", "in", "-m", "tiny-static", "-q", "70", "--force")
    assert "in/a.lat →" not in result.stderr  # it is done
    assert rich.read_bytes() == again


def test_the_quality_stays_unless_another_is_asked_for(rich, tiny, golden) -> None:
    assert run("models", "install", tiny).exit_code == 0
    assert run("recompress", rich, "-m", golden / "tiny-static.aezm", "-o", "b.lat").exit_code == 0
    assert container.read_header(Path("b.lat").read_bytes()).quality == 50
    assert os.stat("b.lat").st_mtime_ns == TIME


def test_nothing_is_replaced_unasked(rich, tiny) -> None:
    before = rich.read_bytes()
    result = run("recompress", "in", "-m", tiny, "-q", "10")
    assert result.exit_code == 2
    assert "the files would be replaced; expected --force to do that, or --output FOLDER" in result.stderr
    assert rich.read_bytes() == before
    assert run("recompress", "in", "-m", tiny, "-q", "10", "-f", "--skip-existing").exit_code == 2


def test_a_failure_leaves_the_old_file(rich, tiny, golden, monkeypatch) -> None:
    before = rich.read_bytes()
    assert run("models", "install", tiny).exit_code == 0
    monkeypatch.setattr("aezip.coding.encoder.Encoder.encode_verified", lambda *_: 1 / 0)
    result = run("recompress", "in", "-m", golden / "tiny-static.aezm", "--force")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert rich.read_bytes() == before
    assert sorted(os.listdir("in")) == ["a.lat", "a.png"]


def test_files_without_loss_stay(golden, tiny) -> None:
    shutil.copy(golden / "exact-rgb.lat", "a.lat")
    assert run("recompress", "a.lat", "-m", tiny, "-o", "out/").exit_code == 0
    assert Path("out/a.lat").read_bytes() == Path("a.lat").read_bytes()


def test_an_archive_goes_on_carrying_its_decoder(archive, tiny, golden) -> None:
    other = golden / "tiny-static.aezm"
    assert run("recompress", archive, "-r", "-m", other, "-o", "new").exit_code == 0
    assert files(Path("new")) == [f".aezip/{key(other)}.aezm", "a.lat", "sub/b.lat"]
    assert run("recompress", archive, "-r", "-m", other, "--force", "-j", "2").exit_code == 0
    assert len(files(archive)) == 4  # the old decoder stays: copies of the old files may be elsewhere
    for folder in (archive, Path("new")):
        assert run("verify", "-r", folder).exit_code == 0


def test_a_pipe(rich, tiny, golden) -> None:
    assert run("models", "install", tiny).exit_code == 0
    result = CliRunner().invoke(
        main, ["recompress", "-", "-m", str(golden / "tiny-static.aezm"), "-q", "30"], input=rich.read_bytes()
    )
    assert result.exit_code == 0, result.stderr
    assert container.read_header(result.stdout_bytes).quality == 30


def test_a_codec_looks_beside_only_what_it_was_told(archive) -> None:
    data = (archive / "a.lat").read_bytes()
    codec = Codec(None)
    with pytest.raises(errors.UnknownFingerprint):
        codec.decode(data)
    codec.look_beside(archive / "a.lat")
    assert codec.decode(data)[0].shape == (40, 50, 3)
