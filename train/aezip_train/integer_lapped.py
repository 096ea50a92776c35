"""Transforms in whole numbers: a decoder that is exact in any order of summation, and an encoder that is fast.

The decoder makes the same pixels everywhere. At 1/16 its blocks see the trunk in 8 bits, for kernels of 8 bits, compute
in integers (`IntegerConv2d`) and add sums that are not rounded, without a bias: the trunk gets one at its end. What
carries the picture, the layers up and the blocks at 1/8, sees whole numbers of up to 15 bits, each channel within its
own `tops`, and has weights of up to 15. Each layer's sums are below 2²⁴, so float32 holds them exactly.

The encoder's blocks at 1/16 have 8 bits (`LeakyResidual`), but for the last, and all else is in float.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .integer import NARROW_MAX, IntegerConv2d, round_even
from .lapped import SLOPE, Encoder, LappedSizes

FINEST = 8  # bits below 1 of the bias of the trunk at 1/16
NARROW_TOP = 128  # largest magnitude of an activation of 8 bits with a sign
LEAKY_ZERO = 26  # where leaky rectifiers' outputs of 8 bits have 0
MOSTLY = 2.0, -16.0  # what a leaky rectifier multiplies where inputs of 8 bits are mostly above 0, and mostly below
WIDE_TOP = 2**15 - 1  # of wide activations and weights
FAR = 2.0**16  # where what a wide block adds ends; so that no runtime adds it within the convolution


def eight_bits(x: Tensor) -> Tensor:
    """Whole numbers from −128 to 127."""
    return round_even(x).clamp(-NARROW_TOP, NARROW_TOP - 1)


def within(x: Tensor, layer: IntegerConv2d) -> Tensor:
    """Clipped to what a layer's inputs reach."""
    assert layer.tops is not None
    top = layer.tops[:, None, None]
    return x.clamp(-top, top)


class IntegerResidual(nn.Module):
    """x + a bottleneck of three integer convolutions, as `lapped.Residual` with rectifiers that end at 0 and 255.

    Never in bfloat16, which does not hold the sums.
    """

    gain: Tensor

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(width))  # powers of two
        kind: dict[str, Any] = {"in_bits": 0, "out_bits": 0, "weight_max": NARROW_MAX}
        self.reduce = IntegerConv2d(width, inner, top=NARROW_TOP, **kind)
        self.spatial = IntegerConv2d(inner, inner, 3, **kind)
        self.expand = IntegerConv2d(inner, width, rounds=False, biased=False, **kind)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.expand(self.spatial(self.reduce(eight_bits(x * self.gain[:, None, None]))))
        return x + branch


class LeakyResidual(nn.Module):
    """x + a bottleneck in 8 bits as `lapped.Residual`, with leaky rectifiers.

    What a leaky rectifier makes of numbers below 0 is small. So where an input is mostly there, its output is turned
    around, and made to fill 8 bits.
    """

    gain: Tensor
    turn: Tensor
    spread: Tensor

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(width))
        self.register_buffer("turn", torch.ones(inner))  # behind `reduce`: 1 or −1
        self.register_buffer("spread", torch.ones(inner))  # behind `spatial`, one of MOSTLY
        kind: dict[str, Any] = {"in_bits": 0, "out_bits": 0, "finest": 16}
        self.reduce = IntegerConv2d(width, inner, top=NARROW_TOP, rounds=False, paired=True, **kind)
        self.spatial = IntegerConv2d(
            inner, inner, 3, weight_max=NARROW_MAX, low=-NARROW_TOP, high=NARROW_TOP - 1, **kind
        )
        self.expand = IntegerConv2d(inner, width, rounds=False, paired=True, **kind)

    def units(self) -> dict[nn.Parameter, Any]:
        """As `IntegerDecoder.units`."""
        weights: dict[Any, float] = {self.reduce.weight: 4.0, self.spatial.weight: 0.25, self.expand.weight: 0.0625}
        return {**weights, self.reduce.bias: 32.0, self.spatial.bias: 8.0, self.expand.bias: 4.0}

    def inner(self, x: Tensor) -> Tensor:
        """What `expand` sees."""
        first = leaky(self.reduce(eight_bits(x * self.gain[:, None, None])), self.turn)
        return leaky(self.spatial(first), self.spread)

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.expand(self.inner(x))
        return x + branch


def leaky(x: Tensor, times: Tensor) -> Tensor:
    """A leaky rectifier whose outputs, times a number of each channel, have 8 bits."""
    y = round_even(F.leaky_relu(x, SLOPE) * times[:, None, None])
    return y.clamp(-LEAKY_ZERO, 255 - LEAKY_ZERO)


