"""A flagship's encoder in float as one with blocks of 8 bits at 1/16 (`NarrowEncoder`): nearly the same function.

Layer by layer: each is scaled to 8 bits, and fitted by least squares to what is behind it in float. Without the fits,
errors of rounded weights add up to wrong averages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .data import centre
from .flagship import Flagship
from .integer import PAIR_MAX, IntegerConv2d, set_integer
from .integer_lapped import LEAKY_ZERO, MOSTLY, NARROW_TOP, NarrowEncoder, eight_bits, leaky
from .integer_start import BATCHES
from .lapped import SLOPE

RMS = 16.0  # of trunks
SQUARES, COLOURED = (2, 4, 8, 8, 8, 16, 6, 12), 0.4  # sizes in drawn pictures; the share of those in colour
ROOM = 1.1  # how much further than the largest value that was seen blocks see
LEAST = 1e-6, 1e-3  # of the largest value of a trunk's channel, and of a rectifier's
RIDGE = 1e-5  # of fits, in each input's own energy
SHARES = 1.2, 1.0  # of the largest magnitude that fill 8 bits
FAIR = 0.3  # of the mean error: places with a smaller one count alike


@torch.no_grad()
def convert(old: Flagship, whole: Flagship, draw: Callable[[], Tensor]) -> Flagship:
    """`whole`, whose encoder is narrow and which is else alike, with what `old` computes.

    draw: crops [N, 3, S, S], centred, /64.
    """
    whole.load_state_dict(old.state_dict(), strict=False)  # narrow blocks have scales beside it
    assert isinstance(whole.encoder, NarrowEncoder)
    rng = np.random.default_rng(1)
    drawn = (draw() for _ in range(BATCHES))
    _encoder(old.encoder, whole.encoder, [torch.cat([crops, _furthest(rng, crops.shape[-1])]) for crops in drawn])
    return whole


def _furthest(rng: np.random.Generator, side: int) -> Tensor:
    """Drawn squares and stripes, which make blocks reach further than any photograph: QR codes do, too.

    [4, 3, side, side], centred, /64
    """
    pictures = []
    for _ in range(4):
        size, kind = int(rng.choice(SQUARES)), rng.integers(3)
        places = np.indices((side // size + 1,) * 2)
        which = (places.sum(0) % 2, rng.integers(0, 2, places[0].shape), places[rng.integers(2)] % 2)[kind]
        ends = rng.integers(0, 256, (2, 3)) if rng.random() < COLOURED else np.array([[0] * 3, [255] * 3])
        pictures.append(np.kron(ends[which], np.ones((size, size, 1)))[:side, :side].astype(np.uint8))
    return centre(np.stack(pictures))


def _encoder(old: Any, net: Any, crops: list[Tensor]) -> None:
    set_integer(net, True)
    wanted = [old.trunk(x) for x in crops]
    net.unit.copy_(torch.exp2((RMS / values(wanted).square().mean(1).sqrt().clamp_min(LEAST[0])).log2().round()))
    unit = net.unit[:, None, None]
    net.down.weight.mul_(unit[..., None])
    net.down.bias.mul_(net.unit)
    trunk = [x * unit for x in wanted]
    for block, was in zip(net.latent[:-1], old.latent[:-1], strict=True):
        largest = values(wanted).abs().amax(1).clamp_min(LEAST[0])
        block.gain.copy_((NARROW_TOP - 1) / (ROOM * largest * net.unit))
        inputs = [eight_bits(x * block.gain[:, None, None]) for x in trunk]
        made, float_inputs = net.unit * block.gain, wanted
        for layer, mine, times in ((was.reduce, block.reduce, block.turn), (was.spatial, block.spatial, block.spread)):
            outputs = [layer(x) for x in float_inputs]
            scale = _scale(values(outputs), times, rounded=mine.rounds)
            _become(mine, layer, made, scale)
            _fit(mine, inputs, [y * scale[:, None, None] for y in outputs])
            inputs, float_inputs = [leaky(mine(x), times) for x in inputs], [F.leaky_relu(y, SLOPE) for y in outputs]
            made = scale * times
        _become(block.expand, was.expand, made, net.unit)
        wanted = [was(x) for x in wanted]
        _fit(block.expand, inputs, [w * unit - x for w, x in zip(wanted, trunk, strict=True)])
        trunk = [block(x) for x in trunk]
    set_integer(net, False)


def values(parts: list[Tensor]) -> Tensor:
    """[N, C, h, w] each → [C, values]"""
    return torch.cat([x.transpose(0, 1).flatten(1) for x in parts], 1)


def _scale(x: Tensor, times: Tensor, *, rounded: bool) -> Tensor:
    """What a layer's outputs are multiplied by, so that a leaky rectifier makes least errors; fills `times`.

    x: outputs in float, [C, values]; rounded: they have 8 bits before the rectifier, too.
    """
    above, largest = x.amax(1) >= SLOPE * -x.amin(1), x.abs().amax(1)
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


def _fit(layer: IntegerConv2d, inputs: list[Tensor], wanted: list[Tensor]) -> None:
    """Bring a layer's outputs nearest to what is wanted, by least squares, and round its weights.

    One input's weights after the other are rounded, and what that does is taken back by those that follow (GPTQ,
    Frantar et al. 2023).  inputs: [N, C, H, W] each; wanted: [N, O, h, w] each.
    """
    now = torch.cat([layer.weight.flatten(1), layer.bias[:, None]], 1).double()
    gram, right = torch.zeros(len(now.T), len(now.T)).double(), torch.zeros_like(now.T)
    for x, y in zip(inputs, wanted, strict=True):
        rows = F.unfold(x, layer.kernel_size, padding=int(layer.padding[0]))
        rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1).transpose(1, 2).flatten(0, 1).double()
        missing = y.permute(0, 2, 3, 1).flatten(0, 2) - rows @ now.T
        error = missing.square().mean(1, keepdim=True)
        shared = rows / (error + FAIR * error.mean() + 1e-12)
        gram += shared.T @ rows
        right += shared.T @ missing
    gram += torch.diag(gram.diagonal() * RIDGE + 1e-12)
    now = now + torch.linalg.solve(gram, right).T
    layer.weight.copy_(now[:, :-1].reshape_as(layer.weight))
    layer.bias.copy_(now[:, -1])
    scale = torch.exp2(layer.quantise().shift)
    spread = torch.linalg.cholesky(torch.linalg.inv(gram), upper=True)
    for n, row in enumerate(spread[:-1]):
        top = torch.full_like(scale, layer.weight_max)
        if layer.paired and n % 2:
            before = now[:, n - 1] * scale
            top = torch.where(before * now[:, n] > 0, PAIR_MAX - before.abs(), top)
        whole = (now[:, n] * scale).round().clamp(-top, top) / scale
        now[:, n:] -= torch.outer((now[:, n] - whole) / row[n], row[n:])
    layer.weight.copy_(now[:, :-1].reshape_as(layer.weight))
    layer.bias.copy_(now[:, -1])
