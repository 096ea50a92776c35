"""Latents ↔ stream of a model without a hyperprior: each channel under a table that the quality chooses.

There is one phase: all positions in row-major order, channels ascending. The package says which of its tables a channel
has at evenly spaced qualities (`table` [N, C]); between them the nearest counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..engine import timing
from ..engine.graphs import INT16, Graphs
from ..entropy import coder
from ..format.container import PROGRESSIVE, QUALITY_TOP
from .flat import Flat
from .quantisation import Coded, quantised


@dataclass(frozen=True)
class StaticTables:
    """Codes tiles with the tables of one quality.  The same methods as `Hyperprior`."""

    graphs: Graphs
    flags: int = 0
    skips: ClassVar[bool] = False

    def encode(self, latent: INT16, h: int, w: int, effort: int = 1, flat: Flat | None = None) -> Coded:
        """As `Hyperprior.encode`; no latent is skipped.  flat: not used, for all positions are coded at once."""
        package, tables = self.graphs.package, self._index(h, w)
        with timing.stage("entropy"):
            off = latent[:h, :w].reshape(-1).astype(np.int32)
            symbol = quantised(off, tables, package, effort)
            stream = coder.encode([(tables, symbol)], package.tables, progressive=bool(self.flags & PROGRESSIVE))
        return stream, _latents(symbol, h, w), 0

    def decode(self, stream: bytes, h: int, w: int, cut: bool = False) -> INT16:
        """Decoded latents of one tile, in 1/16 of a step.  [h, w, C].  Raises StreamDamaged.

        cut: the stream's end is missing; latents whose symbols are not there are 0.
        """
        with timing.stage("entropy"):
            source = coder.decoder(
                stream, self.graphs.package.tables, progressive=bool(self.flags & PROGRESSIVE), cut=cut
            )
            symbol = source.take(self._index(h, w))
            source.finish()
        return _latents(symbol, h, w)

    def integers(self, _: Callable[[tuple[int, ...], int], INT16]) -> Iterator[NDArray[Any]]:
        """The channels' tables, which no graph has a say in."""
        yield self._index(1, 1)

    def _index(self, h: int, w: int) -> NDArray[np.uint8]:
        """Table of every latent of a tile.  [h·w·C]"""
        table = self.graphs.package.table
        return np.tile(table[node(self.graphs.rung.quality, len(table))].astype(np.uint8), h * w)


def _latents(symbol: NDArray[np.integer], h: int, w: int) -> INT16:
    """What symbols stand for."""
    return np.asarray(16 * symbol, np.int16).reshape(h, w, -1)


def node(quality: int, nodes: int) -> int:
    """Which of so many evenly spaced qualities is nearest to one of 0 … 1000, the higher one half way."""
    return (2 * quality * (nodes - 1) + QUALITY_TOP) // (2 * QUALITY_TOP)
