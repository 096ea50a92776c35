"""Latents ↔ stream: what the prior says, and what the entropy coder makes of it.

`encode` and `decode` walk the same three phases: hyper-latents under the tables of
their channels; the positions of the checkerboard with an even sum of row and column,
under what the prior says of them; the odd ones, under what the context adds.
Symbols go position by position, channels innermost. A latent is coded as
s = round((y − mean)) in whole steps and stands for s + mean; those whose table
index is at most `skip` are not coded and stand for their mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import timing
from ..engine.graphs import INT16, Graphs
from ..entropy import coder, rans
from ..entropy.tables import SYMBOL_MAX, Tables
from ..errors import StreamDamaged
from ..model.ladder import Rung
from ..model.packages import Package


def hyper_index(shape: tuple[int, ...], rung: Rung) -> NDArray[np.int64]:
    """Table of every hyper-latent.  shape [a, b, Z] → [a·b·Z]"""
    return np.tile(rung.hyper_index, shape[0] * shape[1])


def halves(latent: INT16) -> tuple[INT16, INT16]:
    """The checkerboard's halves, that with even sums of row and column first.  [2p, 2q, C] → [2, p, q, C] twice

    Of each half the even rows stand before the odd ones.
    """
    cells = latent.reshape(latent.shape[0] // 2, 2, latent.shape[1] // 2, 2, -1).transpose(1, 3, 0, 2, 4)
    return np.stack([cells[0, 0], cells[1, 1]]), np.stack([cells[0, 1], cells[1, 0]])


def whole(first: INT16, second: INT16) -> INT16:
    """The inverse."""
    _, p, q, channels = first.shape
    latent: INT16 = np.empty((p, 2, q, 2, channels), np.int16)
    latent[:, 0, :, 0], latent[:, 1, :, 1] = first
    latent[:, 0, :, 1], latent[:, 1, :, 0] = second
    return latent.reshape(2 * p, 2 * q, channels)


def inside(h: int, w: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each half the positions within h rows and w columns, in the stream's order: see `_rows`.  [p, 2, q] twice"""
    grid = np.zeros((-(-h // 4) * 2, 2, -(-w // 4) * 2, 2), bool)
    grid.reshape(2 * grid.shape[0], -1)[:h, :w] = True
    first, second = (np.stack([grid[:, 0, :, a], grid[:, 1, :, 1 - a]], 1) for a in (0, 1))
    return first, second


def _rows(half: NDArray[Any]) -> NDArray[Any]:
    """A half row by row, without a copy.  [2, p, q, C] → [p, 2, q, C]"""
    return np.asarray(half.swapaxes(0, 1))


def symbols(graphs: Graphs, latent: INT16, hyper: INT16, rung: Rung, effort: int = 1) -> list[rans.Phase]:
    """The three phases to code, table index and symbol of each.

    latent: [h, w, C] in 1/16 of a step; hyper: [⌈h/4⌉, ⌈w/4⌉, Z], |hyper| ≤ SYMBOL_MAX; effort: 0 rounds, 1 lets
    symbols fall towards zero where that costs less than it saves.
    """
    h, w, _ = latent.shape
    package = graphs.package
    beyond = [(0, -size % 4) for size in (h, w)]
    first, second = halves(np.pad(latent, (*beyond, (0, 0))) if any(n for _, n in beyond) else latent)
    in_first, in_second = inside(h, w)
    phases: list[rans.Phase] = [(hyper_index(hyper.shape, rung), hyper.ravel())]
    mean, index, carried = graphs.prior(hyper, rung)
    known = np.zeros_like(first)
    phase, _rows(known)[in_first] = _quantise(first, mean, index, in_first, package, effort)
    phases.append(phase)
    mean, index = graphs.context(carried, known, rung)
    phase, _ = _quantise(second, mean, index, in_second, package, effort)
    return [*phases, phase]


def encode(graphs: Graphs, latent: INT16, hyper: INT16, rung: Rung, effort: int = 1) -> bytes:
    """The stream of one tile; arguments as for `symbols`."""
    phases = symbols(graphs, latent, hyper, rung, effort)
    with timing.stage("entropy"):
        return coder.encode(phases, graphs.package.tables)


def decode(graphs: Graphs, stream: bytes, h: int, w: int, rung: Rung) -> INT16:
    """Decoded latents of one tile, in 1/16 of a step.  [h, w, C].  Raises StreamDamaged."""
    package = graphs.package
    tables: Tables = package.tables
    source = coder.decoder(stream, tables)
    shape = (-(-h // 4), -(-w // 4), len(rung.hyper_index))
    with timing.stage("entropy"):
        hyper = source.take(hyper_index(shape, rung)).reshape(shape)
    in_first, in_second = inside(h, w)
    mean, index, carried = graphs.prior(hyper, rung)
    first = np.zeros(mean.shape, np.int16)
    _rows(first)[in_first] = _take(source, mean, index, in_first, package.skip)
    mean, index = graphs.context(carried, first, rung)
    second = np.zeros(mean.shape, np.int16)
    _rows(second)[in_second] = _take(source, mean, index, in_second, package.skip)
    source.finish()
    return whole(first, second)[:h, :w]


def _quantise(
    latent: INT16, mean: INT16, index: NDArray[np.uint8], where: NDArray[np.bool_], package: Package, effort: int
) -> tuple[rans.Phase, INT16]:
    """The phase of a half's positions that are `where`, and their latents as the decoder will have them [n, C]."""
    latent, mean, index = _rows(latent)[where], _rows(mean)[where], _rows(index)[where]
    coded = np.flatnonzero(index > package.skip)
    tables, off = index.ravel()[coded], np.subtract(latent.ravel()[coded], mean.ravel()[coded], dtype=np.int32)
    symbol = np.clip((off + 8) >> 4, -SYMBOL_MAX, SYMBOL_MAX)
    if effort:
        which = np.flatnonzero(symbol)
        worth = package.bits_per_error
        symbol[which] = towards_zero(off[which], symbol[which], tables[which], package.tables, worth)
    mean.ravel()[coded] += (16 * symbol).astype(np.int16)
    return (tables, symbol), mean


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


def _take(
    source: rans.Decoder | coder.Compiled, mean: INT16, index: NDArray[np.uint8], where: NDArray[np.bool_], skip: int
) -> INT16:
    """The latents of a half's positions that are `where`.  [n, C]"""
    latent, index = _rows(mean)[where], _rows(index)[where]
    coded = np.flatnonzero(index > skip)
    with timing.stage("entropy"):
        symbol = source.take(index.ravel()[coded])
    latent.ravel()[coded] += 16 * symbol
    return latent


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
