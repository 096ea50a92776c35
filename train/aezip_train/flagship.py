"""The flagship codec: one network for every quality, top to bottom.

    encoder        image → u                 initialised as a lapped transform
    gains          y = u · g[q]              for each quality, a gain for each latent channel
    hyper-encoder  y → z                     what the decoder should know first
    prior          z → mean, scale, step     integers (see `integer`), the checkerboard's two halves
    decoder        û = ŷ / g'[q] → image

Every latent is a mixture of two Gaussians of one mean, given the prior (`aezip.entropy.tables`). Its step is one of
four, finer where an error would be seen. Ideas: hyperprior (Ballé et al. 2018), mean and scale (Minnen et al. 2018),
checkerboard context (He et al. 2021), gains (Cui et al. 2021), steps from the prior (Li, Li and Lu 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from aezip.entropy.tables import INDEX_ONE, INDEX_TOP, MIXTURE, OCTAVE, STEP_SHIFTS, STEPS

from . import lambda_ladder
from .integer import NARROW_MAX, IntegerConv2d, round_even, round_through, through
from .integer_lapped import IntegerDecoder, NarrowEncoder
from .lapped import SLOPE, Decoder, Encoder, LappedSizes, start_lapped, start_zero, strided

LADDERS = ("gain", "inverse_gain", "hyper_gain", "hyper_inverse", "hyper_scale", "hyper_offset")
STEP_SPACING = 2.25  # of the four steps, in tables
CHECKERBOARD = (0, 3, 1, 2)  # 2×2 positions, row by row: those of the first half, then those of the second


@dataclass(frozen=True)
class Config(LappedSizes):
    """Sizes of a flagship.  Defaults: `photo`."""

    hyper: int = 96  # channels at 1/64
    integer: int = 0  # 1: the decoder in integers, the same pixels everywhere (`integer_lapped`); 2: the encoder, too
    local_steps: int = 0  # 1: the prior says the step of each latent; 0: the quality alone does
    feature: int = 128  # channels of most layers of the prior
    halfway: int = 96  # of what goes to 1/32
    hidden: int = 192  # before means, scales and steps


class Rate(NamedTuple):
    """What one forward pass says.  Shapes: [N] unless noted."""

    image: Tensor  # [N, 3, H, W], decoded, in units of 64 grey levels around 128, not clipped
    bpp: Tensor
    hyper_bpp: Tensor  # the part of bpp spent on z


class HyperEncoder(nn.Module):
    """y [N, latent, h, w] (h, w multiples of 4) → w [N, hyper, h/4, w/4].

    What falls below half a step is nearly nothing to it, so the hyper-latent thins out with the quality.
    """

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * c.latent, c.feature, 1)
        self.to_half = nn.Conv2d(c.feature, c.feature, 3, stride=2, padding=1)
        self.to_quarter = nn.Conv2d(c.feature, c.hyper, 3, stride=2, padding=1)
        with torch.no_grad():
            self.to_quarter.weight.mul_(0.1)  # starts nearly silent

    def forward(self, y: Tensor) -> Tensor:
        magnitude = torch.log1p(y.abs())
        x = torch.cat([magnitude, magnitude * y.sign()], 1)
        x = F.leaky_relu(self.mix(x), SLOPE)
        x = F.leaky_relu(self.to_half(x), SLOPE)
        return self.to_quarter(x)


class Parameters(nn.Module):
    """features → mean (in 1/64 of û) and scale (in table steps), both whole numbers.

    With `local_steps` also how much finer each latent's step is than the quality's: −1/8, 0, 1/8 or 2/8.
    """

    def __init__(self, c: Config, inputs: int) -> None:
        super().__init__()
        self.mix = IntegerConv2d(inputs, c.hidden, paired=True)
        self.mean = IntegerConv2d(c.hidden, c.latent, out_bits=6, low=-8191, high=8191, paired=True)
        self.scale = IntegerConv2d(c.hidden, c.latent, out_bits=3, low=-255, high=255, paired=True)
        self.step = (
            IntegerConv2d(c.hidden, c.latent, out_bits=3, low=-1, high=2, paired=True) if c.local_steps else None
        )
        start_zero(*self.says())

    def says(self) -> list[IntegerConv2d]:
        """The layers of mean, scale, and step where there is one."""
        return [layer for layer in (self.mean, self.scale, self.step) if layer]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """What they say."""
        x = self.mix(x)
        return tuple(layer(x) for layer in self.says())


class Prior(nn.Module):
    """ẑ [N, hyper, h/4, w/4] → the second half's features [2N, feature, p, q], and the first half's parameters."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.look = IntegerConv2d(c.hyper, c.feature, 3)
        self.to_half = IntegerConv2d(c.feature, 4 * c.halfway)
        self.look_half = IntegerConv2d(c.halfway, c.feature, 3, weight_max=NARROW_MAX)
        self.to_full = IntegerConv2d(c.feature, 4 * c.feature, paired=True)
        self.first = Parameters(c, c.feature)

    def forward(self, z: Tensor) -> tuple[Tensor, ...]:
        x = self.to_half(self.look(z))
        x = self.look_half(F.pixel_shuffle(x, 2))
        first, second = halves(F.pixel_shuffle(self.to_full(x), 2))
        return second, *self.first(first)


