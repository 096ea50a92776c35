"""SSIMULACRA2 (Sneyers 2022) as differentiable torch code, for the loss.

As `aezip.quality.ssimulacra2`, without its `score` of the error. The published metric fades to black beyond the left
and right border; a loss on crops mirrors instead (`fade`).
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from aezip.quality.ssimulacra2 import BIAS, C2, OPSIN, RADIUS, SIGMA, weights_of

from .lambda_ladder import LAMBDA_MIN

WEIGHT, GROWTH = 0.0018, 1.188  # found by training: equal rates at equal quality
FLOOR = 1e-16  # under a 4-norm's root


def error(image: Tensor, wanted: Tensor, fade: bool = True) -> Tensor:
    """The weighted sum of error maps of each image.  [N, 3, H, W] in units of 64 grey levels around 128 → [N]"""
    x, y = linear(wanted), linear(image)
    total = torch.zeros(len(x), device=x.device)
    weights = _weights(*x.shape[2:], x.device)
    for scale in range(weights.shape[1]):
        if scale:
            x, y = F.avg_pool2d(x, 2, ceil_mode=True), F.avg_pool2d(y, 2, ceil_mode=True)
        maps = _maps(xyb(x), xyb(y), fade)  # [N, 3, 3, H, W]
        fourth = maps.square().square().mean((3, 4)).add(FLOOR).sqrt().sqrt()
        norms = torch.cat([maps.mean((3, 4)), fourth], 2)  # [N, 3, 6]
        total = total + (norms * weights[:, scale]).sum((1, 2))
    return total


def weight_of(lam: Tensor) -> Tensor:
    """Bits a pixel for an error of 1 where MSE₂₅₅ weighs λ, so that both ask for about the same rate.  [N] → [N]"""
    return WEIGHT * (lam / LAMBDA_MIN) ** GROWTH


def linear(image: Tensor) -> Tensor:
    """sRGB in units of 64 grey levels around 128 → linear light in 0 … 1; clipped as a decoder does."""
    v = ((image * 64 + 128) / 255).clamp(0, 1)
    return torch.where(v <= 0.04045, v / 12.92, ((v.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)


def xyb(light: Tensor) -> Tensor:
    """Linear light [N, 3, H, W] → X, Y, B, shifted to be positive as the metric wants it."""
    mixed = torch.einsum("oc,nchw->nohw", _opsin(light.device), light)
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


# What a device keeps: copied anew, each would make a step wait.


@lru_cache
def _weights(height: int, width: int, device: torch.device) -> Tensor:
    """[3, scales, 6]"""
    return torch.tensor(weights_of(height, width), dtype=torch.float32, device=device)


@lru_cache
def _opsin(device: torch.device) -> Tensor:
    return torch.tensor(OPSIN, device=device)


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
