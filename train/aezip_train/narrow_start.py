"""A flagship's encoder in float as one with blocks of 8 bits (`NarrowEncoder`): nearly the same function at first.

Layer by layer: each is scaled to 8 bits, and fitted by least squares to what is behind it in float. Without the fits,
errors of rounded weights add up to wrong averages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .flagship import Flagship
from .integer import IntegerConv2d, set_integer
from .integer_lapped import LEAKY_ZERO, MOSTLY, NARROW_TOP, NarrowEncoder, eight_bits, leaky
from .integer_start import BATCHES, Seen
from .lapped import SLOPE, lapping

RMS = 16.0  # of trunks
REACHED = 0.9999  # quantile of magnitudes that 8 bits reach
LEAST = 1e-6, 1e-3  # of the largest value of a trunk's channel, and of a rectifier's
RIDGE = 1e-5  # of fits, in each input's own energy
SHARES = 1.5, 1.2, 1.0, 0.8, 0.64, 0.5, 0.4, 0.32  # of the largest magnitude that fill 8 bits
FAIR = 0.3  # of the mean error: places with a smaller one count alike


@torch.no_grad()
def convert(old: Flagship, whole: Flagship, draw: Callable[[], Tensor]) -> Flagship:
    """`whole`, whose encoder is narrow and which is else alike, with what `old` computes.

    draw: crops [N, 3, H, W], centred, /64, of photographs.
    """
    kept = {k: v for k, v in old.state_dict().items() if not k.startswith("encoder.")}
    whole.load_state_dict({**whole.state_dict(), **kept})
    assert isinstance(whole.encoder, NarrowEncoder)
    _encoder(old.encoder, whole.encoder, [draw() for _ in range(BATCHES)])
    return whole


def _encoder(old: Any, net: Any, crops: list[Tensor]) -> None:
    blocks = [*old.coarse, *old.latent]
    seen = Seen([*blocks, *(layer for block in blocks for layer in (block.reduce, block.spatial))])
    for x in crops:
        old(x)
    seen.stop()
    set_integer(net, True)
    coarse, latent = (_unit(seen, part) for part in (old.coarse, old.latent))
    net.unit.copy_(latent)
    net.stem.weight.copy_(old.stem.weight * coarse[:, None, None, None])
    net.stem.bias.copy_(old.stem.bias * coarse)
    net.down.weight.copy_(old.down.weight * latent[:, None, None, None] / coarse[:, None, None])
    net.down.bias.copy_(old.down.bias * latent)
    wanted = [old.stem(lapping(x)) for x in crops]
    wanted, trunk = _blocks(net.coarse, old.coarse, coarse, seen, wanted, [net.stem(lapping(x)) for x in crops])
    wanted = [old.down(x) for x in wanted]
    _fit(net.down, trunk, [x * latent[:, None, None] for x in wanted])
    _blocks(net.latent, old.latent, latent, seen, wanted, [net.down(x) for x in trunk])
    set_integer(net, False)


def _unit(seen: Seen, blocks: Any) -> Tensor:
    """What a trunk's channels are multiplied by: powers of two.  [C]"""
    energy = sum(torch.cat(seen.ins[block], 1).square().mean(1) for block in blocks) / len(blocks)
    return torch.exp2((RMS / torch.as_tensor(energy).sqrt().clamp_min(LEAST[0])).log2().round())


