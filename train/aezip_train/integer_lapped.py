"""Transforms for kernels of 8 bits; the decoder's arithmetic is exact in any order of summation.

A trunk holds whole multiples of a power of two, in units of which a channel's usual range is about ±100. Blocks see it
rounded to 8 bits, compute in integers (`IntegerConv2d`) and add sums that are not rounded, without a bias: the trunk
gets one at its end. The decoder's strided layers
carry the picture itself, so of their inputs the few that matter most (`wide`) keep 12 bits, and their weights, too; the
others have 8. All sums are below 2²⁴, so float32 holds them exactly: the same pixels everywhere.

The encoder's strided layers stay in float: its latents need not be the same everywhere.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .integer import NARROW_MAX, SUM_LIMIT, IntegerConv2d, round_even, through
from .lapped import SLOPE, Decoder, Encoder, LappedSizes

FINEST = 8  # bits below 1 of biases, and of weights for wide activations
NARROW_TOP = 128  # largest magnitude of an activation of 8 bits with a sign
WIDE_BITS, WIDE_TOP, WIDE_MAX = 4, 2047, 2047  # of wide activations: bits below 1, largest integer; largest weight
WIDE_UP, WIDE_STEM = 1, 3  # one in so many inputs of the decoder's strided layers is wide
TRUNK_TOP = 2047  # of what goes into a trunk
LEAKY_LOW, LEAKY_HIGH = -26, 229  # of leaky rectifiers' outputs, in halves: 0.1 · (−128) is −26 of them


def eight_bits(x: Tensor) -> Tensor:
    """Whole numbers from −128 to 127."""
    return round_even(x).clamp(-NARROW_TOP, NARROW_TOP - 1)


def wide(x: Tensor) -> Tensor:
    """Sixteenths, 12 bits of them."""
    return (round_even(x * 2**WIDE_BITS) / 2**WIDE_BITS).clamp(-WIDE_TOP / 2**WIDE_BITS, WIDE_TOP / 2**WIDE_BITS)


def leaky(x: Tensor) -> Tensor:
    """A leaky rectifier of whole numbers from −128 to 127, to the next half.  No result lies between two halves."""
    halves = round_even(F.leaky_relu(x, SLOPE) * 2)
    return halves.clamp(LEAKY_LOW, LEAKY_HIGH) / 2


class IntegerResidual(nn.Module):
    """x + a bottleneck of three integer convolutions, as `lapped.Residual` with rectifiers that end at 0 and 255."""

    leaky = False
    fast = False
    dropout = 0.0

    def __init__(self, width: int, inner: int = 0) -> None:
        super().__init__()
        inner = inner or width // 2
        whole: dict[str, Any] = {"out_bits": 0, "weight_max": NARROW_MAX, "even": True}
        within: dict[str, Any] = {"in_bits": 0}
        if self.leaky:
            whole |= {"low": -NARROW_TOP, "high": NARROW_TOP - 1}
            within = {"in_bits": 1, "top": LEAKY_HIGH}
        self.reduce = IntegerConv2d(width, inner, in_bits=0, top=NARROW_TOP, **whole)
        self.spatial = IntegerConv2d(inner, inner, 3, **within, **whole)
        self.expand = IntegerConv2d(inner, width, rounds=False, **within, **whole)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16) if self.fast else nullcontext():
            branch = self.act(self.reduce(eight_bits(x)))
            branch = self.expand(self.act(self.spatial(branch)))
        return x + branch.to(x.dtype)

    def act(self, x: Tensor) -> Tensor:
        return leaky(x) if self.leaky else x


class LeakyResidual(IntegerResidual):
    """With leaky rectifiers, for the trunks at 1/8: plain ones lose 2.6 dB there at quality 90, at 1/16 hardly any."""

    leaky = True


class IntegerEncoder(Encoder):
    """The encoder with such blocks."""

    coarse_block = LeakyResidual
    block = IntegerResidual
    coarse_unit: Tensor
    latent_unit: Tensor

    def __init__(self, c: LappedSizes, channels: int = 3) -> None:
        super().__init__(c, channels)
        self.register_buffer("coarse_unit", torch.ones(c.coarse))  # of the trunk, in 1 of the stem's
        self.register_buffer("latent_unit", torch.ones(c.latent))
        self.latent_offset = nn.Parameter(torch.zeros(c.latent))  # what the last trunk's blocks do not add

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(F.pad(image, (4, 4, 4, 4), mode="replicate")) * self.coarse_unit[:, None, None]
        x = self.latent(self.down(self.coarse(x))) + self.latent_offset[:, None, None]
        return x / self.latent_unit[:, None, None]


class IntegerDecoder(Decoder):
    """The decoder with such blocks, in integers throughout.  Its last layer makes grey levels."""

    coarse_block = LeakyResidual
    block = IntegerResidual
    unit: Tensor
    wide_up: Tensor
    wide_stem: Tensor

    def __init__(self, c: LappedSizes, channels: int = 3) -> None:
        super().__init__(c, channels)
        self.register_buffer("unit", torch.ones(c.latent))  # of the trunk at 1/16, in 1 of û
        # what the trunks' blocks do not add
        self.latent_offset = nn.Parameter(torch.zeros(c.latent))
        self.coarse_offset = nn.Parameter(torch.zeros(c.coarse))
        self.register_buffer("wide_up", torch.zeros(c.latent))  # 1: a wide input
        self.register_buffer("wide_stem", torch.zeros(c.coarse))

    def forward(self, u: Tensor) -> Tensor:
        x = u * self.unit[:, None, None]
        x = (round_even(x * 2**WIDE_BITS) / 2**WIDE_BITS).clamp(-TRUNK_TOP, TRUNK_TOP)
        x = self.latent(x) + exact(self.latent_offset)[:, None, None]
        up = up_weight(mixed_weight(up_rows(self.up.weight), self.wide_up > 0))
        x = F.conv_transpose2d(mixed(x, self.wide_up > 0), up, exact(self.up.bias), stride=2)
        x = self.coarse(x) + exact(self.coarse_offset)[:, None, None]
        x = F.pad(mixed(x, self.wide_stem > 0), (1, 1, 1, 1), mode="replicate")
        stem = stem_weight(mixed_weight(stem_rows(self.stem.weight), self.wide_stem > 0))
        return F.conv_transpose2d(x, stem, exact(self.stem.bias), stride=8, padding=12) / 64


def exact(bias: Tensor | None) -> Tensor:
    """A bias in whole multiples of 2^-FINEST."""
    assert bias is not None
    return round_even(bias * 2**FINEST) / 2**FINEST


def mixed(x: Tensor, is_wide: Tensor) -> Tensor:
    """A strided layer's input: wide channels in 12 bits, the others in 8."""
    return torch.where(is_wide[:, None, None], wide(x), eight_bits(x))


