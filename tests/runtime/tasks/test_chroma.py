from __future__ import annotations

import numpy as np

from aezip.tasks.features.vectors import halved
from aezip.tasks.restore import chroma


def test_the_first_copy_keeps_its_grey_values_and_even_colours() -> None:
    rng = np.random.default_rng(1)
    grey = rng.integers(60, 190, (53, 38, 1)).astype(np.uint8)
    copies = [grey, halved(grey), halved(halved(grey))]
    tint = np.array([20, -11, 4])  # no luma
    made = chroma.spread((copies[-1] + tint).astype(np.uint8), copies)
    assert np.abs(made.astype(int) - grey - tint).max() <= 1


def test_colours_end_where_things_do() -> None:
    grey = np.full((32, 32, 1), 60, np.uint8)
    grey[:, 15:] = 180  # the edge lies within a pixel of the smaller copy
    small = halved(grey)
    made = np.repeat(small, 3, 2).astype(np.int16)
    made[:, 8:] += (40, -14, -32)  # no luma
    large = chroma.spread(made.astype(np.uint8), [grey, small])
    assert np.abs(large[:, :14].astype(int) - 60).max() <= 1
    assert np.abs(large[:, 17:].astype(int) - (220, 166, 148)).max() <= 1


def test_bands_are_not_seen(monkeypatch) -> None:
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 255, (41, 30, 1)).astype(np.uint8)
    copies = [grey, halved(grey)]
    made = rng.integers(0, 255, (20, 15, 3)).astype(np.uint8)
    whole = chroma.spread(made, copies)
    monkeypatch.setattr(chroma, "BAND", 3)
    np.testing.assert_array_equal(chroma.spread(made, copies), whole)


def test_a_network_sees_a_copy_of_one_size_and_its_colours_come_back() -> None:
    for shape, wanted in (((300, 200), (150, 100)), ((101, 390), (100, 386)), ((60, 90), (60, 90))):
        grey = np.random.default_rng(3).integers(60, 190, (*shape, 1)).astype(np.uint8)
        small = chroma.reduced(grey, 100)
        assert small.shape == (*wanted, 1)
        assert abs(float(small.mean()) - float(grey.mean())) < 1
        tint = np.array([20, -11, 4])  # no luma
        made = chroma.spread((small + tint).astype(np.uint8), [grey])
        assert made.shape == (*shape, 3)
        assert np.abs(made.astype(int) - grey - tint).max() <= 1
