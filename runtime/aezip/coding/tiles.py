"""Latents ↔ the streams of their tiles, each of which decodes alone, with closed borders."""

from __future__ import annotations

import numpy as np

from ..engine.graphs import INT16
from ..errors import StreamDamaged
from ..format.container import Lat
from . import Coding
from .windows import Area, common, grid, within


def split(h: int, w: int, tile: int) -> list[Area]:
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


class Tiles:
    """A file's latents, decoded tile by tile."""

    def __init__(self, coding: Coding, lat: Lat) -> None:
        self._coding = coding
        self.grid = h, w = grid(lat.header.height, lat.header.width)
        self._areas = split(h, w, lat.header.tile)
        self._streams = unpack_streams(lat.body, len(self._areas))
        self._side = 4 * lat.header.tile or max(h, w)
        self._kept: dict[int, INT16] = {}

    def take(self, area: Area) -> INT16:
        """The latents of an area [h, w, C].  Areas are asked for row by row: tiles are kept as long.

        Raises StreamDamaged.
        """
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
        return self._coding.decode(self._streams[number], rows.stop - rows.start, columns.stop - columns.start)

    def all(self) -> INT16:
        """The latents of the whole picture [⌈H/16⌉, ⌈W/16⌉, C].  Raises StreamDamaged."""
        return self.take((slice(0, self.grid[0]), slice(0, self.grid[1])))

    def check(self) -> None:
        """Decode every tile and keep none.  Raises StreamDamaged."""
        for number in range(len(self._areas)):
            self.tile(number)
