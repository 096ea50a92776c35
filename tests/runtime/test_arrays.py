from __future__ import annotations

import numpy as np
import pytest

from aezip.arrays import around, grey, resized


@pytest.mark.parametrize("radius", [0, 1, 4, 25])
def test_means_are_of_the_places_around(radius: int) -> None:
    values = np.random.default_rng(5).random((20, 30, 3))
    wide = np.pad(values, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (2 * radius + 1, 2 * radius + 1), (0, 1))
    np.testing.assert_allclose(around(values, radius), windows.mean((3, 4)))
    np.testing.assert_allclose(around(values[..., 0], radius), windows[:, :, 0].mean((2, 3)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_grey_is_the_mean_of_the_channels(channels: int, kind: type) -> None:
    picture = np.random.default_rng(6).integers(200, 256, (9, 7, channels)).astype(kind)
    np.testing.assert_allclose(grey(picture), picture.mean(2), rtol=1e-6)
    assert grey(picture).dtype == np.float32


def test_resized_values_lie_on_the_line_between() -> None:
    ramp = np.add.outer(np.arange(40), 3 * np.arange(60)).astype(np.float32)
    np.testing.assert_array_equal(resized(ramp, (40, 60)), ramp)
    doubled = resized(ramp, (80, 120))
    np.testing.assert_allclose(
        doubled[2:-2, 2:-2], np.add.outer(np.arange(80) - 0.5, 3 * np.arange(120) - 1.5)[2:-2, 2:-2] / 2, atol=1e-3
    )
    np.testing.assert_allclose(resized(ramp, (10, 15)).mean(), ramp.mean(), rtol=1e-5)
    part = slice(5, 17), slice(8, 24)
    np.testing.assert_allclose(
        resized(ramp, (37, 66), part)[2:-2, 2:-2], resized(ramp, (37, 66))[part][2:-2, 2:-2], atol=0.02
    )
    assert resized(np.zeros((0, 0), np.float32), (20, 20)).shape == (0, 0)
