from __future__ import annotations

import numpy as np
import pytest

from aezip.entropy.tables import INDEX_TOP, MIXTURE, RADIUS_MAX, TOTAL, Tables, mixture_tables
from aezip.errors import PackageDamaged

TABLES = mixture_tables()


def test_tables_pass_their_own_check() -> None:
    TABLES.check()
    assert len(TABLES.radius) == INDEX_TOP + 1
    assert TABLES.radius.max() == RADIUS_MAX


def test_starts_are_monotone_and_the_lookup_inverts_them() -> None:
    for i in (0, 18, 63):
        first = TABLES.base[i] - TABLES.radius[i]
        entries = np.arange(first, first + 2 * TABLES.radius[i] + 2)
        start, frequency = TABLES.start[entries], TABLES.frequency[entries]
        assert start[0] == 0
        np.testing.assert_array_equal(start[1:], np.cumsum(frequency)[:-1])
        slots = TABLES.lookup[i * TOTAL + np.arange(TOTAL)]
        np.testing.assert_array_equal(slots, np.repeat(entries, frequency))


def test_tables_cost_what_a_mixture_costs() -> None:
    weights, widths = np.array(MIXTURE).T
    assert weights.sum() == pytest.approx(1)
    assert (weights * widths**2).sum() == pytest.approx(1, abs=0.03)
    for i in range(20, 60, 8):
        rng, sigma = np.random.default_rng(i), 2 ** ((i - 18) / 5.5)
        symbol = np.rint(rng.normal(0, sigma * rng.choice(widths, 20_000, p=weights))).astype(int)
        bits = TABLES.bits(np.full(len(symbol), i), symbol) / len(symbol)
        shares = np.unique(symbol, return_counts=True)[1] / len(symbol)
        assert bits == pytest.approx(-(shares * np.log2(shares)).sum(), abs=0.06)


@pytest.mark.parametrize("damage", ["sum", "zero", "length", "radius"])
def test_damage_is_named(damage: str) -> None:
    radius, frequency = TABLES.radius.copy(), TABLES.frequency.copy()
    if damage == "sum":
        frequency[5] += 1
    elif damage == "zero":
        frequency[5] = 0
    elif damage == "length":
        frequency = frequency[:-1]
    else:
        radius[0] = 5000
    with pytest.raises(PackageDamaged):
        Tables(radius, frequency).check()
