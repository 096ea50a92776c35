from __future__ import annotations

import numpy as np
import pytest

from aezip_train import defects
from aezip_train.defects import planted


def wavy(seed: int, height: int = 128, width: int = 128, channels: int = 3) -> defects.Array:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    plain = 0.5 + 0.1 * np.sin(x / 5 + rng.uniform(0, 6)) * np.sin(y / 7)
    return np.clip(plain[:, :, None] + rng.normal(0, 0.01, (height, width, channels)), 0, 1).astype(np.float32)


def test_a_copy_differs_where_the_mask_says() -> None:
    for seed in range(40):
        picture = wavy(seed)
        made, where = planted(picture, lambda: wavy(99), np.random.default_rng(seed))
        assert made.dtype == where.dtype == np.float32
        assert set(np.unique(where)) <= {0, 1}
        assert 0 <= made.min() <= made.max() <= 1
        changed = np.abs(made - picture).max(2)
        assert changed[where > 0].max() > 0.03
        assert changed[where > 0].mean() > 5 * changed[where == 0].mean()
        again, _ = planted(picture, lambda: wavy(99), np.random.default_rng(seed))
        np.testing.assert_array_equal(made, again)


@pytest.mark.parametrize("shape", [(32, 40, 1), (17, 90, 3), (64, 16, 1)])
def test_any_size_and_grey(shape: tuple[int, int, int]) -> None:
    for seed in range(30):
        picture = wavy(seed, *shape)
        made, where = planted(picture, lambda: wavy(98, *shape), np.random.default_rng(seed))
        assert made.shape == shape
        assert where.shape == shape[:2]


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_pictures_without_any_detail(level: float) -> None:
    flat = np.full((64, 64, 3), level, np.float32)
    spoilt = 0
    for seed in range(30):
        made, where = planted(flat, lambda: flat, np.random.default_rng(seed))
        assert np.isfinite(made).all()
        assert where.any() == (made != flat).any()
        spoilt += bool(where.any())
    assert spoilt


@pytest.mark.parametrize("draw", [draw for _, draw in defects.SHAPES])
def test_shapes_are_masks(draw) -> None:
    sizes = []
    for seed in range(60):
        mask = draw(np.random.default_rng(seed), 96, 128)
        assert mask.shape == (96, 128)
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() <= 1
        sizes.append(mask.mean())
    assert 0 < np.median(sizes) < 0.3


@pytest.mark.parametrize("fill", [fill for _, fill in defects.FILLS])
def test_fills_change_what_is_there(fill) -> None:
    picture = wavy(3, 64, 64)
    inside = np.zeros((64, 64), bool)
    inside[20:40, 20:40] = True
    for seed in range(20):
        made = fill(picture, inside, 0.05, lambda: wavy(4, 64, 64), np.random.default_rng(seed))
        assert made.shape == picture.shape
        assert np.abs(made - picture)[inside].max() > 0.005


def test_shares_of_kinds_sum_to_one() -> None:
    for kinds in (defects.SHAPES, defects.FILLS):
        assert sum(share for share, _ in kinds) == pytest.approx(1)
