"""The variational autoencoder, top to bottom (Kingma and Welling 2014; β: Higgins et al. 2017).

    encode   image ── conv's encoder ── whitening ── mean, log variance of the latent
    decode   latent ── colouring ── conv's decoder ── image

The prior is an independent normal distribution for each latent. Neighbouring cells of a photograph are much alike,
so independent latents cannot be cells' components: a filter a channel, over 9×9 cells, takes out what neighbours
share, and another puts it back. They start as roots of the components' power spectra, so that the untrained model
draws Gaussian textures with the spectrum of photographs.

The loss is distortion + β · KL. The mean is what is coded; its gains are found after training (`settle`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .autoencoder import Coded, sensitivity
from .conv import LappedAutoencoder, Sizes
from .lapped import start_zero

NOISE = 5.0  # grey levels, of the decoder's Gaussian at the start
STEEP, FIT_STEPS = 12, 400  # channels whose filters are fitted, and for how long
LOG_VARIANCE = (-12.0, 2.0)


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes."""

    coarse: int = 64
    latent: int = 128
    coarse_blocks: int = 1
    latent_blocks: int = 2
    reach: int = 4  # cells that the filters look far


class Vae(LappedAutoencoder):
    """The family `vae`."""

    family = "vae"
    config: Config

    def __init__(self, c: Config) -> None:
        super().__init__(c)
        side = 2 * c.reach + 1
        self.whiten = nn.Conv2d(c.latent, c.latent, side, padding=c.reach, groups=c.latent)
        self.log_variance = nn.Conv2d(c.latent, c.latent, 1)
        self.colour = nn.Conv2d(c.latent, c.latent, side, padding=c.reach, groups=c.latent)

    def encode(self, image: Tensor) -> Tensor:
        """The mean."""
        return self.whiten(self.encoder(image))

    def posterior(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance.  [N, latent, h, w] each"""
        u = self.encoder(image)
        return self.whiten(u), self.log_variance(u).clamp(*LOG_VARIANCE)

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(self.colour(latent))

    def forward(self, image: Tensor, quality: Tensor, noise: bool = True) -> Coded:
        """With `noise` one draw of the latent and its divergence from the prior; without, as any autoencoder."""
        if not noise:
            return super().forward(image, quality, noise)
        mean, log_variance = self.posterior(image)
        latent = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum((1, 2, 3)) / math.log(2)
        return Coded(self.decode(latent), divergence / (image.shape[2] * image.shape[3]), mean)

    def strided(self) -> list[nn.Parameter]:
        return [*super().strided(), *self.whiten.parameters(), *self.colour.parameters()]

    @torch.no_grad()
    def start(self, images: Tensor) -> None:
        """The lapped transform between filters made of its components' spectra.  images: 256² pixels or more."""
        std, u = self.start_classic(images), self.encoded(images)
        white, colour = filters(u, self.config.reach)
        noise = NOISE / (64 * std)
        fit_filters(u, white, colour, noise)
        variance = 1 / (1 + noise**-2)  # what the noise covers is not told
        shrink = (1 - variance).sqrt()[:, None, None, None]
        start_zero(self.whiten, self.log_variance, self.colour)
        self.whiten.weight.copy_(white * shrink)
        self.colour.weight.copy_(colour * shrink)
        self.log_variance.bias.copy_(variance.log())  # type: ignore[union-attr]
        self.start_ladder(std)

    @torch.no_grad()
    def settle(self, images: Tensor) -> None:
        """Gains by how far a latent moves the picture, averaged over `images`; the density from the latents."""
        u = torch.cat([self.encode(image[None]) for image in images])
        moved = torch.stack([sensitivity(self, self.encode(image[None])) for image in images[:4]]).square().mean(0)
        self.start_ladder(moved.sqrt())
        spread = u.square().mean((0, 2, 3)).sqrt().clamp_min(1e-4)
        self.density.spread.copy_((spread * 0.55).log2().expand_as(self.density.spread))


def filters(u: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Of every channel, the inverse and the plain root of its power spectrum over cells.  [C, 1, side, side] each

    u: [N, C, h, w], unit variance. The spectrum is that of the tapered autocovariance (Blackman and Tukey 1958).
    """
    size = 4 * reach
    h, w = u.shape[2:]
    power = torch.fft.rfft2(u, s=(2 * h, 2 * w)).abs().square().mean(0)
    overlap = torch.fft.irfft2(torch.fft.rfft2(torch.ones(h, w), s=(2 * h, 2 * w)).abs().square(), s=(2 * h, 2 * w))
    covariance = torch.fft.irfft2(power, s=(2 * h, 2 * w)) / overlap.clamp_min(1)
    lag = torch.fft.fftfreq(size, 1 / size).long()
    taper = (0.5 + 0.5 * torch.cos(math.pi * (lag / (size / 2)).abs())).clamp_min(0)
    covariance = covariance[:, lag][:, :, lag] * taper[:, None] * taper
    spectrum = torch.fft.fft2(covariance).real
    spectrum = torch.maximum(spectrum, 0.03 * spectrum.mean((1, 2), keepdim=True))
    near = torch.arange(-reach, reach + 1)
    both = []
    for root in (spectrum.rsqrt(), spectrum.sqrt()):
        kernel = torch.fft.ifft2(root).real
        both.append(kernel[:, near][:, :, near][:, None].contiguous())
    return both[0], both[1]


def fit_filters(u: Tensor, white: Tensor, colour: Tensor, noise: Tensor) -> None:
    """Fit the filters of the channels with the steepest spectra in place, as linear variational autoencoders of u.

    What is cut off them matters there: deconvolution would amplify it. u: [N, C, h, w]; noise: [C], of the decoder.
    """
    reach = white.shape[-1] // 2
    few = white.abs().sum((1, 2, 3)).argsort(descending=True)[:STEEP]
    both = [w[few].clone().requires_grad_() for w in (white * 0.5, colour)]
    log_variance = torch.full((len(few),), -6.0, requires_grad=True)
    optimiser = torch.optim.Adam([{"params": both, "lr": 3e-3}, {"params": [log_variance], "lr": 3e-2}])
    precision = 0.5 / noise[few].clamp_min(1e-3).square()
    maps = [u[:, few], u[:, few, : u.shape[2] // 2, : u.shape[3] // 2]]
    with torch.enable_grad():
        for step in range(FIT_STEPS):
            wanted = maps[step % 2]
            mean = F.conv2d(wanted, both[0], padding=reach, groups=len(few))
            latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()[:, None, None]
            error = F.conv2d(latent, both[1], padding=reach, groups=len(few)) - wanted
            divergence = 0.5 * (mean.square().mean((0, 2, 3)) + log_variance.exp() - log_variance)
            loss = (error.square().mean((0, 2, 3)) * precision + divergence).sum()
            optimiser.zero_grad()
            loss.backward()
            for group in optimiser.param_groups:
                group["lr"] *= 0.99 if step > FIT_STEPS // 2 else 1.0
            optimiser.step()
    white[few], colour[few] = both[0].detach(), both[1].detach()
    scale = F.conv2d(u, white, padding=reach, groups=len(white)).std((0, 2, 3))[:, None, None, None]
    white /= scale
    colour *= scale


def warmed(step: int, warmup: int) -> float:
    """The share of β that counts at a step."""
    return min(1.0, (step + 1) / max(1, warmup))
