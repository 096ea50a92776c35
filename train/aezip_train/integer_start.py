"""A float flagship as one whose decoder is in integers: the same function at first, as far as its bits go.

What does this for an encoder: `narrow_start`.

Channels of a trunk and of the inner layers are scaled by powers of two, and the weights around them take the scales in.
At 1/16 leaky rectifiers become plain ones with the place, sign and height that come nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import lambda_ladder
from .flagship import Flagship
from .integer import NARROW_MAX, SUM_LIMIT, IntegerConv2d, room
from .integer_lapped import WIDE_TOP
from .lapped import SLOPE, stem_rows, up_rows

BATCHES = 16  # of crops, to measure
ROOM = 5.0  # how much further than the largest value that was seen wide activations reach
TRUNK, INNER = 100, 200  # what the usual range becomes in blocks of 8 bits: of the trunk, of rectifiers' outputs
FULL = NARROW_MAX + 0.4  # what the largest weight becomes
USUAL = 0.9995  # quantile of magnitudes
STARTS = (0.0005, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.9995)  # quantiles at which a rectifier may start
SPARE = 0.02 * SUM_LIMIT  # of sums, for biases
KEPT = 400  # values of a channel and batch


class Seen:
    """What goes through some modules.  ins, outs: [C, values], by module"""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.ins: dict[nn.Module, list[Tensor]] = {m: [] for m in modules}
        self.outs: dict[nn.Module, list[Tensor]] = {m: [] for m in modules}
        self.hooks = [m.register_forward_hook(self._see) for m in modules]

    def _see(self, module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        for store, x in ((self.ins, given[0]), (self.outs, made)):
            values = x.detach().transpose(0, 1).flatten(1)
            store[module].append(values[:, :: max(1, values.shape[1] // KEPT)])

    @cached_property
    def rectified(self) -> dict[nn.Module, list[Tensor]]:
        """What leaves the modules, through a leaky rectifier, once all was seen."""
        return {m: [F.leaky_relu(x, SLOPE) for x in outs] for m, outs in self.outs.items()}


@torch.no_grad()
def convert(small: Flagship, whole: Flagship, draw: Callable[[], Tensor]) -> Flagship:
    """`whole`, which is in integers and else alike, with what `small` computes.

    draw: crops [N, 3, H, W], centred, /64, of photographs: drawn pictures reach much further.
    Raises ValueError where sums cannot be kept below their limit.
    """
    kept = {k: v for k, v in small.state_dict().items() if not k.startswith("decoder.")}
    whole.load_state_dict({**whole.state_dict(), **kept})
    decoder: Any = small.decoder
    blocks = [*decoder.latent, *decoder.coarse]
    layers = [layer for block in blocks for layer in (block.reduce, block.spatial)]
    seen = Seen([*blocks, *layers, decoder.up, decoder.stem])
    for n in range(BATCHES):
        crops = draw()
        quality = (torch.arange(len(crops)) + n / BATCHES) / len(crops) * lambda_ladder.TOP
        small(crops, quality, noise=False)
    for hook in seen.hooks:
        hook.remove()
    _decoder(decoder, whole.decoder, seen)
    for layer in whole.decoder.modules():
        if isinstance(layer, IntegerConv2d):
            layer.quantise()
    return whole


def power(usual: Tensor, wanted: float) -> Tensor:
    """The power of two that makes a range at most `wanted`."""
    return torch.exp2((wanted / usual).log2().floor())


class Wide(NamedTuple):
    """How wide activations are stored: `unit` of a channel in 1 of the float network, whole numbers up to `top`."""

    unit: Tensor  # [C], powers of two
    top: Tensor  # [C]


def _decoder(old: Any, net: Any, seen: Seen) -> None:
    up, stem = up_rows(old.up.weight), stem_rows(old.stem.weight * 64)
    worth = _norm(stem, torch.ones(len(stem)))  # of a channel at 1/8: how far an error of it goes
    latent = _wide(up, worth.repeat(4), seen.ins, *old.latent, old.up)
    coarse = _wide(stem, torch.ones(len(stem)), seen.ins, *old.coarse, old.stem)
    net.unit.copy_(latent.unit)
    net.latent_offset.copy_(_trunk(net.latent, old.latent, latent.unit, seen))
    _fill(net.up, up, old.up.bias.repeat(4), latent, coarse.unit.repeat(4))
    for block, was in zip(net.coarse, old.coarse, strict=True):
        _wide_block(block, was, coarse, worth, seen)
    _fill(net.stem, stem, old.stem.bias.repeat(64) * 64 + 128, coarse, torch.ones(len(stem)))


def _norm(rows: Tensor, worth: Tensor) -> Tensor:
    """How far an error of each input goes.  rows: [outputs, inputs, kh, kw]; worth: of an output's error, [outputs]"""
    return (rows * worth[:, None, None, None]).square().sum((0, 2, 3)).sqrt().clamp_min(1e-9)


