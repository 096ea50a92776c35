"""tools/pack_pictures.py keeps to its megabytes, takes patches of all pictures, and says what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

pytest.importorskip("torch")
import pack_pictures

from aezip_train.data import read_folder

pytestmark = pytest.mark.skipif(not features.check("avif"), reason="needs Pillow with AVIF")


@pytest.fixture
def folder(tmp_path: Path, drawn) -> Path:
    """Three pictures, of six patches of 256 pixels, two, and one of 320."""
    (made := tmp_path / "pictures").mkdir()
    for n, (height, width) in enumerate(((520, 800), (600, 300), (330, 350))):
        Image.fromarray(drawn(height, width, seed=n)).save(made / f"{n}.png")
    return made


def pack(monkeypatch: pytest.MonkeyPatch, folder: Path, output: Path, *options: str) -> list[bytes]:
    monkeypatch.setattr(sys, "argv", ["pack_pictures.py", str(folder), "-o", str(output), *options])
    pack_pictures.main()
    return [file.read_bytes() for file in sorted(output.iterdir())]


def test_the_same_pictures_give_the_same_patches(tmp_path: Path, folder: Path, monkeypatch, capsys) -> None:
    first = pack(monkeypatch, folder, tmp_path / "a", "--patch", "256")
    assert "9 patches of 3 pictures, " in capsys.readouterr().out
    assert first == pack(monkeypatch, folder, tmp_path / "b", "--patch", "256")
    assert first != pack(monkeypatch, folder, tmp_path / "c", "--patch", "256", "--seed", "2")
    assert {p.shape for p in read_folder(tmp_path / "a")} == {(256, 256, 3)}
    pack(monkeypatch, folder, tmp_path / "d", "--patch", "320")
    assert sorted(p.shape[0] for p in read_folder(tmp_path / "d")) == [256, 256, 320, 320, 320]


def test_all_is_within_the_megabytes(tmp_path: Path, folder: Path, monkeypatch) -> None:
    whole = pack(monkeypatch, folder, tmp_path / "a", "--patch", "256")
    limit = sum(map(len, whole)) // 2
    half = pack(monkeypatch, folder, tmp_path / "b", "--patch", "256", "--megabytes", str(limit / 1e6))
    assert half == whole[: len(half)]
    assert sum(map(len, half)) <= limit < sum(map(len, whole[: len(half) + 1]))
    with pytest.raises(SystemExit):
        pack(monkeypatch, folder, tmp_path / "c", "--megabytes", "0.001")
    assert not (tmp_path / "c").exists()


def test_each_picture_gives_one_before_another_gives_two() -> None:
    pictures = [np.full((512, 512 * (n + 1), 3), 10 * n, np.uint8) for n in range(4)]
    for picture in pictures:
        picture[::2] += 9
    found = [int(p[1, 0, 0]) // 10 for p in pack_pictures.patches(pictures, 512, seed=3)]
    assert [sorted(found[a:b]) for a, b in ((0, 4), (4, 7), (7, 9), (9, 10))] == [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]]


def test_few_flat_patches_are_kept(drawn) -> None:
    flat = np.full((256, 256 * 200, 3), 90, np.uint8)
    assert 20 < len(list(pack_pictures.patches([flat], 256, seed=1))) < 60
    assert len(list(pack_pictures.patches([drawn(256, 256 * 8)], 256, seed=1))) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--patch", "300"], "--patch 300; expected a multiple of 64 from 256 on"), ([], "exists; expected a new folder")],
)
def test_what_is_wrong_is_said(tmp_path: Path, folder: Path, monkeypatch, capsys, options, message: str) -> None:
    with pytest.raises(SystemExit):
        pack(monkeypatch, folder, tmp_path / "a" if options else folder, *options)
    assert message in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    with pytest.raises(SystemExit):
        pack(monkeypatch, tmp_path / "none", tmp_path / "b")
    assert "no picture of at least 256×256 pixels found" in capsys.readouterr().err
