"""A small decoder of a flagship's latents, in whole numbers of mostly 8 bits: faster, and a little worse.

    latents → one layer up to 1/8 → blocks of 8 bits → the layer that makes pixels

`started` gives it what a linear fit of the large decoder's trunk at 1/8 has: of its channels those combinations whose
errors would be largest in the picture.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .flagship import Flagship
from .integer import IntegerConv2d, round_even, set_integer
from .integer_lapped import NARROW_TOP, WIDE_TOP, IntegerResidual, eight_bits, shuffled
from .integer_start import power
from .narrow_start import values

COARSE, INNER, BLOCKS = 96, 48, 3  # channels at 1/8, an even number; inside a block; and blocks
WIDE_UP, WIDE_STEM = 32, 16  # inputs of up to 15 bits, but for half of few
ONE = 256.0  # what stands beside them, for a bias
FURTHEST = 3.0  # how much further than what was seen those of the last layer reach
FULL, KEPT = 120, 0.9998  # what the largest input becomes in 8 bits, but for a share of them
USUAL, INSIDE = 8.0, 64.0  # what inputs and rectifiers' outputs are about
KIND: dict[str, Any] = {"rounds": False, "in_bits": 0, "out_bits": 0, "biased": False}


class Split(nn.Module):
    """A layer that sees its first inputs in up to 15 bits and the others in 8; beside them is ONE, for a bias."""

    lift: Tensor

    def __init__(self, inputs: int, outputs: int, wide: int, kernel: int = 1) -> None:
        super().__init__()
        wide = min(wide, inputs // 4 * 2)
        self.register_buffer("lift", torch.ones(wide))  # what wide inputs are multiplied by: powers of two
        self.few = IntegerConv2d(
            wide + 1, outputs, kernel, tops=True, top=WIDE_TOP, weight_max=WIDE_TOP, finest=24, **KIND
        )
        self.many = IntegerConv2d(inputs - wide, outputs, kernel, top=NARROW_TOP, finest=16, paired=True, **KIND)

    def forward(self, x: Tensor) -> Tensor:
        wide, top = len(self.lift), self.few.reach()[:-1, None, None]
        few = round_even((x[:, :wide] * self.lift[:, None, None]).clamp(-top, top))
        out: Tensor = self.many(eight_bits(x[:, wide:])) + self.few(F.pad(few, (0, 0, 0, 0, 0, 1), value=ONE))
        return out

    def units(self, made: float) -> dict[Any, Any]:
        """As `SmallDecoder.units`.  made: what outputs are about"""
        reach = torch.cat([USUAL * self.lift, self.lift.new_full((1,), ONE)])
        return {self.many.weight: made / USUAL, self.few.weight: made / reach[:, None, None]}

    @torch.no_grad()
    def fill(self, weight: Tensor, bias: Tensor, lift: Tensor, top: Tensor) -> None:
        """weight: [out, in, kh, kw]; lift, top: of all inputs, [in]"""
        wide = len(self.lift)
        self.lift.copy_(lift[:wide])
        assert self.few.tops is not None
        self.few.tops.copy_(torch.cat([top[:wide], top.new_full((1,), ONE)]))
        self.few.weight[:, :wide].copy_(weight[:, :wide] / self.lift[:, None, None])
        self.few.weight[:, wide].copy_(bias[:, None, None] / ONE / weight[0, 0].numel())
        self.many.weight.copy_(weight[:, wide:])


class SmallDecoder(nn.Module):
    """latents û [N, C, h, w] → pictures [N, 3, 16h, 16w], centred, /64.

    Latents and the trunk at 1/8 are in units that 8 bits reach.
    """

    unit: Tensor

    def __init__(self, latent: int, coarse: int = COARSE, inner: int = INNER, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones(latent))  # of latents, in 1 of û: powers of two
        self.latent_offset = nn.Parameter(torch.zeros(latent))
        self.up = Split(latent, 4 * coarse, WIDE_UP)
        self.coarse = nn.Sequential(*[IntegerResidual(coarse, inner) for _ in range(blocks)])
        self.stem = Split(coarse, 192, WIDE_STEM, 2)

    def units(self) -> dict[Any, Any]:
        """What 1 is of a network whose activations are about 1, as learning rates want it."""
        found: dict[Any, Any] = {self.latent_offset: USUAL}
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
        return shuffled(self.stem(F.pad(self.coarse(x), (1, 1, 1, 1), mode="replicate")), 8)[:, :, 4:-4, 4:-4]


def _reaching(seen: Tensor) -> Tensor:
    """The power of two that makes 8 bits of what was seen.  [C, values] → [C]"""
    largest = seen.abs().kthvalue(max(1, int(KEPT * seen.shape[1])), 1).values.clamp_min(1e-3)
    return power(largest, FULL)


def sized(model: Flagship, coarse: int = COARSE, **sizes: int) -> SmallDecoder:
    """An empty one for a model's latents, in whole numbers.  sizes: of `SmallDecoder`.  Raises ValueError."""
    if coarse < 4 or coarse % 2:
        raise ValueError(f"network: coarse is {coarse}; expected even numbers above 3")
    net = SmallDecoder(model.config.latent, coarse=min(coarse, model.config.coarse), **sizes)
    set_integer(net, True)
    return net


@torch.no_grad()
def started(model: Flagship, latents: list[Tensor], **sizes: int) -> SmallDecoder:
    """One whose blocks are silent.  latents: û [N, C, h, w] of photographs; sizes: of `SmallDecoder`"""
    old: Any = model.decoder
    trunk: list[Tensor] = []
    hook = old.stem.register_forward_pre_hook(lambda _, given: trunk.append(given[0][:, :, 1:-1, 1:-1].double()))
    for u in latents:
        old(u)
    hook.remove()
    net = sized(model, **sizes)
    stem, coarse = old.stem.weight.double(), net.up.many.out_channels // 4
    x = values([u * old.unit[:, None, None] for u in latents]).double()

    # Combinations of the trunk's channels, by how large they are in the picture: principal components in its units.
    metric = _root(torch.einsum("ocij,odij->cd", stem, stem))
    y = values(trunk)
    mean = y.mean(1, keepdim=True)
    found = torch.linalg.eigh(metric @ (y - mean) @ (y - mean).T @ metric / y.shape[1])
    chosen = found.eigenvectors.flip(1)[:, :coarse]
    into = chosen.T @ metric  # in units of the error that they make in the picture
    reach = (into @ y).abs().amax(1) * FURTHEST
    unit = _reaching(into @ y)
    into, out_of = unit[:, None] * into, torch.linalg.pinv(metric) @ chosen / unit
    trunk = [torch.einsum("kc,nchw->nkhw", into, part) for part in trunk]

    # One layer up to these, by least squares.
    given = torch.cat([x, torch.ones_like(x[:1])])
    gram = given @ given.T
    ridge = torch.diag(gram.diagonal() * 1e-4 + 1e-6)
    fit = torch.linalg.solve(gram + ridge, given @ torch.cat([_cells(part) for part in trunk], 1).T).T
    own = _reaching(x)
    net.unit.copy_(old.unit * own)
    net.up.fill(fit[:, :-1, None, None] / own[:, None, None], fit[:, -1], 1 / own, old.up.tops)
    rest = old.stem.bias + torch.einsum("ocij,c->o", stem, (mean - out_of @ into @ mean)[:, 0])
    net.stem.fill(torch.einsum("ocij,ck->okij", stem, out_of), rest, 1 / unit, reach.clamp(1, WIDE_TOP).round())
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
