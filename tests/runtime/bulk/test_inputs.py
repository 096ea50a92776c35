"""What inputs stand for: folders, links, patterns, lists; and what is left out is said."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image

from aezip import images
from aezip.bulk.plan import Inputs, listed, plan
from aezip.cli import progress
from aezip.errors import UsageError
from aezip.images import reading
from aezip.storage import folders

TAKEN = images.READ_SUFFIXES
needs_links = pytest.mark.skipif(os.name == "nt", reason="links")


def draw(*names: str) -> None:
    for i, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").resize((40 + i, 30)).save(name)


def tree(folder: str = ".") -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file())


def notes(result: Result) -> list[str]:
    return [line.removeprefix("aezip: note: ") for line in result.stderr.splitlines() if ": note: left out" in line]


def test_what_is_left_out_of_folders_is_counted(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    draw("in/a.png", "in/b.ICO", "in/sub/c.pcx")
    for name in ("in/a.txt", "in/sub/b.TXT", "in/film.mov", "in/README", "in/.hidden"):
        Path(name).write_text("no picture")
    result = run("compress", "in", "-r", "-o", "out", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert tree("out") == ["a.lat", "b.lat", "sub/c.lat"]
    result = run("compress", "in", "-r", "-o", "again")
    assert notes(result) == ["left out, for their suffix: 2 .txt, 1 .mov, 1 without suffix"]
    result = run("compress", "in", "-r", "-o", "out", "--skip-existing", "--json-lines")
    assert json.loads(result.stdout.splitlines()[-1]) == {"left_out": {".txt": 2, ".mov": 1, "": 1}}
    for i in range(12):
        Path(f"in/x.{i}").write_text("no picture")
    assert "1 other" not in notes(run("compress", "in", "-o", "c"))[0]
    assert ", 6 other suffixes" in notes(run("compress", "in", "-o", "d"))[0]
    monkeypatch.setitem(progress.NEEDS, ".mov", "pillow-movie")
    assert notes(run("compress", "in", "-o", "e"))[0].endswith("; some can be read after: pip install pillow-movie")
    os.remove("in/README")
    assert run("compress", "in/sub").exit_code == 0
    assert notes(run("compress", "in/sub", "-f")) == ["left out, for their suffix: 1 .txt"]  # not what it wrote


def test_what_plugins_read_is_taken_where_they_are_installed() -> None:
    for suffix, plugin in ((".heic", "pillow_heif"), (".jxl", "pillow_jxl")):
        assert (suffix in TAKEN) == (importlib.util.find_spec(plugin) is not None) != (suffix in images.NEEDS)
    Image.init()
    kinds = {suffix: Image.registered_extensions().get(suffix) for suffix in TAKEN}
    assert all(kind in (*reading._FORMATS, "HEIF", "JXL", "MPO", None) for kind in kinds.values())
    assert {".mpo", ".psd", ".ico", ".pcx", ".qoi"} < TAKEN
    assert not {".eps", ".pdf", ".mpg", ".h5", ".lat"} & TAKEN


@needs_links
def test_links(run: Callable[..., Result]) -> None:
    draw("in/a.png", "other/b.png", "other/deep/c.png")
    os.symlink("../other", "in/other")
    os.symlink("..", "other/deep/up")
    os.symlink("self.png", "in/self.png")
    os.symlink("nowhere.png", "in/broken.png")
    os.symlink("nowhere", "in/broken")
    os.symlink("a.png", "in/same.png")
    os.mkfifo("in/pipe.png")
    result = run("compress", "in", "-r", "-o", "out")
    assert result.exit_code == 1
    assert tree("out") == ["a.lat", "other/b.lat", "other/deep/c.lat", "same.lat"]
    told = result.stderr.splitlines()
    for line in (
        "aezip: note: in/other/deep/up: is not followed: it links to a folder that holds it",
        "aezip: note: in/pipe.png: left out: it is not a regular file",
        "aezip: error: in/broken: no such file or folder; expected a file or folder",
        "aezip: error: in/self.png: the symbolic links go in a circle; expected a file that can be read",
        "aezip: error: in/broken.png: no such file or folder; expected a file that can be read",
    ):
        assert told.count(line) == 1, result.stderr
    assert len([line for line in told if ": error: " in line]) == 3
    assert "7 files: 4 done, 3 failed; " in told[-1]


def test_a_folder_that_cannot_be_read(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    draw("in/a.png", "in/no/b.png", "in/z.png")
    scandir = os.scandir

    def refuse(folder: Any) -> Any:
        if os.fspath(folder).endswith("no"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(folders.os, "scandir", refuse)
    result = run("compress", "in", "-r", "-o", "out")
    assert result.exit_code == 1
    assert tree("out") == ["a.lat", "z.lat"]
    assert result.stderr.count("aezip: error: in/no: no permission; expected a folder that can be read\n") == 1


def test_subfolders_are_named_where_they_are_left_out(run: Callable[..., Result]) -> None:
    draw("in/a.png", "in/sub/b.png", "in/other/c.png", "in/.hidden/d.png")
    result = run("compress", "in", "-o", "out")
    assert "aezip: note: in: 2 subfolders are left out; --recursive goes into them\n" in result.stderr
    assert result.exit_code == 0


def test_a_pattern_below_a_folder_with_wild_signs(run: Callable[..., Result]) -> None:
    draw("d[2019]/a.png", "d[2019]/sub/b.png", "d2/c.png", "e/[x]/f.png")
    assert run("compress", "d[2019]/*.png", "-o", "out/").exit_code == 0
    assert run("compress", "d[2019]/**/*.png", "-o", "all/").exit_code == 0
    assert run("compress", "e/[x]/?.png", "-o", "e/").exit_code == 0
    assert (tree("out"), tree("all")) == (["a.lat"], ["a.lat", "sub/b.lat"])
    assert Path("e/f.lat").exists()
    assert run("compress", "d[2]/*.png", "-o", "set/").exit_code == 0
    assert tree("set") == ["d2/c.lat"]
    assert "d[2019]/none.png: no such file" in run("compress", "d[2019]/none.png").stderr


def test_lists_of_files(run: Callable[..., Result]) -> None:
    draw("in/a.png", "in/sub/b.png", "in/odd*.png", "c.png", "in/deep/d.png")
    names = "in/a.png\r\n./in/sub/b.png\n\nin/odd*.png\n"
    result = run("compress", "--files-from", "-", "-o", "out/", input=names)
    assert result.exit_code == 0, result.output
    assert tree("out") == ["in/a.lat", "in/odd*.lat", "in/sub/b.lat"]
    Path("list").write_bytes(b"in/a.png\0in/deep\0")
    assert run("compress", "c.png", "--files-from", "list", "-o", "two/").exit_code == 0
    assert tree("two") == ["c.lat", "in/a.lat", "in/deep/d.lat"]
    assert run("compress", "--files-from", "list").exit_code == 0
    assert Path("in/a.lat").exists()
    assert run("verify", "--files-from", "-", input="in/a.lat\n").exit_code == 0
    result = run("compress", "-", "--files-from", "-")
    assert "'-' is both the list of inputs and an input" in result.stderr
    assert "Missing argument" in run("compress").stderr
    assert "none: no such file" in run("compress", "--files-from", "none").stderr
    assert run("compress", "--files-from", "list", "c.png", "-o", "one.lat").exit_code == 2
    assert listed(b"a\0b\nc\0") == ["a", "b\nc"]


def test_names_that_lead_out_of_the_output_folder_stay_in_it(tmp_path: Path) -> None:
    for name in ("../up/a.png", str(tmp_path / "a.png"), "x/../../a.png"):
        made = plan(Inputs([], TAKEN, listed=[name]), f"{tmp_path}/out/", ".lat")
        assert made.items[0].target == os.path.join(f"{tmp_path}/out/", "a.lat")


def test_an_input_that_is_named_twice_is_done_once(run: Callable[..., Result], tmp_path: Path) -> None:
    draw("in/a.png", "in/b.png")
    result = run("compress", "in/a.png", "in", "in/../in/b.png", str(tmp_path / "in/a.png"), "-o", "out/")
    assert result.exit_code == 0, result.output
    assert "2 files: 2 done" in result.stderr
    assert run("compress", "in/a.png", "in/a.png", "-o", "one.lat").exit_code == 0


def test_all_clashes_are_told_at_once(run: Callable[..., Result]) -> None:
    draw("in/a.png", "in/a.jpg", "in/a.bmp", "in/b.png", "in/b.jpg", "in/c.png")
    result = run("compress", "in", "-o", "out")
    assert result.exit_code == 2
    assert "'in/a.bmp', 'in/a.jpg' and 'in/a.png' would all be written to 'out/a.lat'" in result.stderr
    assert "'in/b.jpg' and 'in/b.png' would both be written to 'out/b.lat'" in result.stderr
    assert "or --append-suffix: a.bmp.lat, a.jpg.lat, a.png.lat" in result.stderr


def test_empty_names(run: Callable[..., Result]) -> None:
    draw("a.png")
    for args in (("",), ("a.png", "-o", "")):
        result = run("compress", *args)
        assert result.exit_code == 2
        assert "is empty; expected a file" in result.stderr
    with pytest.raises(UsageError, match="empty"):
        Inputs([""], TAKEN)


def test_originals_of_a_folder(run: Callable[..., Result]) -> None:
    draw("in/a.png", "in/sub/b.png", "in/sub/b.bmp", "in/c.png")
    os.remove("in/sub/b.bmp")
    assert run("compress", "in", "-r", "-o", "out").exit_code == 0
    assert run("compress", "in", "-r", "-o", "out2", "-q", "90").exit_code == 0
    result = run("verify", "-r", "out", "out2", "--original", "in", "--json-lines")
    assert result.exit_code == 0, result.output
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(told) == 6
    assert all(line["psnr_db"] > 20 for line in told)
    draw("in/c.bmp")
    os.remove("in/a.png")
    result = run("verify", "-r", "out", "--original", "in")
    assert result.exit_code == 1
    assert "out/a.lat: there is no original for it; expected an image in 'in' of the same path or name" in result.stderr
    assert "out/c.lat: its original may be 'in/c.bmp' or 'in/c.png'; expected one file" in result.stderr
    assert run("compress", "in", "-r", "-o", "whole", "--append-suffix").exit_code == 0
    assert run("verify", "-r", "whole", "--original", "in").exit_code == 0
    assert "or the folder of the originals" in run("verify", "-r", "out", "--original", "in/c.png").stderr


@needs_links
def test_a_folder_that_a_link_leads_to_is_done_once_and_named(run: Callable[..., Result]) -> None:
    draw("in/a/1.png", "in/a/2.png")
    os.symlink("a", "in/z")
    result = run("compress", "in", "-r", "-o", "out")
    assert tree("out") == ["a/1.lat", "a/2.lat"]
    assert result.exit_code == 0
    assert "aezip: note: in/z: is the same folder as in/a, and its files are done once\n" in result.stderr


def test_one_file_by_three_names_goes_to_one_output(run: Callable[..., Result]) -> None:
    draw("d/a.png")
    result = run("compress", "d/a.png", "./d/a.png", "d/../d/a.png", "-o", "x.lat")
    assert (result.exit_code, tree()) == (0, ["d/a.png", "x.lat"])


@pytest.mark.skipif(os.name == "nt", reason="names with control characters")
def test_a_line_stays_one_line_whatever_a_file_is_called(run: Callable[..., Result]) -> None:
    draw("in/a\nb\x1b[2J.png")
    Path("in/c\nd.png").write_bytes(b"")
    lines = run("compress", "in", "-o", "out").stderr.splitlines()
    assert any(line.startswith(r"in/a\nb\x1b[2J.png → out/a\nb\x1b[2J.lat  ") for line in lines)
    assert [line.partition(" the file")[0] for line in lines if "error" in line] == ["aezip: error: in/c d.png:"]
    assert not any("\x1b" in line for line in lines)


def test_a_damaged_tiff_is_noted_in_every_process(run: Callable[..., Result]) -> None:
    for name in ("a.tiff", "b.tiff"):
        Image.frombytes("1", (96, 80), b"\xf0\x0f\xcc" * 320).save(name, compression="group4")
        data = bytearray(Path(name).read_bytes())
        with Image.open(name) as image:
            at, size = image.tag_v2[273][0], image.tag_v2[279][0]  # type: ignore[attr-defined]
        data[at + size // 2 : at + size // 2 + 9] = 9 * b"U"
        Path(name).write_bytes(data)
    for options in ((), ("-j", "2")):
        result = run("compress", "a.tiff", "b.tiff", "-o", "out/", "--force", *options)
        assert result.exit_code == 0, result.stderr
        assert result.stderr.count("the image data is damaged: Fax4Decode") == 2


def test_advice_names_the_switch(run: Callable[..., Result]) -> None:
    Image.effect_noise((320, 240), 50).save("a.jpg")
    data = Path("a.jpg").read_bytes()
    Path("cut.jpg").write_bytes(data[: len(data) // 2] + bytes(len(data)))
    result = run("compress", "cut.jpg", "--strict")
    assert result.exit_code == 1
    assert result.stderr.endswith("; expected a complete image, or no --strict\n")
