"""What has to hold before a package is written.

Each proof raises `ProofFailed` with the number that was found. Together they show: no sum of whole numbers can leave
the integers that float32 holds; onnxruntime and torch give the same integers; the transforms agree within float
tolerance, also in windows; one file decoded by both differs by at most one level, of exact pixels by none; and the
package passes the runtime's checks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aezip.arrays import Image8
from aezip.bench import doctor
from aezip.coding import encoder, lossy, pictures, windows
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.entropy.tables import INDEX_TOP, RADIUS_MAX, STEP_BIT, STEP_SHIFTS, STEPS
from aezip.model import packages
from aezip.model.kinds import SMALL
from aezip.model.ladder import Rung
from aezip_train.data import centre, to_bytes
from aezip_train.flagship import Flagship
from aezip_train.integer import PAIR_MAX, SUM_LIMIT, IntegerConv2d, in_pairs, set_integer
from aezip_train.small_decoder import SmallDecoder

from . import sample
from .prior_graphs import MEAN_MAX

QUALITIES = (0, 137, 500, 863, 1000)
MEASURED = (20, 60, 90)  # qualities of 0 … 100
TOLERANCE = 2e-3  # of a transform's output, relative to its largest value
Model = TypeVar("Model", bound=nn.Module)


class ProofFailed(ValueError):
    """A package that may not be written."""


@torch.no_grad()
def stored_weights(model: Model) -> Model:
    """The model as its package stores it: weights rounded to float16, except integer ones."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and not isinstance(layer, IntegerConv2d):
            layer.weight.copy_(layer.weight.half().float())
    return model


def bounds(model: nn.Module) -> dict[str, float]:
    """Prove Σ max|input| · |W| + |B| < 2²⁴ for every output channel.  Returns log₂ of each layer's bound."""
    found = {}
    for name, layer in model.named_modules():
        if isinstance(layer, IntegerConv2d):
            try:
                bound = largest_sum(layer)
            except ValueError as error:
                raise ProofFailed(f"{name}: {error}") from None
            if not bound < SUM_LIMIT:
                raise ProofFailed(f"{name}: a sum can reach {bound}; the limit is {SUM_LIMIT}")
            found[name] = round(math.log2(max(bound, 1)), 2)
    return found


def largest_sum(layer: IntegerConv2d) -> int:
    """Of a layer's outputs, in whole numbers of 64 bits.  Raises ValueError where it does not compute with such."""
    q, reach = layer.quantise(), layer.reach()
    for what, value in {"weights": q.weight, "biases": q.bias, "shifts": q.shift, "largest inputs": reach}.items():
        if not (value.isfinite() & (value == value.round())).all():
            raise ValueError(f"its {what} are not whole")
    if not 0 <= reach.min() <= reach.max() <= layer.top:
        raise ValueError(f"its inputs reach from {reach.min():.0f} to {reach.max():.0f}; expected 0 to {layer.top}")
    if not q.weight.abs().max() <= layer.weight_max:
        raise ValueError(f"its weights are too large; the limit is {layer.weight_max}")
    sums = (q.weight.abs().long() * reach.long()[:, None, None]).sum((1, 2, 3)) + q.bias.abs().long()
    if layer.paired and not torch.equal(in_pairs(q.weight), q.weight):
        raise ValueError(f"two of its weights add to more than {PAIR_MAX}")
    return int(sums.max())


@torch.no_grad()
def prior_is_exact(model: Flagship, sessions: Sessions) -> None:
    """The prior's integers from torch and from onnxruntime are the same, on random hyper-latents.

    model: with its integer layers on, as for all proofs.
    """
    rng = np.random.default_rng(1)
    for quality in QUALITIES:
        graphs = Graphs.at(sessions, quality)
        step = graphs.rung
        spread = rng.choice([0.5, 3, 60])
        hyper = np.rint(rng.normal(0, spread, (5, 3, model.config.hyper)))
        hyper = hyper.clip(-RADIUS_MAX, RADIUS_MAX).astype(np.int16)
        z = np.floor(hyper * step.hyper_inverse.astype(np.float64) + 0.5) + step.hyper_offset
        features, *first = model.prior(_nchw(z.clip(-255, 255)) / 32)
        *said_first, carried = graphs.prior(hyper)
        _same("features", features * 32, carried["features"].transpose(0, 3, 1, 2))

        known = rng.normal(0, 40, (2, 10, 6, model.config.latent)).astype(np.int16)
        v = np.rint(known * step.context_gain.astype(np.float64)).clip(-255, 255)
        near = torch.from_numpy(v.astype(np.float32).transpose(0, 3, 1, 2)) / 32
        said_second = graphs.context(carried, known)
        _same_half("first", first, step, *said_first)
        _same_half("second", model.context(features, near), step, *said_second)


