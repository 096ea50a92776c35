"""The plain autoencoder, top to bottom: dense layers on patches of 16×16 pixels, each patch alone.

A dense layer over all patches is a 1×1 convolution after one of 16×16 with stride 16, so any size works. It starts
with what a linear autoencoder learns, the patches' principal components (Baldi and Hornik 1989), and silent branches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .autoencoder import Autoencoder
from .lapped import SLOPE, start_zero

PATCH = 16  # pixels
LEAST = 0.02  # of a component's standard deviation, in units of 64 grey levels


@dataclass(frozen=True)
class Config:
    """Sizes."""

    channels: int = 3  # of pictures
    wide: int = 384  # of the hidden layers
    latent: int = 192
    blocks: int = 2


class Dense(nn.Module):
    """x + expand(act(reduce(x))) of each patch; the last layer starts at zero."""

    dropout = 0.0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(width, width, 1)
        self.expand = nn.Conv2d(width, width, 1)
        start_zero(self.expand)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu(self.reduce(x), SLOPE)
        return x + self.expand(F.dropout(inner, self.dropout, self.training))


class Vanilla(Autoencoder):
    """The family `vanilla`."""

    family = "vanilla"
    config: Config

    def __init__(self, c: Config) -> None:
        super().__init__(c)
        self.patch = nn.Conv2d(c.channels, c.wide, PATCH, stride=PATCH)
        self.before = nn.Sequential(*[Dense(c.wide) for _ in range(c.blocks)])
        self.narrow = nn.Conv2d(c.wide, c.latent, 1)
        self.widen = nn.Conv2d(c.latent, c.wide, 1)
        self.after = nn.Sequential(*[Dense(c.wide) for _ in range(c.blocks)])
        self.unpatch = nn.ConvTranspose2d(c.wide, c.channels, PATCH, stride=PATCH)

    def encode(self, image: Tensor) -> Tensor:
        return self.narrow(self.before(self.patch(image)))

    def decode(self, latent: Tensor) -> Tensor:
        return self.unpatch(self.after(self.widen(latent)))

    def strided(self) -> list[nn.Parameter]:
        layers = (self.patch, self.narrow, self.widen, self.unpatch)
        return [p for layer in layers for p in layer.parameters()]

    @torch.no_grad()
    def start(self, images: Tensor) -> None:
        """Principal components of the patches of `images`, those of the largest variance first."""
        c = self.config
        patches = F.unfold(images, PATCH, stride=PATCH).permute(0, 2, 1).flatten(0, 1).double()
        values, vectors = torch.linalg.eigh(patches.mT @ patches / len(patches))
        basis = vectors.flip(1).mT[: c.wide].float()  # [wide, C·16·16]
        spread = values.flip(0)[: c.wide].clamp_min(LEAST**2).sqrt().float()
        shape = (c.wide, c.channels, PATCH, PATCH)
        self.patch.weight.copy_((basis / spread[:, None]).reshape(shape))
        self.unpatch.weight.copy_((basis * spread[:, None]).reshape(shape))
        for first, second in ((self.narrow, c.latent), (self.widen, c.wide)):
            first.weight.copy_(torch.eye(second, first.in_channels)[:, :, None, None])
        for layer in (self.patch, self.narrow, self.widen, self.unpatch):
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.start_ladder(spread[: c.latent])
