"""tools/release_model.py: what it refuses, and the models that it makes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import release_model

from aezip.codec import Codec
from aezip.model import packages, releases, store, writing


def test_what_cannot_be_released(tiny: str, golden: Path, tmp_path: Path) -> None:
    (tmp_path / releases.REGISTRY).write_bytes(releases.text([]))
    half = tmp_path / "half.aezm"
    half.write_bytes(writing.split(packages.Package(store.find(tiny)), "decoder"))
    for path in (half, golden / "tiny-denoise.aezm"):
        with pytest.raises(SystemExit, match="expected a whole package"):
            release_model.release(packages.describe(path), "photo", tmp_path)
    release_model.release(store.find(tiny), "photo", tmp_path)
    with pytest.raises(SystemExit, match="released already"):
        release_model.release(store.find(tiny), "other", tmp_path)
    shutil.copy(golden / "tiny-static.aezm", tmp_path / "photo.aezm")
    with pytest.raises(SystemExit, match="is not photo-1"):
        release_model.release(packages.describe(golden / "tiny-integer.aezm"), "photo", tmp_path)


def test_rounded_weights_are_another_model_that_is_whole(tiny: str, tmp_path: Path, drawn) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "rounded.aezm"
    release_model.rounded(store.find(tiny), 6, path)
    packages.check(packages.describe(path))
    pixels = drawn(40, 50)
    before, after = (Codec(str(p)).decode(Codec(str(p)).encode(pixels, lossless=False))[0] for p in (tiny, path))
    assert packages.describe(path).fingerprint != store.find(tiny).fingerprint
    assert 0 < np.abs(before.astype(int) - after).max() < 20
