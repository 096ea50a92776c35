"""The graph of a decoder in integers → its weights: the inverse of `aezip_export.integer_graphs`.

What comes back exports to the same graphs. Needs onnx.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .integer import IntegerConv2d
from .integer_lapped import IntegerDecoder

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
        if node.input[0] in known:  # whole weights and their scales
            scale = known[node.input[1]][0] if len(node.input) > 1 else np.zeros(0)
            known[node.output[0]] = known[node.input[0]][0], scale
            continue
        if len(node.input) > 1 and node.input[1] in known:
            value, scale = known[node.input[1]]
            bias = known[node.input[2]][0] if node.op_type == "Conv" else np.zeros(0)
            yield Step(node.op_type, value, scale, bias)


@torch.no_grad()
def read(net: IntegerDecoder, graph: bytes) -> None:
    """Fill the decoder from its graph.  Raises ValueError, StopIteration."""
    steps = Steps(graph)
    net.unit.copy_(_tensor(steps.next("Mul").value))
    narrow: Any = net.latent
    wide: Any = net.coarse
    for block in narrow:
        block.gain.copy_(_tensor(steps.next("Mul").value))
        for layer in (block.reduce, block.spatial):
            step = steps.next("Conv")
            _become(layer, step.value, step.scale, step.bias)
        step = steps.next("MatMul")
        _become(block.expand, step.value, step.scale, np.zeros(step.value.shape[1]))
    net.latent_offset.copy_(_tensor(steps.next("Add").value))
    blocks = [layer for block in wide for layer in (block.reduce, block.spatial, block.expand)]
    for layer in (net.up, *blocks, net.stem):
        layer.tops.copy_(_tensor(steps.next("Min").value.reshape(-1)))
        step = steps.next("Conv")
        _become(layer, step.value, step.scale, step.bias / step.scale.reshape(-1))


def _become(layer: IntegerConv2d, weight: Array, scale: Array, bias: Array) -> None:
    weight = weight if weight.ndim == 4 else weight.T[:, :, None, None]
    layer.become(_tensor(weight), _tensor(bias), _tensor(-np.log2(scale.reshape(-1))))


def _tensor(value: Array) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
