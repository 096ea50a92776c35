"""Verification: how near a `.lat` file is to its original.

Decoding checks the checksums, the structure, and every symbol of the streams, which must end where they began;
`Codec.check` does that much without the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ImageError
from ..format.container import DEFAULT_MAX_PIXELS, Lat
from . import metrics

if TYPE_CHECKING:
    from ..codec import Codec
    from ..coding.windows import Pixels


@dataclass(frozen=True)
class Report:
    """A whole file, compared."""

    lat: Lat
    psnr_db: float  # inf when equal
    ms_ssim: float | None  # None if it was not asked for, NaN when the picture is too small


def verify(
    codec: Codec, data: bytes, original: Pixels, *, similarity: bool = True, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Report:
    """Decode a file and compare it with the picture it was made from, uint8 [H, W, C].

    Raises FormatError and its kinds, UnknownFingerprint, and ImageError if the original has another shape.
    """
    pixels, lat = codec.decode(data, max_pixels)
    if original.shape != pixels.shape:
        raise ImageError(f"the original is {_size(original)}, the file {_size(pixels)}", "the picture it was made from")
    return Report(lat, metrics.psnr_db(original, pixels), metrics.ms_ssim(original, pixels) if similarity else None)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]} pixels, {'grey' if pixels.shape[2] == 1 else 'RGB'}"
