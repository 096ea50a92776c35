"""Static tables for a model without a hyperprior: histograms of its symbols, as integers.

Histograms are counted per channel, at NODES qualities, of what the encoder's search leaves
(`aezip.coding.quantisation.towards_zero`), then those most alike share one of 64 tables (k-means by the bits that
sharing costs; Lloyd 1982).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from aezip.coding.quantisation import rounded, towards_zero
from aezip.coding.static_tables import node
from aezip.entropy.tables import INDEX_TOP, SYMBOL_MAX, TOTAL, Tables, tables_of
from aezip.format.container import QUALITY_TOP
from aezip.model.ladder import LOG_LIMIT, UNIT, between

from .autoencoder import Autoencoder
from .data import Picture, centre, to_bytes

NODES = 41  # qualities 0, 25, … QUALITY_TOP
COUNT = INDEX_TOP + 1
LATENT_MAX = 16 * 2047  # in 1/16 of a step, within i16
ROUNDS = 15  # of k-means, at most
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Static:
    """Tables, which of them each channel has, and the ladder they were measured with."""

    tables: Tables
    table: Integers  # [NODES, C], 0 … 63
    gain: Integers  # [9, C], log₂ in 1/4096
    inverse_gain: Integers

    def at(self, quality: int) -> Integers:
        """Tables of the channels at a quality of 0 … 1000.  [C]"""
        found: Integers = self.table[node(quality, len(self.table))]
        return found

    def arrays(self) -> dict[str, Integers]:
        """All integers by name, as a package has them."""
        tables = {"radius": self.tables.radius, "frequency": self.tables.frequency}
        return {**tables, "table": self.table, "gain": self.gain, "inverse_gain": self.inverse_gain}

    def tensors(self) -> dict[str, torch.Tensor]:
        """The same, as a run's state has them."""
        return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in self.arrays().items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, torch.Tensor]) -> Static:
        """The inverse."""
        arrays = {name: value.numpy() for name, value in tensors.items()}
        return cls(Tables(arrays.pop("radius"), arrays.pop("frequency")), **arrays)


def whole(nodes: torch.Tensor, unit: int = UNIT) -> Integers:
    """A ladder in integers, as a package has it."""
    logs = np.floor(nodes.detach().double().numpy() * unit + 0.5)
    return np.clip(logs, 1 - LOG_LIMIT, LOG_LIMIT - 1).astype(np.int64)


@torch.no_grad()
def latents_of(model: Autoencoder, pictures: list[Picture]) -> NDArray[np.float32]:
    """u of every cell of pictures whose sides are multiples of 16.  [cells, C]"""
    found = [model.encode(centre(p[None]))[0].flatten(1).T.numpy() for p in pictures]
    return np.concatenate(found)


def measure(model: Autoencoder, pictures: list[Picture], bits_per_error: float) -> Static:
    """Count, merge, and count again with what the merged tables cost.  pictures: sides multiples of 16."""
    u = latents_of(model, pictures)
    gain = whole(model.gain)
    fine = [_fine(u, gain, round(QUALITY_TOP * n / (NODES - 1))) for n in range(NODES)]
    histograms = np.concatenate([_symbols(f, None, bits_per_error) for f in fine])
    top = int(np.abs(np.nonzero(histograms.sum(0))[0] - SYMBOL_MAX).max(initial=1))
    cost = -np.log2((histograms + 0.01) / (histograms + 0.01).sum(1, keepdims=True))
    table = np.zeros(0, np.int64)
    tables = Tables(table, table)
    for _ in range(2):
        per = cost.reshape(NODES, -1, cost.shape[1])
        histograms = np.concatenate([_symbols(f, c, bits_per_error) for f, c in zip(fine, per, strict=True)])
        tables, table = merged(histograms[:, SYMBOL_MAX - top : SYMBOL_MAX + top + 1])
        cost = _costs(tables)[table]
    return Static(tables, table.reshape(NODES, -1), gain, whole(model.inverse_gain))


def _fine(u: NDArray[np.float32], gain: Integers, quality: int) -> Integers:
    """Histograms of latents in 1/16 of a step.  [C, 2·m + 1], m the largest"""
    y = _sixteenths(u, gain, quality)
    most = int(np.abs(y).max())
    return np.stack([np.bincount(y[:, c] + most, minlength=2 * most + 1) for c in range(u.shape[1])])


def _sixteenths(u: NDArray[np.float32], gain: Integers, quality: int) -> NDArray[np.int32]:
    """Latents in 1/16 of a step at a quality of 0 … 1000.  […, C]"""
    exact = np.exp2(between(gain, quality) / UNIT).astype(np.float32)
    return np.floor(u * (16 * exact) + 0.5).clip(-LATENT_MAX, LATENT_MAX).astype(np.int32)


