"""Graphs in integers → their weights: the inverse of `aezip_export.integer_graphs` and `prior_graphs`.

What comes back exports to the same graphs; an encoder's layers in float are not read here. Needs onnx.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .flagship import Context, Parameters, Prior, in_halves
from .graph_steps import Array, Step, steps
from .integer import IntegerConv2d
from .integer_lapped import IntegerDecoder, NarrowEncoder


@torch.no_grad()
def read_decoder(net: IntegerDecoder, graph: bytes) -> None:
    """Fill the decoder from its graph.  Raises ValueError, StopIteration."""
    left = iter(steps(graph))

    net.unit.copy_(_tensor(_following(left, "Mul").value))
    narrow: Any = net.latent
    wide: Any = net.coarse
    for block in narrow:
        block.gain.copy_(_tensor(_following(left, "Mul").value))
        for layer in (block.reduce, block.spatial):
            step = _following(left, "Conv")
            _become(layer, step.value, step.scale, step.bias)
        step = _following(left, "MatMul")
        _become(block.expand, step.value, step.scale, np.zeros(step.value.shape[1]))
    net.latent_offset.copy_(_tensor(_following(left, "Add").value))
    blocks = [layer for block in wide for layer in (block.reduce, block.spatial, block.expand)]
    for layer in (net.up, *blocks, net.stem):
        layer.tops.copy_(_tensor(_following(left, "Min").value.reshape(-1)))
        step = _following(left, "Conv")
        _become(layer, step.value, step.scale, step.bias / step.scale.reshape(-1))


@torch.no_grad()
def read_encoder(net: NarrowEncoder, graph: bytes) -> None:
    """Fill the encoder's narrow blocks, and their unit, from its graph.  Raises ValueError, StopIteration."""
    left = iter(steps(graph))
    blocks: Any = net.latent[:-1]
    for block in blocks:
        block.gain.copy_(_tensor(_following(left, "Mul").value))
        _read_product(block.reduce, left)
        block.turn.copy_(_tensor(_following(left, "Mul").value))
        step = _following(left, "Conv")
        _become(block.spatial, step.value, step.scale, step.bias)
        block.spread.copy_(_tensor(_following(left, "Mul").value))
        _read_product(block.expand, left)
    net.unit.copy_(1 / _tensor(_following(left, "Mul").value))


@torch.no_grad()
def read_prior(net: Prior, graph: bytes) -> None:
    """Fill the prior from its graph.  Raises ValueError, StopIteration."""
    left = iter(steps(graph))
    layers = net.look, net.to_half, net.look_half, net.to_full
    order = in_halves(net.to_full.out_channels // 4).argsort()
    for layer in layers:
        step = _following(left, "Conv")
        scale = step.scale.reshape(-1)
        values = step.value, scale, step.bias / scale
        _become(layer, *(v[order] for v in values) if layer is net.to_full else values)
    _read_parameters(net.first, left)


@torch.no_grad()
def read_context(net: Context, graph: bytes) -> None:
    """Fill the context from its graph.  Raises ValueError, StopIteration."""
    left = iter(steps(graph))
    signed, unsigned = _following(left, "MatMul"), _following(left, "MatMul")
    features = net.look.out_channels
    taps = np.stack([s.value.reshape(len(s.value), 4, features) for s in (signed, unsigned)])  # [2, C, 4, F]
    weight = taps.transpose(3, 2, 0, 1).reshape(features, -1)[..., None, None]
    scale = signed.scale[:features]
    _become(net.look, weight, scale, _following(left, "Add").value / scale)
    _read_parameters(net.second, left)


def _read_parameters(net: Parameters, left: Iterator[Step]) -> None:
    for layer in (net.mix, *([net.step] if net.step else ()), net.mean, net.scale):
        _read_product(layer, left)


def _read_product(layer: IntegerConv2d, left: Iterator[Step]) -> None:
    step = _following(left, "MatMul")
    _become(layer, step.value, step.scale, _following(left, "Add").value / step.scale)


def _following(left: Iterator[Step], operator: str) -> Step:
    """The next one of its kind."""
    return next(step for step in left if step.operator == operator)


def _become(layer: IntegerConv2d, weight: Array, scale: Array, bias: Array) -> None:
    weight = weight if weight.ndim == 4 else weight.T[:, :, None, None]
    layer.become(_tensor(weight), _tensor(bias), _tensor(-np.log2(scale.reshape(-1))))


def _tensor(value: Array) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
