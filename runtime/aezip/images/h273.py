"""H.273's primaries and transfers: tables, and numbers of a picture ↔ light.

Tables 2 and 3 of ITU-T H.273; PQ and HLG as in ITU-R BT.2100, shown at 1000 cd/m². Light is 1 where a picture of
standard range has its white, which in high dynamic range is at 203 cd/m² (ITU-R BT.2408).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..format.colour import HLG, PQ, SRGB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Point = tuple[float, float]
WHITE = 203.0  # cd/m²
_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_NTSC = ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65)
PRIMARIES: dict[int, tuple[Point, ...]] = {  # x, y of red, green, blue and white
    1: BT709,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _NTSC,
    7: _NTSC,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: ((1, 0), (0, 1), (0, 0), (1 / 3, 1 / 3)),
    11: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351)),
    12: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65),
    22: ((0.63, 0.34), (0.295, 0.605), (0.155, 0.077), _D65),
}
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_VIDEO = (1 / 0.45, 1 / 1.0993, 0.0993 / 1.0993, 1 / 4.5, 0.0812)
# A power, or ICC's parameters g, a, b, c, d of (a·x + b)^g from d on and c·x below
CURVES: dict[int, tuple[float, ...]] = {
    1: _VIDEO,
    4: (2.2,),
    5: (2.8,),
    6: _VIDEO,
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913),
    8: (1.0,),
    SRGB: SRGB_CURVE,
    14: _VIDEO,
    15: _VIDEO,
    17: (2.6,),
}
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_PQ_PEAK, _HLG_PEAK = 10000.0, 1000.0  # cd/m²
_M1, _M2, _C1, _C2, _C3 = 1305 / 8192, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
_HLG = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2  # of the system, at that peak


def light_of(transfer: int, signal: NDArray[np.floating]) -> NDArray[np.float64]:
    """Light of samples 0 … 1.  That of HLG is the scene's, 0 … 1, of which `displayed` makes the display's."""
    import numpy as np

    signal = np.asarray(signal, np.float64)
    if transfer == PQ:
        root = signal ** (1 / _M2)
        return np.asarray(_PQ_PEAK / WHITE * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))
    if transfer == HLG:
        a, b, c = _HLG
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    power, *line = CURVES[transfer]
    if not line:
        return np.asarray(signal**power)
    scale, offset, slope, knee = line
    return np.where(signal >= knee, np.maximum(scale * signal + offset, 0) ** power, slope * signal)


def displayed(scene: NDArray[np.floating], luminance: NDArray[np.floating]) -> NDArray[np.floating]:
    """The display's light of HLG, from the scene's and its luminance: BT.2100's OOTF."""
    import numpy as np

    return np.asarray(_HLG_PEAK / WHITE * np.maximum(luminance, 1e-9) ** (_HLG_GAMMA - 1) * scene)


def pq_of(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """The PQ signal of light, the inverse of `light_of`."""
    import numpy as np

    power = (np.asarray(light) * (WHITE / _PQ_PEAK)) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def srgb_of(light: NDArray[np.floating]) -> NDArray[np.floating]:
    """The sRGB signal 0 … 1 of light 0 … 1 (IEC 61966-2-1)."""
    import numpy as np

    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def to_xyz(points: tuple[Point, ...]) -> NDArray[np.float64]:
    """From linear RGB of these primaries to XYZ, with white's Y at 1.  [3, 3]"""
    import numpy as np

    colours = np.column_stack([_xyz(point) for point in points[:3]])
    return np.asarray(colours * np.linalg.solve(colours, _xyz(points[3])))


def adaptation(white: tuple[float, ...], to: tuple[float, ...]) -> NDArray[np.float64]:
    """Bradford's matrix from one white to another, each x, y or X, Y, Z.  [3, 3]"""
    import numpy as np

    before, after = (np.array(of) if len(of) == 3 else _xyz((of[0], of[1])) for of in (white, to))
    bradford = np.array(_BRADFORD)
    return np.asarray(np.linalg.inv(bradford) @ np.diag((bradford @ after) / (bradford @ before)) @ bradford)


def to_bt709(primaries: int) -> NDArray[np.float64]:
    """From linear RGB of one of PRIMARIES to that of BT.709 and sRGB.  [3, 3]"""
    import numpy as np

    points = PRIMARIES[primaries]
    return np.asarray(np.linalg.inv(to_xyz(BT709)) @ adaptation(points[3], _D65) @ to_xyz(points))


def _xyz(point: Point) -> NDArray[np.float64]:
    import numpy as np

    x, y = point
    return np.array((x, y, 1 - x - y)) / (y if y > 0 else 1)
