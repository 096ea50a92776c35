"""`aezip sheet`: small pictures in rows, their names under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from aezip.cli import main
from aezip.codec import Codec
from aezip.format.container import Section
from aezip.images.sheet import _fitted

RED, GREEN, BLUE = (200, 30, 20), (20, 180, 60), (10, 40, 220)
SIDE, GAP, LETTERS = 64, 10, 10
WIDTH, HEIGHT = SIDE + GAP, SIDE + 2 * GAP + LETTERS // 2


@pytest.fixture(autouse=True)
def place(tmp_path: Path, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three files of one colour: wide, high by its EXIF, and half transparent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = Image.new("RGBA", (128, 128), BLUE)
    clear.paste((0, 0, 0, 0), (0, 0, 64, 128))
    Path("archive/below").mkdir(parents=True)
    for name, image, exif in (
        ("a", Image.new("RGB", (200, 100), RED), None),
        ("b", Image.new("RGB", (200, 100), GREEN), turned),
        ("below/c", clear, None),
    ):
        Path(f"archive/{name}.lat").write_bytes(Codec("tiny").compress(image, lossless=True, exif=exif))


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["sheet", *args], prog_name="aezip")


def test_pictures_lie_upright_in_rows() -> None:
    result = run("archive", "-r", "-o", "sheet.png", "--size", str(SIDE), "--columns", "2")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == f"sheet.png  3 pictures, {2 * WIDTH + GAP}×{2 * HEIGHT + GAP} pixels\n"
    with Image.open("sheet.png") as sheet:
        page = np.asarray(sheet)
    cells = {
        place: page[GAP + HEIGHT * place[0] :, GAP + WIDTH * place[1] :][:SIDE, :SIDE] for place in np.ndindex(2, 2)
    }
    for place, colour, size in (((0, 0), RED, (32, 64)), ((0, 1), GREEN, (64, 32)), ((1, 0), BLUE, (64, 32))):
        there = (cells[place] == colour).all(2)
        assert there.sum() == pytest.approx(size[0] * size[1], rel=0.05)
    assert (cells[1, 0][:, : SIDE // 2 - 2] == 255).all()  # what is transparent is white
    assert (cells[1, 1] == 255).all()
    names = page[GAP + SIDE : GAP + HEIGHT - GAP, :WIDTH]
    assert names.min() < 128


def test_columns_of_its_own_and_other_formats() -> None:
    assert run("archive", "-o", "sheet.jpg", "--quiet").stderr == ""
    with Image.open("sheet.jpg") as sheet:
        assert sheet.size == (2 * (160 + 11) + 11, 160 + 2 * 11 + 5 + 11)


def test_what_cannot_be_shown() -> None:
    Path("archive/d.lat").write_bytes(b"broken")
    Path("archive/e.txt").write_bytes(b"")
    result = run("archive", "-o", "sheet.png")
    assert result.exit_code == 1
    assert "archive/d.lat: not a .lat file" in result.stderr
    assert "left out, for their suffix: 1 .txt" in result.stderr
    assert "sheet.png  2 pictures" in result.stderr
    again = run("archive", "-o", "sheet.png")
    assert "sheet.png: exists already; expected a new name, or --force" in again.stderr
    assert run("archive/a.lat", "-o", "sheet.png", "-f").exit_code == 0
    Path("empty").mkdir()
    for arguments, line in (
        (["empty", "-o", "none.png"], "no picture for the sheet"),
        (["archive", "-o", "none.xyz"], "unknown image format 'xyz'"),
        (["archive/d.lat", "-o", "none.png"], "no picture for the sheet"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2
        assert line in result.stderr
        assert not Path(arguments[-1]).exists()


def test_long_names_keep_their_ends() -> None:
    assert _fitted("holiday-2019-0042", lambda text: len(text) <= 9) == "holi…0042"
    assert _fitted("a", lambda text: False) == "a"
    assert _fitted("short", lambda text: True) == "short"


def test_high_dynamic_range_is_tone_mapped() -> None:
    """Grey at 58 % of PQ is white, 203 cd/m²."""
    pixels = np.full((80, 100, 3), 148, np.uint8)
    named = (Section(b"cICP", bytes((9, 16, 0, 1))),)
    Path("hdr.lat").write_bytes(Codec("tiny").encode(pixels, sections=named, lossless=True))
    assert run("hdr.lat", "-o", "sheet.png", "--size", str(SIDE)).exit_code == 0
    with Image.open("sheet.png") as sheet:
        assert np.asarray(sheet)[GAP + SIDE // 2, GAP + SIDE // 2].min() >= 253


def test_any_name_is_written() -> None:
    Path("archive/a.lat").rename("archive/a\nb\x07.lat")
    assert run("archive", "-o", "sheet.png", "--size", str(SIDE)).exit_code == 0
    with Image.open("sheet.png") as sheet:
        assert sheet.width == 2 * WIDTH + GAP
