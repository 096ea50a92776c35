"""A convolution whose every number is an integer, and its float twin.

The prior must choose the same frequency table on every machine, so its tensors
hold integers (carried in float32, where a sum of integers below 2²⁴ is exact in
any order of summation).  With activations `a`, weights `W`, bias `B`, all whole:

    t = clip(floor((Σ a·W + B) · 2^-k + ½), low, high)          k per output channel

In training the same layer runs on *real* numbers, `a / 32`: with `integer` off
that is an ordinary convolution and a clip (the float twin); with it on, weights,
bias and output are rounded as above, with straight-through gradients (Bengio et
al. 2013; integer networks for exact decoding: Ballé, Johnston, Minnen 2019).

Invariants, proved per output channel by `quantise`:
    |W| ≤ 127,   max|a| · Σ|W| + |B| < 2²⁴.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATION_BITS = 5  # a real activation r is the integer 32·r
ACTIVATION_MAX = 255
WEIGHT_MAX = 127
SUM_LIMIT = 2**24


class Quantised(NamedTuple):
    """Whole-numbered weights of one layer, carried in float32."""

    weight: Tensor  # [out, in, kh, kw], |W| ≤ 127
    bias: Tensor  # [out]
    shift: Tensor  # [out], k: the sum is multiplied by 2^-k
    bound: Tensor  # [out], largest possible |sum|, < 2²⁴


class IntegerConv2d(nn.Conv2d):
    """Same-size convolution of the exact prior.

    out_bits: a real output r is the integer 2^out_bits · r.
    low, high: clip of the integer output.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, *, out_bits: int = ACTIVATION_BITS,
        low: int = 0, high: int = ACTIVATION_MAX,
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.bias: nn.Parameter
        self.out_bits, self.low, self.high = out_bits, low, high
        self.integer = False

    @torch.no_grad()
    def quantise(self) -> Quantised:
        """The integer layer: the finest power-of-two scale that keeps both bounds."""
        top = self.weight.abs().amax((1, 2, 3)).clamp_min(1e-12)
        total = self.weight.abs().sum((1, 2, 3)) + self.bias.abs() * (2**ACTIVATION_BITS / ACTIVATION_MAX)
        taps = self.weight[0].numel()
        # Rounding adds at most ½ to each of `taps` weights: reserve it.
        room = (SUM_LIMIT / ACTIVATION_MAX - taps / 2 - 1 - 2**13 / ACTIVATION_MAX) / total.clamp_min(1e-12)
        k = torch.minimum((WEIGHT_MAX + 0.49) / top, room).log2().floor()
        k = k.clamp(-14, 14)
        scale = torch.exp2(k)
        weight = (self.weight * scale[:, None, None, None]).round()
        bias = (self.bias * scale * 2**ACTIVATION_BITS).round()
        # the sum carries 2^(5+k) and the output wants 2^out_bits: the shift is the rest
        bound = ACTIVATION_MAX * weight.abs().sum((1, 2, 3)) + bias.abs()
        return Quantised(weight, bias, k + ACTIVATION_BITS - self.out_bits, bound)

    @torch.no_grad()
    def become(self, weight: Tensor, bias: Tensor, shift: Tensor) -> None:
        """The inverse of `quantise`: real numbers that round to these integers at this scale.

        The integers themselves, or, where their sum alone would choose another scale, a little off
        towards zero or away from it, within what rounds to them. Raises ValueError where nothing does.
        """
        scale = torch.exp2(shift - ACTIVATION_BITS + self.out_bits)
        self.bias.copy_(bias / (scale * 2**ACTIVATION_BITS))
        sign = torch.where(weight < 0, -1.0, 1.0)
        todo = torch.ones(len(bias), dtype=torch.bool)
        for off in (0.0, *(s * n / 32 for n in range(1, 16) for s in (-1, 1))):
            real = weight + off * (sign if off > 0 else weight.sign())
            self.weight[todo] = (real / scale[:, None, None, None])[todo]
            q = self.quantise()
            same = (q.weight == weight).all(3).all(2).all(1) & (q.bias == bias) & (q.shift == shift)
            todo &= ~same
            if not todo.any():
                return
        raise ValueError(f"{int(todo.sum())} channels have integers that no weights round to")

    def forward(self, x: Tensor) -> Tensor:
        unit = 2.0**self.out_bits
        if not self.integer:
            out = F.conv2d(x, self.weight, self.bias, padding=self.padding)
            return out.clamp(self.low / unit, self.high / unit)
        q = self.quantise()
        scale = torch.exp2(q.shift + (self.out_bits - ACTIVATION_BITS))
        weight = through(self.weight, q.weight / scale[:, None, None, None])
        bias = through(self.bias, q.bias / (scale * 2**ACTIVATION_BITS))
        out = F.conv2d(x, weight, bias, padding=self.padding)
        return (round_through(out * unit) / unit).clamp(self.low / unit, self.high / unit)


def through(x: Tensor, value: Tensor) -> Tensor:
    """`value` forward, the gradient of `x` backward."""
    return x + (value - x).detach()


def round_through(x: Tensor) -> Tensor:
    """floor(x + ½) forward, identity backward."""
    return through(x, torch.floor(x + 0.5))


def set_integer(module: nn.Module, on: bool) -> None:
    """Switch every integer layer below `module` between its twin and itself."""
    for layer in module.modules():
        if isinstance(layer, IntegerConv2d):
            layer.integer = on
