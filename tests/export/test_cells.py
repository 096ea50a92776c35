"""Bounds of cells' errors, measured on pictures of every kind that models code."""

from __future__ import annotations

import numpy as np
import pytest

from aezip.codec import Codec
from aezip.coding import cells
from aezip.format.container import QUALITY_TOP
from aezip.model import packages, store
from aezip.model.packages import Package
from aezip_export import package
from aezip_export.cells import ROOM, measure


@pytest.mark.parametrize("name", ["tiny", "tiny-static-grey"])
def test_bounds_are_above_what_the_pictures_have(name: str, golden, drawn, tmp_path) -> None:
    channels = 1 if name.endswith("grey") else 3
    pictures = [drawn(80, 96, seed, channels) for seed in range(2)]
    path, given = tmp_path / "mine.aezm", golden / f"{name}.aezm"
    package.amend(given, path, {}, cell_errors=measure(Package(packages.describe(given)), pictures))
    packages.check(packages.describe(path))
    found = store.find_codec(str(path))
    assert found.fingerprint == store.find(str(golden / f"{name}.aezm")).fingerprint
    table = np.array(found.cell_errors)
    assert (np.diff(table, axis=0) <= 0).all()
    assert (np.diff(table, axis=1) >= 0).all()
    codec = Codec(str(path))
    for quality in (0, 50, 100):
        row = table[quality * (cells.NODES - 1) * 10 // QUALITY_TOP]
        errors = [cells.errors(p, codec.decode(codec.encode(p, quality))[0]) for p in pictures]
        classes = [cells.activity(p) for p in pictures]
        for error, kind in zip(errors, classes, strict=True):
            assert (ROOM * error <= row[kind] * 1.01).all()
        most = max(error.max() for error in errors)
        assert row[-1] == pytest.approx(ROOM * most, rel=0.02)
