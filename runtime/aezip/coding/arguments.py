"""What a codec is handed, checked; what is wrong is said in one sentence, with how it can be put right."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from ..errors import ImageError, LimitExceeded, UsageError
from ..format import container
from ..format import depth as depths
from ..format.container import DEEPEST, DEFAULT_MAX_PIXELS, PLAIN, Header
from .pictures import Region
from .windows import Pixels

_SHAPES = "[H, W, 3], [H, W, 1] or [H, W]"
_FROM_TENSOR = "; of a tensor [3, H, W] from 0 to 1: (255 * tensor).round().byte().permute(1, 2, 0).cpu().numpy()"
_TO_UINT8 = {  # by the kind of a NumPy type
    "f": "; of values from 0 to 1: np.round(255 * array.clip(0, 1)).astype(np.uint8)",
    "b": "; such as 255 * array.astype(np.uint8)",
}
_CHANNELS_FIRST = "; such as array.transpose(1, 2, 0)"
_WITH_ALPHA = "; Codec.compress(Image.fromarray(array)) keeps alpha"
_ALSO = "; Codec.compress also takes Pillow images and paths of image files"


def check_pixels(pixels: Any, max_pixels: int = DEFAULT_MAX_PIXELS, depth: int | None = None) -> tuple[Pixels, int]:
    """uint8 or uint16 [H, W], [H, W, 1] or [H, W, 3] → [H, W, C], and bits of a sample.

    depth: of uint16; None: 16. Raises ImageError, LimitExceeded, UsageError.
    """
    if not isinstance(pixels, np.ndarray):
        advice = _FROM_TENSOR if type(pixels).__module__.startswith("torch") else _ALSO
        raise ImageError(f"a {type(pixels).__name__}", f"a NumPy array of uint8 or uint16, {_SHAPES}{advice}")
    if isinstance(pixels, np.ma.MaskedArray):
        raise ImageError("a masked array", "a plain one, such as array.filled(0)")
    native = pixels.dtype.newbyteorder("=")
    if native not in (np.uint8, np.uint16):
        advice = _TO_UINT8.get(pixels.dtype.kind, "")
        raise ImageError(f"an array of {pixels.dtype}", f"uint8 or uint16{advice}")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
        channels_first = pixels.ndim == 3 and pixels.shape[0] in (1, 3)
        advice = _CHANNELS_FIRST if channels_first else _WITH_ALPHA if pixels.shape[2:] == (4,) else ""
        raise ImageError(f"an array of shape {pixels.shape}", f"{_SHAPES}, not empty{advice}")
    h, w, _ = pixels.shape
    if max(h, w) > container.MAX_SIDE:
        raise LimitExceeded(f"{w}×{h} pixels", f"at most {container.MAX_SIDE} a side")
    container.check_limit(w, h, max_pixels)
    pixels = np.asarray(pixels, native)
    return pixels, check_depth(pixels, depth)


def check_depth(pixels: Pixels, depth: int | None) -> int:
    """Bits of a sample, of pixels for which somebody says so, or nobody.  Raises UsageError, ImageError."""
    if pixels.dtype == np.uint8:
        if depth not in (None, PLAIN):
            raise UsageError(f"depth {depth!r} of uint8", "8, or uint16")
        return PLAIN
    if depth is None:
        return DEEPEST
    if depth not in container.DEPTHS:
        raise UsageError(f"depth {depth!r} of uint16", "9 to 16")
    most = int(pixels.max())
    if most > depths.top(depth):
        raise ImageError(f"a sample of {most}, which {depth} bits do not hold", f"at most {depths.top(depth)}")
    return int(depth)


def check_region(region: Region | None, header: Header) -> Region:
    """The region, or the whole picture's.  Raises UsageError."""
    if region is None:
        return 0, 0, header.width, header.height
    x, y, width, height = region
    if min(x, y) < 0 or min(width, height) < 1 or x + width > header.width or y + height > header.height:
        finding = f"region {x},{y},{width},{height}"
        raise UsageError(finding, f"X,Y,W,H within the picture's {header.width}×{header.height} pixels")
    return region


def check_quality(quality: float) -> int:
    """0 … 100 → 0 … 1000.  Raises UsageError."""
    if not isinstance(quality, Real) or not 0 <= quality <= 100:
        raise UsageError(f"quality {quality!r}", "0 to 100")
    return round(quality * 10)


def check_size(size: int) -> int:
    """A number of bytes.  Raises UsageError."""
    if not isinstance(size, Integral) or size < 1:
        raise UsageError(f"target_size {size!r}", "a whole number of bytes, 1 or more")
    return size
