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
class Config(LappedSizes):
    """Sizes."""

    channels: int = 3  # of pictures
    coarse: int = 96
    latent: int = 192
    coarse_blocks: int = 2
    latent_blocks: int = 3
    shrink: int = 0  # per cent of a latent channel's root mean square below which activations start as zero


class Conv(Autoencoder):
    """The family `conv`."""

    family = "conv"

    def __init__(self, config: Config | None = None) -> None:
        config = c = config or Config()
        super().__init__(config)
        self.encoder, self.decoder = Encoder(c, c.channels), Decoder(c, c.channels)
        if c.shrink:
            self.threshold = nn.Parameter(torch.zeros(c.latent))

    def encode(self, image: Tensor) -> Tensor:
        u = self.encoder(image)
        return shrunk(u, self.threshold) if hasattr(self, "threshold") else u

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(latent)

    def strided(self) -> list[nn.Parameter]:
        return strided(self.encoder, self.decoder)

    def start(self, images: Tensor) -> None:
        self.start_ladder(start_classic(self.encoder, self.decoder, images))
        self.start_threshold(images)

    @torch.no_grad()
    def start_threshold(self, images: Tensor) -> None:
        """Thresholds, where there are any, by what the encoder says of `images`."""
        c = self.config
        assert isinstance(c, Config)
        if c.shrink:
            u = torch.cat([self.encoder(image[None]) for image in images])
            self.threshold.copy_(c.shrink / 100 * u.square().mean((0, 2, 3)).sqrt())


def shrunk(u: Tensor, threshold: Tensor) -> Tensor:
    """Soft thresholds, one a channel: what sparse coding ends with (Gregor and LeCun 2010).  [N, C, h, w]"""
    return u.sign() * (u.abs() - threshold[:, None, None]).clamp_min(0)


@torch.no_grad()
def start_classic(encoder: Encoder, decoder: Decoder, images: Tensor) -> Tensor:
    """Make both the lapped transform of what differs from the mean.  Returns the latents' deviations before.  [latent]

    images: [N, C, H, W], centred, /64
    """
    mean = images.mean((0, 2, 3))
    std = start_lapped(encoder, decoder, images - mean[:, None, None])
    encoder.stem.bias.copy_(-encoder.stem.weight.sum((2, 3)) @ mean)  # type: ignore[union-attr]
    decoder.stem.bias.copy_(mean)  # type: ignore[union-attr]
    return std
