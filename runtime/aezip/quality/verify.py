"""Verification: how near a `.lat` file is to its original.

Decoding checks it as `Codec.check` does without the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import ImageError
from ..format import depth as depths
from ..format.container import DEFAULT_MAX_PIXELS, PLAIN, Lat
from . import metrics
from .ssimulacra2 import ssimulacra2

if TYPE_CHECKING:
    from ..codec import Codec
    from ..coding.windows import Pixels


@dataclass(frozen=True)
class Report:
    """A whole file, compared; each measure is computed when it is asked for.

    Of samples of more than 8 bits PSNR and MS-SSIM are of all bits, SSIMULACRA2 of 8.
    """

    lat: Lat
    original: Pixels
    decoded: Pixels

    @cached_property
    def psnr_db(self) -> float:
        """Inf when equal."""
        return metrics.psnr_db(self.original, self.decoded, self.lat.depth)

    @cached_property
    def ms_ssim(self) -> float:
        """NaN when the picture is too small."""
        return metrics.ms_ssim(*(depths.levels(p, self.lat.depth) for p in (self.original, self.decoded)))

    @cached_property
    def ssimulacra2(self) -> float:
        """100 when equal, NaN when the picture is too small."""
        return ssimulacra2(*(depths.scaled(p, self.lat.depth, PLAIN) for p in (self.original, self.decoded)))


def verify(
    codec: Codec, data: bytes, original: Pixels, depth: int = PLAIN, *, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Report:
    """Decode a file and compare it with the picture it was made from, [H, W, C] of this depth.

    Raises FormatError and its kinds, UnknownFingerprint, and ImageError if the original has another shape or depth.
    """
    pixels, lat = codec.decode(data, max_pixels=max_pixels)
    if original.shape != pixels.shape:
        raise ImageError(f"the original is {_size(original)}, the file {_size(pixels)}", "the picture it was made from")
    if depth != lat.depth:
        finding = f"the original has {depth} bits a sample, the file {lat.depth}"
        raise ImageError(finding, "the picture it was made from, or ReadOptions(to_8bit=True) if that was used")
    return Report(lat, original, pixels)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} × {pixels.shape[0]} pixels, {'grey' if pixels.shape[2] == 1 else 'RGB'}"
