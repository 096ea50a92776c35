"""SSIMULACRA2 (Sneyers 2022): how alike two pictures look, 100 for equal ones.

90 is visually lossless, 70 high, 50 medium and 30 low quality. In: uint8 [H, W, C], sRGB. The score is a polynomial
of a weighted sum of error maps: SSIM, ringing and blur, in XYB (the cube roots of the eye's three responses), over six
scales, each as a mean and as a 4-norm. As in the published metric, pictures are mirrored above and below, and fade to
black at the left and right. `aezip_train.ssimulacra2` is the same for training.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Image8

Planes = NDArray[np.float32]  # […, H, W]

SCALES = 6
LEAST = 8  # pixels of a scale's shorter side
SIGMA, RADIUS = 1.5, 5  # of the window
C2 = 0.0009
BIAS = 0.0037930732552754493
OPSIN = ((0.30, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342268924547819, 0.20476744424496821, 0.5518098665095536))
# [channel X, Y, B][scale] → mean of SSIM, ringing, blur; their 4-norms
WEIGHTS = (
    (
        (0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0),
        (0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752),
        (0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0),
        (0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0),
        (
            0.0007289346991508072,
            0.9677937080626833,
            0,
            0.00014003424285435884,
            0.9981766977854967,
            0.00031949755934435053,
        ),
        (0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0),
    ),
    (
        (0, 0, 0, 7.466890328078848, 0, 17.445833984131262),
        (0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264),
        (225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985),
        (176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408),
        (0, 0, 0, 34.77906344483772, 44.835625328877896, 0),
        (0, 0, 0, 0, 0, 0),
    ),
    (
        (0, 0.0008680556573291698, 0, 0, 0, 0),
        (0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0),
        (0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0),
        (0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0),
        (
            95.1080498811086,
            0.9863978034400682,
            0.9834382792465353,
            0.0012286405048278493,
            171.2667255897307,
            0.9807858872435379,
        ),
        (0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537),
    ),
)
_BLOCK = 64  # columns of the window's matrix product
_AREA = 2**16  # pixels at a time, so that a large picture takes little more memory
_BYTES = np.arange(256) / 255
_LIGHT = np.where(_BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4).astype(np.float32)


def ssimulacra2(original: Image8, other: Image8) -> float:
    """The score of `other`, uint8 [H, W, C] as the original; NaN for pictures with a side under 8 pixels."""
    if original.shape != other.shape:
        raise ValueError(f"pictures of one shape expected, got {original.shape} and {other.shape}")
    if min(original.shape[:2]) < LEAST:
        return math.nan
    x: Image8 | Planes = original
    y: Image8 | Planes = other
    total, by_scale = 0.0, weights_of(*original.shape[:2])
    for scale in range(by_scale.shape[1]):
        if scale:
            x, y = _halved(x), _halved(y)
        total += _error(x, y, by_scale[:, scale])
    return score(total)


def weights_of(height: int, width: int) -> NDArray[np.float64]:
    """Weights [3, scales, 6] of a picture: one too small for all scales gives the first ones to fewer, as published."""
    side, scales = min(height, width), 0
    while scales < SCALES and side >= LEAST:
        side, scales = -(-side // 2), scales + 1
    return np.array(WEIGHTS, float).ravel()[: 3 * scales * 6].reshape(3, scales, 6)


def score(error: float) -> float:
    """The score of a weighted sum of error maps."""
    s = error * 0.9562382616834844
    s = 2.326765642916932 * s - 0.020884521182843837 * s**2 + 6.248496625763138e-05 * s**3
    return float(100 - 10 * max(s, 0.0) ** 0.6276336467831387)


def _error(x: Image8 | Planes, y: Image8 | Planes, weights: NDArray[np.float64]) -> float:
    """The weighted sum of one scale's means and 4-norms; weights: [3, 6]"""
    height, width = _size(x)
    sums = np.zeros((3, 6))
    for start, stop in _bands(height, width):
        rows = np.arange(start - RADIUS, stop + RADIUS)
        rows = np.where(rows < 0, -1 - rows, np.where(rows < height, rows, 2 * height - 1 - rows))
        for channel, (a, b) in enumerate(zip(_xyb(_linear(x, rows)), _xyb(_linear(y, rows)), strict=True)):
            if weights[channel].any():
                maps = _maps(a, b)
                sums[channel, :3] += maps.sum((1, 2), dtype=np.float64)
                sums[channel, 3:] += np.square(np.square(maps)).sum((1, 2), dtype=np.float64)
    sums /= height * width
    sums[:, 3:] **= 0.25
    return float((weights * sums).sum())


