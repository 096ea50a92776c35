"""Interleaved range ANS: symbols under tables ↔ bytes (Duda 2013; interleaving after Giesen 2014).

FORMAT.md, section 3, says how symbols are popped. To push one of frequency f and start c: while the state x ≥ f·2¹⁶,
write its low 16 bits as a word and shift them out; then x ← (x div f)·2¹⁶ + c + (x mod f). What is pushed last is
popped first, so the encoder walks backwards.

Every lane starts at 2¹⁶ in the encoder, so it ends there in the decoder, with no word left over: a free checksum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import PackageDamaged, StreamDamaged, UsageError
from .tables import INDEX_TOP, SYMBOL_MAX, TOTAL_BITS, Tables

LOW = 1 << 16  # states are in [LOW, LOW · 2¹⁶)
MAX_LANES = 256
BYTES_PER_LANE = 512  # of payload: 4 bytes of state are then under 1 %

SHORT = ("the stream ends before its symbols do", "all of its words")
ESCAPE = ("an escaped symbol is out of range", f"at most ±{SYMBOL_MAX}")

Phase = tuple[NDArray[np.integer], NDArray[np.integer]]  # table index [n], symbol [n]


class StreamShort(StreamDamaged):
    """The words run out before the symbols do, as they may where a stream's end is missing."""


def lanes_for(bits: float) -> int:
    """Number of lanes for a payload: the largest power of two that its states do not burden by 1 %."""
    wanted = int(bits / 8 / BYTES_PER_LANE)
    return min(MAX_LANES, 1 << max(0, wanted.bit_length() - 1))


