"""A flagship's package → the network it was exported from, to train on: the inverse of `aezip_export.graphs`.

What comes back has the weights as stored (float16, integers), and exports to the same graphs and ladders, but without
frequency tables that were counted in pictures. Needs onnx.
"""

from __future__ import annotations

from typing import Any

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
from .flagship import Config, Flagship
from .graph_steps import Step, steps
from .integer_lapped import IntegerDecoder, NarrowEncoder
from .lapped import stem_weight, up_weight

LAYERS = 3  # of a block; of those of 8 bits one is a convolution
PRODUCTS = 4  # of the prior, without one for local steps


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
    integer = sum(b"DequantizeLinear" in package.member(f"{name}.onnx") for name in ("decoder", "encoder"))
    members = "encoder", "hyper", *(() if integer else ("decoder",))
    found = {member: products(package, member, "Conv") for member in members}
    encoder, hyper = found["encoder"], found["hyper"]
    down = next(n for n, c in enumerate(encoder) if c.stride == 2)
    prior, heads = products(package, "prior", "Conv"), products(package, "prior", "MatMul")
    mixes = heads[1], products(package, "context", "MatMul")[1]
    model = Flagship(
        Config(
            coarse=len(encoder[0].bias),
            latent=len(encoder[down].bias),
            hyper=len(hyper[-1].bias),
            feature=len(hyper[0].bias),
            halfway=len(prior[1].bias) // 4,
            hidden=max(mix.value.shape[1] for mix in mixes),
            local_steps=int(len(heads) > PRODUCTS),
            coarse_blocks=(down - 1) // LAYERS,
            integer=integer,
            latent_blocks=len(encoder) - down - LAYERS if integer > 1 else (len(encoder) - down - 1) // LAYERS,
            latent_inner=len(encoder[down + 1].bias) if len(encoder) > down + 1 else 0,
        )
    )
    if isinstance(model.encoder, NarrowEncoder):
        integer_weights.read_encoder(model.encoder, package.member("encoder.onnx"))
        del encoder[down + 1 : -LAYERS]
    if isinstance(model.decoder, IntegerDecoder):
        integer_weights.read_decoder(model.decoder, package.member("decoder.onnx"))
    integer_weights.read_prior(model.prior, package.member("prior.onnx"))
    integer_weights.read_context(model.context, package.member("context.onnx"))
    for member, layers in ((name, layers) for name, layers in _layers(model).items() if name in found):
        for layer, conv in zip(layers, found[member], strict=True):
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
    e, d, h = model.encoder, model.decoder, model.hyper_encoder
    narrow = isinstance(e, NarrowEncoder)

    def branches(blocks: nn.Module) -> list[nn.Module]:
        return [layer for block in blocks.children() for layer in block.children()]

    return {
        "encoder": [e.stem, *branches(e.coarse), e.down, *branches(e.latent[-1:] if narrow else e.latent)],
        "hyper": [h.mix, h.to_half, h.to_quarter],
        "decoder": [*branches(d.latent), d.up, *branches(d.coarse), d.stem],
    }


def _unfolded(model: Flagship, layer: nn.Module, conv: Step) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weight and bias without the pixels' scale, and transposed convolutions as such."""
    c, weight, bias = model.config, conv.value.astype(np.float32), conv.bias
    if layer is model.encoder.stem:
        return weight * 64, bias + 128 * weight.sum((1, 2, 3), dtype=np.float64).astype(np.float32)
    if layer is model.decoder.up:
        return up_weight(torch.from_numpy(weight)).numpy(), bias[: c.coarse]
    if layer is model.decoder.stem:
        return stem_weight(torch.from_numpy(weight / 64)).numpy(), (bias[:3] - 128) / 64
    return weight, bias


def products(package: Package, member: str, operator: str) -> list[Step]:
    """A graph's nodes of one kind, in order."""
    return [step for step in steps(package.member(f"{member}.onnx")) if step.operator == operator]