def _same_half(half: str, parameters: Sequence[Tensor], rung: Rung, mean: Any, index: Any) -> None:
    """What a half's mean, scale and step [2, C, p, q] say to the coder, against what the graph said [2, p, q, C]."""
    raw_mean, raw_scale, *finer = (value.numpy() for value in parameters)
    means = np.rint(raw_mean * 64 * rung.mean_gain[:, None, None])
    which = (finer[0] * -8).astype(int) % len(STEPS) if finer else np.zeros(raw_scale.shape, int)
    tables = raw_scale * 8 + rung.shift[:, None, None] - np.array(STEP_SHIFTS)[which]
    indices = tables.clip(0, INDEX_TOP) + (which << STEP_BIT)
    _same(f"the {half} half's mean", means.clip(-MEAN_MAX, MEAN_MAX), mean.transpose(0, 3, 1, 2))
    _same(f"the {half} half's index", indices, index.transpose(0, 3, 1, 2))


@torch.no_grad()
def transforms_agree(
    graphs: Graphs, pixels: Image8, encode: Callable[[Tensor], Tensor], *, narrow: bool = False
) -> float:
    """The encoder graph against torch on one picture; the decoder's turn is `decode_agrees`.

    encode: the module, pixels [1, C, H, W] → latents [1, L, h, w]; narrow: in 8 bits, where float's last bit may decide
    what is rounded up.  Returns the largest relative difference, of a narrow one the root of their mean square.
    """
    padded = windows.pad(pixels, graphs.package.about.channels)
    want = encode(centre(padded[None]))[0].permute(1, 2, 0).numpy() * graphs.rung.gain * 16
    difference = np.abs(graphs.encoder(padded) - want)
    worst = float((np.sqrt((difference**2).mean()) if narrow else difference.max()) - 0.5) / float(np.abs(want).max())
    if worst > TOLERANCE:
        raise ProofFailed(f"encoder: torch and onnxruntime differ by {worst:.2g}; the limit is {TOLERANCE}")
    return max(worst, 0.0)


