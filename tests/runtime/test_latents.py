from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aezip import codec as codecs
from aezip import latents
from aezip.codec import Codec
from aezip.tables import gaussian_tables

TABLES = gaussian_tables()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_symbols_fall_towards_zero_only_where_it_pays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    off = rng.integers(-16 * 60, 16 * 60, 400).astype(np.int32)
    symbol = (off + 8) >> 4
    off, symbol = off[symbol != 0], symbol[symbol != 0]
    index = rng.integers(6, 64, len(symbol)).astype(np.uint8)
    less = latents.towards_zero(off, symbol, index, TABLES, 25.0)
    assert set((np.abs(symbol) - np.abs(less)).tolist()) <= {0, 1}
    assert (less * symbol >= 0).all()

    def cost(value: np.ndarray) -> np.ndarray:
        bits = TABLES.cost[TABLES.entries(index, value)]
        return bits + 25.0 * (off - 16 * value) ** 2 / 256

    assert (cost(less) <= cost(symbol) + 1e-3).all()


def test_effort_saves_bytes_and_both_decode(tiny, drawn) -> None:
    codec = Codec(tiny)
    pixels = drawn(256, 256)
    rounded, weighed = (codec.encode(pixels, 50, effort=effort) for effort in (0, 1))
    assert len(weighed) < len(rounded)
    assert codec.decode(weighed)[0].shape == codec.decode(rounded)[0].shape


def test_split_covers_the_grid_once() -> None:
    for h, w, tile in ((1, 1, 0), (13, 70, 0), (13, 70, 1), (64, 65, 4)):
        seen = np.zeros((h, w), int)
        for rows, columns in latents.split(h, w, tile):
            assert rows.start % 4 == columns.start % 4 == 0
            seen[rows, columns] += 1
        assert (seen == 1).all()
    assert codecs.TILE * 64 == 1024
