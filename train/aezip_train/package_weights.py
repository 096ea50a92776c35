"""A flagship's package → the network it was exported from, to train on: the inverse of `aezip_export.graphs`.

Weights are read from the graphs' convolutions, in the order in which the exporter writes them. What comes back has the
weights as stored (float16, integers), and exports to the same graphs and ladders. Frequency tables do not come back: a
network has none, and those of a package may have been counted in pictures. Needs onnx.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aezip.errors import ModelUnfit, PackageDamaged
from aezip.model.kinds import HYPERPRIOR
from aezip.model.ladder import UNIT
from aezip.model.packages import Package
from aezip.model.store import find

from . import integer_weights
from .flagship import Config, Flagship, Parameters, in_halves
from .graph_steps import steps
from .integer import IntegerConv2d
from .integer_lapped import IntegerDecoder
from .lapped import stem_weight, up_weight

Array = NDArray[np.float32]
PRIOR_LAYERS = 7  # without one for local steps


class Convolution(NamedTuple):
    """One Conv node: weight [out, in, kh, kw], bias [out], stride, and the constant factors of the next Mul, or 1."""

    weight: Array
    bias: Array
    stride: int
    factor: Array


def read_model(name: str) -> Flagship:
    """The network of a package, by name or path.  Raises ModelNotFound, ModelUnfit, PackageDamaged."""
    package = Package(find(name))
    if package.about.kind is not HYPERPRIOR:
        raise ModelUnfit(f"the model '{package.about.name}' is no flagship", "one with a hyperprior")
    try:
        return _read(package)
    except (ValueError, LookupError, RuntimeError, StopIteration):
        raise PackageDamaged("not a flagship's graphs", "a package of aezip-export", file=name) from None


@torch.no_grad()
def _read(package: Package) -> Flagship:
    integer = b"DequantizeLinear" in package.member("decoder.onnx")
    members = "encoder", "hyper", "prior", "context", *(() if integer else ("decoder",))
    found = {member: convolutions(package.member(f"{member}.onnx")) for member in members}
    encoder, hyper = found["encoder"], found["hyper"]
    down = next(n for n, c in enumerate(encoder) if c.stride == 2)
    model = Flagship(
        Config(
            coarse=len(encoder[0].bias),
            latent=len(encoder[down].bias),
            hyper=len(hyper[-1].bias),
            feature=len(hyper[0].bias),
            local_steps=int(len(found["prior"]) > PRIOR_LAYERS),
            coarse_blocks=(down - 1) // 3,
            integer=int(integer),
            latent_blocks=(len(encoder) - down - 1) // 3,
            latent_inner=len(encoder[down + 1].bias) if len(encoder) > down + 1 else 0,
        )
    )
    if isinstance(model.decoder, IntegerDecoder):
        integer_weights.read(model.decoder, package.member("decoder.onnx"))
    found["prior"][3] = _shuffled(found["prior"][3], model.config.feature)
    found["context"][:2] = [_crossed(*found["context"][:2])]
    for member, layers in ((name, layers) for name, layers in _layers(model).items() if name in found):
        for layer, conv in zip(layers, found[member], strict=True):
            if isinstance(layer, IntegerConv2d):
                layer.become(*(torch.from_numpy(np.array(v)) for v in (conv.weight, conv.bias, -np.log2(conv.factor))))
                continue
            assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
            assert layer.bias is not None
            weight, bias = _unfolded(model, layer, conv)
            layer.weight.copy_(torch.from_numpy(weight.copy()))
            layer.bias.copy_(torch.from_numpy(bias.copy()))
    model.lambda_max = float(package.about.description.get("lambda", [0, model.lambda_max])[1])
    for name, nodes in package.ladder._asdict().items():
        getattr(model, name).copy_(torch.from_numpy(nodes / (32 if name == "hyper_offset" else UNIT)))
    return model


def _layers(model: Flagship) -> dict[str, list[nn.Module]]:
    """Each graph's layers, in their order."""
    e, d, h, prior, context = model.encoder, model.decoder, model.hyper_encoder, model.prior, model.context

    def branches(blocks: nn.Sequential) -> list[nn.Module]:
        return [layer for block in blocks for layer in block.children()]

    def parameters(net: Parameters) -> list[nn.Module]:
        return [net.mix, *([net.step] if net.step else ()), net.mean, net.scale]

    return {
        "encoder": [e.stem, *branches(e.coarse), e.down, *branches(e.latent)],
        "hyper": [h.mix, h.to_half, h.to_quarter],
        "decoder": [*branches(d.latent), d.up, *branches(d.coarse), d.stem],
        "prior": [prior.look, prior.to_half, prior.look_half, prior.to_full, *parameters(prior.first)],
        "context": [context.look, *parameters(context.second)],
    }


def _unfolded(model: Flagship, layer: nn.Module, conv: Convolution) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weight and bias without the pixels' scale, and transposed convolutions as such."""
    c, (weight, bias, *_) = model.config, conv
    if layer is model.encoder.stem:
        return weight * 64, bias + 128 * weight.sum((1, 2, 3), dtype=np.float64).astype(np.float32)
    if layer is model.decoder.up:
        return up_weight(torch.from_numpy(weight)).numpy(), bias[: c.coarse]
    if layer is model.decoder.stem:
        return stem_weight(torch.from_numpy(weight / 64)).numpy(), (bias[:3] - 128) / 64
    return weight, bias


def _shuffled(conv: Convolution, features: int) -> Convolution:
    """The layer before the last shuffle, its outputs in their own order again."""
    order = in_halves(features).argsort()
    return Convolution(conv.weight[order], conv.bias[order], conv.stride, conv.factor[order])


def _crossed(upright: Convolution, level: Convolution) -> Convolution:
    """The look at four neighbours from its two parts."""
    taps = *np.moveaxis(upright.weight[:, :, :, 0], 2, 0), *np.moveaxis(level.weight[:, :, 0], 2, 0)
    return Convolution(np.concatenate(taps, 1)[:, :, None, None], upright.bias, 1, upright.factor)


def convolutions(graph: bytes) -> list[Convolution]:
    """Every convolution of a graph with its constants, in order."""
    found: list[Convolution] = []
    factor = np.ones(1, np.float32)
    for step in reversed(steps(graph)):
        value = step.value.astype(np.float32)
        if step.operator == "Mul":
            factor = value.reshape(-1)
        if step.operator == "Conv":
            found.insert(0, Convolution(value, step.bias.astype(np.float32), step.stride, factor))
    return found
