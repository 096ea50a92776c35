"""A convolution whose every number is an integer, and its float twin.

The prior must choose the same frequency table on every machine, and an integer decoder (`integer_lapped`) make the
same pixels, so their tensors hold integers (carried in float32, where a sum of integers below 2²⁴ is exact in
any order of summation).  With activations `a`, weights `W`, bias `B`, all whole:

    t = clip(round((Σ a·W + B) · 2^-k), low, high)          k per output channel

Halves are rounded to even numbers. In training the same layer runs on *real* numbers, in
the prior `a / 32`: with `integer` off that is an ordinary convolution and a clip (the float twin); with it on, weights,
bias and output are rounded as above, with straight-through gradients (Bengio et al. 2013; integer networks for exact
decoding: Ballé, Johnston, Minnen 2019).

Invariants, proved per output channel by `quantise`:
    |W| ≤ 127,   max|a| · Σ|W| + |B| < 2²⁴.
Processors without VNNI add products of 8 bits in pairs of 16: hence PAIR_MAX in matrix products, and NARROW_MAX in
convolutions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATION_BITS = 5  # a real activation r is the integer 32·r
ACTIVATION_MAX = 255
WEIGHT_MAX = 127
NARROW_MAX = 63  # of weights for kernels of 8 bits
PAIR_MAX = 128  # of two neighbouring inputs' weights of one sign
SUM_LIMIT = 2**24


class Quantised(NamedTuple):
    """Whole-numbered weights of one layer, carried in float32."""

    weight: Tensor  # [out, in, kh, kw], |W| ≤ the layer's `weight_max`
    bias: Tensor  # [out]
    shift: Tensor  # [out], k: the sum is multiplied by 2^-k
    bound: Tensor  # [out] int64, largest possible |sum|, < 2²⁴


def room(tops: Tensor, taps: int) -> Tensor:
    """What is left of the sums' limit for weights that are not rounded yet: rounding adds at most ½ to each.

    tops: largest magnitudes of the inputs, [in]; taps: weights of an input.
    """
    return SUM_LIMIT - tops.sum() * taps / 2


class IntegerConv2d(nn.Conv2d):
    """Same-size convolution in whole numbers.

    in_bits, out_bits: a real number r is the integer 2^bits · r, going in and coming out.
    top: largest magnitude of an integer that goes in; of an input of its own where the layer has `tops`.
    low, high: clip of the integer output.
    paired: for a matrix product of 8 bits, whose weights keep to PAIR_MAX.
    rounds: the output is rounded and clipped; if not, it is the sum, a whole multiple of 2^-k.
    biased: there is a bias. finest: the most bits below 1 that weights may have.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        in_bits: int = ACTIVATION_BITS,
        out_bits: int = ACTIVATION_BITS,
        top: int = ACTIVATION_MAX,
        weight_max: int = WEIGHT_MAX,
        low: int = 0,
        high: int = ACTIVATION_MAX,
        paired: bool = False,
        rounds: bool = True,
        biased: bool = True,
        finest: int = 14,
        tops: bool = False,
    ) -> None:
        if paired and inputs % 2:
            raise ValueError(f"network: a layer of {inputs} inputs; expected even numbers")
        super().__init__(inputs, outputs, kernel, padding=kernel // 2 if kernel % 2 else 0)
        self.bias: nn.Parameter
        self.register_buffer("tops", torch.full((inputs,), float(top)) if tops else None)
        if not biased:
            del self.bias
            self.register_buffer("bias", torch.zeros(outputs), persistent=False)
        self.in_bits, self.out_bits, self.top, self.weight_max = in_bits, out_bits, top, weight_max
        self.low, self.high, self.paired, self.rounds, self.finest = low, high, paired, rounds, finest
        self.integer = False

    tops: Tensor | None

    def reach(self) -> Tensor:
        """The largest magnitude of each input.  [in]"""
        return self.weight.new_full((self.weight.shape[1],), float(self.top)) if self.tops is None else self.tops

    @torch.no_grad()
    def quantise(self) -> Quantised:
        """The integer layer: the finest power-of-two scale that keeps both bounds.  Raises ValueError where none does.

        `forward` does not ask: a device that queues would have to wait.
        """
        weight, bias, shift = self._whole()
        if not (self.weight.isfinite().all() and self.bias.isfinite().all()):
            raise ValueError("its weights are no numbers")
        if not weight.isfinite().all():
            raise ValueError(f"its inputs, of up to {self.reach().max():.0f}, leave no room for weights")
        if weight.abs().max() > self.weight_max:
            raise ValueError(f"its weights are too large; the limit is {self.weight_max}")
        bound = (weight.abs().long() * self.reach().long()[:, None, None]).sum((1, 2, 3)) + bias.abs().long()
        if bound.max() >= SUM_LIMIT:
            raise ValueError(f"a sum can reach {bound.max()}; the limit is {SUM_LIMIT}")
        return Quantised(weight, bias, shift, bound)

    @torch.no_grad()
    def _whole(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weight, bias and shift."""
        most = (self.weight_max + 0.49) / self.weight.abs().amax((1, 2, 3)).clamp_min(1e-12)
        tops = self.reach()
        total = (self.weight.abs() * tops[:, None, None]).sum((1, 2, 3)) + self.bias.abs() * 2**self.in_bits
        left = room(tops, self.weight[0, 0].numel()) - self.top - 2**13
        k = torch.minimum(most, left / total.clamp_min(1e-12)).log2().floor()
        k = k.clamp(-14, self.finest)
        scale = torch.exp2(k)
        weight = (self.weight * scale[:, None, None, None]).round()
        if self.paired:
            weight = in_pairs(weight)
        bias = (self.bias * scale * 2**self.in_bits).round()
        # the sum carries 2^(in_bits + k) and the output wants 2^out_bits: the shift is the rest
        return weight, bias, k + self.in_bits - self.out_bits

    @torch.no_grad()
    def become(self, weight: Tensor, bias: Tensor, shift: Tensor) -> None:
        """The inverse of `quantise`: real numbers that round to these integers at this scale.

        Where the integers themselves would choose another scale, a little off.  Raises ValueError where nothing does.
        """
        scale = torch.exp2(shift - self.in_bits + self.out_bits)
        self.bias.copy_(bias / (scale * 2**self.in_bits))
        sign = torch.where(weight < 0, -1.0, 1.0)
        todo = torch.ones(len(bias), dtype=torch.bool)
        for off in (0.0, *(s * n / 32 for n in range(1, 16) for s in (-1, 1))):
            real = weight + off * (sign if off > 0 else weight.sign())
            self.weight[todo] = (real / scale[:, None, None, None])[todo]
            found = self._whole()
            same = (found[0] == weight).all(3).all(2).all(1) & (found[1] == bias) & (found[2] == shift)
            todo &= ~same
            if not todo.any():
                return
        raise ValueError(f"{int(todo.sum())} channels have integers that no weights round to")

    def forward(self, x: Tensor) -> Tensor:
        unit = 2.0**self.out_bits
        if not self.integer:
            out = F.conv2d(x, self.weight, self.bias, padding=self.padding)
            return out.clamp(self.low / unit, self.high / unit) if self.rounds else out
        weight, bias, shift = self._whole()
        scale = torch.exp2(shift + (self.out_bits - self.in_bits))
        weight = through(self.weight, weight / scale[:, None, None, None])
        bias = through(self.bias, bias / (scale * 2**self.in_bits))
        out = F.conv2d(x, weight, bias, padding=self.padding)
        if not self.rounds:
            return out
        return round_even(out * unit).clamp(self.low, self.high) / unit


def in_pairs(weight: Tensor) -> Tensor:
    """Whole weights, those of one sign of two neighbouring inputs made smaller until they add to PAIR_MAX."""
    a, b = weight[:, 0::2], weight[:, 1::2]
    over = (a.abs() + b.abs() - PAIR_MAX).clamp_min(0) * (a * b > 0)
    less = (over / 2).floor()
    return torch.stack([a - a.sign() * less, b - b.sign() * (over - less)], 2).flatten(1, 2)


def through(x: Tensor, value: Tensor) -> Tensor:
    """`value` forward, where gradients count up to the last bit; the gradient of `x` backward."""
    return x + (value - x).detach() if torch.is_grad_enabled() else value


def round_through(x: Tensor) -> Tensor:
    """floor(x + ½) forward, identity backward."""
    return through(x, torch.floor(x + 0.5))


def round_even(x: Tensor) -> Tensor:
    """The nearest whole number forward, of two the even one; identity backward."""
    return through(x, x.round())


def set_integer(module: nn.Module, on: bool) -> None:
    """Switch every integer layer below `module` between its twin and itself."""
    for layer in module.modules():
        if isinstance(layer, IntegerConv2d):
            layer.integer = on
