"""Chunks of arrays as pictures: a codec for numcodecs, and so for Zarr arrays of format 2.

A chunk is one picture, uint8 or uint16 […, H, W, 3], […, H, W, 1] or […, H, W], where all axes in front are 1; three
axes or more that end in 1 or 3 have channels. What is stored is a `.lat` file as `Codec.encode` writes it. A chunk that
is written in part is decoded, changed and encoded again, all of it, with loss unless `lossless` is True.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .codec import Codec, Pixels
from .coding.arguments import check_effort, check_lossless, check_quality
from .errors import ImageError, ModelNotFound, UsageError, missing
from .format.container import DEPTHS

try:
    from numcodecs import abc, compat
except ImportError as e:
    raise missing("numcodecs") from e

NAME = "aezip"


class Aezip(abc.Codec):  # type: ignore[misc]  # numcodecs has no types
    """Encodes with a model at a quality; decodes what that or any installed model wrote.

    Args:
        model: Name or path. It is opened with the first chunk.
        quality: 0 … 100.
        effort: As in `Codec.encode`.
        lossless: As in `Codec.encode`.
        depth: Bits of a sample in arrays of uint16, as in `Codec.encode`.

    Raises:
        UsageError: A setting is outside its range.
    """

    codec_id = NAME

    def __init__(
        self,
        model: str = "photo",
        quality: float = 60,
        effort: int = 1,
        lossless: bool | None = None,
        depth: int | None = None,
    ) -> None:
        check_settings(model, quality, effort, lossless, depth)
        self.model, self.quality, self.effort, self.lossless, self.depth = model, quality, effort, lossless, depth

    def encode(self, buf: Any) -> bytes:
        """One chunk → a `.lat` file.

        Args:
            buf: uint8 or uint16 […, H, W, 3], […, H, W, 1] or […, H, W]; all axes in front are 1.

        Raises:
            UsageError: The chunk has another shape or order.
            ImageError: The chunk has another type.
            ModelError: The model is missing, damaged or does not fit.
        """
        chunk = np.asarray(buf)
        if chunk.flags.f_contiguous and not chunk.flags.c_contiguous:  # Zarr would read rows as columns
            raise UsageError("the chunk's columns come first in memory (order 'F')", "an array of order 'C'")
        if not chunk.dtype.isnative:  # Zarr would read numbers with their bytes the other way round
            raise ImageError(f"an array of {chunk.dtype}", "uint8, or uint16 in this machine's order of bytes")
        return encode(chunk, self.model, self.quality, self.effort, self.lossless, self.depth)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """A `.lat` file → pixels.

        Args:
            buf: The file's bytes.
            out: Where the pixels go. None: a new array.

        Returns:
            [H, W, C], uint8; or uint16 of the file's depth.

        Raises:
            AezipError: The file is damaged, or its model is missing.
        """
        return compat.ndarray_copy(decode(compat.ensure_bytes(buf), self.model), out)


def encode(
    chunk: NDArray[Any], model: str, quality: float, effort: int, lossless: bool | None, depth: int | None
) -> bytes:
    """One chunk → a `.lat` file."""
    picture = chunk.reshape(picture_shape(chunk.shape))
    codec = _codec(None if lossless else model, os.getpid())  # exact pixels need no model
    depth = depth if picture.dtype.itemsize == 2 else None
    return codec.encode(picture, quality, effort=effort, lossless=lossless, depth=depth)


def decode(data: bytes, model: str) -> Pixels:
    """A `.lat` file of this or any installed model → pixels [H, W, C]."""
    try:
        codec = _codec(model, os.getpid())
    except ModelNotFound:  # it was a path where the chunk was written
        codec = _codec(None, os.getpid())
    return codec.decode(data)[0]


def picture_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Rows, columns and channels of a chunk.  Raises UsageError."""
    axes = 3 if len(shape) > 2 and shape[-1] in (1, 3) else 2
    if len(shape) < 2 or any(n != 1 for n in shape[:-axes]):
        raise UsageError(f"chunks of shape {shape}", "one picture a chunk: […, H, W], […, H, W, 1] or […, H, W, 3]")
    h, w, channels = (*shape[-axes:], 1)[:3]
    return h, w, channels


def check_settings(model: object, quality: object, effort: object, lossless: object, depth: object) -> None:
    """Raise UsageError for what no chunk could be encoded with."""
    if not isinstance(model, str):
        raise UsageError(f"model {model!r}", "a name or a path")
    check_quality(quality)
    check_effort(effort)
    check_lossless(lossless)
    if depth is not None and depth not in DEPTHS:
        raise UsageError(f"depth {depth!r}", "9 to 16, or None")


@lru_cache(maxsize=4)
def _codec(model: str | None, process: int) -> Codec:  # a forked process has none of onnxruntime's threads
    return Codec(model)
