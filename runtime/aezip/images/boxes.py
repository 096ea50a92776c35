"""The boxes of files of the ISO base media format: JPEG 2000, AVIF, HEIF, JPEG XL."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Type, and begin and end of the body, of each box from start to stop."""
    stop = len(data) if stop is None else stop
    while start + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        end = stop if length == 0 else start + length
        if end > stop or end < start + head:
            return
        yield kind, start + head, end
        start = end
