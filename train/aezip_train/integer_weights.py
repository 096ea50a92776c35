"""The graphs of a flagship in integers → its weights: the inverse of `aezip_export.integer_graphs` and `integer_prior`.

What comes back exports to the same graphs. Needs onnx.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .flagship import Flagship, Parameters, in_halves
from .integer import IntegerConv2d
from .integer_lapped import IntegerDecoder, IntegerEncoder, stem_weight, up_weight

Array = NDArray[Any]


class Step(NamedTuple):
    """A node with its constants: whole or float weights, one scale an output (else empty), and a bias (else empty)."""

    operator: str
    value: Array
    scale: Array
    bias: Array


class Steps:
    """A graph's nodes that have constants, in order."""

    def __init__(self, graph: bytes) -> None:
        self._left = list(_steps(graph))

    def next(self, *operators: str) -> Step:
        """The next node of one of these operators.  Raises StopIteration."""
        while self._left:
            step = self._left.pop(0)
            if step.operator in operators:
                return step
        raise StopIteration


def _steps(graph: bytes) -> Iterator[Step]:
    import onnx
    from onnx import numpy_helper

    nodes = onnx.load_from_string(graph).graph
    known = {c.name: (numpy_helper.to_array(c), np.zeros(0)) for c in nodes.initializer}
    for node in nodes.node:
        if node.op_type in ("Cast", "DequantizeLinear") and node.input[0] in known:
            scale = known[node.input[1]][0] if node.op_type == "DequantizeLinear" else np.zeros(0)
            known[node.output[0]] = known[node.input[0]][0], scale
            continue
        if len(node.input) > 1 and node.input[1] in known:
            value, scale = known[node.input[1]]
            bias = known[node.input[2]][0] if node.op_type == "Conv" else np.zeros(0)
            yield Step(node.op_type, value, scale, bias)


@torch.no_grad()
def read(model: Flagship, member: Callable[[str], bytes]) -> None:
    """Fill transforms and prior of `model` from the graphs of a package.  Raises ValueError, StopIteration.

    member: bytes of a graph, by name.
    """
    assert isinstance(model.encoder, IntegerEncoder)
    assert isinstance(model.decoder, IntegerDecoder)
    _encoder(model.encoder, Steps(member("encoder.onnx")))
    _decoder(model.decoder, Steps(member("decoder.onnx")))
    steps, p = Steps(member("prior.onnx")), model.prior
    first, factor = steps.next("Conv"), steps.next("Mul").value.reshape(-1)
    _become(p.look, first.value, factor, first.bias)
    order = in_halves(model.config.feature).argsort()
    for layer, places in ((p.to_half, slice(None)), (p.look_half, slice(None)), (p.to_full, order)):
        step = steps.next("Conv")
        _become(layer, step.value[places], step.scale[places], step.bias[places])
    _parameters(p.first, steps)
    steps = Steps(member("context.onnx"))
    _product(model.context.look, steps)
    _parameters(model.context.second, steps)


def _become(layer: IntegerConv2d, weight: Array, scale: Array, bias: Array) -> None:
    weight = weight if weight.ndim == 4 else weight.T[:, :, None, None]
    layer.become(_tensor(weight), _tensor(bias), _tensor(-np.log2(scale)))


def _product(layer: IntegerConv2d, steps: Steps) -> None:
    """A matrix product and its bias."""
    step, bias = steps.next("MatMul"), steps.next("Add").value
    _become(layer, step.value, step.scale, bias / step.scale)


def _parameters(net: Parameters, steps: Steps) -> None:
    step = steps.next("Conv")
    _become(net.mix, step.value, step.scale, step.bias)
    _product(net.mean, steps)
    _product(net.scale, steps)


def _blocks(blocks: Any, steps: Steps) -> None:
    for block in blocks:
        for layer in (block.reduce, block.spatial):
            step = steps.next("Conv")
            _become(layer, step.value, step.scale, step.bias)
        step = steps.next("MatMul")
        _become(block.expand, step.value, step.scale, np.zeros(step.value.shape[1]))


def _encoder(net: IntegerEncoder, steps: Steps) -> None:
    first = steps.next("Conv")
    net.stem.weight.copy_(_tensor(first.value) * 64)
    _bias(net.stem).copy_(_tensor(first.bias + 128 * first.value.astype(np.float64).sum((1, 2, 3))))
    net.coarse_unit.copy_(_tensor(steps.next("Mul").value))
    _blocks(net.coarse, steps)
    down = steps.next("Conv")
    net.down.weight.copy_(_tensor(down.value))
    _bias(net.down).copy_(_tensor(down.bias))
    _blocks(net.latent, steps)
    net.latent_offset.copy_(_tensor(steps.next("Add").value))
    net.latent_unit.copy_(16 / _tensor(steps.next("Mul").value))


def _decoder(net: IntegerDecoder, steps: Steps) -> None:
    net.unit.copy_(_tensor(steps.next("Mul").value))
    _blocks(net.latent, steps)
    net.latent_offset.copy_(_tensor(steps.next("Add").value))
    rows, is_wide, bias = _strided(steps, 1)
    net.up.weight.copy_(up_weight(rows))
    net.wide_up.copy_(is_wide)
    _bias(net.up).copy_(bias[: net.up.out_channels])
    _blocks(net.coarse, steps)
    net.coarse_offset.copy_(_tensor(steps.next("Add").value))
    rows, is_wide, bias = _strided(steps, 4)
    net.stem.weight.copy_(stem_weight(rows))
    net.wide_stem.copy_(is_wide)
    _bias(net.stem).copy_(bias[: net.stem.out_channels] - 128)


def _strided(steps: Steps, taps: int) -> tuple[Tensor, Tensor, Tensor]:
    """A strided layer's rows [outputs, inputs, taps], which inputs are wide [inputs], and the bias [outputs]."""
    chosen = steps.next("Gather", "MatMul")
    wide = steps.next("MatMul") if chosen.operator == "Gather" else chosen
    places = chosen.value if chosen.operator == "Gather" else np.arange(len(wide.value) // taps)
    matrix, step = wide.value.reshape(taps, len(places), -1), steps.next("MatMul", "Add")
    is_wide = np.ones(len(places))
    if step.operator == "MatMul":
        inputs = len(step.value) // taps
        is_wide = np.isin(np.arange(inputs), places).astype(np.float64)
        narrow = (step.value * step.scale).reshape(taps, inputs, -1)
        narrow[:, places] = matrix
        matrix, step = narrow, steps.next("Add")
    return _tensor(matrix.transpose(2, 1, 0)), _tensor(is_wide), _tensor(step.value)


def _bias(layer: nn.Module) -> Tensor:
    assert isinstance(layer.bias, Tensor)
    return layer.bias


def _tensor(value: Array) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
