"""Pictures of high dynamic range and wide gamut → sRGB.

Light of PQ and HLG (BT.2100) is compressed by the EETF of ITU-R BT.2390, section 5.4, in PQ, so that its peak becomes
the white of sRGB, 203 cd/m² (BT.2408). The brightest of red, green and blue decides by how much, so hues stay. Colours
outside of sRGB are drawn to the grey of their luminance. Pictures of standard range are converted, and cut off at the
borders of sRGB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..format.colour import HLG, PQ, Cicp
from . import h273
from .profiles import specified

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..arrays import Samples


_ROWS = 64
_STEPS = 4096  # of the table of gains
_PEAK = 0.9999  # of the pixels are not brighter than what counts as the peak


def to_srgb(pixels: Samples, cicp: Cicp, depth: int = 8, brightest: float = 0.0) -> Samples:
    """Samples [H, W, C] of code points as sRGB of full range.

    depth: bits of a sample, before and after; brightest: the peak of a picture of high dynamic range, in cd/m², 0: what
    is found.  Raises ValueError for code points that are not known.
    """
    import numpy as np

    known = specified(cicp)
    if known is None:
        raise ValueError(f"colours by H.273 ({cicp}) are not known")
    pixels = pixels if cicp.full_range else full_range(pixels, depth)
    top = 2**depth - 1
    light_at = h273.light_of(known.transfer, np.arange(top + 1) / top).astype(np.float32)  # by sample
    luminance = h273.to_xyz(h273.PRIMARIES[known.primaries])[1] if pixels.shape[2] == 3 else np.ones(1)
    matrix = h273.to_bt709(known.primaries).T.astype(np.float32)
    if known.hdr:
        gain_of = _gains(brightest / h273.WHITE or _peak(pixels, known.transfer, top))
        gain_at = gain_of(light_at)  # where the light is the sample's alone
    out = np.empty_like(pixels)
    for row in range(0, len(pixels), _ROWS):
        samples = pixels[row : row + _ROWS]
        light = light_at[samples]
        if known.transfer == HLG:
            light = h273.displayed(light, (light @ luminance)[..., None])
            light = light * gain_of(light.max(-1, keepdims=True))
        elif known.hdr:
            light = light * gain_at[samples.max(-1, keepdims=True)]
        if pixels.shape[2] == 3:
            light = light @ matrix
            light = _inside(light) if known.hdr else light
        out[row : row + _ROWS] = np.rint(h273.srgb_of(light.clip(0, 1)) * top)
    return out


def full_range(pixels: Samples, depth: int = 8) -> Samples:
    """Samples of narrow range, 16 … 235 of 8 bits, as of full range."""
    import numpy as np

    top, step = 2**depth - 1, 2 ** (depth - 8)
    samples = np.rint((np.arange(top + 1) / step - 16) * (top / 219)).clip(0, top).astype(pixels.dtype)
    return np.asarray(samples[pixels])


def eetf(light: NDArray[np.floating], peak: float) -> NDArray[np.floating]:
    """BT.2390's curve from 0 … peak to 0 … 1, both in units of white."""
    import numpy as np

    if peak <= 1:
        return light
    ends = h273.pq_of(np.array((1, peak)))
    signal, white = h273.pq_of(light) / ends[1], ends[0] / ends[1]
    knee = 1.5 * white - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * white
    mapped = np.where(signal < knee, signal, spline) * ends[1]
    return h273.light_of(PQ, mapped)


def _gains(peak: float) -> Callable[[NDArray[np.floating]], NDArray[np.float32]]:
    """By what light is multiplied that goes up to a peak; what is brighter becomes white."""
    import numpy as np

    light = h273.light_of(PQ, np.linspace(0, float(h273.pq_of(np.array(max(peak, 1)))), _STEPS))
    gains = eetf(light, peak) / np.maximum(light, 1e-12)
    gains[0] = 1

    def gain_of(most: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.asarray(np.minimum(np.interp(most, light, gains), 1 / np.maximum(most, 1e-9)), np.float32)

    return gain_of


def _peak(pixels: Samples, transfer: int, top: int) -> float:
    """The light of the brightest samples but a few."""
    import numpy as np

    counts = np.zeros(top + 1, np.int64)
    for row in range(0, len(pixels), _ROWS):
        counts += np.bincount(pixels[row : row + _ROWS].max(-1).ravel(), minlength=top + 1)
    sample = int(np.searchsorted(counts.cumsum(), _PEAK * counts.sum()))
    light = h273.light_of(transfer, np.array(sample / top))
    return float(h273.displayed(light, light) if transfer == HLG else light)


def _inside(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear sRGB with no colour outside of 0 … 1: as much of the grey of its luminance as that needs."""
    import numpy as np

    grey = (light @ h273.to_xyz(h273.BT709)[1].astype(np.float32))[..., None].clip(0, 1)
    low, high = light.min(-1, keepdims=True), light.max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(low < 0, grey / (grey - low), 1)
        above = np.where(high > 1, (1 - grey) / (high - grey), 1)
    return np.asarray(grey + np.minimum(below, above) * (light - grey))