def windows_agree(graphs: Graphs, pixels: Image8) -> None:
    """A part seen through a window with its margin is that part of the whole: latents within one, pixels one level.

    Where all decoders make the same pixels, so do all windows. The picture has to be larger than the margins; the part
    is its middle.
    """
    whole = graphs.encoder(windows.pad(pixels, graphs.package.about.channels))
    (a, b), (c, d) = ((n // 2 - 1, n // 2 + 1) for n in whole.shape[:2])
    latent = pictures.transform(graphs, pixels, (slice(a, b), slice(c, d)))
    alike("encoder: latents through a window", latent, whole[a:b, c:d], "sixteenths of a step")
    margin = graphs.package.margin("decoder")
    rows, columns = windows.grown((slice(a, b), slice(c, d)), margin, whole.shape)
    image = graphs.decoder(whole)[16 * a : 16 * b, 16 * c : 16 * d]
    part = graphs.decoder(whole[rows, columns])[16 * (a - rows.start) :, 16 * (c - columns.start) :]
    most = 0 if graphs.package.exact_pixels else 1
    alike("decoder: pixels through a window", part[: image.shape[0], : image.shape[1]], image, most=most)


@torch.no_grad()
def decode_agrees(
    sessions: Sessions,
    pixels: Image8,
    decode: Callable[[Tensor], Tensor],
    qualities: Sequence[float] = MEASURED,
) -> None:
    """A file of latents by the runtime, decoded by it and by torch: at most one level apart.

    decode: the module, latents [1, L, h, w] → pixels [1, C, H, W]. Where pixels are exact none may differ.
    """
    most = 0 if sessions.package.exact_pixels else 1
    for quality in qualities:
        lat = encoder.Encoder(sessions, round(10 * quality)).encode(pixels)
        ours = lossy.decode(sessions, lat)
        latent, step = lossy.decode_latents(sessions, lat)
        theirs = to_bytes(decode(_nchw(latent * step.inverse_gain)))[0]
        theirs = theirs[: ours.shape[0], : ours.shape[1]]
        alike(f"quality {quality:g}: pixels of torch and onnxruntime", ours, theirs, most=most)


def pixels_agree(package: packages.Package, decoder: str = "full") -> str:
    """A decoder in integers in float32, and as onnxruntime has it: the same pixels.  Returns their digest.

    The digest is of usual latents; the largest and smallest, well mixed, are tried, too.
    """
    both = [Sessions(package, optimisation=level, decoder=decoder) for level in ("disabled", "all")]
    slow, fast = map(doctor.pixels_digest, both)
    if slow != fast:
        raise ProofFailed(f"decoder: other pixels in integers ({fast}) than in float32 ({slow})")
    ends, rng = np.iinfo(np.int16), np.random.default_rng(1)
    for quality in QUALITIES:
        one, other = (Graphs.at(sessions, quality) for sessions in both)
        latent = rng.choice(np.array([ends.min, ends.max], np.int16), (doctor.SIDE, doctor.SIDE, len(one.rung.gain)))
        alike("decoder: pixels of extreme latents", one.decoder(latent), other.decoder(latent), most=0)
    return slow


@torch.no_grad()
def small_agrees(package: packages.Package, net: SmallDecoder) -> str:
    """A small decoder in integers, its margin, and its pixels against torch's.  Returns their digest."""
    bounds(net)
    own, most = (package.margin(name) for name in (SMALL, "decoder"))
    if own > most:
        raise ProofFailed(f"the small decoder looks {own} latents far; the limit is {most}, as of the full one")
    digest, rng, sessions = pixels_agree(package, "small"), np.random.default_rng(1), Sessions(package, decoder="small")
    for quality in QUALITIES:
        graphs = Graphs.at(sessions, quality)
        latent = np.rint(rng.laplace(0, 60, (9, 7, len(graphs.rung.gain)))).astype(np.int16)
        levels = net.levels(_nchw(latent * graphs.rung.inverse_gain))[0].clamp(0, 255).round()
        alike("small decoder: pixels of torch", levels.permute(1, 2, 0).numpy(), graphs.decoder(latent), most=0)
    return digest


def alike(what: str, one: NDArray[Any], other: NDArray[Any], unit: str = "levels", most: int = 1) -> None:
    """Raise ProofFailed where whole numbers are more than `most` apart."""
    worst = int(np.abs(one.astype(int) - other.astype(int)).max())
    if worst > most:
        raise ProofFailed(f"{what} are {worst} {unit} apart; the limit is {most}")


def all_of(model: Flagship, path: Path, pixels: Image8) -> dict[str, Any]:
    """Every proof on a package at `path`.  model: with `stored_weights`.  Returns figures for the description."""
    set_integer(model, True)
    log_bounds = bounds(model)
    graphs = Graphs.at(Sessions(packages.Package(packages.describe(path))), 500)
    prior_is_exact(model, graphs.sessions)
    transforms_agree(graphs, pixels, model.encoder, narrow=model.config.integer > 1)
    windows_agree(graphs, np.tile(pixels, (3, 2, 1)))
    digest = {doctor.PIXELS["full"]: pixels_agree(graphs.package)} if graphs.package.exact_pixels else {}
    decode_agrees(graphs.sessions, pixels, model.decoder)
    return {"log2_bounds": log_bounds, **digest, "measured": sample.measured(path, MEASURED)}


def _nchw(x: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.asarray(x, np.float32).transpose(2, 0, 1)))[None]


def _same(name: str, want: Any, got: Any) -> None:
    different = int((np.asarray(want) != np.asarray(got)).sum())
    if different:
        raise ProofFailed(f"prior: {different} values of {name} differ between torch and onnxruntime")
