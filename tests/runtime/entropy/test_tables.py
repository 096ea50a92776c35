from __future__ import annotations

import math

import numpy as np
import pytest

from aezip.entropy.tables import INDEX_TOP, RADIUS_MAX, TOTAL, Tables, gaussian_tables
from aezip.errors import PackageDamaged

TABLES = gaussian_tables()


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


def test_tables_cost_what_a_gaussian_costs() -> None:
    for i in range(20, 60, 8):
        sigma = 2 ** ((i - 18) / 5.5)
        symbol = np.rint(np.random.default_rng(i).normal(0, sigma, 20_000)).astype(int)
        bits = TABLES.bits(np.full(len(symbol), i), symbol) / len(symbol)
        assert bits == pytest.approx(math.log2(sigma * math.sqrt(2 * math.pi * math.e)), abs=0.06)


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
