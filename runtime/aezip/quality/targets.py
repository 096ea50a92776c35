"""Targets: the quality whose file has a wanted size, or whose picture has a wanted PSNR or SSIMULACRA2.

log(size), PSNR and −log(100 − SSIMULACRA2) are nearly linear in the quality. So the search follows the line through the
two nearest tries (at first, that of a typical photograph), and ends at two neighbouring levels of the ladder with the
target between them. It takes about five encodings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..coding import exact_pixels
from ..coding.arguments import check_positive, is_number
from ..errors import TargetMissed, UsageError
from ..format.container import QUALITY_TOP

if TYPE_CHECKING:
    from ..codec import Codec
    from ..coding.windows import Pixels

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
SIZE, BPP, PSNR, SSIMULACRA2 = "size", "bpp", "psnr", "ssimulacra2"


@dataclass(frozen=True)
class Line:
    """A typical photograph: value at level 500, and its rise for each level."""

    middle: float
    slope: float


RATE_LINE = Line(math.log(0.27), 0.0032)  # of log(bpp)
PSNR_LINE = Line(34.0, 0.015)  # of dB
SCORE_LINE = Line(-4.0, 0.002)  # of −log(100 − SSIMULACRA2)


@dataclass(frozen=True)
class Target:
    """SIZE: at most `value` bytes; BPP: at most `value` bits per pixel; PSNR: at least `value` dB.

    SSIMULACRA2: a score of at least `value`.
    """

    kind: str
    value: float

    def __str__(self) -> str:
        return _text(self.kind, self.value)


@dataclass(frozen=True)
class Hit:
    """A file that meets its target."""

    data: bytes
    quality: float  # 0 … 100
    value: float  # what it reached, in the target's unit
    tries: int  # encodings
    exact: bool = False  # the data are exact pixels, which are shorter than what met the target


def asked(
    size: int | None = None, bpp: float | None = None, psnr: float | None = None, ssimulacra2: float | None = None
) -> Target | None:
    """The one target that is asked for, if any.  Raises UsageError."""
    given = {SIZE: size, BPP: bpp, PSNR: psnr, SSIMULACRA2: ssimulacra2}
    wanted = {kind: value for kind, value in given.items() if value is not None}
    if len(wanted) > 1:
        raise UsageError(" and ".join(f"target_{kind}" for kind in wanted), "one of them")
    for kind, value in wanted.items():
        if kind == SIZE:
            return Target(SIZE, check_positive("target_size", value, "a whole number of bytes"))
        highest = 100 if kind == SSIMULACRA2 else math.inf
        if not is_number(value) or not 0 < value < highest:
            raise UsageError(f"target_{kind} {value!r}", f"a number above 0{' and below 100' * (kind == SSIMULACRA2)}")
        return Target(kind, float(value))
    return None


def encode(codec: Codec, target: Target, pixels: Pixels, depth: int, lossless: bool | None = None, **how: Any) -> Hit:
    """The file of a picture [H, W, C] that meets a target, or its exact pixels where these are shorter.

    lossless: False: not the exact pixels; how: what else `Codec.encode` takes.
    Raises TargetMissed, and what `Codec.encode` does.
    """

    def measured(data: bytes) -> float:
        from .verify import verify

        report = verify(codec, data, pixels, depth, max_pixels=pixels.size)
        return report.psnr_db if target.kind == PSNR else report.ssimulacra2

    def coded(quality: float) -> bytes:
        return codec.encode(pixels, quality, lossless=False, depth=depth, **how)

    hit = reach(target, pixels.shape[0] * pixels.shape[1], coded, measured)
    if lossless is False:
        return hit
    data = exact_pixels.shorter(hit.data, pixels, how.get("sections", ()), depth)
    return hit if data is hit.data else replace(hit, data=data, exact=True)


def parse_size(text: str) -> int:
    """'200KB' → 200000 bytes.  KB, MB, GB are powers of 1000, KiB, MiB, GiB of 1024.  Raises UsageError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", text, re.IGNORECASE)
    unit = UNITS.get(match[2].upper()) if match else None
    size = int(float(match[1]) * unit) if match and unit else 0
    if size < 1:
        raise UsageError(f"size '{text}'", "a number with B, KB, MB, KiB or MiB")
    return size