def _blocks(
    net: Any, old: Any, unit: Tensor, seen: Seen, wanted: list[Tensor], trunk: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """A trunk's blocks.  wanted, trunk: what goes into them, in float, and as the narrow ones see it, in its unit.

    Returns what leaves them.
    """
    for block, was in zip(net, old, strict=True):
        largest = torch.cat(seen.ins[was], 1).abs().quantile(REACHED, 1).clamp_min(LEAST[0])
        block.gain.copy_((NARROW_TOP - 1) / largest / unit)
        inputs = [eight_bits(x * block.gain[:, None, None]) for x in trunk]
        made, float_inputs = unit * block.gain, wanted
        for layer, mine, times in ((was.reduce, block.reduce, block.turn), (was.spatial, block.spatial, block.spread)):
            scale = _scale(torch.cat(seen.outs[layer], 1), times, rounded=mine.rounds)
            _become(mine, layer, made, scale)
            outputs = [layer(x) for x in float_inputs]
            _fit(mine, inputs, [y * scale[:, None, None] for y in outputs])
            inputs, float_inputs = [leaky(mine(x), times) for x in inputs], [F.leaky_relu(y, SLOPE) for y in outputs]
            made = scale * times
        _become(block.expand, was.expand, made, unit)
        wanted = [was(x) for x in wanted]
        _fit(block.expand, inputs, [w * unit[:, None, None] - x for w, x in zip(wanted, trunk, strict=True)])
        trunk = [block(x) for x in trunk]
    return wanted, trunk


def _scale(x: Tensor, times: Tensor, *, rounded: bool) -> Tensor:
    """What a layer's outputs are multiplied by, so that a leaky rectifier makes least errors; fills `times`.

    x: outputs in float, [C, values]; rounded: they have 8 bits before the rectifier, too.
    """
    above, largest = x.quantile(REACHED, 1) >= SLOPE * (-x).quantile(REACHED, 1), x.abs().quantile(REACHED, 1)
    times.copy_(torch.where(above, *(MOSTLY if rounded else (1.0, -1.0))))
    fills = (255 - LEAKY_ZERO) / (largest.clamp_min(LEAST[1]) * torch.where(above, 1.0, SLOPE) * times.abs())
    wanted, least, best = F.leaky_relu(x, SLOPE), torch.full_like(fills, torch.inf), fills
    for share in SHARES:
        scale = fills / share
        seen = x * scale[:, None]
        seen = eight_bits(seen) if rounded else seen
        error = (leaky(seen[..., None], times)[..., 0] / (scale * times)[:, None] - wanted).square().mean(1)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    return best


def _become(layer: IntegerConv2d, old: nn.Conv2d, made: Tensor, scale: Tensor) -> None:
    """A layer as it was.  made: what 1 of its inputs is, [in]; scale: of its outputs, [out]"""
    assert old.bias is not None
    layer.weight.copy_(old.weight / made[:, None, None] * scale[:, None, None, None])
    layer.bias.copy_(old.bias * scale)


def _fit(layer: nn.Conv2d, inputs: list[Tensor], wanted: list[Tensor]) -> None:
    """Bring a layer's outputs nearest to what is wanted, by least squares; and round its weights, if it will.

    One input's weights after the other are rounded, and what that does is taken back by those that follow (GPTQ,
    Frantar et al. 2023).  inputs: [N, C, H, W] each; wanted: [N, O, h, w] each.
    """
    assert layer.bias is not None
    now = torch.cat([layer.weight.flatten(1), layer.bias[:, None]], 1).double()
    gram, right = torch.zeros(len(now.T), len(now.T)).double(), torch.zeros_like(now.T)
    for x, y in zip(inputs, wanted, strict=True):
        rows = F.unfold(x, layer.kernel_size, padding=int(layer.padding[0]), stride=layer.stride)
        rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1).transpose(1, 2).flatten(0, 1).double()
        missing = y.permute(0, 2, 3, 1).flatten(0, 2) - rows @ now.T
        error = missing.square().mean(1, keepdim=True)
        shared = rows / (error + FAIR * error.mean() + 1e-12)
        gram += shared.T @ rows
        right += shared.T @ missing
    gram += torch.diag(gram.diagonal() * RIDGE + 1e-12)
    now = now + torch.linalg.solve(gram, right).T
    if isinstance(layer, IntegerConv2d):
        layer.weight.copy_(now[:, :-1].reshape_as(layer.weight))
        layer.bias.copy_(now[:, -1])
        scale = torch.exp2(layer.quantise().shift)
        spread = torch.linalg.cholesky(torch.linalg.inv(gram), upper=True)
        for n, row in enumerate(spread[:-1]):
            whole = (now[:, n] * scale).round().clamp(-layer.weight_max, layer.weight_max) / scale
            now[:, n:] -= torch.outer((now[:, n] - whole) / row[n], row[n:])
    layer.weight.copy_(now[:, :-1].reshape_as(layer.weight))
    layer.bias.copy_(now[:, -1])
