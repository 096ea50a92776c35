"""The order of symbols in a stream: those of the widest tables, which matter most, come first.

Both sides know a phase's tables before its symbols, so sorting by them costs no bits. If the end of a stream is
missing, the missing symbols are those that matter least, all over the picture. `Cut` takes them as 0, their most
probable value, so that a picture can still be shown. `sorted_phase` and `Sorted` are inverse to each other.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from . import rans
from .tables import INDEX_TOP


class Source(Protocol):
    """A stream's decoder, as rans.Decoder."""

    def take(self, index: NDArray[np.integer]) -> NDArray[np.int16]: ...

    def finish(self) -> None: ...


def order(index: NDArray[np.integer]) -> NDArray[np.intp]:
    """Where the symbols under the tables `index` [n] stand, those of the highest table first.  [n]"""
    return np.argsort(INDEX_TOP - index.astype(np.uint8), kind="stable")


def sorted_phase(phase: rans.Phase) -> rans.Phase:
    """A phase in the stream's order."""
    where = order(phase[0])
    return phase[0][where], phase[1][where]


class Sorted:
    """Takes phases in the stream's order, and gives them in their own."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def take(self, index: NDArray[np.integer]) -> NDArray[np.int16]:
        """As of the source."""
        where = order(index)
        symbols = np.empty(len(index), np.int16)
        symbols[where] = self._source.take(index[where])
        return symbols

    def finish(self) -> None:
        self._source.finish()


class Cut:
    """Takes what a stream has whose end is missing; from the first turn on that lacks words, symbols are 0."""

    def __init__(self, source: Source | None, lanes: int) -> None:
        """source: None of a stream that ends before it begins."""
        self._source, self._lanes = source, lanes

    def take(self, index: NDArray[np.integer]) -> NDArray[np.int16]:
        """The next phase's symbols.  [n].  Raises StreamDamaged."""
        symbols = np.zeros(len(index), np.int16)
        for at in range(0, len(index), self._lanes):
            turn = slice(at, at + self._lanes)
            if self._source is None:
                break
            try:
                symbols[turn] = self._source.take(index[turn])
            except rans.StreamShort:
                self._source = None
        return symbols

    def finish(self) -> None:
        """There is nothing to check."""
