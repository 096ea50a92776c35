"""Alpha: a plane of opacities ↔ bytes of the section `ALPH`, without loss; and the colours nobody sees.

In and out: uint8 [H, W], 0 transparent, 255 opaque; of a picture of more bits uint16 of its depth, stored as an exact
picture (`exact`) where 8 bits do not say it. A constant plane takes two bytes. Any other is cut into `bands`, each with
one prediction for all of its rows.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ..errors import SectionDamaged
from . import bands, exact
from . import depth as depths
from .container import PLAIN
from .depth import Samples

Plane = NDArray[np.uint8]  # [H, W]

BAND = 256  # rows
CONSTANT, BANDS, DEEP = 0, 1, 2
_HIDDEN_SIZE = 4  # hidden colours are uniform in squares of this side


def encode(plane: Samples, depth: int = PLAIN) -> bytes:
    """Opacities [H, W] of a picture of this depth → the section's bytes."""
    if depth > PLAIN:
        deep, plane = plane, depths.scaled(plane, depth, PLAIN)
        if (depths.scaled(plane, PLAIN, depth) != deep).any():
            return bytes((DEEP,)) + exact.encode(deep[..., None])
    first = plane.flat[0]
    if (plane == first).all():
        return bytes((CONSTANT, first))
    packed = [_pack_band(plane[top : top + BAND]) for top in range(0, plane.shape[0], BAND)]
    return bytes((BANDS,)) + bands.pack(packed)


def decode(
    data: bytes, height: int, width: int, region: tuple[int, int, int, int] | None = None, depth: int = PLAIN
) -> Samples:
    """The section's bytes, of a picture of this size and depth → opacities [H, W], or the region (x, y, w, h) of it.

    Raises SectionDamaged. Allocates no more than the region's rows, and a band.
    """
    if depth > PLAIN:
        if data[:1] == bytes((DEEP,)):
            return exact.decode(data[1:], height, width, 1, region, depth)[..., 0]
        return depths.scaled(decode(data, height, width, region), PLAIN, depth)
    x, y, w, h = region or (0, 0, width, height)
    if len(data) == 2 and data[0] == CONSTANT:
        return np.full((h, w), data[1], np.uint8)
    if data[:1] != bytes((BANDS,)):
        raise SectionDamaged("the alpha section is of an unknown kind", "one value, or bands of rows")
    out = np.empty((h, w), np.uint8)
    for band in bands.touched(memoryview(data)[1:], height, BAND, slice(y, y + h), "alpha"):
        out[band.place] = _unpack_band(band.data, band.height, width)[band.inside, x : x + w]
    return out


def fill(pixels: Samples, plane: Samples, depth: int = PLAIN) -> Samples:
    """The picture [H, W, C] of this depth with smooth colours where it is wholly transparent, which cost few bits.

    Visible pixels are averaged into ever coarser cells (a pyramid, as in Gortler et al., The Lumigraph, 1996: pull,
    push); a hidden pixel takes the colour of the finest cell around it that sees any.
    """
    hidden = plane == 0
    if not hidden.any():
        return pixels
    if hidden.all():
        return np.full_like(pixels, 2 ** (depth - 1))
    cells, seen = _cells(pixels, ~hidden)
    colours = np.clip(_push(cells, seen) + 0.5, 0, depths.top(depth)).astype(pixels.dtype)
    out = pixels.copy()
    for top in range(0, len(out), BAND):
        rows, where = out[top : top + BAND], hidden[top : top + BAND]
        wide = colours[top // _HIDDEN_SIZE : -(-(top + len(rows)) // _HIDDEN_SIZE)]
        wide = wide.repeat(_HIDDEN_SIZE, axis=0)[: len(rows)].repeat(_HIDDEN_SIZE, axis=1)[:, : rows.shape[1]]
        rows[where] = wide[where]
    return np.asarray(out)


def _pack_band(rows: Plane) -> bytes:
    """One band: the prediction, then the deflated differences; the shortest of four."""
    choices = bands.predicted(rows)
    sizes = [len(zlib.compress(choice.tobytes(), 1)) for choice in choices]
    best = sizes.index(min(sizes))
    return bytes((best,)) + zlib.compress(choices[best].tobytes(), 9)


def _unpack_band(data: bands.Buffer, height: int, width: int) -> Plane:
    prediction = data[0] if data else 0
    if prediction > bands.LEFT | bands.UP:
        raise SectionDamaged(f"a band of alpha has the prediction {prediction}", "0 to 3")
    body = bands.inflated(data[1:], height * width, "a band of alpha")
    rows: Plane = np.frombuffer(body, np.uint8).reshape(height, width)
    if prediction & bands.LEFT:
        rows = rows.cumsum(axis=1, dtype=np.uint8)
    if prediction & bands.UP:
        rows = rows.cumsum(axis=0, dtype=np.uint8)
    return np.asarray(rows)


def _cells(pixels: Samples, seen: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean colours of the visible pixels in squares of 4 [⌈H/4⌉, ⌈W/4⌉, C], and how many there are, by bands."""
    means: list[NDArray[np.float32]] = []
    counts: list[NDArray[np.float32]] = []
    for top in range(0, len(pixels), BAND):
        weight = seen[top : top + BAND, :, None].astype(np.float32)
        total, count = _summed(pixels[top : top + BAND] * weight, _HIDDEN_SIZE), _summed(weight, _HIDDEN_SIZE)
        means.append(np.asarray(total / np.maximum(count, 1), np.float32))
        counts.append(count)
    return np.concatenate(means), np.concatenate(counts)


def _push(cells: NDArray[np.float32], seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cells [h, w, C] with colours where `seen` [h, w, 1] is 0, from coarser cells, between which it is linear."""
    if seen.all():
        return cells
    count = _summed(seen, 2)
    coarse = _push(np.asarray(_summed(cells * seen, 2) / np.maximum(count, 1), np.float32), count)
    for axis in (0, 1):
        coarse = twice(coarse, axis)
    return np.where(seen > 0, cells, coarse[: cells.shape[0], : cells.shape[1]])


def twice(a: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Twice as long along an axis, linear between the cells' centres."""
    a = np.moveaxis(a, axis, 0)
    before, after = np.concatenate((a[:1], a[:-1])), np.concatenate((a[1:], a[-1:]))
    pairs = np.stack((0.75 * a + 0.25 * before, 0.75 * a + 0.25 * after), axis=1)
    return np.moveaxis(pairs.reshape(-1, *a.shape[1:]), 0, axis)


def _summed(a: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Sums over squares [h, w, C] → [⌈h/side⌉, ⌈w/side⌉, C]."""
    h, w, c = a.shape
    a = np.pad(a, ((0, -h % side), (0, -w % side), (0, 0)))
    return np.asarray(a.reshape(a.shape[0] // side, side, -1, side, c).sum(axis=(1, 3)))