def reach(target: Target, pixels: int, encode: Callable[[float], bytes], measured: Callable[[bytes], float]) -> Hit:
    """The largest quality within a size or rate, or the lowest with a PSNR or score, of a picture of this size.

    encode: quality → file; measured: file → its PSNR or SSIMULACRA2, as the target is one of these.
    Raises TargetMissed, with the range that there is.
    """
    fine = target.kind in (PSNR, SSIMULACRA2)
    files: dict[int, bytes] = {}  # the best on each side
    values: dict[int, float] = {}

    def measure(level: int) -> float:
        data = encode(level * 100 / QUALITY_TOP)
        scale = 8 / pixels if target.kind == BPP else 1
        values[level] = measured(data) if fine else len(data) * scale
        if math.isnan(values[level]):
            raise TargetMissed(f"the picture is too small for {target}", "at least 8 × 8 pixels")
        met = values[level] >= target.value if fine else values[level] <= target.value
        if met and (not files or (level < min(files)) == fine):
            files.clear()
            files[level] = data
        return values[level]

    def straight(value: float) -> float:
        if target.kind == SSIMULACRA2:
            return -math.log(max(100 - value, 1e-6))
        return min(value, 999.0) if fine else math.log(value)

    scale = math.log(8 / pixels) if target.kind == SIZE else 0.0  # log(bytes) − log(bpp)
    rate_line = Line(RATE_LINE.middle - scale, RATE_LINE.slope)
    line = {PSNR: PSNR_LINE, SSIMULACRA2: SCORE_LINE}.get(target.kind, rate_line)
    crossing(lambda level: straight(measure(level)), straight(target.value), line, strict=fine)
    if not files:
        ends = [values[level] if level in values else measure(level) for level in (0, QUALITY_TOP)]
        low, high = (_text(target.kind, end) for end in ends)
        raise TargetMissed(f"qualities 0 to 100 give {low} to {high}, not {target}", "a target within that range")
    ((level, data),) = files.items()
    return Hit(data, level * 100 / QUALITY_TOP, values[level], len(values))


def crossing(value: Callable[[int], float], limit: float, line: Line, *, strict: bool) -> int:
    """The last level whose value is at most `limit` (below it, if strict); −1 if none is.

    value: a function of 0 … QUALITY_TOP that rises, nearly straight; it is asked once for a level.
    """
    points: dict[int, float] = {}
    low, high = -1, QUALITY_TOP + 1
    guess = 500 + (limit - line.middle) / line.slope
    while high - low > 1:
        width = high - low
        level = min(max(math.floor(guess), low + 1), high - 1)
        points[level] = value(level)
        if points[level] < limit or (points[level] == limit and not strict):
            low = level
        else:
            high = level
        guess = _between(points, low, high, limit, line)
        if len(points) > 4 and high - low > width / 2:  # the values are no line here
            guess = (low + high) / 2
    return low


def _between(points: dict[int, float], low: int, high: int, limit: float, line: Line) -> float:
    """Where the line through the nearest tries meets the limit."""
    near = low if low in points else high
    other = high if low in points and high in points else None
    if other is None and len(points) > 1:  # all on one side
        other = sorted(points, key=lambda level: abs(level - near))[1]
    slope = line.slope
    if other is not None:
        slope = max((points[other] - points[near]) / (other - near), line.slope / 8)
    return near + (limit - points[near]) / slope


def _text(kind: str, value: float) -> str:
    form = {SIZE: "{:,.0f} B", BPP: "{:.4g} bpp", PSNR: "{:.2f} dB", SSIMULACRA2: "SSIMULACRA2 {:.2f}"}[kind]
    return form.format(value)
