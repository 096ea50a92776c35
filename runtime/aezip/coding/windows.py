"""Any size: the transforms see a picture through windows, the entropy coder in tiles.

    tiles      part the latents; each is a stream of its own, with closed borders (`latents`)
    windows    part the work of the transforms; each sees a margin of its neighbours

The margin is as far as a transform looks (the package says how far), so that windows put together are the
whole picture up to float rounding. Windows end at the picture's borders, not beyond, and what lies outside
is padded as for the whole. Memory is that of the pixels, two windows and a few rows of tiles: while one
window is in the network, the next or the last one is in the entropy coder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..engine.graphs import INT16, STRIDE, Graphs
from ..format.container import Lat
from ..model.ladder import Rung
from . import hyperprior, static_tables

# Side of a window in latents, 2048 pixels. A margin of 7 costs 20 % more work in a large picture, at 32 bytes
# a pixel of the window in the encoder and 46 in the decoder; twice the side costs 10 % at four times the memory.
WINDOW = 128

S = TypeVar("S")
T = TypeVar("T")
Pixels = NDArray[np.uint8]  # [H, W, C], C 1 or 3
Area = tuple[slice, slice]  # rows and columns, of latents
Region = tuple[int, int, int, int]  # x, y, width, height in pixels


def encode(graphs: Graphs, pixels: Pixels, rung: Rung, tile: int, effort: int) -> list[bytes]:
    """The streams of a picture's tiles, in the file's order; `tile` as in the header."""
    h, w = grid(pixels.shape[0], pixels.shape[1])
    areas = hyperprior.split(h, w, tile)
    order = {(rows.start, columns.start): number for number, (rows, columns) in enumerate(areas)}
    streams = [b""] * len(areas)
    side = 4 * tile or 4 * max(-(-h // 4), -(-w // 4))

    def transformed(area: Area) -> INT16:
        return transform(graphs, pixels, area, rung)

    seen = windows(slice(0, -(-h // 4) * 4), slice(0, -(-w // 4) * 4), side)
    for (rows, columns), latent in ahead(transformed, seen, graphs.threads):
        for top in range(rows.start, min(rows.stop, h), side):
            for left in range(columns.start, min(columns.stop, w), side):
                part = latent[top - rows.start :, left - columns.start :][:side, :side]
                inside = part[: h - top, : w - left]
                if graphs.package.about.static:
                    streams[order[top, left]] = static_tables.encode(graphs, inside, rung, effort)
                    continue
                hyper = graphs.hyper(part, rung)
                streams[order[top, left]] = hyperprior.encode(graphs, inside, hyper, rung, effort)
    return streams


def decode(graphs: Graphs, lat: Lat, rung: Rung, region: Region) -> Pixels:
    """The pixels of a region, from the tiles that it and its margin touch.  Raises StreamDamaged, ModelUnfit."""
    header = lat.header
    graphs.package.fit(header.channels)
    h, w = grid(header.height, header.width)
    x, y, width, height = region
    rows, columns = slice(y // STRIDE, -(-(y + height) // STRIDE)), slice(x // STRIDE, -(-(x + width) // STRIDE))
    source, margin = _Tiles(graphs, lat, rung), graphs.package.margin("decoder")

    def taken(area: Area) -> tuple[Area, INT16]:
        around = grown(area[0], margin, h), grown(area[1], margin, w)
        return around, source.take(around)

    out = np.empty((height, width, header.channels), np.uint8)
    for area, (around, latent) in ahead(taken, windows(rows, columns, 1), graphs.threads):
        image = graphs.decoder(latent, rung)
        (inner, image_rows), (beside, image_columns) = (
            _overlap(part, outside, start, length)
            for part, outside, start, length in zip(area, around, (y, x), (height, width), strict=True)
        )
        image = image[image_rows, image_columns]
        if header.channels < image.shape[2]:
            image = ((image.astype(np.uint16).sum(2, keepdims=True) + 1) // 3).astype(np.uint8)
        out[inner, beside] = image
    return out


def transform(graphs: Graphs, pixels: Pixels, area: Area, rung: Rung) -> INT16:
    """Latents of an area, as those of the whole picture padded to multiples of 64.  Raises ModelUnfit."""
    graphs.package.fit(pixels.shape[2])
    margin = graphs.package.margin("encoder")
    sizes = [-(-size // 64) * 4 for size in pixels.shape[:2]]
    around = [grown(part, margin, size) for part, size in zip(area, sizes, strict=True)]
    latent = graphs.encoder(window_of(pixels, around[0], around[1], graphs.package.about.channels), rung)
    top, left = (part.start - outside.start for part, outside in zip(area, around, strict=True))
    return latent[top : top + area[0].stop - area[0].start, left : left + area[1].stop - area[1].start]


def window_of(pixels: Pixels, rows: slice, columns: slice, channels: int = 3) -> Pixels:
    """The pixels of an area of latents, in so many channels; beyond the picture its last row and column."""
    part = pixels[STRIDE * rows.start : STRIDE * rows.stop, STRIDE * columns.start : STRIDE * columns.stop]
    missing = [STRIDE * (s.stop - s.start) - n for s, n in zip((rows, columns), part.shape, strict=False)]
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.repeat(part, channels, axis=2) if part.shape[2] < channels else np.ascontiguousarray(part)


def decode_tile(graphs: Graphs, stream: bytes, h: int, w: int, rung: Rung) -> INT16:
    """Decoded latents of one tile, in 1/16 of a step.  [h, w, C].  Raises StreamDamaged."""
    if graphs.package.about.static:
        return static_tables.decode(graphs, stream, h, w, rung)
    return hyperprior.decode(graphs, stream, h, w, rung)


def grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of latents of so many pixels."""
    return -(-height // STRIDE), -(-width // STRIDE)


def windows(rows: slice, columns: slice, unit: int, side: int = 0) -> list[Area]:
    """An area in windows of nearly equal sizes, row by row; only its ends are no multiples of `unit`.

    side: of the largest window, WINDOW if 0.
    """
    side = side or WINDOW
    if (rows.stop - rows.start) * (columns.stop - columns.start) <= side**2:
        return [(rows, columns)]
    return [(a, b) for a in _cuts(rows, unit, side) for b in _cuts(columns, unit, side)]


def _cuts(whole: slice, unit: int, side: int) -> list[slice]:
    units = -(-(whole.stop - whole.start) // unit)
    count = -(-units // max(1, side // unit))
    edges = [whole.start + unit * (i * units // count) for i in range(count)]
    return [slice(a, b) for a, b in zip(edges, [*edges[1:], whole.stop], strict=True)]


def grown(part: slice, margin: int, size: int) -> slice:
    """With its margin, as far as there is something."""
    return slice(max(0, part.start - margin), min(size, part.stop + margin))


def ahead(make: Callable[[S], T], items: Sequence[S], threads: int | None) -> Iterator[tuple[S, T]]:
    """Items and what is made of each, in a thread of its own while the one before is used; with one thread, in turn."""
    if threads == 1 or len(items) == 1:
        yield from ((item, make(item)) for item in items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(make, items[0])
        for item, following in zip(items, [*items[1:], None], strict=True):
            made = future.result()
            if following is not None:
                future = pool.submit(make, following)
            yield item, made


def _overlap(part: slice, outside: slice, start: int, length: int) -> tuple[slice, slice]:
    """Where a window's part stands in the region, and where in what was decoded around it, in pixels."""
    first, last = max(STRIDE * part.start, start), min(STRIDE * part.stop, start + length)
    shift = STRIDE * outside.start
    return slice(first - start, last - start), slice(first - shift, last - shift)


class _Tiles:
    """Decoded tiles, each kept as long as windows below may ask for it."""

    def __init__(self, graphs: Graphs, lat: Lat, rung: Rung) -> None:
        self._graphs, self._rung = graphs, rung
        h, w = grid(lat.header.height, lat.header.width)
        self._areas = hyperprior.split(h, w, lat.header.tile)
        self._streams = hyperprior.unpack_streams(lat.latents, len(self._areas))
        self._side = 4 * lat.header.tile or max(h, w)
        self._across = -(-w // self._side)
        self._kept: dict[int, INT16] = {}

    def take(self, area: Area) -> INT16:
        """The latents of an area.  Areas are asked for row by row.  Raises StreamDamaged."""
        rows, columns = area
        for number in [n for n in self._kept if self._areas[n][0].stop <= rows.start]:
            del self._kept[number]
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start, len(self._rung.gain)), np.int16)
        for down in range(rows.start // self._side, -(-rows.stop // self._side)):
            for across in range(columns.start // self._side, -(-columns.stop // self._side)):
                number = down * self._across + across
                mine, part = self._areas[number], self._tile(number)
                (to_rows, from_rows), (to_columns, from_columns) = map(_shared, area, mine)
                out[to_rows, to_columns] = part[from_rows, from_columns]
        return out

    def _tile(self, number: int) -> INT16:
        if number not in self._kept:
            rows, columns = self._areas[number]
            size = rows.stop - rows.start, columns.stop - columns.start
            self._kept[number] = decode_tile(self._graphs, self._streams[number], *size, self._rung)
        return self._kept[number]


def _shared(one: slice, other: slice) -> tuple[slice, slice]:
    """What two ranges share, counted from the start of each."""
    first, last = max(one.start, other.start), min(one.stop, other.stop)
    return slice(first - one.start, last - one.start), slice(first - other.start, last - other.start)