def mixed_weight(rows: Tensor, is_wide: Tensor) -> Tensor:
    """Weights as the layer uses them, gradients straight through.  rows: [outputs, inputs, taps]; is_wide: [inputs]"""
    narrow, fine = (weight / torch.exp2(k)[:, None, None] for weight, k in split_rows(rows, is_wide))
    return through(rows, narrow + fine)


@torch.no_grad()
def split_rows(rows: Tensor, is_wide: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Whole weights and k of narrow inputs and of wide ones: 2^-k · weight, zeros where an input is of the other kind.

    rows: [outputs, inputs, taps] → twice [outputs, inputs, taps], [outputs]
    """

    def whole(part: Tensor, top: int, largest: int, finest: int) -> tuple[Tensor, Tensor]:
        most = (largest + 0.49) / part.abs().amax((1, 2)).clamp_min(1e-12)
        room = (SUM_LIMIT / top - part[0].numel() / 2) / part.abs().sum((1, 2)).clamp_min(1e-12)
        k = torch.minimum(most, room).log2().floor().clamp(-14, finest)
        return (part * torch.exp2(k)[:, None, None]).round(), k

    shown = is_wide[:, None]
    narrow = whole(rows * ~shown, NARROW_TOP, NARROW_MAX, FINEST + WIDE_BITS)
    return narrow, whole(rows * shown, WIDE_TOP, WIDE_MAX, FINEST)


def up_rows(weight: Tensor) -> Tensor:
    """A transposed 2×2 convolution of stride 2 as a matrix.  [in, out, 2, 2] → [2·2·out, in, 1]"""
    return weight.permute(2, 3, 1, 0).flatten(0, 2)[..., None]


def up_weight(rows: Tensor) -> Tensor:
    """The inverse of `up_rows`."""
    return rows[..., 0].unflatten(0, (2, 2, -1)).permute(3, 2, 0, 1)


def stem_rows(weight: Tensor) -> Tensor:
    """A transposed 16×16 convolution of stride 8 as a 2×2 one to the 8×8 values of a cell.

    [in, out, 16, 16] → [8·8·out, in, 2·2]
    """
    cells = weight.unflatten(3, (2, 8)).unflatten(2, (2, 8))  # [in, out, 2, 8, 2, 8]
    return cells.flip(2, 4).permute(3, 5, 1, 0, 2, 4).flatten(4, 5).flatten(0, 2)


def stem_weight(rows: Tensor) -> Tensor:
    """The inverse of `stem_rows`."""
    cells = rows.unflatten(2, (2, 2)).unflatten(0, (8, 8, -1))  # [8, 8, out, in, 2, 2]
    return cells.permute(3, 2, 4, 0, 5, 1).flip(2, 4).flatten(4, 5).flatten(2, 3)
