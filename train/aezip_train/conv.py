"""The convolutional autoencoder, top to bottom: overlapping strided layers, residual blocks at 1/8 and 1/16.

It starts as a lapped transform (`classic`) whose residual branches are silent, and bends from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import classic
from .autoencoder import Autoencoder, Block


@dataclass(frozen=True)
class Config:
    """Sizes."""

    channels: int = 3  # of pictures
    coarse: int = 96  # channels at 1/8
    latent: int = 192  # channels at 1/16
    coarse_blocks: int = 2
    latent_blocks: int = 3
    shrink: int = 0  # per cent of a latent channel's root mean square below which activations start as zero


class Encoder(nn.Module):
    """image [N, C, H, W] → u [N, latent, H/16, W/16]."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.stem = nn.Conv2d(c.channels, c.coarse, 16, stride=8)
        self.coarse = nn.Sequential(*[Block(c.coarse) for _ in range(c.coarse_blocks)])
        self.down = nn.Conv2d(c.coarse, c.latent, 2, stride=2)
        self.latent = nn.Sequential(*[Block(c.latent) for _ in range(c.latent_blocks)])

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(F.pad(image, (4, 4, 4, 4), mode="replicate"))
        x = self.coarse(x)
        x = self.down(x)
        return self.latent(x)


class Decoder(nn.Module):
    """û [N, latent, h, w] → image [N, C, 16h, 16w]."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.latent = nn.Sequential(*[Block(c.latent) for _ in range(c.latent_blocks)])
        self.up = nn.ConvTranspose2d(c.latent, c.coarse, 2, stride=2)
        self.coarse = nn.Sequential(*[Block(c.coarse) for _ in range(c.coarse_blocks)])
        self.stem = nn.ConvTranspose2d(c.coarse, c.channels, 16, stride=8, padding=12)

    def forward(self, u: Tensor) -> Tensor:
        x = self.latent(u)
        x = self.up(x)
        x = self.coarse(x)
        # one ring of cells more on each side, so that the lapped ends find their partners
        return self.stem(F.pad(x, (1, 1, 1, 1), mode="replicate"))


class Conv(Autoencoder):
    """The family `conv`."""

    family = "conv"

    def __init__(self, config: Config | None = None) -> None:
        config = config or Config()
        super().__init__(config)
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        if config.shrink:
            self.threshold = nn.Parameter(torch.zeros(config.latent))

    def encode(self, image: Tensor) -> Tensor:
        u = self.encoder(image)
        return shrunk(u, self.threshold) if hasattr(self, "threshold") else u

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(latent)

    def strided(self) -> list[nn.Parameter]:
        layers = (self.encoder.stem, self.encoder.down, self.decoder.up, self.decoder.stem)
        return [p for layer in layers for p in layer.parameters()]

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
    """Make both the lapped transform, latents of unit variance.  Returns their standard deviations.  [latent]"""
    coarse, latent = encoder.stem.out_channels, encoder.down.out_channels
    mean = images.mean((0, 2, 3))
    basis8, std8, basis16, std16 = classic.measure(images - mean[:, None, None], coarse, latent)
    encoder.stem.weight.copy_(basis8 / std8[:, None, None, None])
    encoder.down.weight.copy_(basis16 * std8[None, :, None, None] / std16[:, None, None, None])
    decoder.up.weight.copy_(basis16 / std8[None, :, None, None] * std16[:, None, None, None])
    decoder.stem.weight.copy_(basis8 * std8[:, None, None, None])
    for layer in (encoder.stem, encoder.down, decoder.up, decoder.stem):
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    encoder.stem.bias.copy_(-encoder.stem.weight.sum((2, 3)) @ mean)  # type: ignore[union-attr]
    decoder.stem.bias.copy_(mean)  # type: ignore[union-attr]
    return std16
