"""Any size: networks see a picture through windows, each with a margin of its neighbours.

The margin is as far as a network looks (the package says how far), so that windows put together are the whole picture,
up to float rounding. Windows end at the picture's borders, not beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from ..format.depth import Samples
from ..format.geometry import LATENT_STRIDE, padded_grid

# Side of a window in latents, 2048 pixels. A margin of 7 costs 20 % more work in a large picture, at 32 bytes
# a pixel of the window in the encoder and 46 in the decoder; twice the side costs 10 % at four times the memory.
WINDOW = 128

S = TypeVar("S")
T = TypeVar("T")
Pixels = Samples  # [H, W, C], C 1 or 3
Area = tuple[slice, slice]  # rows and columns, of latents where nothing else is said


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


def grown(area: Area, margin: int, size: tuple[int, ...]) -> Area:
    """With its margin, as far as there is something.  size: rows and columns of the whole."""
    rows, columns = (slice(max(0, a.start - margin), min(n, a.stop + margin)) for a, n in zip(area, size, strict=False))
    return rows, columns


def in_pixels(area: Area, side: int = LATENT_STRIDE) -> Area:
    """The pixels of an area of latents, each of which stands for so many rows and columns."""
    rows, columns = (slice(side * part.start, side * part.stop) for part in area)
    return rows, columns


def touched(area: Area, side: int = LATENT_STRIDE) -> Area:
    """The inverse, of parts of latents, too."""
    rows, columns = (slice(part.start // side, -(-part.stop // side)) for part in area)
    return rows, columns


def common(one: Area, other: Area) -> Area:
    """What two areas share."""
    rows, columns = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return rows, columns


def within(area: Area, frame: Area) -> Area:
    """An area, counted from where another begins that holds it."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(area, frame, strict=True))
    return rows, columns


def window_of(pixels: Pixels, area: Area, channels: int) -> Pixels:
    """The samples of an area of latents, in so many channels; beyond the picture its last row and column."""
    part = pixels[in_pixels(area)]
    missing = [LATENT_STRIDE * (s.stop - s.start) - n for s, n in zip(area, part.shape, strict=False)]
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.ascontiguousarray(in_channels(part, channels))


def in_channels(pixels: Pixels, channels: int) -> Pixels:
    """Grey as RGB, RGB as its mean, or the same.  [H, W, C] → [H, W, channels]"""
    if pixels.shape[2] < channels:
        return np.repeat(pixels, channels, axis=2)
    if pixels.shape[2] > channels:
        wide = np.uint16 if pixels.dtype == np.uint8 else np.uint32
        return np.asarray((pixels.sum(2, keepdims=True, dtype=wide) + 1) // 3, pixels.dtype)
    return pixels


def ahead(make: Callable[[S], T], items: Sequence[S], threads: int | None) -> Iterator[tuple[S, T]]:
    """Items and what is made of each, in a thread of its own while the one before is used; with one thread, in turn."""
    if threads == 1 or len(items) < 2:
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


def pad(pixels: Pixels, channels: int = 3) -> Pixels:
    """To multiples of 64 by repeating the last row and column, and to so many channels.  [H, W, C] → [H', W', …]"""
    rows, columns = (slice(0, n) for n in padded_grid(pixels.shape))
    return window_of(pixels, (rows, columns), channels)
