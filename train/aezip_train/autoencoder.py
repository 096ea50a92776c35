"""What the classic autoencoders share: a latent at 1/16 of the resolution, its ladder of gains, its density.

    encode   image → u                       the family's own network (`vanilla`, `conv`, `vae`)
    gains    y = u · g[q], û = ŷ · g'[q]      as of the flagship, so that one model serves every quality
    density  p(u), one for each channel       what a symbol costs, without its neighbours
    decode   û → image

After training, histograms of the symbols become tables (`histograms`) in place of the density (factorised prior: Ballé
et al. 2017).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from . import lambda_ladder
from .integer import round_through

SPREADS = (0.1, 0.35, 1.2)  # of the density's parts at the start, in standard deviations
FLOOR = 2.0**-20  # of a symbol's probability
MOVED = 0.3  # of a latent, to see what it does


class Coded(NamedTuple):
    """What one forward pass says."""

    image: Tensor  # [N, C, H, W], decoded, in units of 64 grey levels around 128, not clipped
    bpp: Tensor  # [N], of the rounded latents; of a vae in training, the divergence from the prior
    latent: Tensor  # [N, latent, H/16, W/16], u


class Config(Protocol):
    """What every family's sizes have."""

    @property
    def channels(self) -> int:
        """Of pictures: 3 or 1."""

    @property
    def latent(self) -> int:
        """Channels of the latent."""


class Density(nn.Module):
    """p(u) of each channel: a mixture of three logistic distributions around 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.zeros(len(SPREADS), channels))
        self.spread = nn.Parameter(torch.tensor(SPREADS).log2()[:, None].repeat(1, channels))

    def bits(self, y: Tensor, log_gain: Tensor) -> Tensor:
        """−log₂ of the mass on [y − ½, y + ½], where y is u · 2^log_gain.  [N, C, h, w], log_gain [N, C, 1, 1]"""
        far, mass = y.abs(), torch.zeros_like(y)
        for share, spread in zip(self.share.softmax(0), self.spread, strict=True):
            narrow = torch.exp2(-spread[:, None, None] - log_gain)
            part = torch.sigmoid((0.5 - far) * narrow) - torch.sigmoid((-0.5 - far) * narrow)
            mass = mass + share[:, None, None] * part
        return -torch.log2(mass + FLOOR)


class Autoencoder(nn.Module):
    """A family's network with its ladder and density.  Each gives `encode`, `decode`, `start`, `strided`."""

    family = ""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.gain = nn.Parameter(torch.zeros(lambda_ladder.NODES, config.latent))  # log₂
        self.inverse_gain = nn.Parameter(torch.zeros(lambda_ladder.NODES, config.latent))
        self.density = Density(config.latent)

    def encode(self, image: Tensor) -> Tensor:
        """image [N, C, H, W] (centred, /64; H, W multiples of 16) → u [N, latent, H/16, W/16]."""
        raise NotImplementedError

    def decode(self, latent: Tensor) -> Tensor:
        """û [N, latent, h, w] → image [N, C, 16h, 16w] (centred, /64, not clipped)."""
        raise NotImplementedError

    def start(self, images: Tensor) -> None:
        """Become a classic transform.  images: [N, C, H, W], centred, /64."""
        raise NotImplementedError

    def strided(self) -> list[nn.Parameter]:
        """The parameters that start as a transform already."""
        raise NotImplementedError

    def settle(self, images: Tensor) -> None:
        """After training: what coding needs and the loss did not teach."""

    @torch.no_grad()
    def start_ladder(self, spread: Tensor) -> None:
        """Steps that are one size in pixels at each quality, for channels that move pixels by so much.  [latent]"""
        gain = torch.log2(lambda_ladder.steps()[:, None] * spread[None].clamp_min(1e-3))
        self.gain.copy_(gain)
        self.inverse_gain.copy_(-gain)

    def forward(self, image: Tensor, quality: Tensor, noise: bool = True) -> Coded:
        """Code and decode.  image: [N, C, H, W], sides multiples of 16; quality, noise: as of `flagship`."""
        u = self.encode(image)
        log_gain = lambda_ladder.at(self.gain, quality)
        y = u * torch.exp2(log_gain)
        symbol = round_through(y)
        seen = y + torch.empty_like(y).uniform_(-0.5, 0.5) if noise else symbol
        bits = self.density.bits(seen, log_gain).sum((1, 2, 3))
        decoded = self.decode(symbol * torch.exp2(lambda_ladder.at(self.inverse_gain, quality)))
        return Coded(decoded, bits / (image.shape[2] * image.shape[3]), u)


@torch.no_grad()
def sensitivity(model: Autoencoder, latent: Tensor) -> Tensor:
    """By how much a unit of each channel moves the picture: the root of the summed square of all samples.  [latent]

    latent: [1, latent, h, w]; a channel at a time is disturbed everywhere, by ± MOVED at random.
    """
    before, out = model.decode(latent), []
    signs = torch.randint(0, 2, latent.shape[2:], generator=torch.Generator().manual_seed(1)) * 2.0 - 1
    for channel in range(latent.shape[1]):
        moved = latent.clone()
        moved[:, channel] += MOVED * signs
        change = (model.decode(moved) - before).square().sum().item()
        out.append(math.sqrt(change / (MOVED**2 * signs.numel())))
    return torch.tensor(out)
