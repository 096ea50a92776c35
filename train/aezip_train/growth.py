"""A flagship with more latents, made from a trained one. At first it does the same; then it can learn what was lost.

The number of latents limits quality: a picture has 768 samples for each 16 × 16 pixels, and no bits can restore what
the encoder's last strided layer drops. New latents are the combinations of its inputs that predict best what the
decoded picture lacks, given the old ones (reduced-rank regression, Izenman 1975). The decoder's columns for them are
fitted by least squares. All else starts at zero, so that the old latents do not change.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from . import lambda_ladder
from .flagship import Flagship

BATCHES = 24  # of crops, that directions are found in
TOP_NODE = -1  # of the ladder: where latents lose least to rounding
HALF = 8  # pixels that a latent reaches beyond its own 16 × 16
ITERATIONS = 40  # of the fit of the decoder's columns


def grown(small: Flagship, large: Flagship, draw: Callable[[], Tensor]) -> Flagship:
    """`large`, which has more latents and is else alike, with the weights of `small`, and new latents that help.

    draw: crops [N, 3, H, W], centred, /64.
    """
    _copy(small, large)
    rows, bias, size = _directions(small, draw)
    old, new = small.config.latent, large.config.latent
    with torch.no_grad():
        large.encoder.down.weight[old:] = rows[: new - old].unflatten(1, large.encoder.down.weight.shape[1:])
        large.encoder.down.bias[old:] = bias[: new - old]  # type: ignore[index]
        gain = torch.log2(lambda_ladder.steps(large.lambda_max)[:, None] * size[None, : new - old].clamp_min(1e-3))
        large.gain[:, old:], large.inverse_gain[:, old:] = gain, -gain
    _fit_columns(large, old, draw())
    return large


@torch.no_grad()
def _copy(small: Flagship, large: Flagship) -> None:
    """Old weights at their places, zeros elsewhere."""
    old, new = small.config.latent, large.config.latent
    known, state = small.state_dict(), large.state_dict()
    for name, value in state.items():
        value.zero_()
        if name in ("context.look.weight", "hyper_encoder.mix.weight"):  # several latents' channels behind each other
            value.unflatten(1, (-1, new))[:, :, :old] = known[name].unflatten(1, (-1, old))
        else:
            value[tuple(map(slice, known[name].shape))] = known[name]
    large.load_state_dict(state)


@torch.no_grad()
def _directions(model: Flagship, draw: Callable[[], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Combinations of the last strided layer's inputs [k, 4 · coarse] of unit variance, best first; their biases [k];
    and what each changes in a picture, as a norm [k].
    """
    scale = torch.exp2(model.gain[TOP_NODE] + model.inverse_gain[TOP_NODE])[:, None, None]
    inputs, lacking = [], []
    for _ in range(BATCHES):
        x = draw()
        trunk = model.encoder.coarse(model.encoder.stem(F.pad(x, (4, 4, 4, 4), mode="replicate")))
        decoded = model.decoder(model.encoder.latent(model.encoder.down(trunk)) * scale)
        inputs.append(F.unfold(trunk, 2, stride=2).transpose(1, 2).flatten(0, 1))
        around = F.unfold(F.pad(x - decoded, (HALF,) * 4), 16 + 2 * HALF, stride=16)
        lacking.append(around.transpose(1, 2).flatten(0, 1))
    seen, wanted = torch.cat(inputs).double(), torch.cat(lacking).double()
    mean = seen.mean(0)
    seen = seen - mean
    side = 16 + 2 * HALF
    window = 1 - (torch.arange(side) - (side - 1) / 2).abs() / 16
    wanted = wanted * (window[:, None] * window).sqrt().flatten().repeat(3)
    weight = model.encoder.down.weight.flatten(1).double()
    covariance = seen.T @ seen / len(seen)
    back = covariance @ weight.T @ torch.linalg.inv(weight @ covariance @ weight.T)
    rest = seen - seen @ weight.T @ back.T  # what the old latents do not tell
    values, vectors = torch.linalg.eigh(rest.T @ rest / len(rest) + 1e-4 * torch.eye(len(covariance)).double())
    whiten = vectors * values.clamp_min(1e-6).rsqrt() @ vectors.T
    left, size, _ = torch.linalg.svd(whiten @ (rest.T @ wanted) / len(rest), full_matrices=False)
    rows = left.T @ whiten @ (torch.eye(len(covariance)).double() - back @ weight)
    return rows.float(), -(rows @ mean).float(), size.float()


def _fit_columns(model: Flagship, old: int, x: Tensor) -> None:
    """Least squares of the decoder's first strided layer over its new inputs, on a batch of crops."""
    up, decoder = model.decoder.up, model.decoder
    with torch.no_grad():
        scale = torch.exp2(model.gain[TOP_NODE] + model.inverse_gain[TOP_NODE])[:, None, None]
        trunk = decoder.latent(model.encoder(x) * scale)
        known = up.weight[:old].clone()
    columns = torch.zeros_like(up.weight[old:], requires_grad=True)
    optimiser = torch.optim.LBFGS([columns], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def error() -> Tensor:
        optimiser.zero_grad()
        made = F.conv_transpose2d(trunk, torch.cat([known, columns]), up.bias, stride=2)
        image = decoder.stem(F.pad(decoder.coarse(made), (1, 1, 1, 1), mode="replicate"))
        loss = 1000 * (image - x).square().mean()
        (columns.grad,) = torch.autograd.grad(loss, [columns])
        return loss

    optimiser.step(error)
    with torch.no_grad():
        up.weight[old:] = columns
