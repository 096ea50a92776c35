"""Differences down the columns are undone alike, whichever way is faster; squares, however many at once."""

from __future__ import annotations

import numpy as np
import pytest

from aezip.format import averages, bands


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(("width", "narrow"), [(1, 512), (7, 512), (600, 512), (7, 0), (193, 192)])
def test_sums_begin_anew_at_rows_without_up(width, narrow, kind, monkeypatch) -> None:
    monkeypatch.setattr(bands, "NARROW", narrow)
    rng = np.random.default_rng(width)
    for share in (0.0, 0.5, 0.9, 1.0):
        rows, up = rng.integers(0, np.iinfo(kind).max, (200, width), kind), rng.random(200) < share
        wanted = rows.copy()
        for n in range(1, 200):
            if up[n]:
                wanted[n] += wanted[n - 1]
        bands.summed_down(rows, up)
        assert np.array_equal(rows, wanted)


@pytest.mark.parametrize("side", [2, 8])
def test_means_do_not_depend_on_how_many_are_made_at_once(side, monkeypatch) -> None:
    pixels = np.random.default_rng(side).integers(0, 256, (1001, 3, 3), np.uint8)
    whole = averages.averaged(pixels, side)
    monkeypatch.setattr(averages, "TOGETHER", 1)
    assert np.array_equal(averages.averaged(pixels, side), whole)