def _wide(rows: Tensor, worth: Tensor, values: dict[nn.Module, list[Tensor]], *modules: nn.Module) -> Wide:
    """The units of a layer's inputs at which rounding them and its weights does the least harm.

    rows: its weights, [outputs, inputs, kh, kw]; worth: of an error of an output, [outputs]; values: by module, of
    which the last is what the layer sees.

    What rounding inputs adds goes with the weights' squares, what rounding weights adds with the inputs': both are in
    balance where an input's unit goes with √(weights / inputs).
    """
    largest = torch.stack([torch.cat(values[m], 1).abs().amax(1) for m in modules]).amax(0).clamp_min(1e-6)
    usual = torch.cat(values[modules[-1]], 1).square().mean(1).sqrt().clamp_min(1e-6)
    norm, taps = _norm(rows, worth), rows[0, 0].numel()
    least, best = torch.inf, Wide(usual, usual)
    for size in torch.exp2(torch.arange(-16, 20.0, 0.25)):
        unit = torch.exp2((size * (norm / usual).sqrt()).log2().round())
        top = (largest * ROOM * unit).ceil().clamp(1, WIDE_TOP)
        left = room(top, taps) - SPARE
        k = (left.clamp_min(1) / (rows.abs() * (top / unit)[:, None, None]).sum((1, 2, 3))).log2().floor()
        of_weights = (worth * torch.exp2(-k)).square().sum() * taps * (unit * usual).square().sum()
        harm = float(of_weights + (norm / unit).square().sum())
        if harm < least and (largest * unit).amax() <= WIDE_TOP:
            least, best = harm, Wide(unit, top)
    return best


def _fill(layer: IntegerConv2d, weight: Tensor, bias: Tensor, inputs: Wide, out_unit: Tensor) -> None:
    """A wide layer from a float one.  weight: [outputs, inputs, kh, kw]"""
    assert layer.tops is not None
    layer.tops.copy_(inputs.top)
    layer.weight.copy_(weight * out_unit[:, None, None, None] / inputs.unit[:, None, None])
    layer.bias.copy_(bias * out_unit)


def _wide_block(block: Any, was: Any, trunk: Wide, worth: Tensor, seen: Seen) -> None:
    """A block of a trunk, with the rectifiers that it had.  worth: of an error of the trunk's channels, [C]"""
    last = _wide(was.expand.weight, worth, seen.rectified, was.spatial)
    of_spatial = _norm(was.expand.weight, worth)
    inner = _wide(was.spatial.weight, of_spatial, seen.rectified, was.reduce)
    _fill(block.reduce, was.reduce.weight, was.reduce.bias, trunk, inner.unit)
    _fill(block.spatial, was.spatial.weight, was.spatial.bias, inner, last.unit)
    _fill(block.expand, was.expand.weight, was.expand.bias, last, trunk.unit)