def _symbols(fine: Integers, cost: Floats | None, bits_per_error: float) -> Integers:
    """Histograms of symbols, rounded or (with the cost of each) searched.  [C, 2·SYMBOL_MAX + 1]"""
    out = np.zeros((len(fine), 2 * SYMBOL_MAX + 1), np.int64)
    for c, counts in enumerate(fine):
        where = np.nonzero(counts)[0]
        off = where - fine.shape[1] // 2
        symbol = rounded(off)
        if cost is not None:
            less = symbol - np.sign(symbol)
            saved = cost[c][symbol + SYMBOL_MAX] - cost[c][less + SYMBOL_MAX]
            error = ((off - 16 * less) ** 2 - (off - 16 * symbol) ** 2) / 256
            symbol = np.where((saved > bits_per_error * error) & (symbol != 0), less, symbol)
        np.add.at(out[c], symbol + SYMBOL_MAX, counts[where])
    return out


def merged(histograms: Integers) -> tuple[Tables, Integers]:
    """[n, 2·r + 1] histograms → 64 tables, and which one each has [n].

    Every histogram counts by the inverse of its node's bits, so that a per cent is one at every quality.
    """
    n = histograms.astype(np.float64)
    own = n / n.sum(1, keepdims=True)
    bits = -(n * np.log2(np.maximum(own, 1e-300))).sum(1)
    weight = 1 / np.maximum(bits.reshape(NODES, -1).sum(1, keepdims=True), 1.0)
    n *= np.broadcast_to(weight, (NODES, len(n) // NODES)).reshape(-1, 1) * 1e3
    order = np.argsort(np.argsort(bits / n.sum(1), kind="stable"), kind="stable")
    chosen = order * COUNT // len(n)
    best, before = np.zeros(len(n)), chosen - 1
    for _ in range(ROUNDS):
        if (chosen == before).all():
            break
        shared = (chosen == np.arange(COUNT)[:, None]).astype(np.float64) @ n
        empty = np.flatnonzero(shared.sum(1) == 0)
        if empty.size:  # the histograms that lose most by sharing get separate tables
            shared[empty] = n[np.argsort(-best)[: empty.size]]
        mass = shared + 1e-5 * shared.sum(1, keepdims=True) / shared.shape[1]
        price = -n @ np.log2(mass / mass.sum(1, keepdims=True)).T
        before, chosen = chosen, price.argmin(1)
        best = price.min(1) + (n * np.log2(np.maximum(own, 1e-300))).sum(1)
    shared = (chosen == np.arange(COUNT)[:, None]).astype(np.float64) @ n
    middle = n.shape[1] // 2
    masses = []
    for row in shared:
        seen = np.abs(np.nonzero(row)[0] - middle)
        radius = max(1, int(seen.max(initial=1)))
        mass = row[middle - radius : middle + radius + 1]
        mass = mass if mass.sum() else np.ones(2 * radius + 1)
        masses.append(np.append(mass, mass.sum() / TOTAL))
    return tables_of(masses), chosen


def _costs(tables: Tables) -> Floats:
    """Bits of every symbol under every table.  [64, 2·SYMBOL_MAX + 1]"""
    symbol = np.arange(-SYMBOL_MAX, SYMBOL_MAX + 1)
    index = np.arange(COUNT)[:, None]
    return tables.cost[tables.entries(index, symbol[None])].astype(np.float64)


def excess(model: Autoencoder, static: Static, pictures: list[Picture], bits_per_error: float) -> float:
    """What tables cost beyond each channel's own histogram at qualities half way between nodes, in per cent."""
    u = latents_of(model, pictures)
    ratios = []
    for place in range(0, NODES - 1, 4):
        quality = round(QUALITY_TOP * (place + 0.5) / (NODES - 1))
        cost = _costs(static.tables)[static.at(quality)]
        n = _symbols(_fine(u, static.gain, quality), cost, bits_per_error).astype(np.float64)
        own = -(n * np.log2(np.maximum(n / n.sum(1, keepdims=True), 1e-300))).sum()
        ratios.append(100 * ((n * cost).sum() / own - 1))
    return float(np.mean(ratios))


class Coder(NamedTuple):
    """A trained network as the runtime has it."""

    model: Autoencoder
    static: Static
    bits_per_error: float

    @torch.no_grad()
    def decoded(self, picture: Picture, quality: int) -> tuple[float, Picture]:
        """One picture coded at a quality of 0 … 1000, the rate by the tables: bpp and pixels."""
        model, static, bits_per_error = self
        u = model.encode(centre(picture[None]))[0].permute(1, 2, 0).numpy()
        off = _sixteenths(u, static.gain, quality)
        index = np.broadcast_to(static.at(quality).astype(np.uint8), off.shape)
        symbol = rounded(off)
        which = np.nonzero(symbol)
        symbol[which] = towards_zero(off[which], symbol[which], index[which], static.tables, bits_per_error)
        bits = static.tables.bits(index.reshape(-1), symbol.reshape(-1))
        inverse = np.exp2(between(static.inverse_gain, quality) / UNIT).astype(np.float32)
        image = model.decode(torch.from_numpy(symbol * inverse).float().permute(2, 0, 1)[None])
        return bits / (picture.shape[0] * picture.shape[1]), to_bytes(image)[0]
