"""Latents → symbols: rounded to whole steps, or weighed by what they cost.  Latents are in 1/16 of a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..entropy.tables import SYMBOL_MAX, Tables
from ..model.packages import Package


def quantised(
    off: NDArray[np.int32],
    index: NDArray[np.uint8],
    package: Package,
    effort: int,
    flat: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """The symbols of latents less their means, both [n], under the tables `index` [n].

    effort: 0 rounds, 1 lets symbols fall towards zero where that costs less than it saves; flat: those in flat areas,
    which only round [n].
    """
    symbol = rounded(off)
    if effort:
        which = np.flatnonzero(symbol if flat is None else (symbol != 0) & ~flat)
        worth = package.bits_per_error
        symbol[which] = towards_zero(off[which], symbol[which], index[which], package.tables, worth)
    return symbol


def rounded(off: NDArray[np.int32]) -> NDArray[np.int32]:
    """The nearest symbols, half a step upwards."""
    return np.asarray(np.clip((off + 8) >> 4, -SYMBOL_MAX, SYMBOL_MAX))


def towards_zero(
    off: NDArray[np.int32], symbol: NDArray[np.int32], index: NDArray[np.uint8], tables: Tables, bits_per_error: float
) -> NDArray[np.int32]:
    """Rate–distortion optimised quantisation of symbols that are not 0: each, or its neighbour towards 0.  [n]

    off: what the symbol stands for, in 1/16 of a step. A step² of error is worth `bits_per_error` bits.
    """
    less = symbol - np.sign(symbol)
    saved = tables.cost[tables.entries(index, symbol)] - tables.cost[tables.entries(index, less)]
    error = ((off - 16 * less) ** 2 - (off - 16 * symbol) ** 2) / 256
    return np.asarray(np.where(saved > bits_per_error * error, less, symbol))
