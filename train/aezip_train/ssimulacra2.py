"""SSIMULACRA2 (Sneyers 2022) as differentiable torch code, for the loss and for choosing weights.

The error `e` is the metric's weighted sum of error maps; its score is `score(e)`, 100 for equal pictures. The maps are
SSIM, ringing and blur, in XYB (the cube roots of the eye's three responses), over six scales, each as a mean and as a
4-norm. The published metric fades to black beyond the left and right border; a loss on crops mirrors instead
(`fade`).
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .ladder import LAMBDA_MIN

SCALES = 6
SIGMA, RADIUS = 1.5, 5  # of the window
C2 = 0.0009
BIAS = 0.0037930732552754493
OPSIN = ((0.30, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342268924547819, 0.20476744424496821, 0.5518098665095536))
WEIGHT, GROWTH = 0.0018, 1.188  # found by training: equal rates at equal quality
FLOOR = 1e-16  # under a 4-norm's root
# [channel X, Y, B][scale] → mean of SSIM, ringing, blur; their 4-norms; as published
WEIGHTS = (
    ((0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0),
     (0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752),
     (0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0),
     (0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0),
     (0.0007289346991508072, 0.9677937080626833, 0, 0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053),
     (0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0)),
    ((0, 0, 0, 7.466890328078848, 0, 17.445833984131262),
     (0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264),
     (225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985),
     (176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408),
     (0, 0, 0, 34.77906344483772, 44.835625328877896, 0),
     (0, 0, 0, 0, 0, 0)),
    ((0, 0.0008680556573291698, 0, 0, 0, 0),
     (0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0),
     (0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0),
     (0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0),
     (95.1080498811086, 0.9863978034400682, 0.9834382792465353, 0.0012286405048278493, 171.2667255897307,
      0.9807858872435379),
     (0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537)),
)


def error(image: Tensor, wanted: Tensor, fade: bool = True) -> Tensor:
    """The weighted sum of error maps of each image.  [N, 3, H, W] in units of 64 grey levels around 128 → [N]"""
    x, y = linear(wanted), linear(image)
    total = torch.zeros(len(x), device=x.device)
    weights = torch.tensor(WEIGHTS, device=x.device)  # [3, SCALES, 6]
    for scale in range(SCALES):
        if scale:
            x, y = F.avg_pool2d(x, 2, ceil_mode=True), F.avg_pool2d(y, 2, ceil_mode=True)
        if min(x.shape[2:]) < 8:
            break
        maps = _maps(xyb(x), xyb(y), fade)  # [N, 3, 3, H, W]
        fourth = maps.square().square().mean((3, 4)).add(FLOOR).sqrt().sqrt()
        norms = torch.cat([maps.mean((3, 4)), fourth], 2)  # [N, 3, 6]
        total = total + (norms * weights[:, scale]).sum((1, 2))
    return total


def weight_of(lam: Tensor) -> Tensor:
    """Bits a pixel for an error of 1 where MSE₂₅₅ weighs λ, so that both ask for about the same rate.  [N] → [N]"""
    return WEIGHT * (lam / LAMBDA_MIN) ** GROWTH


def score(e: Tensor) -> Tensor:
    """From an error to the metric's score: 100 equal, 90 visually lossless, 70 high, 50 medium, 30 low quality."""
    s = e * 0.9562382616834844
    s = 2.326765642916932 * s - 0.020884521182843837 * s**2 + 6.248496625763138e-05 * s**3
    return 100 - 10 * s.clamp_min(0) ** 0.6276336467831387


def linear(image: Tensor) -> Tensor:
    """sRGB in units of 64 grey levels around 128 → linear light in 0 … 1; clipped as a decoder does."""
    v = ((image * 64 + 128) / 255).clamp(0, 1)
    return torch.where(v <= 0.04045, v / 12.92, ((v.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)


def xyb(light: Tensor) -> Tensor:
    """Linear light [N, 3, H, W] → X, Y, B, shifted to be positive as the metric wants it."""
    mixed = torch.einsum("oc,nchw->nohw", torch.tensor(OPSIN, device=light.device), light)
    long, middle, short = ((mixed + BIAS) ** (1 / 3) - BIAS ** (1 / 3)).unbind(1)
    x, y = (long - middle) / 2, (long + middle) / 2
    return torch.stack([x * 14 + 0.42, y + 0.01, short - y + 0.55], 1)


def _maps(x: Tensor, y: Tensor, fade: bool) -> Tensor:
    """SSIM, ringing and blur of y against x.  [N, 3, H, W] → [N, 3, 3, H, W]"""
    mx, xx = _window(torch.stack([x, x * x]), fade)
    my, yy, both = _window(torch.stack([y, y * y, x * y]), fade)
    structure = (2 * (both - mx * my) + C2) / ((xx - mx * mx) + (yy - my * my) + C2)
    ssim = (1 - (1 - (mx - my).square()) * structure).clamp_min(0)
    edges = (1 + (y - my).abs()) / (1 + (x - mx).abs()) - 1
    return torch.stack([ssim, edges.clamp_min(0), (-edges).clamp_min(0)], 2)


def _window(x: Tensor, fade: bool) -> Tensor:
    """A Gaussian over the last two axes, as products with banded matrices: faster than small filters on processors."""
    return _band(x.shape[-2], False, x.device) @ x @ _band(x.shape[-1], fade, x.device).mT


@lru_cache(maxsize=32)
def _band(size: int, fade: bool, device: torch.device) -> Tensor:
    """[size, size], each row the window around its place; beyond the ends zeros (`fade`), or mirrored."""
    far = torch.arange(-RADIUS, RADIUS + 1)
    row = torch.exp(-(far / SIGMA).square() / 2)
    place = torch.arange(size)[:, None] + far
    weight = (row / row.sum()).expand(size, -1)
    if fade:
        weight = weight * ((place >= 0) & (place < size))
    place = torch.where(place < 0, -1 - place, place)
    place = torch.where(place >= size, 2 * size - 1 - place, place)
    band = torch.zeros(size, size).scatter_add_(1, place, weight)
    return band.to(device)
