"""The graph of a decoder in integers → its weights: the inverse of `aezip_export.integer_graphs`.

What comes back exports to the same graphs. Needs onnx.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .graph_steps import Array, Step, steps
from .integer import IntegerConv2d
from .integer_lapped import IntegerDecoder


@torch.no_grad()
def read(net: IntegerDecoder, graph: bytes) -> None:
    """Fill the decoder from its graph.  Raises ValueError, StopIteration."""
    left = iter(steps(graph))

    def following(operator: str) -> Step:
        return next(step for step in left if step.operator == operator)

    net.unit.copy_(_tensor(following("Mul").value))
    narrow: Any = net.latent
    wide: Any = net.coarse
    for block in narrow:
        block.gain.copy_(_tensor(following("Mul").value))
        for layer in (block.reduce, block.spatial):
            step = following("Conv")
            _become(layer, step.value, step.scale, step.bias)
        step = following("MatMul")
        _become(block.expand, step.value, step.scale, np.zeros(step.value.shape[1]))
    net.latent_offset.copy_(_tensor(following("Add").value))
    blocks = [layer for block in wide for layer in (block.reduce, block.spatial, block.expand)]
    for layer in (net.up, *blocks, net.stem):
        layer.tops.copy_(_tensor(following("Min").value.reshape(-1)))
        step = following("Conv")
        _become(layer, step.value, step.scale, step.bias / step.scale.reshape(-1))


def _become(layer: IntegerConv2d, weight: Array, scale: Array, bias: Array) -> None:
    weight = weight if weight.ndim == 4 else weight.T[:, :, None, None]
    layer.become(_tensor(weight), _tensor(bias), _tensor(-np.log2(scale.reshape(-1))))


def _tensor(value: Array) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
