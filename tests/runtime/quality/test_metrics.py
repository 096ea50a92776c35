from __future__ import annotations

import math

import numpy as np
import pytest

from aezip.quality.metrics import bd_rate, pchip, psnr_db


def test_psnr() -> None:
    a = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(a, a) == math.inf
    assert psnr_db(a, a + 5) == pytest.approx(20 * math.log10(255 / 5))
    with pytest.raises(ValueError, match="one shape"):
        psnr_db(a, a[:2])


def test_pchip_passes_its_points_and_keeps_their_order() -> None:
    x = np.array([0, 1, 1.5, 4, 7.0])
    y = np.array([0, 2, 2.1, 8, 8.5])
    np.testing.assert_allclose(pchip(x, y, x), y)
    assert (np.diff(pchip(x, y, np.linspace(0, 7, 500))) >= -1e-12).all()


def test_bd_rate_of_a_scaled_curve() -> None:
    rate, quality = np.array([0.1, 0.2, 0.5, 1.0, 2]), np.array([27, 29.5, 33, 36, 40.0])
    assert bd_rate(rate, quality, rate * 0.8, quality) == pytest.approx(-20)
    assert bd_rate(rate, quality, rate, quality) == pytest.approx(0)
    assert math.isnan(bd_rate(rate, quality, rate, quality + 100))
