"""What networks are trained on: distortions, sparsity, penalties on weights.

Distortions are scaled to be near MSE₂₅₅ for small errors in the middle of the range, so that λ means the same to all.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aezip.quality.metrics import SCALE_WEIGHTS

from . import ssimulacra2

BCE_SCALE = 255**2 / 2
SIMILARITY_SCALE = 3000.0
EDGE = 1 / 510  # of probabilities: half a grey level
NEAR = 0.05  # of a channel's root mean square: what is near zero
ACTIVE = 0.1  # the share of activations that KL-sparsity wants


def distortion(kind: str, image: Tensor, wanted: Tensor) -> Tensor:
    """Of each image.  [N, C, H, W] in units of 64 grey levels around 128 → [N]"""
    if kind == "bce":
        p, target = (x * (64 / 255) + 128 / 255 for x in (image, wanted))
        p = p + (p.clamp(EDGE, 1 - EDGE) - p).detach()  # beyond the edges the gradient passes on
        target = target.clamp(EDGE, 1 - EDGE)
        excess = F.binary_cross_entropy(p, target, reduction="none") - F.binary_cross_entropy(
            target, target, reduction="none"
        )
        return excess.mean((1, 2, 3)) * BCE_SCALE
    if kind == "ms-ssim":
        return (1 - ms_ssim(image * 64 + 128, wanted * 64 + 128)) * SIMILARITY_SCALE
    return (image - wanted).square().mean((1, 2, 3)) * 64**2


def weighed(made: Tensor, wanted: Tensor, lam: Tensor, share: float, cells: float, *, look: bool = True) -> Tensor:
    """A flagship's distortion: λ · squared errors, λ · those of cells' means; SSIMULACRA2 if `look`.  [N]"""
    error = 64 * (made - wanted)
    squares, means = (e.square().mean((1, 2, 3)) for e in (error, F.avg_pool2d(error, 16)))
    found = lam * ((1 - share) * squares + cells * means)
    if share and look:
        found = found + share * ssimulacra2.weight_of(lam) * ssimulacra2.error(made, wanted, fade=False)
    return found


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """As `aezip.quality.metrics.ms_ssim`.  [N, C, H, W] in grey levels, sides of at least 11 → [N]"""
    scales = sum(min(x.shape[2:]) >> s >= 11 for s in range(len(SCALE_WEIGHTS)))
    weights = [w / sum(SCALE_WEIGHTS[:scales]) for w in SCALE_WEIGHTS[:scales]]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    product = torch.ones_like(x[:, :, 0, 0])
    for scale, weight in enumerate(weights):
        if scale:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        mx, my = blurred(x), blurred(y)
        vx, vy, both = blurred(x * x) - mx * mx, blurred(y * y) - my * my, blurred(x * y) - mx * my
        value = (2 * both + c2) / (vx + vy + c2)
        if scale == scales - 1:
            value = value * (2 * mx * my + c1) / (mx * mx + my * my + c1)
        product = product * value.mean((2, 3)).clamp_min(1e-4) ** weight
    return product.mean(1)


def blurred(x: Tensor, sigma: float = 1.5, radius: int = 5) -> Tensor:
    """Means under a Gaussian window, where all of it lies within.  [N, C, H, W]"""
    far = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device) / sigma
    row = torch.exp(-far.square() / 2)
    row = (row / row.sum()).expand(x.shape[1], 1, 1, -1)
    return F.conv2d(F.conv2d(x, row, groups=x.shape[1]), row.mT, groups=x.shape[1])


def sparsity(kind: str, latent: Tensor) -> Tensor:
    """Near 0 where few activations of a channel do all its work, whatever its scale; a scalar.  [N, C, h, w]

    l1: mean absolute over root mean square value (Hoyer 2004); kl: divergence of the share of active latents
    from ACTIVE (Ng 2011), where an activation of twice NEAR of the root mean square is active by 1 − 1/e.
    """
    size = latent.square().mean((0, 2, 3), keepdim=True).add(1e-8).sqrt()
    if kind == "l1":
        return (latent.abs() / size).mean()
    active = (1 - torch.exp(-(latent / (2 * NEAR * size)).abs())).mean((0, 2, 3)).clamp(1e-3, 1 - 1e-3)
    return (ACTIVE * (ACTIVE / active).log() + (1 - ACTIVE) * ((1 - ACTIVE) / (1 - active)).log()).mean()


def silent(latent: Tensor) -> float:
    """The fraction of activations below NEAR of their channel's root mean square.  [N, C, h, w]"""
    size = latent.square().mean((0, 2, 3), keepdim=True).sqrt()
    return float((latent.abs() < NEAR * size).float().mean())


def weight_penalty(model: nn.Module, l1: float, l2: float) -> Tensor:
    """L1 and L2 of all convolutions' weights that start random or silent."""
    total = torch.zeros(())
    for p in model.parameters():
        if p.dim() == 4:
            total = total + l1 * p.abs().sum() + l2 * p.square().sum()
    return total