class NarrowEncoder(Encoder):
    """As `Encoder`, with blocks of 8 bits at 1/16, but for the last.

    In that one rounding would leave noise in flat areas, which costs bits.
    """

    unit: Tensor

    def __init__(self, c: LappedSizes, channels: int = 3) -> None:
        super().__init__(c, channels)
        inner = c.latent_inner or c.latent // 2
        for n in range(c.latent_blocks - 1):
            self.latent[n] = LeakyResidual(c.latent, inner)
        self.register_buffer("unit", torch.ones(c.latent))  # of the narrow blocks' trunk, in 1 of u: powers of two

    def units(self) -> dict[nn.Parameter, Any]:
        """As `IntegerDecoder.units`."""
        blocks: Any = self.latent[:-1]
        return {p: unit for block in blocks for p, unit in block.units().items()}

    def forward(self, image: Tensor) -> Tensor:
        u: Tensor = self.latent[-1:](self.latent[:-1](self.trunk(image)) / self.unit[:, None, None])
        return u


class WideResidual(nn.Module):
    """As `IntegerResidual` with wide activations and leaky rectifiers, for trunks at 1/8.

    There 8 bits lose too much (train/TRIALS.md).
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.reduce = wide_conv(width, inner)
        self.spatial = wide_conv(inner, inner, 3)
        self.expand = wide_conv(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        x = within(x, self.reduce)
        branch = F.leaky_relu(self.reduce(round_even(x)), SLOPE)
        branch = F.leaky_relu(self.spatial(round_even(within(branch, self.spatial))), SLOPE)
        branch = self.expand(round_even(within(branch, self.expand)))
        return x + branch.clamp(-FAR, FAR)


def wide_conv(inputs: int, outputs: int, kernel: int = 1) -> IntegerConv2d:
    """A layer on wide activations, whose sums are not rounded."""
    whole: dict[str, Any] = {"in_bits": 0, "out_bits": 0, "top": WIDE_TOP, "weight_max": WIDE_TOP, "finest": 24}
    return IntegerConv2d(inputs, outputs, kernel, rounds=False, tops=True, **whole)


class IntegerDecoder(nn.Module):
    """As `lapped.Decoder`, in integers throughout.  Transposed convolutions are plain ones and a shuffle."""

    unit: Tensor

    def __init__(self, c: LappedSizes, channels: int = 3) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(c.latent))  # of the trunk at 1/16, in 1 of û
        inner = c.latent_inner or c.latent // 2
        self.latent = nn.Sequential(*[IntegerResidual(c.latent, inner) for _ in range(c.latent_blocks)])
        self.latent_offset = nn.Parameter(torch.zeros(c.latent))  # what these blocks do not add
        self.up = wide_conv(c.latent, 4 * c.coarse)
        self.coarse = nn.Sequential(*[WideResidual(c.coarse, c.coarse // 2) for _ in range(c.coarse_blocks)])
        self.stem = wide_conv(c.coarse, 64 * channels, 2)  # makes grey levels, 0 … 255

    def units(self) -> dict[nn.Parameter, Tensor]:
        """What 1 is of a network whose activations are about 1, as learning rates want it: powers of two."""
        up, stem = usual(self.up), usual(self.stem)
        outputs: list[Any] = [(self.up, stem.repeat(4)), (self.stem, stem.new_full((self.stem.out_channels,), 64))]
        both: Any = (self.latent, up), (self.coarse, stem)
        for blocks, trunk in both:
            for b in blocks:
                outputs += (b.reduce, usual(b.spatial)), (b.spatial, usual(b.expand)), (b.expand, trunk)
        found: dict[Any, Tensor] = {self.latent_offset: up}
        for layer, unit in outputs:
            found[layer.weight] = unit[:, None, None, None] / usual(layer)[:, None, None]
            if isinstance(layer.bias, nn.Parameter):
                found[layer.bias] = unit
        return {p: torch.exp2(unit.log2().round()) for p, unit in found.items()}

    def forward(self, u: Tensor) -> Tensor:
        x = self.latent(round_even(within(u * self.unit[:, None, None], self.up)))
        x = x + (round_even(self.latent_offset * 2**FINEST) / 2**FINEST)[:, None, None]
        x = self.coarse(shuffled(self.up(round_even(within(x, self.up))), 2))
        x = F.pad(round_even(within(x, self.stem)), (1, 1, 1, 1), mode="replicate")
        return (shuffled(self.stem(x), 8)[:, :, 4:-4, 4:-4] - 128) / 64


def usual(layer: IntegerConv2d) -> Tensor:
    """About each input's root mean square.  [in]"""
    return layer.reach().clamp_min(1) / (4 if layer.tops is None else 40)


def shuffled(x: Tensor, block: int) -> Tensor:
    """[N, block·block·C, h, w] → [N, C, block·h, block·w]"""
    n, _, h, w = x.shape
    cells = x.reshape(n, block, block, -1, h, w).permute(0, 3, 4, 1, 5, 2)
    return cells.reshape(n, -1, block * h, block * w)
