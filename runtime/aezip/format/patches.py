"""Patches: cells of exact pixels, laid over the decoded picture; the section `PTCH`.

The section says which cells, as a deflated bitmap, and holds their pixels below each other as one narrow picture
(`exact`).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ..errors import SectionDamaged
from . import averages, bands, exact
from . import depth as depths
from .container import PLAIN
from .depth import Samples
from .geometry import CELL_SIZE, grid

_WHAT = "the patches' bitmap"
_PART = 2**16  # bytes of a bitmap that are counted at once
Cells = NDArray[np.bool_]  # [⌈H/16⌉, ⌈W/16⌉]


def encode(pixels: Samples, cells: Cells) -> bytes:
    """The picture's cells that are marked → the section's bytes.  At least one is."""
    strip = np.zeros((CELL_SIZE * int(cells.sum()), CELL_SIZE, pixels.shape[2]), pixels.dtype)
    for n, (row, column) in enumerate(np.argwhere(cells)):
        cell = pixels[CELL_SIZE * row : CELL_SIZE * (row + 1), CELL_SIZE * column : CELL_SIZE * (column + 1)]
        beyond = [(0, CELL_SIZE - side) for side in cell.shape[:2]]
        strip[CELL_SIZE * n : CELL_SIZE * (n + 1)] = np.pad(cell, (*beyond, (0, 0)), mode="edge")
    which = zlib.compress(np.packbits(cells).tobytes(), 9)
    return struct.pack("<I", len(which)) + which + exact.encode(strip)


def which(data: bytes, height: int, width: int) -> Cells:
    """The cells of a picture of this size that have patches.  Raises SectionDamaged."""
    return _parts(data, height, width)[0]


def count(data: bytes, height: int, width: int) -> int:
    """How many cells of a picture of this size have patches.  Raises SectionDamaged.

    Takes little memory, whatever the size.
    """
    rows, columns = grid((height, width), CELL_SIZE)
    parts = bands.inflated_parts(_bitmap(data), -(-rows * columns // 8), _WHAT, _PART)
    found = sum(int(np.bitwise_count(np.frombuffer(part, np.uint8)).sum()) for part in parts)
    if not found:
        raise SectionDamaged(f"{_WHAT} marks no cell", "one at least")
    return found


def check(data: bytes, height: int, width: int, channels: int, depth: int = PLAIN) -> None:
    """Decode the patches of a picture of this size and depth.  Raises SectionDamaged."""
    cells, body = _parts(data, height, width)
    exact.decode(body, CELL_SIZE * int(cells.sum()), CELL_SIZE, channels, depth=depth)


def lay(
    pixels: Samples,
    data: bytes,
    height: int,
    width: int,
    region: tuple[int, int, int, int],
    scale: int = 1,
    depth: int = PLAIN,
) -> None:
    """Lay patches over `pixels`, the region (x, y, w, h) of a picture of this size and depth.

    scale: how many times smaller the pixels are, whose region counts in their own; cells are then averaged. Pixels of
    uint8 get samples of 8 bits, whatever the picture has. Raises SectionDamaged.
    """
    cells, body = _parts(data, height, width)
    x, y, w, h = region
    strip = exact.decode(body, CELL_SIZE * int(cells.sum()), CELL_SIZE, pixels.shape[2], depth=depth)
    if pixels.dtype == np.uint8:
        strip = depths.scaled(strip, depth, PLAIN)
    side = CELL_SIZE // scale
    for n, (row, column) in enumerate(np.argwhere(cells)):
        top, left = side * row - y, side * column - x
        bottom, right = min(top + side, h), min(left + side, w)
        if bottom > max(top, 0) and right > max(left, 0):
            from_top, from_left = max(-top, 0), max(-left, 0)
            rows, columns = min(CELL_SIZE, height - CELL_SIZE * row), min(CELL_SIZE, width - CELL_SIZE * column)
            inside = strip[CELL_SIZE * n :][:rows, :columns]
            part = averages.averaged(inside, scale)[from_top : bottom - top, from_left : right - left]
            pixels[max(top, 0) : bottom, max(left, 0) : right] = part


def _bitmap(data: bytes) -> bytes:
    """The bitmap's zlib stream.  Raises SectionDamaged."""
    length = int(struct.unpack_from("<I", data)[0]) if len(data) >= 4 else 0
    if not length or length > len(data) - 4:
        raise SectionDamaged("patches that do not say which cells they are", "a bitmap")
    return data[4 : 4 + length]


def _parts(data: bytes, height: int, width: int) -> tuple[Cells, bytes]:
    """The cells, and their pixels' bytes.  Raises SectionDamaged."""
    bitmap, shape = _bitmap(data), grid((height, width), CELL_SIZE)
    count = shape[0] * shape[1]
    bits = np.unpackbits(np.frombuffer(bands.inflated(bitmap, -(-count // 8), _WHAT), np.uint8))
    if bits[count:].any() or not bits[:count].any():
        raise SectionDamaged(f"{_WHAT} marks no cell of the picture, or others", "at least one of them")
    return bits[:count].reshape(shape).astype(bool), data[4 + len(bitmap) :]