class Context(nn.Module):
    """Features of the second half, and its decoded neighbours → its parameters."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.look = IntegerConv2d(4 * 2 * c.latent, c.feature, paired=True)
        self.second = Parameters(c, 2 * c.feature)

    def forward(self, features: Tensor, known: Tensor) -> tuple[Tensor, ...]:
        """features: [2N, feature, p, q], of the second half; known: [2N, latent, p, q], of the first"""
        seen = self.look(neighbours(torch.cat([known.clamp_min(0), -known.clamp_max(0)], 1)))
        parameters: tuple[Tensor, ...] = self.second(torch.cat([features, seen], 1))
        return parameters


class Flagship(nn.Module):
    """Encoder, prior and decoder with their ladders of gains."""

    family = "flagship"
    lambda_max = lambda_ladder.LAMBDA_MAX  # at the top of the ladder
    bits_per_error = 0.0  # of the encoder-side search that quantises latents; 0: plain rounding

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = c = config or Config()
        self.encoder = NarrowEncoder(c) if c.integer > 1 else Encoder(c)
        self.decoder: Decoder | IntegerDecoder = IntegerDecoder(c) if c.integer else Decoder(c)
        self.hyper_encoder, self.prior, self.context = HyperEncoder(c), Prior(c), Context(c)
        # log₂ of: gain, inverse gain; of z: gain, inverse gain, scale; and z's offset
        self.gain = nn.Parameter(torch.zeros(lambda_ladder.NODES, c.latent))
        self.inverse_gain = nn.Parameter(torch.zeros(lambda_ladder.NODES, c.latent))
        self.hyper_gain = nn.Parameter(torch.full((lambda_ladder.NODES, c.hyper), 1.0))
        self.hyper_inverse = nn.Parameter(torch.full((lambda_ladder.NODES, c.hyper), -1.0))
        self.hyper_scale = nn.Parameter(torch.full((lambda_ladder.NODES, c.hyper), -1.0))
        self.hyper_offset = nn.Parameter(torch.zeros(lambda_ladder.NODES, c.hyper))

    def strided(self) -> list[nn.Parameter]:
        return strided(self.encoder, self.decoder)

    @torch.no_grad()
    def start_classic(self, images: Tensor) -> None:
        """Become a lapped-transform codec.  images: [N, 3, H, W], centred, /64."""
        assert isinstance(self.decoder, Decoder)
        std = start_lapped(self.encoder, self.decoder, images)
        gain = torch.log2(lambda_ladder.steps(self.lambda_max)[:, None] * std[None])
        self.gain.copy_(gain)
        self.inverse_gain.copy_(-gain)

    @torch.no_grad()
    def stretch(self, lambda_max: float) -> None:
        """Move the ladder's top: each λ keeps its gains, and those beyond the old top go on in straight lines."""
        for name in LADDERS:
            nodes: nn.Parameter = getattr(self, name)
            nodes.copy_(lambda_ladder.stretched(nodes, self.lambda_max, lambda_max))
        self.lambda_max = lambda_max

    def forward(self, image: Tensor, quality: Tensor, noise: bool = True) -> Rate:
        """Code and decode.  image: [N, 3, H, W], H and W multiples of 64; quality: [N] in 0 … 1000.

        With `noise` the rate is that of uniformly disturbed latents (Ballé et al. 2017) while the
        decoder sees rounded ones with straight-through gradients; without, both are rounded.
        """
        pixels = image.shape[2] * image.shape[3]
        log_gain = lambda_ladder.at(self.gain, quality)
        y = self.encoder(image) * torch.exp2(log_gain)
        hyper_bits, z = self._hyper(y, quality, noise)

        gain = torch.exp2(log_gain).repeat(2, 1, 1, 1)
        shift = (log_gain * OCTAVE + INDEX_ONE).repeat(2, 1, 1, 1)

        def quantise(y: Tensor, mean: Tensor, scale: Tensor, *finer: Tensor) -> tuple[Tensor, Tensor]:
            step = [-8 * k for k in finer]
            return self._quantise(y, mean * gain, scale * 8 + shift, noise, self.bits_per_error, *step)

        y_1, y_2 = halves(y)
        features, *parameters = self.prior(z)
        first, bits_1 = quantise(y_1, *parameters)
        known = torch.clamp(first / gain, -255 / 32, 255 / 32)
        if self.context.look.integer:
            known = round_even(known * 32) / 32
        second, bits_2 = quantise(y_2, *self.context(features, known))
        decoded = whole(first, second)

        hyper_bpp = hyper_bits.sum((1, 2, 3)) / pixels
        bits = (bits_1 + bits_2).sum((1, 2, 3)).reshape(2, -1).sum(0)
        bpp = bits / pixels + hyper_bpp
        return Rate(self.decoder(decoded * torch.exp2(lambda_ladder.at(self.inverse_gain, quality))), bpp, hyper_bpp)

    def _hyper(self, y: Tensor, quality: Tensor, noise: bool) -> tuple[Tensor, Tensor]:
        """Quantise the hyper-latent: its bits, and ẑ as the prior sees it (clipped, with the ladder's offset)."""
        w = self.hyper_encoder(y) * torch.exp2(lambda_ladder.at(self.hyper_gain, quality))
        index = lambda_ladder.at(self.hyper_scale, quality) * OCTAVE + INDEX_ONE
        zero = torch.zeros_like(w)
        symbols, bits = self._quantise(w, zero, index + zero, noise, 0.0)
        z = symbols * torch.exp2(lambda_ladder.at(self.hyper_inverse, quality))
        z = z + lambda_ladder.at(self.hyper_offset, quality)
        if self.prior.look.integer:
            z = round_through(z * 32) / 32
        return bits, z.clamp(-255 / 32, 255 / 32)

    def _quantise(
        self, y: Tensor, mean: Tensor, index: Tensor, noise: bool, bits_per_error: float, step: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Round y around its mean and count bits under table `index`.  All [N, C, h, w].

        index: under the quality's step; step: which of the four latents have, −2 … 1.
        """
        if self.prior.look.integer:
            mean = round_even(mean * 16) / 16
            index = round_through(index)
        size: Tensor | float = 1.0
        if step is not None:
            size, wider = self._sizes(step)
            index = index - wider
        off = (y - mean) / size
        symbol = round_through(off)
        if not bits_per_error:
            seen = off + torch.empty_like(y).uniform_(-0.5, 0.5) if noise else symbol
            return symbol * size + mean, bits_of(seen, index)
        symbol = through(off, towards_zero(off, symbol, index, bits_per_error))
        if not noise:
            return symbol * size + mean, bits_of(symbol, index)
        # the encoder and the means feel the smooth rate, the scales that of the symbols that are coded
        smooth = bits_of(off + torch.empty_like(y).uniform_(-0.5, 0.5), index.detach())
        hard = bits_of(symbol.detach(), index)
        return symbol * size + mean, smooth + hard - hard.detach()

    def _sizes(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """How large steps are, and how many tables wider."""
        wider = step * STEP_SPACING
        size = torch.exp2(wider / OCTAVE)
        if not self.prior.look.integer:
            return size, wider
        which = step.round().long() % 4
        sizes, shifts = _steps(step.device)
        return through(size, sizes[which]), through(wider, shifts[which])


@lru_cache
def _steps(device: torch.device) -> tuple[Tensor, Tensor]:
    """What a device keeps: copied anew, it would have to be waited for."""
    return torch.tensor(STEPS, device=device) / 16, torch.tensor(STEP_SHIFTS, device=device).float()


@torch.no_grad()
def towards_zero(off: Tensor, symbol: Tensor, index: Tensor, bits_per_error: float) -> Tensor:
    """Rate–distortion optimised quantisation, as `aezip.coding.quantisation.towards_zero`: each symbol or its neighbour
    towards 0, where a step² of error is worth `bits_per_error` bits.  All [N, C, h, w]
    """
    symbol = symbol.round()
    less = symbol - symbol.sign()
    saved = bits_of(symbol, index) - bits_of(less, index)
    error = (off - less).square() - (off - symbol).square()
    return torch.where(saved > bits_per_error * error, less, symbol)


class _Bound(torch.autograd.Function):
    """max(x, low); gradients that would lift x above the bound still pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.low = low
        return x.clamp_min(low)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return gradient * ((x >= ctx.low) | (gradient < 0)), None


def bits_of(symbol: Tensor, index: Tensor) -> Tensor:
    """−log₂ of the mass on [symbol − ½, symbol + ½], for the mixture of table `index`."""
    index = _Bound.apply(index, 0.0).clamp_max(INDEX_TOP)
    inverse = torch.exp2((INDEX_ONE - index) / OCTAVE) * math.sqrt(0.5)
    near, beyond = (symbol.abs() - 0.5) * inverse, (symbol.abs() + 0.5) * inverse
    mass = sum(w * 0.5 * (torch.erfc(near / width) - torch.erfc(beyond / width)) for w, width in MIXTURE)
    return -torch.log2(_Bound.apply(mass, 2.0**-30))


def in_halves(features: int) -> NDArray[np.int64]:
    """The outputs before the prior's last shuffle, in the order of the checkerboard's positions."""
    return np.arange(4 * features).reshape(features, 4)[:, CHECKERBOARD].T.ravel()


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """The checkerboard's halves, that with even sums of row and column first.  [N, C, 2p, 2q] → [2N, C, p, q] twice

    Of each half the even rows stand before the odd ones.
    """
    n, c, h, w = x.shape
    cells = x.permute(0, 2, 3, 1).reshape(n, h // 2, 2, w // 2, 2, c).permute(2, 4, 0, 1, 3, 5)
    first, second = torch.cat([cells[0, 0], cells[1, 1]]), torch.cat([cells[0, 1], cells[1, 0]])
    return first.permute(0, 3, 1, 2), second.permute(0, 3, 1, 2)


def whole(first: Tensor, second: Tensor) -> Tensor:
    """The inverse.  [2N, C, p, q] twice → [N, C, 2p, 2q]"""
    _, c, p, q = first.shape
    (even, odd), (other_even, other_odd) = first.chunk(2), second.chunk(2)
    cells = torch.stack([even, other_even, other_odd, odd]).reshape(2, 2, -1, c, p, q)
    return cells.permute(2, 4, 0, 5, 1, 3).reshape(-1, 2 * p, 2 * q, c).permute(0, 3, 1, 2)


def neighbours(first: Tensor) -> Tensor:
    """The four of each position of the second half: above, below, left, right; zeros beyond the borders.

    first: [2N, C, p, q] → [2N, 4·C, p, q]
    """
    even, odd = first.chunk(2)
    above, below = F.pad(odd, (0, 0, 1, 0))[:, :, :-1], F.pad(even, (0, 0, 0, 1))[:, :, 1:]
    left, right = F.pad(odd, (1, 0))[..., :-1], F.pad(even, (0, 1))[..., 1:]
    return torch.cat([torch.cat([above, odd, even, right], 1), torch.cat([even, below, left, odd], 1)])
