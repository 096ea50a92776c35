"""Wide holes are filled with pieces of what is around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aezip.tasks.restore import texture


def bricks(height: int, width: int) -> NDArray[np.uint8]:
    """A wall: rows of bricks, every other one moved by half a brick, in two colours of mortar and stone."""
    y, x = np.mgrid[:height, :width]
    mortar = (y % 6 < 2) | ((x + 6 * (y // 6 % 2)) % 12 < 2)
    return np.where(mortar[:, :, None], (200, 190, 180), (150, 80, 60)).astype(np.uint8)


def holed(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A guess as smooth as can be: the mean colour."""
    return np.where(mask[:, :, None], picture[~mask].mean(0).astype(np.uint8), picture)


def test_a_wall_goes_on_through_a_hole() -> None:
    for side in (20, 44):  # the second is completed in a smaller copy first
        wall = bricks(150, 160)
        mask = np.zeros(wall.shape[:2], bool)
        mask[60 : 60 + side, 50 : 50 + side] = True
        np.testing.assert_array_equal(texture.textured(holed(wall, mask), mask), wall)


def test_what_is_made_has_the_detail_of_what_is_around() -> None:
    grass = np.random.default_rng(1).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    mask = np.zeros((96, 96), bool)
    mask[30:60, 30:60] = True
    made = texture.textured(holed(grass, mask), mask)
    inner = made[34:56, 34:56].astype(float)
    assert inner.std() > 0.7 * grass.std()


def test_scratches_stay_as_they_were_filled() -> None:
    wall = bricks(64, 64)
    mask = np.zeros((64, 64), bool)
    mask[:, 20:28] = mask[30:34] = True
    guess = holed(wall, mask)
    np.testing.assert_array_equal(texture.textured(guess, mask), guess)


def test_a_picture_without_a_known_patch_keeps_the_guess() -> None:
    wall = bricks(20, 40)
    mask = np.ones((20, 40), bool)
    mask[:, 3] = False
    guess = holed(wall, mask)
    np.testing.assert_array_equal(texture.textured(guess, mask), guess)
    np.testing.assert_array_equal(texture.textured(guess, np.ones_like(mask)), guess)


def test_holes_that_touch_are_one_part() -> None:
    wide = np.zeros((400, 500), bool)
    wide[100:130, 100:110] = wide[130:140, 111:140] = True
    wide[390:, 490:] = True
    boxes = texture.parts(wide)
    assert boxes == [(slice(48, 192), slice(48, 192)), (slice(336, 448), slice(432, 560))]
    assert texture.parts(np.zeros((9, 9), bool)) == []


def test_detail_is_what_known_pixels_differ_by() -> None:
    y, x = np.mgrid[:32, :40]
    board = (100 + 20 * ((y + x) % 2))[:, :, None].repeat(3, 2).astype(np.uint8)
    none = np.zeros((32, 40), bool)
    assert texture.detail(np.full((32, 40, 3), 7, np.uint8), none) == 0
    assert abs(texture.detail(board, none) - 20) < 1
    assert texture.detail(board, ~none) == 0
    assert texture.detail(board[:5, :5], none[:5, :5]) == 0
