"""A float flagship as one in integers: the same function at first, as far as 8 bits go.

Channels of a trunk and of the inner layers are scaled by powers of two, so that what they usually hold fits 8 bits, and
the weights around them take the scales in. At 1/16 leaky rectifiers become plain ones with the place, sign and height
that come nearest. Training does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import lambda_ladder
from .flagship import Flagship
from .integer import NARROW_MAX
from .integer_lapped import WIDE_STEM, WIDE_UP, eight_bits, leaky
from .lapped import SLOPE

BATCHES = 16  # of crops, to measure
TRUNK, INNER = 100, 200  # what the usual range becomes
FULL = NARROW_MAX + 0.4  # what the largest weight becomes
USUAL = 0.9995  # quantile of magnitudes
LEAKY_TOPS = tuple(2**n for n in range(4, 13))  # what the largest input of a leaky rectifier may become
STARTS = (0.0005, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.9995)  # quantiles at which a rectifier may start
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

    def range_in(self, *modules: nn.Module, whole: bool = False) -> Tensor:
        """Usual (or largest) magnitude of each channel that goes into any of the modules.  [C]"""
        found = [torch.cat(self.ins[m], 1).abs() for m in modules]
        each = [x.amax(1) if whole else x.quantile(USUAL, 1) for x in found]
        return torch.stack(each).amax(0).clamp_min(1e-6)


@torch.no_grad()
def convert(small: Flagship, whole: Flagship, draw: Callable[[], Tensor]) -> Flagship:
    """`whole`, which is in integers and else alike, with what `small` computes.

    draw: crops [N, 3, H, W], centred, /64, of photographs: drawn pictures reach much further than what is usual.
    """
    state = whole.state_dict()
    whole.load_state_dict({**state, **{k: v for k, v in small.state_dict().items() if k in state}})
    encoder, decoder = small.encoder, small.decoder
    blocks: list[Any] = [*encoder.coarse, *encoder.latent, *decoder.latent, *decoder.coarse]
    layers = [layer for block in blocks for layer in (block.reduce, block.spatial)]
    seen = Seen([*blocks, *layers, encoder.down, decoder.up, decoder.stem])
    for n in range(BATCHES):
        crops = draw()
        quality = (torch.arange(len(crops)) + n / BATCHES) / len(crops) * lambda_ladder.TOP
        small(crops, quality, noise=False)
    for hook in seen.hooks:
        hook.remove()
    _encoder(small.encoder, whole.encoder, seen)
    _decoder(small.decoder, whole.decoder, seen)
    return whole


def _power(usual: Tensor, wanted: float) -> Tensor:
    """The power of two that makes a range at most `wanted`."""
    return torch.exp2((wanted / usual).log2().floor())


def _encoder(old: Any, net: Any, seen: Seen) -> None:
    coarse = _power(seen.range_in(*old.coarse, old.down), TRUNK)
    latent = _power(seen.range_in(*old.latent), TRUNK)
    net.coarse_unit.copy_(coarse)
    net.latent_unit.copy_(latent)
    net.down.weight.copy_(old.down.weight * latent[:, None, None, None] / coarse[:, None, None])
    net.down.bias.copy_(old.down.bias * latent)
    rest = _trunk(net.coarse, old.coarse, coarse, seen)
    net.down.bias.add_(net.down.weight.sum((2, 3)) @ rest)
    net.latent_offset.copy_(_trunk(net.latent, old.latent, latent, seen))


def _decoder(old: Any, net: Any, seen: Seen) -> None:
    into_up, into_stem = (*old.latent, old.up), (*old.coarse, old.stem)
    coarse, is_wide = _units(seen, into_stem, old.stem.weight, torch.ones(old.stem.out_channels), WIDE_STEM)
    order = is_wide.argsort(descending=True, stable=True)
    net.wide_stem.copy_(is_wide[order])
    latent, is_wide = _units(seen, into_up, old.up.weight, coarse, WIDE_UP)
    net.wide_up.copy_(is_wide)
    net.unit.copy_(latent)
    net.latent_offset.copy_(_trunk(net.latent, old.latent, latent, seen))
    up = old.up.weight * coarse[:, None, None] / latent[:, None, None, None]
    net.up.weight.copy_(up[:, order])
    net.up.bias.copy_((old.up.bias * coarse)[order])
    net.coarse_offset.copy_(_trunk(net.coarse, old.coarse, coarse, seen, order))
    net.stem.weight.copy_((old.stem.weight * 64 / coarse[:, None, None, None])[order])
    net.stem.bias.copy_(old.stem.bias * 64)


def _units(
    seen: Seen, modules: Sequence[nn.Module], weight: Tensor, out_unit: Tensor, one_in: int
) -> tuple[Tensor, Tensor]:
    """A trunk's units [C], and which channels are wide: those that the strided layer makes most of.

    weight: the layer's, [C, out, kh, kw]; out_unit: [out]
    """
    usual, largest = seen.range_in(*modules), seen.range_in(*modules, whole=True)
    effect = (weight.abs() * out_unit[:, None, None]).amax((1, 2, 3)) * usual
    is_wide = torch.zeros(len(usual))
    is_wide[effect.topk(len(usual) // one_in).indices] = 1
    return _power(torch.where(is_wide > 0, largest, usual), TRUNK), is_wide


def _trunk(blocks: Any, old: Any, unit: Tensor, seen: Seen, order: Tensor | slice = slice(None)) -> Tensor:
    """The blocks of a trunk of these units, its channels in another order.  Returns what their biases added up to, [C],
    which they do not add any more.
    """
    rest = torch.zeros_like(unit)
    for block, was in zip(blocks, old, strict=True):
        rest = rest + _block(block, was, unit, seen, rest)
        block.reduce.weight.copy_(block.reduce.weight[:, order])
        block.expand.weight.copy_(block.expand.weight[order])
    return rest[order]


def _block(block: Any, was: Any, unit: Tensor, seen: Seen, rest: Tensor) -> Tensor:
    """A block of a trunk of these units, which lacks `rest`.  Returns the bias that it does not add.  [C]"""
    weight = was.reduce.weight / unit[:, None, None]
    last = was.reduce.bias + weight[:, :, 0, 0] @ rest
    mean = torch.cat(seen.ins[was], 1).mean(1) * unit - rest  # of what goes in
    layers = (
        (was.reduce, was.spatial, block.reduce, torch.zeros(0)),  # its outputs are padded with zeros
        (was.spatial, was.expand, block.spatial, torch.tensor(STARTS)),
    )
    for layer, after, mine, starts in layers:
        x = torch.cat(seen.outs[layer], 1)
        if block.leaky:
            inner, height = _leaky_scale(x)
            sign, factor = torch.ones_like(inner), torch.ones_like(inner)
            start, offset = torch.zeros_like(inner), torch.zeros_like(inner)
        else:
            sign, start, factor, offset, usual, height = _hinges(x, starts)
            inner = _power(usual, INNER)
        inner = _filled(inner, weight)
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


def _leaky_scale(x: Tensor) -> tuple[Tensor, Tensor]:
    """The power of two that serves a leaky rectifier's inputs best; its outputs' mean.  x: [C, values] → [C] each"""
    y = F.leaky_relu(x, SLOPE)
    least, best = torch.full_like(x[:, 0], torch.inf), torch.ones_like(x[:, 0])
    for wanted in LEAKY_TOPS:
        scale = _power(x.abs().amax(1).clamp_min(1e-6), wanted)
        error = (leaky(eight_bits(x * scale[:, None])) / scale[:, None] - y).square().mean(1)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best, y.mean(1)


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
