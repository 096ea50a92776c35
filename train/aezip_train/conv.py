"""The convolutional autoencoder: the flagship's encoder and decoder, and thresholds where a recipe asks for them.

It is initialised as a lapped transform (`classic`) with silent residual branches, then trained end to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .autoencoder import Autoencoder
from .lapped import Decoder, Encoder, LappedSizes, start_lapped, strided


@dataclass(frozen=True)
class Sizes(LappedSizes):
    """Of an encoder and its decoder."""

    channels: int = 3  # of pictures


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes."""

    coarse: int = 96
    latent: int = 192
    coarse_blocks: int = 2
    latent_blocks: int = 3
    shrink: int = 0  # per cent of a latent channel's root mean square below which activations start as zero


class LappedAutoencoder(Autoencoder):
    """An autoencoder between the flagship's encoder and decoder."""

    def __init__(self, c: Sizes) -> None:
        super().__init__(c)
        self.encoder, self.decoder = Encoder(c, c.channels), Decoder(c, c.channels)

    def encoded(self, images: Tensor) -> Tensor:
        """What the encoder says of each image.  [N, latent, H/16, W/16]"""
        return torch.cat([self.encoder(image[None]) for image in images])

    def strided(self) -> list[nn.Parameter]:
        return strided(self.encoder, self.decoder)

    @torch.no_grad()
    def start_classic(self, images: Tensor) -> Tensor:
        """Become the lapped transform of what differs from the mean.  Returns the latents' deviations before.  [latent]

        images: [N, C, H, W], centred, /64
        """
        mean = images.mean((0, 2, 3))
        std = start_lapped(self.encoder, self.decoder, images - mean[:, None, None])
        self.encoder.stem.bias.copy_(-self.encoder.stem.weight.sum((2, 3)) @ mean)  # type: ignore[union-attr]
        self.decoder.stem.bias.copy_(mean)  # type: ignore[union-attr]
        return std


class Conv(LappedAutoencoder):
    """The family `conv`."""

    family = "conv"
    config: Config

    def __init__(self, c: Config) -> None:
        super().__init__(c)
        if c.shrink:
            self.threshold = nn.Parameter(torch.zeros(c.latent))

    def encode(self, image: Tensor) -> Tensor:
        u = self.encoder(image)
        return shrunk(u, self.threshold) if hasattr(self, "threshold") else u

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(latent)

    def start(self, images: Tensor) -> None:
        self.start_ladder(self.start_classic(images))
        self.start_threshold(images)

    @torch.no_grad()
    def start_threshold(self, images: Tensor) -> None:
        """Thresholds, where there are any, by what the encoder says of `images`."""
        if shrink := self.config.shrink:
            self.threshold.copy_(shrink / 100 * self.encoded(images).square().mean((0, 2, 3)).sqrt())


def shrunk(u: Tensor, threshold: Tensor) -> Tensor:
    """Soft thresholds, one a channel: what sparse coding ends with (Gregor and LeCun 2010).  [N, C, h, w]"""
    return u.sign() * (u.abs() - threshold[:, None, None]).clamp_min(0)
