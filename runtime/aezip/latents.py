"""Latents ↔ stream: what the prior says, and what the entropy coder makes of it.

`encode` and `decode` walk the same three phases: hyper-latents under the tables of
their channels; the positions of the checkerboard with an even sum of row and column,
under what the prior says of them; the odd ones, under what the context adds.
Symbols go position by position, channels innermost. A latent is coded as
s = round((y − mean)) in whole steps and stands for s + mean; those whose table
index is at most `skip` are not coded and stand for their mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import coder, rans, trace
from .errors import StreamDamaged
from .graphs import INT16, Graphs
from .ladder import Rung
from .model import Package
from .tables import SYMBOL_MAX, Tables


def hyper_index(shape: tuple[int, ...], rung: Rung) -> NDArray[np.int64]:
    """Table of every hyper-latent.  shape [a, b, Z] → [a·b·Z]"""
    return np.tile(rung.hyper_index, shape[0] * shape[1])


def checkerboard(h: int, w: int) -> NDArray[np.bool_]:
    """True at the positions that are coded first.  [h, w]"""
    return np.asarray((np.arange(h)[:, None] + np.arange(w)) % 2 == 0)


def symbols(graphs: Graphs, latent: INT16, hyper: INT16, rung: Rung, effort: int = 1) -> list[rans.Phase]:
    """The three phases to code, table index and symbol of each.

    latent: [h, w, C] in 1/16 of a step; hyper: [⌈h/4⌉, ⌈w/4⌉, Z], |hyper| ≤ SYMBOL_MAX; effort: 0 rounds, 1 lets
    symbols fall towards zero where that costs less than it saves.
    """
    h, w, _ = latent.shape
    package = graphs.package
    phases: list[rans.Phase] = [(hyper_index(hyper.shape, rung), hyper.ravel())]
    mean, index, carried = graphs.prior(hyper, rung)
    first = checkerboard(h, w)
    known = np.zeros_like(latent)
    phase, known[first] = _quantise(latent[first], mean[:h, :w][first], index[:h, :w][first], package, effort)
    phases.append(phase)
    mean, index = graphs.context(_crop(carried, h, w), known, rung)
    phase, _ = _quantise(latent[~first], mean[~first], index[~first], package, effort)
    return [*phases, phase]


def encode(graphs: Graphs, latent: INT16, hyper: INT16, rung: Rung, effort: int = 1) -> bytes:
    """The stream of one tile; arguments as for `symbols`."""
    phases = symbols(graphs, latent, hyper, rung, effort)
    with trace.stage("entropy"):
        return coder.encode(phases, graphs.package.tables)


def decode(graphs: Graphs, stream: bytes, h: int, w: int, rung: Rung) -> INT16:
    """Decoded latents of one tile, in 1/16 of a step.  [h, w, C].  Raises StreamDamaged."""
    package = graphs.package
    tables: Tables = package.tables
    source = coder.decoder(stream, tables)
    shape = (-(-h // 4), -(-w // 4), len(rung.hyper_index))
    with trace.stage("entropy"):
        hyper = source.take(hyper_index(shape, rung)).reshape(shape)
    mean, index, carried = graphs.prior(hyper, rung)
    first = checkerboard(h, w)
    latent = np.zeros((h, w, mean.shape[2]), np.int16)
    latent[first] = _take(source, mean[:h, :w][first], index[:h, :w][first], package.skip)
    mean, index = graphs.context(_crop(carried, h, w), latent, rung)
    latent[~first] = _take(source, mean[~first], index[~first], package.skip)
    source.finish()
    return latent


def _quantise(
    latent: INT16, mean: INT16, index: NDArray[np.uint8], package: Package, effort: int
) -> tuple[rans.Phase, INT16]:
    """One half's phase, and the latents as the decoder will have them.  [positions, C] each"""
    coded = index > package.skip
    off = latent.astype(np.int32) - mean  # in 1/16 of a step
    symbol = np.clip((off + 8) >> 4, -SYMBOL_MAX, SYMBOL_MAX) * coded
    if effort:
        which = np.nonzero(symbol)
        worth = package.bits_per_error
        symbol[which] = towards_zero(off[which], symbol[which], index[which], package.tables, worth)
    return (index[coded], symbol[coded]), (mean + 16 * symbol).astype(np.int16)


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


def _take(source: rans.Decoder | coder.Compiled, mean: INT16, index: NDArray[np.uint8], skip: int) -> INT16:
    coded = index > skip
    latent: INT16 = mean.copy()
    wanted = index[coded]
    with trace.stage("entropy"):
        symbol = source.take(wanted)
    latent[coded] += 16 * symbol
    return latent


def _crop(carried: dict[str, NDArray[np.float32]], h: int, w: int) -> dict[str, NDArray[np.float32]]:
    return {name: np.ascontiguousarray(value[:, :, :h, :w]) for name, value in carried.items()}


def split(h: int, w: int, tile: int) -> list[tuple[slice, slice]]:
    """Tiles of a grid of h×w latents, row by row; `tile` is their side in hyper-latents, 0 for one tile."""
    side = 4 * tile or max(h, w)
    return [
        (slice(top, min(top + side, h)), slice(left, min(left + side, w)))
        for top in range(0, h, side)
        for left in range(0, w, side)
    ]


def pack_streams(streams: list[bytes]) -> bytes:
    """Several streams as one section: their lengths as u32, then they.  A single one stands alone."""
    if len(streams) == 1:
        return streams[0]
    return np.array([len(s) for s in streams], "<u4").tobytes() + b"".join(streams)


def unpack_streams(data: bytes, count: int) -> list[bytes]:
    """The inverse.  Raises StreamDamaged."""
    if count == 1:
        return [data]
    if len(data) < 4 * count:
        raise StreamDamaged(f"the latents' section has {len(data)} bytes", f"the lengths of {count} tiles")
    ends = 4 * count + np.cumsum(np.frombuffer(data[: 4 * count], "<u4").astype(np.int64))
    if ends[-1] != len(data):
        raise StreamDamaged(f"the tiles take {ends[-1]} bytes", f"the section's {len(data)}")
    starts = [4 * count, *ends[:-1].tolist()]
    return [data[a:b] for a, b in zip(starts, ends.tolist(), strict=True)]
