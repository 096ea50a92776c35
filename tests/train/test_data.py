from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aezip_train.data import Crops, centre, halve, read_folder, to_bytes


def test_centring_is_undone() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 8, 32, 1).repeat(3, 3)
    np.testing.assert_array_equal(to_bytes(centre(pixels)), pixels)


def test_halving_averages() -> None:
    picture = np.array([[0, 4, 9], [8, 12, 9], [9, 9, 9]], np.uint8)[:, :, None]
    np.testing.assert_array_equal(halve(picture), [[[6]]])


def test_crops_follow_their_generator(drawn) -> None:
    crops = Crops([drawn(200, 150, seed=n) for n in range(3)], 64, 5)
    first = crops.draw(np.random.default_rng(4))
    assert first.shape == (5, 3, 64, 64)
    assert torch.equal(first, crops.draw(np.random.default_rng(4)))
    with pytest.raises(ValueError, match="256×256"):
        Crops([drawn(200, 150)], 256, 1)


def test_upright_crops_show_most_of_a_picture(drawn) -> None:
    picture = np.repeat(np.arange(240, dtype=np.uint8)[:, None, None], 300, 1).repeat(3, 2)  # dark above, light below
    crops = Crops([picture], 64, 12, least_part=0.5)
    assert crops.pictures[0].shape[:2] == (120, 150)
    drawn_ = crops.draw(np.random.default_rng(1))
    assert torch.equal(drawn_, crops.draw(np.random.default_rng(1)))
    falls = (drawn_[:, 0, 1:] - drawn_[:, 0, :-1]).mean((1, 2))
    assert (falls > 0).all()
    lightness = drawn_.mean((1, 2, 3))
    assert lightness.std() > 0.02
    assert torch.equal(drawn_[:, 0], drawn_[:, 2])


def test_folders_are_read_in_order(tmp_path: Path, drawn) -> None:
    (tmp_path / "b").mkdir()
    for name, side in (("b/2.png", 70), ("1.png", 80), ("small.png", 10)):
        Image.fromarray(drawn(side, 90)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    assert [p.shape[0] for p in read_folder(tmp_path)] == [80, 70]
    with pytest.raises(FileNotFoundError, match="no picture"):
        read_folder(tmp_path / "b", smallest=500)


def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path, drawn, capsys) -> None:
    Image.fromarray(drawn(70, 80)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder.png").mkdir()
    Image.fromarray(drawn(20, 80)).save(tmp_path / "low.png")
    deep = np.multiply(drawn(64, 64)[:, :, 0], 257, dtype=np.uint16)
    for name in ("x", "y"):
        Image.fromarray(deep).save(tmp_path / f"{name}.png")
    found = read_folder(tmp_path)
    assert [p.shape for p in found] == [(70, 80, 3), (64, 64, 3), (64, 64, 3)]
    np.testing.assert_array_equal(found[1][:, :, 1], drawn(64, 64)[:, :, 0])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "note: 16-bit samples of 0 to 65535 made 8-bit (2 pictures)"
    assert lines[1].startswith(f"note: left out: {tmp_path / 'cut.png'}: the image data is damaged or cut short")
    assert lines[2:] == ["note: left out: sides below 64 pixels"]
    luma = np.asarray(Image.fromarray(drawn(70, 80)).convert("L"))
    grey = read_folder(tmp_path, channels=1)
    np.testing.assert_array_equal(grey[0][:, :, 0], luma)
    assert Crops(grey, 64, 3, least_part=0.8, drawn=0.5).draw(np.random.default_rng(1)).shape == (3, 1, 64, 64)


def test_many_broken_pictures_are_few_lines(tmp_path: Path, drawn, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(drawn(70, 80)).save(tmp_path / "a.png")
    for n in range(12):
        (tmp_path / f"._{n}.jpg").write_bytes(b"nothing")
    assert len(read_folder(tmp_path)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[-1]) == (9, "note: 4 more of this kind")
    monkeypatch.setenv("RANK", "1")
    assert len(read_folder(tmp_path)) == 1
    assert capsys.readouterr().err == ""
