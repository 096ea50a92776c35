"""Transforms between pictures and latents: strided layers that start as a lapped transform, and residual blocks.

At 1/8 of the picture's size and at 1/16, encoder and decoder have a trunk that blocks add to.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import classic

if TYPE_CHECKING:
    from .integer_lapped import IntegerDecoder

SLOPE = 0.1  # of the leaky rectifiers


@dataclass(frozen=True)
class LappedSizes:
    """Sizes of an encoder and its decoder."""

    coarse: int = 128  # channels at 1/8
    latent: int = 256  # channels at 1/16
    coarse_blocks: int = 4
    latent_blocks: int = 4
    latent_inner: int = 0  # channels inside the blocks at 1/16; 0: half of the latent's


def start_zero(*layers: nn.Module) -> None:
    """Layers that say nothing yet."""
    for p in (p for layer in layers for p in layer.parameters()):
        nn.init.zeros_(p)


class Residual(nn.Module):
    """x + expand(act(conv3×3(act(reduce(x))))), the 3×3 one dilated; the last layer starts at zero.

    With `fast` the branch is computed in bfloat16, while the trunk stays float32. `dropout` is the share of the
    branch's inner values that training drops.
    """

    fast = False
    dropout = 0.0

    def __init__(self, width: int, dilation: int = 1, inner: int = 0) -> None:
        super().__init__()
        inner = inner or width // 2
        self.reduce = nn.Conv2d(width, inner, 1)
        self.spatial = nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation)
        self.expand = nn.Conv2d(inner, width, 1)
        start_zero(self.expand)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16) if self.fast else nullcontext():
            branch = F.leaky_relu(self.reduce(x), SLOPE)
            branch = F.leaky_relu(self.spatial(branch), SLOPE)
            branch = self.expand(F.dropout(branch, self.dropout, self.training))
        return x + branch.to(x.dtype)


class Encoder(nn.Module):
    """image [N, channels, H, W] (centred, /64; H, W multiples of 16) → u [N, latent, H/16, W/16]."""

    def __init__(self, c: LappedSizes, channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, c.coarse, 16, stride=8)
        self.coarse = nn.Sequential(*[Residual(c.coarse) for _ in range(c.coarse_blocks)])
        self.down = nn.Conv2d(c.coarse, c.latent, 2, stride=2)
        self.latent = nn.Sequential(*[Residual(c.latent, inner=c.latent_inner) for _ in range(c.latent_blocks)])

    def forward(self, image: Tensor) -> Tensor:
        return self.latent(self.trunk(image))

    def trunk(self, image: Tensor) -> Tensor:
        """That at 1/16, before its blocks."""
        return self.down(self.coarse(self.stem(F.pad(image, (4, 4, 4, 4), mode="replicate"))))


class Decoder(nn.Module):
    """û [N, latent, H/16, W/16] → image [N, channels, H, W] (centred, /64, not clipped)."""

    def __init__(self, c: LappedSizes, channels: int = 3) -> None:
        super().__init__()
        self.latent = nn.Sequential(*[Residual(c.latent, inner=c.latent_inner) for _ in range(c.latent_blocks)])
        self.up = nn.ConvTranspose2d(c.latent, c.coarse, 2, stride=2)
        self.coarse = nn.Sequential(*[Residual(c.coarse) for _ in range(c.coarse_blocks)])
        # one ring of cells more on each side, so that the lapped ends find their partners
        self.stem = nn.ConvTranspose2d(c.coarse, channels, 16, stride=8, padding=12)

    def forward(self, u: Tensor) -> Tensor:
        x = self.coarse(self.up(self.latent(u)))
        return self.stem(F.pad(x, (1, 1, 1, 1), mode="replicate"))


def strided(encoder: Encoder, decoder: Decoder | IntegerDecoder) -> list[nn.Parameter]:
    """The parameters of the linear strided layers, which carry the classic start."""
    layers = (encoder.stem, encoder.down, decoder.up, decoder.stem)
    return [p for layer in layers for p in layer.parameters()]


@torch.no_grad()
def start_lapped(encoder: Encoder, decoder: Decoder, images: Tensor) -> Tensor:
    """Make both the lapped transform (`classic`), latents of unit variance.  images: [N, channels, H, W], centred, /64.

    Returns the latents' standard deviations before.  [latent]
    """
    coarse, latent = encoder.stem.out_channels, encoder.down.out_channels
    basis8, std8, basis16, std16 = classic.measure(images, coarse, latent)
    encoder.stem.weight.copy_(basis8 / std8[:, None, None, None])
    encoder.down.weight.copy_(basis16 * std8[None, :, None, None] / std16[:, None, None, None])
    decoder.up.weight.copy_(basis16 / std8[None, :, None, None] * std16[:, None, None, None])
    decoder.stem.weight.copy_(basis8 * std8[:, None, None, None])
    for layer in (encoder.stem, encoder.down, decoder.up, decoder.stem):
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return std16


def set_branches(module: nn.Module, fast: bool, dropout: float = 0.0) -> None:
    """Choose the arithmetic and the dropout of every residual branch below `module`."""
    for layer in module.modules():
        if hasattr(layer, "dropout"):
            layer.fast, layer.dropout = fast, dropout  # type: ignore[assignment]


def up_rows(weight: Tensor) -> Tensor:
    """A transposed n×n convolution of stride n as a matrix.  [in, out, n, n] → [n·n·out, in, 1, 1]"""
    return weight.permute(2, 3, 1, 0).flatten(0, 2)[..., None, None]


def up_weight(rows: Tensor) -> Tensor:
    """The inverse, for n = 2."""
    return rows[..., 0, 0].unflatten(0, (2, 2, -1)).permute(3, 2, 0, 1)


def stem_rows(weight: Tensor) -> Tensor:
    """A transposed 16×16 convolution of stride 8 as a 2×2 one to the 8×8 values of a cell, shifted by half a cell.

    [in, out, 16, 16] → [8·8·out, in, 2, 2]
    """
    cells = weight.unflatten(3, (2, 8)).unflatten(2, (2, 8))  # [in, out, 2, 8, 2, 8]
    return cells.flip(2, 4).permute(3, 5, 1, 0, 2, 4).flatten(0, 2)


def stem_weight(rows: Tensor) -> Tensor:
    """The inverse."""
    cells = rows.unflatten(0, (8, 8, -1)).permute(3, 2, 4, 0, 5, 1)
    return cells.flip(2, 4).flatten(4, 5).flatten(2, 3)
