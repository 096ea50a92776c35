"""tools/detector_start.py trains weights that detectors start from, and goes on from them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("torch")
import detector_start

from aezip_train.detector import Weights, read_start


def train(monkeypatch: pytest.MonkeyPatch, folder: Path, output: Path, *options: str) -> Weights:
    arguments = ["detector_start.py", str(folder), str(output), "--steps", "2", "--threads", "1", *options]
    monkeypatch.setattr(sys, "argv", arguments)
    detector_start.main()
    return read_start(output)


def test_weights_to_start_from(tmp_path: Path, drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aezip_train.detector.BATCH", 4)
    (folder := tmp_path / "pictures").mkdir()
    for n in range(2):
        Image.fromarray(drawn(140, 160, seed=n)).save(folder / f"{n}.png")
    made = train(monkeypatch, folder, tmp_path / "a.npz")
    assert {name: value.shape for name, value in made.items()} == {n: v.shape for n, v in read_start().items()}
    further = train(monkeypatch, folder, tmp_path / "b.npz", "--init", str(tmp_path / "a.npz"))
    names = [name for name in made if made[name].ndim == 4]
    away = [float((further[name] - made[name]).abs().max() / made[name].abs().max()) for name in names]
    assert 0 < max(away) < 0.5
