"""The laws of the entropy coder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aezip.entropy import coder, rans
from aezip.entropy.tables import SYMBOL_MAX, mixture_tables
from aezip.errors import AezipError, PackageDamaged, StreamDamaged, UsageError

TABLES = mixture_tables()


@st.composite
def phases(draw: st.DrawFn) -> list[rans.Phase]:
    """Up to three phases of Gaussian symbols, some far outside their tables."""
    out = []
    for _ in range(draw(st.integers(0, 3))):
        n = draw(st.integers(0, 700))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        index = rng.integers(0, draw(st.integers(1, 64)), n)
        spread = draw(st.sampled_from([0.0, 0.5, 1.0, 4.0]))
        symbol = np.rint(rng.normal(size=n) * 2.0 ** ((index - 18) / 5.5) * spread)
        if n and draw(st.booleans()):
            symbol[rng.integers(0, n, 5)] = rng.integers(-SYMBOL_MAX, SYMBOL_MAX + 1, 5)
        out.append((index, np.clip(symbol, -SYMBOL_MAX, SYMBOL_MAX).astype(np.int32)))
    return out


def read(data: bytes, coded: list[rans.Phase]) -> list[np.ndarray]:
    decoder = rans.Decoder(data, TABLES)
    symbols = [decoder.take(index) for index, _ in coded]
    decoder.finish()
    return symbols


@given(phases(), st.sampled_from([None, 1, 2, 16, 256]))
@settings(max_examples=150, deadline=None)
def test_decoding_inverts_encoding(coded: list[rans.Phase], lanes: int | None) -> None:
    data = rans.encode(coded, TABLES, lanes)
    for got, (_, want) in zip(read(data, coded), coded, strict=True):
        np.testing.assert_array_equal(got, want)
    assert rans.encode(coded, TABLES, lanes) == data


@given(phases())
@settings(max_examples=100, deadline=None)
def test_size_is_near_the_entropy(coded: list[rans.Phase]) -> None:
    entropy = sum(TABLES.bits(*phase) for phase in coded) / 8
    size = len(rans.encode(coded, TABLES))
    assert size <= entropy + 24 if entropy < 4096 else size <= 1.01 * entropy


@pytest.mark.parametrize("count", [300, 3000, 20_000, 100_000])
def test_overhead(count: int) -> None:
    rng = np.random.default_rng(count)
    index = rng.integers(6, 40, count)
    symbol = np.rint(rng.normal(size=count) * 2.0 ** ((index - 18) / 5.5)).astype(np.int32)
    entropy = TABLES.bits(index, symbol) / 8
    size = len(rans.encode([(index, symbol)], TABLES))
    assert entropy - 1 <= size <= max(entropy + 24 if entropy < 4096 else 0, 1.01 * entropy)


@given(phases(), st.data())
@settings(max_examples=100, deadline=None)
def test_damage_is_noticed_or_harmless(coded: list[rans.Phase], data: st.DataObject) -> None:
    """A flipped bit ends in StreamDamaged, never in another error (a container's CRC catches the rest)."""
    stream = bytearray(rans.encode(coded, TABLES))
    at = data.draw(st.integers(0, len(stream) * 8 - 1))
    stream[at // 8] ^= 1 << at % 8
    try:
        read(bytes(stream), coded)
    except StreamDamaged:
        return


def test_truncation_is_noticed() -> None:
    rng = np.random.default_rng(1)
    coded = [(rng.integers(20, 30, 400), rng.integers(-3, 4, 400))]
    stream = rans.encode(coded, TABLES)
    for length in range(len(stream)):
        with pytest.raises(StreamDamaged):
            read(stream[:length], coded)
    with pytest.raises(StreamDamaged, match="not used"):
        read(stream + b"\0\0", coded)


def test_lanes_grow_with_the_payload() -> None:
    sizes = [rans.lanes_for(8.0 * n) for n in (0, 100, 1024, 4096, 8191, 8192, 10**6)]
    assert sizes == [1, 1, 2, 8, 8, 16, 256]


def test_escapes_hold_every_value() -> None:
    symbol = np.arange(-SYMBOL_MAX, SYMBOL_MAX + 1)
    coded = [(np.zeros(len(symbol), int), symbol)]
    np.testing.assert_array_equal(read(rans.encode(coded, TABLES, 8), coded)[0], symbol)


needs_compiled = pytest.mark.skipif(bool(coder._absence), reason="the compiled coder is not built")


def outcome(decoder: type, data: bytes, coded: list[rans.Phase]) -> list[object]:
    """All that a decoder says of a stream, symbols and error."""
    said: list[object] = []
    try:
        source = decoder(data, TABLES)
        for index, _ in coded:
            said.append(source.take(index).tolist())
        source.finish()
    except AezipError as error:
        said.append((type(error), str(error)))
    return said


@needs_compiled
@given(phases(), st.sampled_from([None, 1, 2, 16, 256]))
@settings(max_examples=150, deadline=None)
def test_the_compiled_coder_writes_and_reads_the_same(coded: list[rans.Phase], lanes: int | None) -> None:
    data = rans.encode(coded, TABLES, lanes)
    assert coder.encode(coded, TABLES, lanes) == data
    assert outcome(coder.Compiled, data, coded) == [symbol.tolist() for _, symbol in coded]


@needs_compiled
@given(phases(), st.sampled_from([None, 1, 8, 256]), st.data())
@settings(max_examples=200, deadline=None)
def test_the_compiled_coder_says_the_same_of_damage(
    coded: list[rans.Phase], lanes: int | None, data: st.DataObject
) -> None:
    stream = bytearray(rans.encode(coded, TABLES, lanes))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(stream)))
        stream[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    damaged = bytes(stream)
    assert outcome(coder.Compiled, damaged, coded) == outcome(rans.Decoder, damaged, coded)


@needs_compiled
def test_the_compiled_coder_reads_noise_alike() -> None:
    rng = np.random.default_rng(2)
    findings = set()
    for number in range(300):
        log2, words = number % 9, int(rng.integers(0, 900))
        states = rng.integers(*((0, 1 << 17) if number % 50 == 9 else (1 << 16, 1 << 32)), 1 << log2).astype("<u4")
        noise = bytes([log2]) + states.tobytes() + rng.bytes(2 * words)
        coded = [(rng.integers(0, 64, int(n)), np.empty(0)) for n in rng.integers(0, 400, 3)]
        said = outcome(coder.Compiled, noise, coded)
        assert said == outcome(rans.Decoder, noise, coded)
        findings.add(said[-1][1] if isinstance(said[-1], tuple) else "")
    low = "a state is below 65536; expected states from 65536 on"
    assert {low, "; expected ".join(rans.SHORT)} <= findings


@pytest.mark.parametrize("name", [n for n in coder.NAMES if n == "numpy" or not coder._absence])
def test_what_cannot_be_coded_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(coder.VARIABLE, name)
    good, far = np.array([3]), np.array([SYMBOL_MAX + 1])
    for phase in ((np.array([64]), good), (np.array([-1]), good), (good, far), (good, np.array([1, 2]))):
        with pytest.raises(UsageError):
            coder.encode([phase], TABLES)
    with pytest.raises(UsageError):
        coder.encode([(good, good)], TABLES, 3)
    with pytest.raises(PackageDamaged):
        coder.decoder(coder.encode([(good, good)], TABLES), TABLES).take(np.array([64]))


def test_the_choice_of_a_coder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(coder.VARIABLE, raising=False)
    assert coder.chosen()[0] == ("numpy" if coder._absence else "compiled")
    monkeypatch.setattr(coder, "_absence", "no compiler")
    assert coder.chosen() == ("numpy", "no compiler")
    stream = coder.encode([(np.array([3]), np.array([1]))], TABLES)
    assert isinstance(coder.decoder(stream, TABLES), rans.Decoder)
    monkeypatch.setenv(coder.VARIABLE, "compiled")
    with pytest.raises(UsageError, match="no compiler"):
        coder.chosen()
    monkeypatch.setenv(coder.VARIABLE, "rust")
    with pytest.raises(UsageError, match="one of compiled, numpy"):
        coder.chosen()
