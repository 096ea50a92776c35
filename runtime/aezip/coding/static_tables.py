"""Latents ↔ stream of a model without a hyperprior: each channel under a table that the quality chooses.

`encode` and `decode` walk one phase: all positions in row-major order, channels ascending. The package says which of
its tables a channel has at evenly spaced qualities (`table` [N, C]); between them the nearest counts, in
integers. A latent is coded as s = round(y) in whole steps and stands for s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine import timing
from ..engine.graphs import INT16, Graphs
from ..entropy import coder
from ..entropy.tables import SYMBOL_MAX
from ..format.container import QUALITY_TOP
from ..model.ladder import Rung
from .hyperprior import towards_zero


def node(quality: int, nodes: int) -> int:
    """Which of so many evenly spaced qualities is nearest to one of 0 … 1000, the higher one half way."""
    return (2 * quality * (nodes - 1) + QUALITY_TOP) // (2 * QUALITY_TOP)


def index(graphs: Graphs, rung: Rung, h: int, w: int) -> NDArray[np.uint8]:
    """Table of every latent of a tile.  [h·w·C]"""
    table = graphs.package.table
    return np.tile(table[node(rung.quality, len(table))].astype(np.uint8), h * w)


def encode(graphs: Graphs, latent: INT16, rung: Rung, effort: int = 1) -> bytes:
    """The stream of one tile.  latent: [h, w, C] in 1/16 of a step; effort: as of `latents.encode`."""
    h, w, _ = latent.shape
    package, tables = graphs.package, index(graphs, rung, h, w)
    with timing.stage("entropy"):
        off = latent.reshape(-1).astype(np.int32)
        symbol = np.clip((off + 8) >> 4, -SYMBOL_MAX, SYMBOL_MAX)
        if effort:
            which = np.flatnonzero(symbol)
            symbol[which] = towards_zero(
                off[which], symbol[which], tables[which], package.tables, package.bits_per_error
            )
        return coder.encode([(tables, symbol)], package.tables)


def decode(graphs: Graphs, stream: bytes, h: int, w: int, rung: Rung) -> INT16:
    """Decoded latents of one tile, in 1/16 of a step.  [h, w, C].  Raises StreamDamaged."""
    with timing.stage("entropy"):
        source = coder.decoder(stream, graphs.package.tables)
        symbol = source.take(index(graphs, rung, h, w))
        source.finish()
    latent: INT16 = (16 * symbol).reshape(h, w, -1)
    return latent
