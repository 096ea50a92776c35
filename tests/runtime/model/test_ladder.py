from __future__ import annotations

import numpy as np
import pytest

from aezip.errors import PackageDamaged
from aezip.model import ladder

RNG = np.random.default_rng(1)


def sample() -> ladder.Ladder:
    log = np.cumsum(RNG.integers(0, 5000, (9, 6)), 0) - 15000
    hyper = RNG.integers(-5000, 5000, (9, 4))
    return ladder.Ladder(log, -log, hyper, -hyper, hyper - 4096, RNG.integers(-99, 99, (9, 4)))


def test_mantissas_are_nine_bits() -> None:
    assert ladder.MANTISSA.min() == 256
    assert ladder.MANTISSA.max() == 511
    assert (np.diff(ladder.MANTISSA) >= 0).all()
    assert (np.rint(ladder.MANTISSA) == ladder.MANTISSA).all()


def test_nodes_are_met_and_between_is_between() -> None:
    nodes = sample().gain
    for n in range(9):
        np.testing.assert_array_equal(ladder.between(nodes, 125 * n), nodes[n])
    values = np.array([ladder.between(nodes, q) for q in range(1001)])
    assert (np.diff(values, axis=0) >= 0).all()


def test_exact_gains_are_near_and_short() -> None:
    log = np.arange(-14 * 4096, 14 * 4096, 37)
    gain = ladder.exact_gain(log)
    np.testing.assert_allclose(gain, np.exp2(log / 4096), rtol=5e-3)
    mantissa, _ = np.frexp(gain.astype(np.float64))
    np.testing.assert_array_equal(mantissa * 512, np.rint(mantissa * 512))


def test_a_rung_is_whole_where_it_must_be() -> None:
    for quality in (0, 1, 333, 1000):
        rung = ladder.rung(sample(), quality)
        np.testing.assert_array_equal(rung.shift, np.rint(rung.shift))
        assert rung.hyper_index.min() >= 0
        assert rung.hyper_index.max() <= 63


def test_impossible_ladders_are_refused() -> None:
    good = sample()
    for name, value in (("gain", good.gain[:8]), ("gain", good.gain * 100), ("hyper_scale", good.hyper_scale[:, :3])):
        with pytest.raises(PackageDamaged):
            good._replace(**{name: value}).check()
