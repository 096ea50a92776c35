"""Bands of rows, each deflated alone, so that a region needs only those it touches; and what stands in a row.

A directory of bands is the lengths of their bytes as u32, then the bytes. Rows are stored as differences from one of
four predictions, which running sums undo: 0, the left neighbour, the upper one, left + upper − upper left (two of PNG's
filters, none, and their sum). Nothing inflates to more bytes than are expected.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import SectionDamaged
from .depth import Samples

Buffer = bytes | memoryview

LEFT, UP = 1, 2  # bits of a prediction: differences along a row, down the columns
NARROW = 192  # numbers of a row, up to which sums of all rows are faster than a loop over rows


class Band(NamedTuple):
    """A band that wanted rows touch."""

    data: Buffer
    height: int  # its rows
    inside: slice  # those of its rows that are wanted
    place: slice  # where these stand among the wanted rows


def pack(bands: Sequence[bytes]) -> bytes:
    """The directory of all bands."""
    return struct.pack(f"<{len(bands)}I", *map(len, bands)) + b"".join(bands)


def touched(data: Buffer, height: int, rows: int, wanted: slice, what: str) -> Iterator[Band]:
    """The bands with rows that are wanted, from the directory of a picture of this height.

    rows: of a band; what: the bands are of, in words. Raises SectionDamaged.
    """
    count = -(-height // rows)
    start = 4 * count
    if len(data) < start:
        raise SectionDamaged(f"the lengths of {count} bands of {what} are cut off", f"{start} bytes")
    lengths = struct.unpack_from(f"<{count}I", data)
    if start + sum(lengths) != len(data):
        raise SectionDamaged(f"the bands of {what} do not fill their section", f"{len(data) - start} bytes")
    for top, length in zip(range(0, height, rows), lengths, strict=True):
        bottom = min(top + rows, height)
        first, last = max(top, wanted.start), min(bottom, wanted.stop)
        if first < last:
            inside, place = slice(first - top, last - top), slice(first - wanted.start, last - wanted.start)
            yield Band(data[start : start + length], bottom - top, inside, place)
        start += length


def inflated(data: Buffer, size: int, what: str) -> bytes:
    """What a zlib stream inflates to, all of `size` bytes.  what: it is, in words.  Raises SectionDamaged."""
    return b"".join(inflated_parts(data, size, what, size + 1))


def inflated_parts(data: Buffer, size: int, what: str, most: int) -> Iterator[bytes]:
    """The same in parts of `most` bytes at most, of which only one is in memory."""
    inflate, left = zlib.decompressobj(), size
    try:
        while left >= 0 and (part := inflate.decompress(data, most)):
            data = inflate.unconsumed_tail
            left -= len(part)
            yield part
    except zlib.error as e:
        raise SectionDamaged(f"{what} does not inflate ({e})", "zlib data") from e
    if left or not inflate.eof or inflate.unused_data:
        raise SectionDamaged(f"{what} has another size", f"{size} bytes")


def predicted(rows: Samples, step: int = 1) -> tuple[Samples, Samples, Samples, Samples]:
    """Rows [n, …] less each of the predictions 0 … LEFT | UP.  step: numbers from a neighbour to the next."""
    left, up = rows.copy(), rows.copy()
    left[:, step:] -= rows[:, :-step]
    up[1:] -= rows[:-1]
    both = left.copy()
    both[1:] -= left[:-1]
    return rows, left, up, both


def summed_down(rows: Samples, up: NDArray[np.bool_]) -> None:
    """Undo UP in place: from the top on, each row with `up` [n] gets the one above it added.  rows: [n, …]"""
    if rows.shape[1] > NARROW:
        for n in np.flatnonzero(up[1:]) + 1:
            rows[n] += rows[n - 1]
        return
    first = np.maximum.accumulate(np.where(up, 0, np.arange(len(rows))))  # the row at which each row's sum begins
    sums = rows.cumsum(0, dtype=rows.dtype)
    np.subtract(sums, sums[first - 1], out=rows, where=(first > 0)[:, None])
    rows[first == 0] = sums[first == 0]
