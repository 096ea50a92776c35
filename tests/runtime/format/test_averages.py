"""Smaller pictures are means of squares, as far as the picture goes."""

from __future__ import annotations

import numpy as np
import pytest

from aezip import errors
from aezip.coding.arguments import check_scale
from aezip.format import averages, scales


@pytest.mark.parametrize("side", [1, 2, 4, 8, 16])
def test_means_of_squares(drawn, side) -> None:
    pixels = drawn(37, 21)
    found = averages.averaged(pixels, side)
    assert found.shape == (-(-37 // side), -(-21 // side), 3)
    for y, x in np.ndindex(found.shape[:2]):
        mean = pixels[side * y : side * (y + 1), side * x : side * (x + 1)].mean((0, 1))
        assert np.abs(found[y, x] - mean).max() <= 0.5


def test_hidden_colours_count_for_nothing() -> None:
    pixels, alpha = np.full((4, 4, 3), 200, np.uint8), np.full((4, 4), 255, np.uint8)
    pixels[:2, :2] = 0
    alpha[:2, :2] = 0
    alpha[:, 2:] = 0
    pixels[2:, 2:] = 100
    found = averages.averaged(pixels, 4, alpha)
    assert found.tolist() == [[[200, 200, 200]]]
    hidden = averages.averaged(pixels, 2, np.zeros_like(alpha))
    assert np.array_equal(hidden, averages.averaged(pixels, 2))


def test_areas() -> None:
    assert scales.reduced((17, 33, 100, 50), 8) == (2, 4, 13, 7)
    assert scales.covered((17, 33, 100, 50), 8, 200, 85) == (16, 32, 104, 53)
    assert [scales.scale_for(4000, side) for side in (4001, 4000, 2000, 512, 500, 250, 10)] == [1, 1, 2, 4, 8, 16, 16]
    for scale in (0, 3, 32, "8", 2.0, True, [2]):
        with pytest.raises(errors.UsageError, match="expected one of 1, 2, 4, 8, 16"):
            check_scale(scale)
