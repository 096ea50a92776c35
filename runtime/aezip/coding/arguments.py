"""What a codec is handed, checked; what is wrong is said in one sentence, with how it can be put right."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any

import numpy as np

from ..arrays import Region
from ..engine import library
from ..engine.sessions import DECODERS, PROVIDERS
from ..errors import ImageError, LimitExceeded, ProviderError, UsageError
from ..format import container
from ..format import depth as depths
from ..format.container import DEEPEST, DEFAULT_MAX_PIXELS, PLAIN, Header
from ..format.scales import SCALES
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
    if not _is_whole(depth) or depth not in container.DEPTHS:
        raise UsageError(f"depth {depth!r} of uint16", "9 to 16")
    most = int(pixels.max())
    if most > depths.top(depth):
        raise ImageError(f"a sample of {most}, which {depth} bits do not hold", f"at most {depths.top(depth)}")
    return int(depth)


def check_region(region: Region | None, header: Header) -> Region:
    """The region, or the whole picture's.  Raises UsageError."""
    if region is None:
        return 0, 0, header.width, header.height
    sides = _whole_numbers(region, 4)
    if sides is None:
        raise UsageError(f"region {region!r}", "four whole numbers: x, y, width, height in pixels")
    x, y, width, height = sides
    if min(x, y) < 0 or min(width, height) < 1 or x + width > header.width or y + height > header.height:
        finding = f"region {x},{y},{width},{height}"
        raise UsageError(finding, f"X,Y,W,H within the picture's {header.width}×{header.height} pixels")
    return x, y, width, height


def check_shape(size: Any) -> tuple[int, int]:
    """Rows and columns.  Raises UsageError."""
    sides = _whole_numbers(size, 2)
    if sides is None or min(sides) < 1:
        raise UsageError(f"size {size!r}", "rows and columns, 1 or more")
    return sides[0], sides[1]


def check_scale(scale: Any) -> int:
    """How many times smaller.  Raises UsageError."""
    if not _is_whole(scale) or scale not in SCALES:
        raise UsageError(f"a scale of {scale!r}", f"one of {', '.join(map(str, SCALES))}: so many times smaller")
    return int(scale)


def check_quality(quality: Any) -> int:
    """0 … 100 → 0 … 1000.  Raises UsageError."""
    if not is_number(quality) or not 0 <= quality <= 100:
        raise UsageError(f"quality {quality!r}", "0 to 100")
    level: int = round(quality * 10)
    return level


def check_cell_psnr(psnr_db: Any) -> float:
    """A PSNR in dB → the largest mean squared error of a cell, infinite for 0.  Raises UsageError."""
    if not is_number(psnr_db) or not psnr_db >= 0:
        raise UsageError(f"cell_psnr {psnr_db!r}", "0 or more, in dB")
    return float(255**2 / 10 ** (min(psnr_db, 300) / 10)) if psnr_db else np.inf  # at 300 any error is too large


def check_effort(effort: Any) -> int:
    """0 or 1.  Raises UsageError."""
    if not _is_whole(effort) or effort not in (0, 1):
        raise UsageError(f"effort {effort!r}", "0 or 1")
    return int(effort)


def check_lossless(lossless: Any) -> bool | None:
    """True, False or None.  Raises UsageError."""
    if not (lossless is None or isinstance(lossless, (bool, np.bool_))):
        raise UsageError(f"lossless {lossless!r}", "True, False or None")
    return lossless if lossless is None else bool(lossless)


def check_positive(name: str, value: Any, what: str = "a whole number") -> int:
    """A whole number from 1 on, of the parameter `name`.  Raises UsageError."""
    if not _is_whole(value) or value < 1:
        raise UsageError(f"{name} {value!r}", f"{what}, 1 or more")
    return int(value)


def check_model(model: Any) -> str:
    """A name, or a path as text.  Raises UsageError."""
    found = os.fspath(model) if isinstance(model, (str, os.PathLike)) else None
    if not isinstance(found, str):
        raise UsageError(f"model {model!r}", "a name or a path")
    return found


def check_settings(provider: str, threads: int | None, decoder: str = "full", batch: int | None = None) -> None:
    """Raise UsageError or ProviderError for settings that no session can be opened with."""
    for what, value, known in (("decoder", decoder, DECODERS), ("provider", provider, tuple(PROVIDERS))):
        if value not in known:
            raise UsageError(f"{what} {value!r}", f"one of {', '.join(known)}")
    for name, number in (("threads", threads), ("batch", batch)):
        if number is not None:
            check_positive(name, number)
    if provider != "cpu":
        there = library.onnxruntime().get_available_providers()
        if PROVIDERS[provider] not in there:
            have = ", ".join(k for k, v in PROVIDERS.items() if v in there)
            expectation = f"one of: {have}; or after {library.advice(provider)}"
            raise ProviderError(f"the provider '{provider}' is not in this onnxruntime", expectation)
        library.prepare(provider)


def _whole_numbers(values: Any, count: int) -> tuple[int, ...] | None:
    """So many whole numbers, or None for something else."""
    sides: tuple[Any, ...] = tuple(values) if isinstance(values, (tuple, list, np.ndarray)) else ()
    return tuple(map(int, sides)) if len(sides) == count and all(map(_is_whole, sides)) else None


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a real number, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)
