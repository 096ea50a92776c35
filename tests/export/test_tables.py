"""Frequency tables that were counted in pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aezip.codec import Codec
from aezip.entropy import tables as mixtures
from aezip.model import packages, store
from aezip_export import sample, tables


def test_what_was_never_seen_stays_a_mixture() -> None:
    made = tables.fitted(np.zeros(len(tables.MIXTURES.frequency), np.int64))
    assert np.array_equal(made.radius, tables.MIXTURES.radius)
    assert np.abs(made.frequency - tables.MIXTURES.frequency).max() <= 1


def test_what_was_seen_often_is_what_tables_say() -> None:
    rng, table, count = np.random.default_rng(3), 18, 1_000_000
    symbol = np.clip(np.rint(rng.laplace(0, 0.8, count)), -20, 20).astype(int)
    entry = tables.MIXTURES.entries(np.full(count, table), symbol)
    made = tables.fitted(np.bincount(entry, minlength=len(tables.MIXTURES.frequency)))
    made.check()
    for s in (-2, -1, 0, 1, 2):
        share = made.frequency[made.base[table] + s] / mixtures.TOTAL
        assert share == pytest.approx((np.abs(symbol) == abs(s)).mean() / (1 + (s != 0)), rel=0.01)
    escape = made.base[table] + made.radius[table] + 1
    assert made.frequency[escape] / mixtures.TOTAL == pytest.approx(
        (np.abs(symbol) > made.radius[table]).mean(), abs=2 / mixtures.TOTAL
    )


def test_a_package_with_counted_tables_makes_smaller_files(tiny, drawn, tmp_path) -> None:
    for seed in range(6):
        Image.fromarray(drawn(128, 96, seed)).save(tmp_path / f"{seed}.png")
    before, output = store.find(tiny), tmp_path / "counted.aezm"
    assert tables.add_to(before.path, tmp_path, output) == 6
    packages.check(packages.describe(output))
    assert store.find(str(output)).fingerprint != before.fingerprint
    sizes = [
        sum(len(codec.encode(drawn(96, 128, seed), q)) for seed in range(6) for q in (30, 80))
        for codec in (Codec(str(before.path)), Codec(str(output)))
    ]
    assert sizes[1] < sizes[0]
    said = store.find(str(output)).description
    assert said["measured"] == sample.measured(output, (20, 60, 90)) != before.description["measured"]
    codec = Codec(str(output))
    assert codec.decode(codec.encode(drawn(50, 70, seed=9), 60))[0].shape == (50, 70, 3)


def test_static_tables_were_counted_in_training(golden, tmp_path) -> None:
    with pytest.raises(ValueError, match="in training"):
        tables.add_to(golden / "tiny-static.aezm", tmp_path)
