"""Latents ↔ stream under a prior that is a network: what the prior says, and what the entropy coder makes of it.

There are three phases: hyper-latents under the tables of their channels; the positions of the checkerboard with an
even sum of row and column, under what the prior says of them; the odd ones, under what the context says. Symbols go
position by position, channels innermost. A latent is coded as s = round((y − mean) / step) and stands for
step · s + mean; those whose table is at most `skip` are not coded and stand for their mean. An index names a table and,
in its two highest bits, one of four steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..engine import timing
from ..engine.graphs import INT16, Graphs
from ..entropy import coder, rans
from ..entropy.order import Source
from ..entropy.tables import STEP_BIT, STEPS
from ..format.container import NO_SKIP, PROGRESSIVE
from ..format.geometry import LATENTS_PER_HYPER, grid
from ..model.ladder import Rung
from . import flat as flats
from .flat import Flat
from .quantisation import Coded, quantised

T = TypeVar("T", bound=np.generic)
TABLE = np.uint8((1 << STEP_BIT) - 1)  # the bits of an index that name a table
_STEPS = np.array(STEPS, np.int16)  # by the others
SIDE = 6  # of the hyper-latents that `integers` makes up


@dataclass(frozen=True)
class Hyperprior:
    """Codes tiles with the graphs of one quality.  C latent channels, Z hyper-latent channels."""

    graphs: Graphs
    flags: int = 0
    skips: ClassVar[bool] = True

    @property
    def skip(self) -> int:
        """Latents under tables up to this one are not coded."""
        return -1 if self.flags & NO_SKIP else self.graphs.package.skip

    def encode(self, latent: INT16, h: int, w: int, effort: int = 1, flat: Flat | None = None) -> Coded:
        """The stream of one tile, the first h rows and w columns of its latents; what `decode` makes of it; `lost`.

        latent: [4a, 4b, C] in 1/16 of a step, as far as whole hyper-latents reach; effort: as of `quantised`; flat:
        cells of flat areas [h, w], None: none. lost: the largest distance between a latent that is not coded and its
        mean, in 1/16 of a step.
        """
        phases, decoded, lost = self.symbols(latent, h, w, self.graphs.hyper(latent), effort, flat)
        with timing.stage("entropy"):
            stream = coder.encode(phases, self.graphs.package.tables, progressive=bool(self.flags & PROGRESSIVE))
        return stream, decoded, lost

    def decode(self, stream: bytes, h: int, w: int, cut: bool = False) -> INT16:
        """Decoded latents of one tile, in 1/16 of a step.  [h, w, C].  Raises StreamDamaged.

        cut: the stream's end is missing; latents whose symbols are not there are their means.
        """
        rung = self.graphs.rung
        source = coder.decoder(stream, self.graphs.package.tables, progressive=bool(self.flags & PROGRESSIVE), cut=cut)
        shape = (*grid((h, w), LATENTS_PER_HYPER), len(rung.hyper_index))
        with timing.stage("entropy"):
            hyper = source.take(hyper_index(shape, rung)).reshape(shape)
        mean, index, carried = self.graphs.prior(hyper)
        tile = h, w, mean.shape[-1]
        first = self._take((*tile, 0), source, mean, index)
        mean, index = self.graphs.context(carried, first)
        second = self._take((*tile, 1), source, mean, index)
        source.finish()
        return whole(first, second)[:h, :w]

    def symbols(
        self, latent: INT16, h: int, w: int, hyper: INT16, effort: int = 1, flat: Flat | None = None
    ) -> tuple[list[rans.Phase], INT16, int]:
        """The three phases to code, table index and symbol of each; and the rest of what `encode` returns.

        latent, h, w, effort, flat: as there; hyper: [a, b, Z], |hyper| ≤ SYMBOL_MAX.
        """
        first, second = halves(latent)
        mean, index, carried = self.graphs.prior(hyper)
        in_flat = _flat_halves(flat, latent.shape) if effort else None
        tile = h, w, mean.shape[-1]
        even, known, lost = self._give((*tile, 0), first, mean, index, effort, in_flat and in_flat[0])
        if in_flat:
            off = whole(known - first, np.zeros_like(second))
            off[h:], off[:, w:] = 0, 0
            second = np.where(in_flat[1], second - halves(flats.pull(off))[1], second)
        mean, index = self.graphs.context(carried, known)
        odd, known_too, lost_too = self._give((*tile, 1), second, mean, index, effort, in_flat and in_flat[1])
        phases = [(hyper_index(hyper.shape, self.graphs.rung), hyper.ravel()), even, odd]
        return phases, whole(known, known_too)[:h, :w], max(lost, lost_too)

    def integers(self, made: Callable[[tuple[int, ...], int], INT16]) -> Iterator[NDArray[Any]]:
        """What the graphs say of hyper-latents and latents made up, and has to be the same everywhere.

        made: shape, reach → whole numbers within ±reach.
        """
        mean, index, carried = self.graphs.prior(made((SIDE, SIDE, len(self.graphs.rung.hyper_index)), 6))
        yield from (mean, index, *self.graphs.context(carried, mean + 16 * made(mean.shape, 3)))

    def _give(
        self,
        half: coder.Half,
        latent: INT16,
        mean: INT16,
        index: NDArray[np.uint8],
        effort: int,
        flat: NDArray[np.bool_] | None,
    ) -> tuple[rans.Phase, INT16, int]:
        """The phase of a half, its latents as `_take` will have them, and `lost`.

        latent, mean, index: [2, p, q, C]; flat: positions in flat cells, which only round, [2, p, q, 1].
        """
        package = self.graphs.package
        if coder.chosen()[0] == "compiled":
            worth = effort * package.bits_per_error
            return coder.give_half(package.tables, half, latent, mean, index, flat, self.skip, worth)
        known, where = np.zeros_like(mean), inside(*half[:2])[half[3]]
        if flat is not None:
            flat = np.repeat(_rows(flat)[where], latent.shape[-1])
        latent, mean, index = _rows(latent)[where], _rows(mean)[where], _rows(index)[where].ravel()
        off = np.subtract(latent, mean, dtype=np.int32).ravel()
        table = index & TABLE
        kept = table > self.skip
        coded = np.flatnonzero(kept)
        tables, lost = table[coded], int((np.abs(off) * ~kept).max(initial=0))
        step = _STEPS.take(index[coded] >> STEP_BIT).astype(np.int32)
        in_flat = None if flat is None else flat[coded]
        symbol = quantised(off[coded], tables, package, effort, in_flat, step)
        mean.ravel()[coded] += (step * symbol).astype(np.int16)
        _rows(known)[where] = mean
        return (tables, symbol), known, lost

    def _take(self, half: coder.Half, source: Source, mean: INT16, index: NDArray[np.uint8]) -> INT16:
        """The inverse: the latents of a half, 0 beyond its tile.  [2, p, q, C]"""
        if isinstance(source, coder.Compiled):
            with timing.stage("entropy"):
                return source.take_half(half, mean, index, self.skip)
        known, where = np.zeros_like(mean), inside(*half[:2])[half[3]]
        latent, index = _rows(mean)[where], _rows(index)[where].ravel()
        table = index & TABLE
        coded = np.flatnonzero(table > self.skip)
        with timing.stage("entropy"):
            symbol = source.take(table[coded])
        latent.ravel()[coded] += _STEPS.take(index[coded] >> STEP_BIT) * symbol
        _rows(known)[where] = latent
        return known


def hyper_index(shape: tuple[int, ...], rung: Rung) -> NDArray[np.int64]:
    """Table of every hyper-latent.  shape [a, b, Z] → [a·b·Z]"""
    return np.tile(rung.hyper_index, shape[0] * shape[1])


def halves(latent: NDArray[T]) -> tuple[NDArray[T], NDArray[T]]:
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
    rows, columns = grid((h, w), LATENTS_PER_HYPER)
    there = np.zeros((2 * rows, 2, 2 * columns, 2), bool)
    there.reshape(4 * rows, -1)[:h, :w] = True
    first, second = (np.stack([there[:, 0, :, a], there[:, 1, :, 1 - a]], 1) for a in (0, 1))
    return first, second


def _flat_halves(flat: Flat | None, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """The positions of each half in flat cells [2, p, q, 1], of latents of a shape [4a, 4b, C]; None for none."""
    if flat is None or not flat.any():
        return None
    there = np.zeros((*shape[:2], 1), bool)
    there[: len(flat), : flat.shape[1], 0] = flat
    return halves(there)


def _rows(half: NDArray[Any]) -> NDArray[Any]:
    """A half row by row, without a copy.  [2, p, q, C] → [p, 2, q, C]"""
    return np.asarray(half.swapaxes(0, 1))
