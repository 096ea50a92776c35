"""Sorted phases come back in their own order; a stream that is cut off gives what it has, then zeros."""

from __future__ import annotations

import numpy as np
import pytest

from aezip import errors
from aezip.entropy import coder, order, rans
from aezip.entropy.tables import mixture_tables

TABLES = mixture_tables()


@pytest.fixture(params=coder.NAMES)
def chosen(request, monkeypatch) -> str:
    if request.param == "compiled" and coder.chosen()[0] != "compiled":
        pytest.skip("no compiled coder")
    monkeypatch.setenv(coder.VARIABLE, request.param)
    return request.param


def phases(seed: int, *counts: int) -> list[rans.Phase]:
    rng = np.random.default_rng(seed)
    made = []
    for count in counts:
        index = rng.integers(0, 64, count).astype(np.uint8)
        made.append((index, np.rint(rng.normal(0, np.exp2((index.astype(float) - 18) / 5.5))).astype(np.int16)))
    return made


def test_order_is_stable_and_descends() -> None:
    assert order.order(np.array([3, 63, 3, 0, 63, 7], np.uint8)).tolist() == [1, 4, 5, 0, 2, 3]


def test_there_and_back(chosen) -> None:
    made = phases(1, 1000, 0, 3777, 1)
    stream = coder.encode(made, TABLES, progressive=True)
    source = coder.decoder(stream, TABLES, progressive=True)
    for index, symbol in made:
        assert np.array_equal(source.take(index), symbol)
    source.finish()
    plain = coder.decoder(stream, TABLES)
    index = np.sort(made[0][0])[::-1]
    assert np.array_equal(plain.take(index), made[0][1][order.order(made[0][0])])
    with pytest.raises(errors.PackageDamaged):
        coder.decoder(stream, TABLES, progressive=True).take(np.array([64]))


@pytest.mark.parametrize("lanes", [1, 16])
def test_a_cut_stream_gives_what_it_has(chosen, lanes) -> None:
    made = phases(2, 500, 2000)
    stream = coder.encode(made, TABLES, lanes, progressive=True)
    before = -1
    for length in (0, 1, 3, 4 * lanes, 5 * lanes, 333, len(stream) // 2, len(stream) - 1, len(stream)):
        source = coder.decoder(stream[:length], TABLES, progressive=True, cut=True)
        right = 0
        for index, symbol in made:
            where = order.order(index)
            found, want = source.take(index)[where], symbol[where]
            same = np.flatnonzero(found != want)
            first = same[0] if len(same) else len(index)
            assert not found[first:].any()  # zeros from the first wrong one on
            right += first
        source.finish()
        assert right >= before
        before = right
    assert before == 2500


def test_damage_in_what_is_there_is_damage(chosen) -> None:
    made = phases(3, 200)
    stream = coder.encode([(made[0][0], np.full(200, 2047, np.int16))], TABLES, 1)
    damaged = bytearray(stream)
    with pytest.raises(errors.StreamDamaged, match="out of range"):
        for at in range(5, 60, 2):
            damaged[at + 1] ^= 0x40
            coder.decoder(bytes(damaged), TABLES, cut=True).take(made[0][0])
