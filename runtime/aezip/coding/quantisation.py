"""Latents → symbols: rounded to whole steps, or weighed by what they cost.

Latents are in 1/16 of the quality's step; their own may be finer or coarser.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..entropy.tables import STEPS, SYMBOL_MAX, Tables
from ..model.packages import Package

Coded = tuple[bytes, NDArray[np.int16], int]  # a tile's stream, its decoded latents [h, w, C], and `lost`
WHOLE = STEPS[0]  # the quality's step, in 1/16 of it


def quantised(
    off: NDArray[np.int32],
    table: NDArray[np.uint8],
    package: Package,
    effort: int,
    flat: NDArray[np.bool_] | None = None,
    step: NDArray[np.int32] | int = WHOLE,
) -> NDArray[np.int32]:
    """The symbols of latents less their means, both [n], under tables [n].

    effort: 0 rounds, 1 lets symbols fall towards zero where that costs less than it saves; flat: those in flat areas,
    which only round [n]; step: of each latent, in 1/16 of the quality's [n], or one for all.
    """
    symbol = rounded(off, step)
    if effort:
        which = np.flatnonzero(symbol if flat is None else (symbol != 0) & ~flat)
        own = step if isinstance(step, int) else step[which]
        worth = package.bits_per_error
        symbol[which] = towards_zero(off[which], symbol[which], table[which], package.tables, worth, own)
    return symbol


def rounded(off: NDArray[np.int32], step: NDArray[np.int32] | int = WHOLE) -> NDArray[np.int32]:
    """The nearest symbols, half a step upwards."""
    return np.clip(np.floor((off + step / 2) / step), -SYMBOL_MAX, SYMBOL_MAX).astype(np.int32)


def towards_zero(
    off: NDArray[np.int32],
    symbol: NDArray[np.int32],
    table: NDArray[np.uint8],
    tables: Tables,
    bits_per_error: float,
    step: NDArray[np.int32] | int = WHOLE,
) -> NDArray[np.int32]:
    """Rate–distortion optimised quantisation of symbols that are not 0: each, or its neighbour towards 0.  [n]

    off: what the symbol stands for; step: as of `quantised`. A step² of error is worth `bits_per_error` bits.
    """
    less = symbol - np.sign(symbol)
    saved = tables.cost[tables.entries(table, symbol)] - tables.cost[tables.entries(table, less)]
    error = ((off - step * less) ** 2 - (off - step * symbol) ** 2) / step**2
    return np.asarray(np.where(saved > bits_per_error * error, less, symbol))