def _trunk(blocks: Any, old: Any, unit: Tensor, seen: Seen) -> Tensor:
    """The blocks of a trunk of these units.  Returns what their biases added up to, [C], which they do not add."""
    rest = torch.zeros_like(unit)
    for block, was in zip(blocks, old, strict=True):
        rest = rest + _block(block, was, unit, seen, rest)
    return rest


def _block(block: Any, was: Any, unit: Tensor, seen: Seen, rest: Tensor) -> Tensor:
    """A block of a trunk of these units, which lacks `rest`.  Returns the bias that it does not add.  [C]"""
    block.gain.copy_(power(torch.cat(seen.ins[was], 1).abs().quantile(USUAL, 1).clamp_min(1e-6), TRUNK) / unit)
    weight = was.reduce.weight / (unit * block.gain)[:, None, None]
    last = was.reduce.bias + (was.reduce.weight / unit[:, None, None])[:, :, 0, 0] @ rest
    mean = (torch.cat(seen.ins[was], 1).mean(1) * unit - rest) * block.gain  # of what goes in
    layers = (
        (was.reduce, was.spatial, block.reduce, torch.zeros(0)),  # its outputs are padded with zeros
        (was.spatial, was.expand, block.spatial, torch.tensor(STARTS)),
    )
    for layer, after, mine, starts in layers:
        sign, start, factor, offset, usual, height = _hinges(torch.cat(seen.outs[layer], 1), starts)
        inner = _filled(power(usual, INNER), weight)
        mine.weight.copy_(weight * (sign * inner)[:, None, None, None])
        mine.bias.copy_((last - start) * sign * inner - _error(mine) @ mean)
        weight = after.weight * (factor / inner)[:, None, None]
        last = after.bias + after.weight.sum((2, 3)) @ offset
        mean = height * inner
    block.expand.weight.copy_(weight * unit[:, None, None, None])
    return last * unit - _error(block.expand) @ mean


def _filled(scale: Tensor, weight: Tensor) -> Tensor:
    """Scales of outputs, by up to √2 different, so that the largest weight of each is the largest there is."""
    exponent = (FULL / (weight.abs().amax((1, 2, 3)) * scale).clamp_min(1e-12)).log2()
    return scale * torch.exp2(exponent - exponent.round())


def _error(layer: Any) -> Tensor:
    """By how much each input's weights change on average when they become whole.  [out, in]"""
    q = layer.quantise()
    scale = torch.exp2(layer.in_bits - layer.out_bits - q.shift)
    error: Tensor = (q.weight * scale[:, None, None, None] - layer.weight).sum((2, 3))
    return error


def _hinges(x: Tensor, starts: Tensor) -> tuple[Tensor, ...]:
    """What stands best for a leaky rectifier of x: factor · max(0, sign · (x − start)) + offset.  x: [C, values]

    Many channels hardly leave the negative half, where the leaky rectifier is a line. starts: quantiles where one may
    start, beside 0. Returns sign, start, factor, offset, the hinge's usual height and its mean, [C] each.
    """
    y = torch.where(x < 0, SLOPE * x, x)
    places = torch.cat([x.quantile(starts, 1), torch.zeros_like(x[None, :, 0])])
    least = torch.full_like(x[:, 0], torch.inf)
    best = torch.zeros(6, len(x))
    for sign in (1.0, -1.0):
        for start in places:
            h = (sign * (x - start[:, None])).clamp_min(0)
            centred = h - h.mean(1, keepdim=True)
            factor = (centred * y).mean(1) / centred.square().mean(1).clamp_min(1e-12)
            offset = y.mean(1) - factor * h.mean(1)
            error = (factor[:, None] * h + offset[:, None] - y).square().mean(1)
            of_sign = torch.full_like(start, sign)
            found = torch.stack([of_sign, start, factor, offset, h.quantile(USUAL, 1).clamp_min(1e-3), h.mean(1)])
            best = torch.where(error < least, found, best)
            least = torch.minimum(error, least)
    return tuple(best)
