"""Chunks of arrays as pictures: a codec for Zarr arrays of format 3 (`serializer`, without `compressors`).

What a chunk may be and what is stored: `aezip.numcodecs`. In `zarr.json` the codec is
`{"name": "aezip", "configuration": {"model", "quality", "effort", "lossless", "depth"}}`.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from . import numcodecs
from .errors import DependencyMissing, ImageError, UsageError

try:
    from zarr.abc.codec import ArrayBytesCodec
except ImportError as e:
    raise DependencyMissing("zarr 3 is required: pip install zarr, on Python 3.11 or later") from e

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer


@dataclass(frozen=True)
class Aezip(ArrayBytesCodec):
    """Encodes chunks as `.lat` files; the settings are those of `aezip.numcodecs.Aezip`."""

    is_fixed_size = False

    model: str = "photo"
    quality: float = 60
    effort: int = 1
    lossless: bool | None = None
    depth: int | None = None

    def __post_init__(self) -> None:
        numcodecs.check_settings(**asdict(self))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Aezip:
        """From the codec's entry in `zarr.json`.  Raises UsageError."""
        configuration = data.get("configuration", {})
        known = [field.name for field in fields(cls)]
        unknown = ", ".join(sorted(set(configuration) - set(known)))
        if unknown:
            raise UsageError(f"the codec {numcodecs.NAME} is configured with {unknown}", ", ".join(known))
        return cls(**configuration)

    def to_dict(self) -> dict[str, Any]:
        """The codec's entry in `zarr.json`."""
        return {"name": numcodecs.NAME, "configuration": asdict(self)}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuse arrays of another type when they are made.  Raises ImageError.

        Not chunks of a wrong shape, which are refused when they are written: zarr tells the array's own, even where a
        filter before this codec turns its axes.
        """
        if dtype.to_native_dtype() not in (np.uint8, np.uint16):
            raise ImageError(f"an array of {dtype.to_native_dtype()}", "uint8 or uint16")

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Not known before."""
        raise NotImplementedError

    async def _encode_single(self, chunk: NDBuffer, spec: ArraySpec) -> Buffer:
        data = await asyncio.to_thread(numcodecs.encode, chunk.as_numpy_array(), **asdict(self))
        stored: Buffer = spec.prototype.buffer.from_bytes(data)
        return stored

    async def _decode_single(self, chunk: Buffer, spec: ArraySpec) -> NDBuffer:
        pixels = await asyncio.to_thread(numcodecs.decode, chunk.to_bytes(), self.model)
        if pixels.size != np.prod(spec.shape):
            raise ImageError(f"a chunk of shape {pixels.shape}", f"{spec.shape}")
        shaped: Any = pixels.reshape(spec.shape)
        out: NDBuffer = spec.prototype.nd_buffer.from_ndarray_like(shaped)
        return out
