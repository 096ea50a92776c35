"""Latents ↔ the streams of their tiles, each of which decodes alone, with closed borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine.graphs import INT16
from ..engine.progress import each
from ..errors import StreamDamaged
from ..format.container import PROGRESSIVE, Lat
from ..format.geometry import LATENTS_PER_HYPER, grid
from . import Coding
from .windows import Area, common, within

SLICES = 64  # of each tile's stream, in files whose beginning says most


def split(h: int, w: int, tile: int) -> list[Area]:
    """Tiles of a grid of h×w latents, row by row; `tile` is their side in hyper-latents, 0 for one tile."""
    side = LATENTS_PER_HYPER * tile or max(h, w)
    return [
        (slice(top, min(top + side, h)), slice(left, min(left + side, w)))
        for top in range(0, h, side)
        for left in range(0, w, side)
    ]


def slices_of(flags: int) -> int:
    """Slices of each stream in files with these flags."""
    return SLICES if flags & PROGRESSIVE else 1


def pack_streams(streams: list[bytes], slices: int = 1) -> bytes:
    """Several streams as one section: their lengths as u32, then they.  A single one stands alone.

    slices: of each; the first of all streams come first.
    """
    if len(streams) == 1:
        return streams[0]
    lengths = np.array([len(s) for s in streams])
    cuts = _cuts(lengths, slices).tolist()
    parts = (stream[cut[n] : cut[n + 1]] for n in range(slices) for stream, cut in zip(streams, cuts, strict=True))
    return lengths.astype("<u4").tobytes() + b"".join(parts)


def unpack_streams(data: bytes, count: int, slices: int = 1, missing: int = 0) -> list[bytes]:
    """The inverse.  missing: bytes at the section's end that are not there.  Raises StreamDamaged."""
    if count == 1:
        return [data]
    if len(data) < 4 * count:
        raise StreamDamaged(f"the latents' section has {len(data)} bytes", f"the lengths of {count} tiles")
    lengths = np.frombuffer(data[: 4 * count], "<u4").astype(np.int64)
    if 4 * count + lengths.sum() != len(data) + missing:
        raise StreamDamaged(f"the tiles take {4 * count + lengths.sum()} bytes", f"the section's {len(data) + missing}")
    sizes = np.diff(_cuts(lengths, slices)).T
    ends = 4 * count + np.cumsum(sizes).reshape(sizes.shape)
    starts, stops = (ends - sizes).T.tolist(), ends.T.tolist()
    return [b"".join(data[a:b] for a, b in zip(*ab, strict=True)) for ab in zip(starts, stops, strict=True)]


def _cuts(lengths: NDArray[np.int64], slices: int) -> NDArray[np.int64]:
    """Where streams of these lengths [n] are cut.  [n, slices + 1]"""
    return np.multiply.outer(lengths, np.arange(slices + 1)) // slices


class Tiles:
    """A file's latents, decoded tile by tile."""

    def __init__(self, coding: Coding, lat: Lat, latent: INT16 | None = None) -> None:
        """latent: the picture's, if it is known."""
        self._coding, self._latent = coding, latent
        self.grid = h, w = grid((lat.header.height, lat.header.width))
        self._areas = split(h, w, lat.header.tile_units)
        self._streams = unpack_streams(lat.body, len(self._areas), slices_of(lat.header.flags), lat.missing)
        self._cut = lat.missing > 0
        self._side = LATENTS_PER_HYPER * lat.header.tile_units or max(h, w)
        self._kept: dict[int, INT16] = {}

    def take(self, area: Area) -> INT16:
        """The latents of an area [h, w, C].  Areas are asked for row by row: tiles are kept as long.

        Raises StreamDamaged.
        """
        if self._latent is not None:
            return self._latent[area]
        rows, columns = area
        for number in [n for n in self._kept if self._areas[n][0].stop <= rows.start]:
            del self._kept[number]
        shape = rows.stop - rows.start, columns.stop - columns.start, len(self._coding.graphs.rung.gain)
        out, across = np.empty(shape, np.int16), -(-self.grid[1] // self._side)
        for down in range(rows.start // self._side, -(-rows.stop // self._side)):
            for right in range(columns.start // self._side, -(-columns.stop // self._side)):
                number = down * across + right
                if number not in self._kept:
                    self._kept[number] = self.tile(number)
                part = common(area, self._areas[number])
                out[within(part, area)] = self._kept[number][within(part, self._areas[number])]
        return out

    def tile(self, number: int) -> INT16:
        """The latents of one tile, of those in the file's order.  Raises StreamDamaged."""
        rows, columns = self._areas[number]
        size = rows.stop - rows.start, columns.stop - columns.start
        return self._coding.decode(self._streams[number], *size, cut=self._cut)

    def all(self) -> INT16:
        """The latents of the whole picture [⌈H/16⌉, ⌈W/16⌉, C].  Raises StreamDamaged."""
        return self.take((slice(0, self.grid[0]), slice(0, self.grid[1])))

    def check(self) -> None:
        """Decode every tile and keep none.  Raises StreamDamaged."""
        for number in each("check", range(len(self._areas))):
            self.tile(number)
