"""A small decoder of a flagship's latents, in whole numbers of mostly 8 bits: faster, and a little worse.

    latents → one layer up to 1/8 → blocks of 8 bits → the layer that makes pixels

`started` gives it what a linear fit of the large decoder's trunk at 1/8 has: of its channels those combinations whose
errors would be largest in the picture. `distil` trains it; encoder, prior and all files stay as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import lambda_ladder, objective
from .flagship import Flagship
from .integer import IntegerConv2d, round_even, set_integer
from .integer_lapped import NARROW_TOP, WIDE_TOP, IntegerResidual, eight_bits, shuffled
from .integer_start import power
from .narrow_start import values
from .soap import Soap

COARSE, INNER, BLOCKS = 96, 48, 4  # channels at 1/8, an even number; inside a block; and blocks
WIDE_UP, WIDE_STEM = 32, 8  # inputs of up to 15 bits
FINER = 12  # an even number of inputs of the last layer, behind its wide ones, of which it sees what 8 bits leave
REST = 64.0  # by how much finer
UNIT = 4.0  # of wide inputs of the last layer, in 1 of what an error of them is in the picture
FURTHEST = 3.0  # how much further than what was seen these reach
FULL, KEPT = 120, 0.9998  # what the largest input becomes in 8 bits, but for a share of them
USUAL, INSIDE = 8.0, 64.0  # what inputs and rectifiers' outputs are about
BATCH, BATCHES, WARM = 8, 200, 16  # crops; how many batches of latents are kept, and how many at first
JUDGED, EVERY, BROKEN = 4, 200, 1.1  # batches to judge on; steps; how much worse is too bad
LOOK = 0.4  # part of the time, at the end, in which SSIMULACRA2 counts and the rate falls
RATE, ENDS, CLIP = 1e-3, 0.1, 1.0  # learning rate; how much lower it is for both ends; the gradient's norm
SSIMULACRA2, CELLS = 0.71, 1.0  # of the loss, as in the recipe of `photo`
KIND: dict[str, Any] = {"rounds": False, "in_bits": 0, "out_bits": 0}


class Split(nn.Module):
    """A layer that sees its inputs in 8 bits, a few in up to 15, and of some what 8 bits leave."""

    wide: Tensor
    lift: Tensor

    def __init__(self, inputs: int, outputs: int, wide: int, finer: int = 0, kernel: int = 1) -> None:
        super().__init__()
        self.register_buffer("wide", torch.arange(wide))  # which
        self.register_buffer("lift", torch.ones(wide))  # what these are multiplied by: powers of two
        self.finer = slice(wide, min(wide + finer, inputs))
        narrow = {**KIND, "top": NARROW_TOP, "finest": 16, "paired": True}
        self.many = IntegerConv2d(inputs, outputs, kernel, **narrow)
        self.few = IntegerConv2d(
            wide, outputs, kernel, biased=False, tops=True, top=WIDE_TOP, weight_max=WIDE_TOP, finest=24, **KIND
        )
        self.rest = IntegerConv2d(finer, outputs, kernel, biased=False, **narrow) if finer else None

    def forward(self, x: Tensor) -> Tensor:
        seen, top = eight_bits(x), self.few.reach()[:, None, None]
        few = round_even((x[:, self.wide] * self.lift[:, None, None]).clamp(-top, top))
        out: Tensor = self.many(seen) + self.few(few)
        return out + self.rest(eight_bits((x - seen)[:, self.finer] * REST)) if self.rest else out

    def units(self, made: float) -> dict[Any, Any]:
        """As `SmallDecoder.units`.  made: what outputs are about"""
        found: dict[Any, Any] = {
            self.many.weight: made / USUAL,
            self.many.bias: made,
            self.few.weight: made / USUAL / self.lift[:, None, None],
        }
        if self.rest:
            found[self.rest.weight] = made / USUAL / REST
        return found

    @torch.no_grad()
    def fill(self, weight: Tensor, bias: Tensor, wide: Tensor, lift: Tensor, top: Tensor) -> None:
        """weight: [out, in, kh, kw]; wide: which inputs are, lift and top: of all inputs, [in]"""
        self.wide.copy_(wide)
        self.lift.copy_(lift[wide])
        assert self.few.tops is not None
        self.few.tops.copy_(top[wide])
        self.few.weight.copy_(weight[:, wide] / self.lift[:, None, None])
        self.many.weight.copy_(weight)
        self.many.weight[:, wide] = 0
        self.many.bias.copy_(bias)
        if self.rest:
            self.rest.weight.copy_(weight[:, self.finer] / REST)


class SmallDecoder(nn.Module):
    """latents û [N, C, h, w] → pictures [N, 3, 16h, 16w], centred, /64.

    Latents and the trunk at 1/8 are in units that 8 bits reach.
    """

    unit: Tensor

    def __init__(
        self, latent: int, coarse: int = COARSE, inner: int = INNER, blocks: int = BLOCKS, finer: int = FINER
    ) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(latent))  # of latents, in 1 of û: powers of two
        self.latent_offset = nn.Parameter(torch.zeros(latent))
        self.up = Split(latent, 4 * coarse, min(WIDE_UP, latent))
        self.coarse = nn.Sequential(*[IntegerResidual(coarse, inner) for _ in range(blocks)])
        self.coarse_offset = nn.Parameter(torch.zeros(coarse))  # what these blocks do not add
        self.stem = Split(coarse, 192, WIDE_STEM, min(finer, coarse - WIDE_STEM), 2)

    def units(self) -> dict[Any, Any]:
        """What 1 is of a network whose activations are about 1, as learning rates want it."""
        found: dict[Any, Any] = dict.fromkeys((self.latent_offset, self.coarse_offset), USUAL)
        found |= self.up.units(USUAL) | self.stem.units(INSIDE)
        blocks: Any = self.coarse
        for b in blocks:
            found |= {b.reduce.weight: INSIDE / USUAL, b.spatial.weight: 1.0, b.expand.weight: USUAL / INSIDE}
            found |= dict.fromkeys((b.reduce.bias, b.spatial.bias), INSIDE)
        return found

    def forward(self, u: Tensor) -> Tensor:
        return (self.levels(u) - 128) / 64

    def levels(self, u: Tensor) -> Tensor:
        """In grey levels, neither rounded nor clipped."""
        x = shuffled(self.up(u * self.unit[:, None, None] + self.latent_offset[:, None, None]), 2)
        x = self.coarse(x) + self.coarse_offset[:, None, None]
        return shuffled(self.stem(F.pad(x, (1, 1, 1, 1), mode="replicate")), 8)[:, :, 4:-4, 4:-4]


def _reaching(seen: Tensor) -> Tensor:
    """The power of two that makes 8 bits of what was seen.  [C, values] → [C]"""
    largest = seen.abs().kthvalue(max(1, int(KEPT * seen.shape[1])), 1).values.clamp_min(1e-3)
    return power(largest, FULL)


@torch.no_grad()
def started(model: Flagship, latents: list[Tensor], **sizes: int) -> SmallDecoder:
    """A small decoder whose blocks are silent.  latents: û [N, C, h, w] of photographs; sizes: of `SmallDecoder`"""
    old: Any = model.decoder
    trunk: list[Tensor] = []
    hook = old.stem.register_forward_pre_hook(lambda _, given: trunk.append(given[0][:, :, 1:-1, 1:-1].double()))
    for u in latents:
        old(u)
    hook.remove()
    sizes = {**sizes, "coarse": min(sizes.get("coarse", COARSE), model.config.coarse)}
    net = SmallDecoder(model.config.latent, **sizes)
    stem, coarse = old.stem.weight.double(), len(net.coarse_offset)
    x = values([u * old.unit[:, None, None] for u in latents]).double()

    # Combinations of the trunk's channels, by how large they are in the picture: principal components in its units.
    metric = _root(torch.einsum("ocij,odij->cd", stem, stem))
    y = values(trunk)
    mean = y.mean(1, keepdim=True)
    found = torch.linalg.eigh(metric @ (y - mean) @ (y - mean).T @ metric / y.shape[1])
    chosen = found.eigenvectors.flip(1)[:, :coarse]
    into = UNIT * chosen.T @ metric
    reach = (into @ y).abs().amax(1) * FURTHEST
    unit = _reaching(into @ y)
    into, out_of = unit[:, None] * into, torch.linalg.pinv(metric) @ chosen / UNIT / unit
    trunk = [torch.einsum("kc,nchw->nkhw", into, part) for part in trunk]

    # One layer up to these, by least squares.
    given = torch.cat([x, torch.ones_like(x[:1])])
    gram = given @ given.T
    ridge = torch.diag(gram.diagonal() * 1e-4 + 1e-6)
    fit = torch.linalg.solve(gram + ridge, given @ torch.cat([_cells(part) for part in trunk], 1).T).T
    own = _reaching(x)
    net.unit.copy_(old.unit * own)
    wide = (x.square().mean(1) * fit[:, :-1].square().sum(0)).topk(len(net.up.wide)).indices
    net.up.fill(fit[:, :-1, None, None] / own[:, None, None], fit[:, -1], wide, 1 / own, old.up.tops)
    rest = old.stem.bias + torch.einsum("ocij,c->o", stem, (mean - out_of @ into @ mean)[:, 0])
    wide, top = torch.arange(len(net.stem.wide)), reach.clamp(UNIT, WIDE_TOP).round()
    net.stem.fill(torch.einsum("ocij,ck->okij", stem, out_of), rest, wide, 1 / unit, top)
    energy = eight_bits(into @ y).square().mean(1)
    for block in net.coarse:
        _silent(block, energy)
    return net


def _root(a: Tensor) -> Tensor:
    """Of a symmetric matrix."""
    values, vectors = torch.linalg.eigh(a)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


def _cells(x: Tensor) -> Tensor:
    """The inverse of `shuffled` by 2, of each position.  [N, C, 2h, 2w] → [4·C, N·h·w]"""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).permute(3, 5, 1, 0, 2, 4).reshape(4 * c, -1)


def _silent(block: Any, energy: Tensor) -> None:
    """A block at random that adds nothing yet.  energy: of its inputs, [C]"""
    inside = energy.new_full((block.reduce.out_channels,), INSIDE**2 / 2)
    for layer, of_inputs in ((block.reduce, energy), (block.spatial, inside)):
        nn.init.normal_(layer.weight)
        sums = (layer.weight.square() * of_inputs[:, None, None]).sum((1, 2, 3), keepdim=True).sqrt()
        layer.weight.mul_(INSIDE / sums)
        nn.init.zeros_(layer.bias)
    nn.init.zeros_(block.expand.weight)


@torch.no_grad()
def latents_of(model: Flagship, crops: Tensor, quality: Tensor) -> Tensor:
    """û of crops [N, 3, H, W], as decoders see them.  quality: [N], 0 … 1000"""
    decoder, model.decoder = model.decoder, nn.Identity()  # type: ignore[assignment]
    try:
        return model(crops, quality, noise=False).image
    finally:
        model.decoder = decoder


Batch = tuple[Tensor, Tensor, Tensor]  # û, crops [N, 3, H, W] in uint8, and qualities [N]


def batch_of(model: Flagship, crops: Tensor, rng: np.random.Generator) -> Batch:
    """Crops and what a model makes of them, over all qualities."""
    share = (rng.permutation(len(crops)) + rng.random(len(crops))) / len(crops)
    quality = torch.from_numpy(np.float32(share * lambda_ladder.TOP))
    return latents_of(model, crops, quality), (crops * 64 + 128).round().byte(), quality


def distil(
    model: Flagship,
    draw: Callable[[], Tensor],
    seconds: float,
    rng: np.random.Generator,
    say: Callable[[int, float, float], None] = lambda step, share, loss: None,
    **sizes: int,
) -> SmallDecoder:
    """A small decoder of a model's latents, trained for this long, or until Ctrl-C.

    Every so often it is judged on other crops. The best is kept; where it became much worse, as
    rectifiers that wake up can make it, it goes on from the best, and slower.

    model: one whose decoder is in integers; draw: crops [N, 3, H, W], centred, /64; say: hears of each step and the
    last judgement; sizes: of `SmallDecoder`. Raises ValueError where sums cannot be kept below their limit.
    """
    began = time.monotonic()
    set_integer(model.eval(), True)
    made = [batch_of(model, draw(), rng) for _ in range(WARM)]
    judged, kept = made[:JUDGED], made[JUDGED:]
    learnt = Learnt(started(model, [u for u, *_ in made], **sizes))
    learnt.judge(judged, model.lambda_max)
    with suppress(KeyboardInterrupt):
        while (share := (time.monotonic() - began) / seconds) < 1:
            if len(kept) < BATCHES:
                kept.append(batch_of(model, draw(), rng))
            elif learnt.steps % 4 == 0:
                kept[rng.integers(BATCHES)] = batch_of(model, draw(), rng)
            loss = learnt.loss(kept[rng.integers(len(kept))], model.lambda_max, look=share > 1 - LOOK)
            learnt.step(loss, RATE * min(1, (learnt.steps + 1) / 100, (1 - share) / LOOK))
            if learnt.steps % EVERY == 0:
                learnt.judge(judged, model.lambda_max)
            say(learnt.steps, share, learnt.best)
    learnt.judge(judged, model.lambda_max)
    for layer in learnt.finish().modules():
        if isinstance(layer, IntegerConv2d):
            layer.quantise()
    return learnt.net


class Learnt:
    """Parameters of a decoder in units in which activations are about 1, with their optimisers, averages and best."""

    def __init__(self, net: SmallDecoder) -> None:
        set_integer(net, True)
        self.net, units = net, net.units()
        self.unit = {k: units[p] for k, p in net.named_parameters()}
        self.values = {k: nn.Parameter(p.detach() / units[p]) for k, p in net.named_parameters()}
        self.best, self.slower = float("inf"), 1.0
        self.restart({k: v.detach().clone() for k, v in self.values.items()})

    @torch.no_grad()
    def restart(self, values: dict[str, Tensor]) -> None:
        """Go on from here, with nothing remembered."""
        self.kept, self.average, self.steps = values, {k: v.clone() for k, v in values.items()}, 0
        for k, v in self.values.items():
            v.copy_(values[k])
        ends = [v for k, v in self.values.items() if k.startswith(("up", "stem"))]
        others = [v for k, v in self.values.items() if not k.startswith(("up", "stem"))]
        groups: list[dict[str, Any]] = [
            {"params": ends, "share": ENDS},
            {"params": [v for v in others if v.dim() != 4]},
        ]
        self.optimisers = Soap([v for v in others if v.dim() == 4]), torch.optim.Adam(groups, betas=(0.9, 0.99))

    def loss(self, batch: Batch, lambda_max: float, *, look: bool, averaged: bool = False) -> Tensor:
        """The distortion of the recipe `photo`; look: with SSIMULACRA2."""
        u, crops, quality = batch
        found = {k: v * self.unit[k] for k, v in (self.average if averaged else self.values).items()}
        made, wanted = torch.func.functional_call(self.net, found, (u,)), (crops.float() - 128) / 64
        lam = lambda_ladder.lambda_of(quality, lambda_max)
        distortion = objective.weighed(made, wanted, lam, SSIMULACRA2, CELLS, look=look)
        return (distortion * (lam / lambda_ladder.LAMBDA_MIN) ** -0.5).mean()

    def step(self, loss: Tensor, rate: float) -> None:
        """One step down, unless gradients are no numbers."""
        for value in self.values.values():
            value.grad = None
        loss.backward()
        self.steps += 1
        if not nn.utils.clip_grad_norm_(list(self.values.values()), CLIP).isfinite():
            return
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * self.slower * group.get("share", 1.0)
            optimiser.step()
        with torch.no_grad():
            for k, v in self.values.items():
                self.average[k].lerp_(v, 1 - min(0.999, self.steps / (self.steps + 9)))

    @torch.no_grad()
    def judge(self, batches: list[Batch], lambda_max: float) -> None:
        """Keep the averages if they are the best so far; go back to these if they are much worse."""
        found = sum(float(self.loss(b, lambda_max, look=True, averaged=True)) for b in batches) / len(batches)
        if found < self.best:
            self.best, self.kept = found, {k: v.clone() for k, v in self.average.items()}
        elif not found < BROKEN * self.best:
            self.slower /= 2
            self.restart(self.kept)

    @torch.no_grad()
    def finish(self) -> SmallDecoder:
        """The decoder at its best."""
        for k, p in self.net.named_parameters():
            p.copy_(self.kept[k] * self.unit[k])
        return self.net