def encode(phases: Sequence[Phase], tables: Tables, lanes: int | None = None) -> bytes:
    """Code phases of symbols, each [n] under the tables `index` [n].  |symbol| ≤ SYMBOL_MAX.

    Raises UsageError.
    """
    check_phases(phases, lanes)
    entries = [tables.entries(index, symbol) for index, symbol in phases]
    if lanes is None:
        lanes = lanes_for(sum(tables.bits_of(entry) for entry in entries))
    x = np.full(lanes, LOW, np.uint64)
    words: list[NDArray[np.uint16]] = []  # backwards
    low_bits, shift = np.uint64(LOW - 1), np.uint64(16)
    for (index, symbol), entry in zip(reversed(phases), reversed(entries), strict=True):
        frequency = tables.frequency[entry].astype(np.uint64)
        start = tables.start[entry].astype(np.uint64)
        escaped = np.abs(symbol) > tables.radius[index]
        raw = symbol.astype(np.uint16)
        any_escape = bool(escaped.any())
        for at in range((len(entry) - 1) // lanes * lanes, -1, -lanes):
            turn = slice(at, at + lanes)
            f = frequency[turn]
            state = x[: len(f)]
            if any_escape and escaped[turn].any():
                who = np.flatnonzero(escaped[turn])
                words.append((state[who] & low_bits).astype(np.uint16)[::-1])
                state[who] = (state[who] & ~low_bits) | raw[turn][who]
            full = state >= f << shift
            words.append((state[full] & low_bits).astype(np.uint16)[::-1])
            state[full] >>= shift
            quotient = state // f
            state += quotient * (np.uint64(LOW) - f) + start[turn]
    flat = np.concatenate(words)[::-1] if words else np.empty(0, np.uint16)
    head = bytes([lanes.bit_length() - 1])
    return head + x.astype("<u4").tobytes() + flat.astype("<u2").tobytes()


class Decoder:
    """Reads a stream phase by phase: `take` each, then `finish`."""

    def __init__(self, data: bytes, tables: Tables) -> None:
        self._x = check_head(data)
        words = data[1 + 4 * len(self._x) :]
        # zeros behind the end, so that a damaged stream reads on and is caught by `finish`
        spare = np.zeros(2 * MAX_LANES, np.uint32)
        self._words = np.concatenate([np.frombuffer(words, "<u2").astype(np.uint32), spare])
        self._used, self._length = 0, len(words) // 2
        self._tables = tables
        self._frequency = tables.frequency.astype(np.uint32)
        self._start = tables.start.astype(np.uint32)

    def take(self, index: NDArray[np.integer]) -> NDArray[np.int16]:
        """The next phase's symbols, under the tables `index` [n].  [n] int16.  Raises StreamDamaged, PackageDamaged."""
        check_index(index)
        lanes, tables = len(self._x), self._tables
        lookup, low_bits, shift = tables.lookup, np.uint32(LOW - 1), np.uint32(16)
        table = index.astype(np.int64) << TOTAL_BITS
        symbols = np.empty(len(index), np.int16)
        for at in range(0, len(index), lanes):
            here = table[at : at + lanes]
            x = self._x[: len(here)]
            slot = x & low_bits
            entry = lookup[here + slot]
            x[:] = self._frequency[entry] * (x >> shift) + slot - self._start[entry]
            self._refill(x)
            symbol = tables.symbol[entry]
            if symbol.max() > SYMBOL_MAX:
                self._unescape(x, symbol)
            symbols[at : at + lanes] = symbol
            if self._used > self._length:
                raise StreamShort(*SHORT)
        return symbols

    def _refill(self, x: NDArray[np.uint32]) -> None:
        low = np.flatnonzero(x < LOW)  # at most one word a lane
        x[low] = (x[low] << np.uint32(16)) | self._words[self._used : self._used + len(low)]
        self._used += len(low)

    def _unescape(self, x: NDArray[np.uint32], symbol: NDArray[np.int16]) -> None:
        who = np.flatnonzero(symbol > SYMBOL_MAX)
        raw = (x[who] & np.uint32(LOW - 1)).astype(np.uint16).view(np.int16)
        if (np.abs(raw.astype(np.int32)) > SYMBOL_MAX).any():
            raise StreamDamaged(*ESCAPE)
        symbol[who] = raw
        words = self._words[self._used : self._used + len(who)]
        x[who] = (x[who] & ~np.uint32(LOW - 1)) | words
        self._used += len(who)

    def finish(self) -> None:
        """Check that everything was read and every lane is back at its start."""
        check_end(self._length - self._used, bool((self._x == LOW).all()))


def check_phases(phases: Sequence[Phase], lanes: int | None) -> None:
    """Raise UsageError unless all can be coded."""
    if lanes is not None and not (1 <= lanes <= MAX_LANES and lanes & (lanes - 1) == 0):
        raise UsageError(f"{lanes} lanes", f"a power of two up to {MAX_LANES}")
    for index, symbol in phases:
        if index.shape != symbol.shape:
            raise UsageError(f"{symbol.shape} symbols for {index.shape} table indices", "one for each")
        if index.size and not (index.min() >= 0 and index.max() <= INDEX_TOP):
            raise UsageError(f"table indices from {index.min()} to {index.max()}", f"0 to {INDEX_TOP}")
        if symbol.size and not (symbol.min() >= -SYMBOL_MAX and symbol.max() <= SYMBOL_MAX):
            raise UsageError(f"symbols from {symbol.min()} to {symbol.max()}", f"at most ±{SYMBOL_MAX}")


def check_index(index: NDArray[np.integer]) -> None:
    """Raise PackageDamaged where a model names a table that is not there."""
    if index.size and not (index.min() >= 0 and index.max() <= INDEX_TOP):
        raise PackageDamaged(f"the model gives table indices from {index.min()} to {index.max()}", f"0 to {INDEX_TOP}")


def check_head(data: bytes) -> NDArray[np.uint32]:
    """The states of a stream [lanes].  Raises StreamDamaged."""
    if not data:
        raise StreamDamaged("the entropy-coded stream is empty", "at least 5 bytes")
    lanes = 1 << data[0] if data[0] < 16 else 0
    if not 1 <= lanes <= MAX_LANES:
        raise StreamDamaged(f"the stream says log₂ lanes {data[0]}", "0 to 8")
    head = 1 + 4 * lanes
    if len(data) < head or (len(data) - head) % 2:
        raise StreamDamaged(f"the stream has {len(data)} bytes", "whole states and whole words")
    states = np.frombuffer(data[1:head], "<u4").astype(np.uint32)
    if (states < LOW).any():
        raise StreamDamaged("a state is below 65536", "states from 65536 on")
    return states


def whole_words(data: bytes) -> bytes:
    """What is whole of a stream whose end is missing; nothing, if that is not even all states."""
    head = 1 + 4 * lanes_of(data)
    return data[: head + (len(data) - head) // 2 * 2] if data and len(data) >= head else b""


def lanes_of(data: bytes) -> int:
    """The lanes that a stream says it has, if it says anything possible; else 1."""
    return 1 << data[0] if data and 1 << min(data[0], 15) <= MAX_LANES else 1


def check_end(left: int, at_start: bool) -> None:
    """left: words that were not read; at_start: every lane is where the encoder began.  Raises StreamDamaged."""
    if left:
        raise StreamDamaged(f"{left} words of the stream were not used", "none")
    if not at_start:
        raise StreamDamaged("the stream's states do not end where they began", "65536 in every lane")
