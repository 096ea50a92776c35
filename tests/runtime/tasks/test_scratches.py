"""Scratches are filled by how pixels of the picture go together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aezip.quality.metrics import psnr_db
from aezip.tasks.restore import holes, scratches


def scratched(height: int, width: int, thick: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:height, :width]
    return np.abs(y - 20 - x // 3) < (thick + 1) / 2


def test_a_weave_goes_on_across_a_scratch(cloth) -> None:
    picture = cloth(64, 72)
    for thick, gain in ((1, 6), (3, 10)):
        mask = scratched(64, 72, thick)
        guess = holes.smooth(np.where(mask[:, :, None], np.uint8(0), picture), mask)
        made = scratches.predicted(guess, mask)
        np.testing.assert_array_equal(made[~mask], picture[~mask])
        assert psnr_db(picture[mask], made[mask]) > psnr_db(picture[mask], guess[mask]) + gain
        np.testing.assert_array_equal(scratches.predicted(guess, mask), made)


def test_what_is_flat_stays_flat() -> None:
    flat = np.full((40, 50, 3), (10, 200, 255), np.uint8)
    np.testing.assert_array_equal(scratches.predicted(flat, scratched(40, 50, 2)), flat)


def test_wide_holes_stay_as_they_were_filled(cloth) -> None:
    picture = cloth(60, 60)
    mask = np.zeros((60, 60), bool)
    mask[20:40, 15:45] = True
    guess = np.where(mask[:, :, None], np.uint8(99), picture)
    np.testing.assert_array_equal(scratches.predicted(guess, mask), guess)
    np.testing.assert_array_equal(scratches.predicted(guess, np.zeros_like(mask)), guess)


def test_a_picture_without_a_known_patch_keeps_the_guess(cloth) -> None:
    for shape in ((1, 1), (3, 40), (12, 12)):
        picture = cloth(*shape)
        mask = np.zeros(shape, bool)
        mask[shape[0] // 2, :: max(1, shape[1] // 4)] = True
        np.testing.assert_array_equal(scratches.predicted(picture, mask), picture)