def _bands(height: int, width: int) -> list[tuple[int, int]]:
    """Rows from and to. Each has an even number of rows, except the last."""
    step = max(16, _AREA // width // 2 * 2)
    return [(start, min(height, start + step)) for start in range(0, height, step)]


def _size(picture: Image8 | Planes) -> tuple[int, int]:
    height, width = picture.shape[:2] if picture.dtype == np.uint8 else picture.shape[1:]
    return int(height), int(width)


def _linear(picture: Image8 | Planes, rows: NDArray[np.int_] | slice) -> Planes:
    """Some rows in linear light, 0 … 1, which planes are already.  [H, W, C] or [3, H, W] → [3, rows, W]"""
    if picture.dtype != np.uint8:
        return np.asarray(picture[:, rows], np.float32)
    planes = _LIGHT[picture[rows]].transpose(2, 0, 1)
    return np.ascontiguousarray(np.broadcast_to(planes, (3, *planes.shape[1:])))


def _halved(picture: Image8 | Planes) -> Planes:
    """Means of 2 × 2 in linear light, at the right and lower end of what there is."""
    height, width = _size(picture)
    half = np.empty((3, (height + 1) // 2, (width + 1) // 2), np.float32)
    for start, stop in _bands(height, width):
        planes = _linear(picture, slice(start, stop))
        planes = np.pad(planes, ((0, 0), (0, (stop - start) % 2), (0, width % 2)), mode="edge")
        pairs = planes[:, ::2] + planes[:, 1::2]
        half[:, start // 2 : (stop + 1) // 2] = (pairs[..., ::2] + pairs[..., 1::2]) / 4
    return half


def _xyb(light: Planes) -> Planes:
    """X, Y and B, shifted to be positive as the metric wants it."""
    mixed = np.tensordot(np.array(OPSIN, np.float32), light, 1)
    long, middle, short = np.cbrt(mixed + np.float32(BIAS)) - np.float32(BIAS ** (1 / 3))
    x, y = (long - middle) / 2, (long + middle) / 2
    return np.stack([x * 14 + np.float32(0.42), y + np.float32(0.01), short - y + np.float32(0.55)])


def _maps(x: Planes, y: Planes) -> Planes:
    """SSIM, ringing and blur of y against x, for all but RADIUS rows at both ends.  [H, W] → [3, H − 2 · RADIUS, W]"""
    mx, my, xx, yy, xy = _window(np.stack([x, y, x * x, y * y, x * y]))
    x, y = x[RADIUS:-RADIUS], y[RADIUS:-RADIUS]
    structure = (2 * (xy - mx * my) + C2) / ((xx - mx * mx) + (yy - my * my) + C2)
    ssim = np.maximum(1 - (1 - (mx - my) ** 2) * structure, 0)
    edges = (1 + np.abs(y - my)) / (1 + np.abs(x - mx)) - 1
    return np.stack([ssim, np.maximum(edges, 0), np.maximum(-edges, 0)])


def _window(planes: Planes) -> Planes:
    """A Gaussian over rows, which fade to black, and columns, which have RADIUS samples more at both ends."""
    across = _rows(np.pad(planes, ((0, 0), (0, 0), (RADIUS, RADIUS))))
    return np.asarray(_rows(np.ascontiguousarray(across.swapaxes(1, 2))).swapaxes(1, 2), np.float32)


def _rows(padded: Planes) -> Planes:
    """Filter rows that have RADIUS samples more at both ends, as products with a banded matrix."""
    far = np.exp(-((np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2) / 2)
    wide = _BLOCK + 2 * RADIUS
    band = np.zeros((wide, _BLOCK), np.float32)
    for column in range(_BLOCK):
        band[column : column + 2 * RADIUS + 1, column] = far / far.sum()
    size = padded.shape[2] - 2 * RADIUS
    beyond = -size % _BLOCK
    blocks = np.lib.stride_tricks.sliding_window_view(np.pad(padded, ((0, 0), (0, 0), (0, beyond))), wide, axis=2)
    out = np.matmul(blocks[:, :, ::_BLOCK], band)
    return np.asarray(out, np.float32).reshape(*padded.shape[:2], -1)[:, :, :size]
