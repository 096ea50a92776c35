"""Curves: a codec's averages over pictures, and how many bits one needs more or less than another (BD-rates)."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..quality.metrics import bd_rate

TIMES = ("encode_s", "decode_s")


def _in_db(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """−10 · log₁₀(1 − MS-SSIM), the scale it is compared on."""
    return np.asarray(-10 * np.log10(1 - np.minimum(values, 1 - 1e-9)))


class Measure(NamedTuple):
    """A distortion that curves are drawn and compared by."""

    key: str  # of BD-rates
    field: str  # of points and curves
    name: str
    axis: str  # the label of the y axis
    scaled: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray  # before it is drawn and compared
    span: tuple[float, float] = (-math.inf, math.inf)  # that curves are compared over
    lowest: float = -math.inf  # that a plot shows
    falls: bool = False  # the better, the lower

    @property
    def title(self) -> str:
        """With the span that it is compared over."""
        return f"{self.name}, {self.span[0]:g} to {self.span[1]:g}" if math.isfinite(self.span[0]) else self.name


MEASURES = (
    Measure("psnr", "psnr_db", "PSNR", "PSNR (RGB), dB"),
    Measure("ms_ssim", "ms_ssim", "MS-SSIM", "MS-SSIM, dB", _in_db),
    Measure("ssimulacra2", "ssimulacra2", "SSIMULACRA2", "SSIMULACRA2", span=(30, 85), lowest=0),
    Measure("butteraugli", "butteraugli", "Butteraugli", "Butteraugli, 3-norm", falls=True),
)


@dataclass(frozen=True)
class Point:
    """One file."""

    codec: str
    setting: float
    picture: str
    size: int  # bytes
    bpp: float
    psnr_db: float
    encode_s: float
    decode_s: float
    ms_ssim: float = math.nan  # NaN: not measured
    ssimulacra2: float = math.nan
    butteraugli: float = math.nan


@dataclass(frozen=True)
class Curve:
    """A codec's averages over pictures, by rising rate.  One entry a setting."""

    codec: str
    bpp: list[float]
    psnr_db: list[float]
    ms_ssim: list[float]
    ssimulacra2: list[float]
    butteraugli: list[float]
    setting: list[float]
    encode_s: list[float]  # medians
    decode_s: list[float]

    def along(self, measure: Measure) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rate and distortion, as they are drawn and compared; only where both are finite."""
        rate, values = np.array(self.bpp, float), measure.scaled(np.array(getattr(self, measure.field), float))
        there = np.isfinite(rate) & np.isfinite(values)
        return rate[there], values[there]


def measured(curves: Sequence[Curve]) -> list[Measure]:
    """The measures that any of the curves has."""
    return [measure for measure in MEASURES if any(len(curve.along(measure)[0]) for curve in curves)]


def curves(points: Sequence[Point]) -> list[Curve]:
    """Averages over pictures, one curve a codec, in the order of the points."""
    out = []
    averaged = ("bpp", *(measure.field for measure in MEASURES))
    for codec in dict.fromkeys(p.codec for p in points):
        rows = []
        mine = [p for p in points if p.codec == codec]
        for setting in dict.fromkeys(p.setting for p in mine):
            group = [p for p in mine if p.setting == setting]
            means = [float(np.mean([getattr(p, key) for p in group])) for key in averaged]
            rows.append((*means, setting, *(statistics.median(getattr(p, key) for p in group) for key in TIMES)))
        columns = [list(column) for column in zip(*sorted(rows), strict=True)]
        out.append(Curve(codec, *columns))
    return out


def bd_table(found: Sequence[Curve]) -> dict[str, dict[str, float]]:
    """BD-rate of each curve against JPEG's, in percent, by each measure's key; NaN without a common range."""
    reference = next((c for c in found if c.codec == "jpeg"), None)
    if reference is None:
        return {}
    measures = measured(found)
    others = [c for c in found if c is not reference and len(c.bpp) > 1]
    return {c.codec: {measure.key: _bd(reference, c, measure) for measure in measures} for c in others}


def _bd(reference: Curve, other: Curve, measure: Measure) -> float:
    rate, values = _distinct(*reference.along(measure))
    other_rate, other_values = _distinct(*other.along(measure))
    if min(len(rate), len(other_rate)) < 2:
        return math.nan
    return bd_rate(rate, values, other_rate, other_values, measure.span)


def _distinct(
    rate: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Without points of a quality that a lower rate has already: nothing goes through both."""
    _, first = np.unique(values, return_index=True)
    return rate[first], values[first]


def anchors(folder: Path) -> list[Curve]:
    """Stored curves: every JSON file of `folder` as {name: {"bpp": […], "psnr": […]}}.

    More lists may be named ms_ssim, ssimulacra2 and butteraugli.  Raises UsageError.
    """
    out = []
    for file in sorted(folder.glob("*.json")):
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            out += [_anchor(name, curve) for name, curve in stored.items()]
        except (ValueError, KeyError, TypeError, AttributeError):
            expected = '{NAME: {"bpp": […], "psnr": […]}}, lists of one length'
            raise UsageError("holds no curves", expected, file=str(file)) from None
    return out


def _anchor(name: str, stored: dict[str, Any]) -> Curve:
    nothing = [math.nan] * len(stored["bpp"])
    lists = {measure.field: [float(v) for v in stored.get(measure.key, nothing)] for measure in MEASURES}
    if "psnr" not in stored or any(len(values) != len(nothing) for values in lists.values()):
        raise ValueError
    bpp = [float(v) for v in stored["bpp"]]
    return Curve(f"{name}*", bpp, **lists, setting=nothing, encode_s=nothing, decode_s=nothing)
