"""Graphs in integers → their weights: the inverse of `aezip_export.integer_graphs` and `prior_graphs`.

What comes back exports to the same graphs; an encoder's layers in float are not read here. Needs onnx.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
            _become(_first(layer, len(step.value)), step.value, step.scale, step.bias)
        step = _following(left, "MatMul")
        _become(block.expand, _all(block.expand, step.value), step.scale, np.zeros(step.value.shape[1]))
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
    for layer in (net.look, net.to_half):
        step = _following(left, "Conv")
        _become(layer, step.value, step.scale, step.bias / step.scale.reshape(-1))
    step = _following(left, "Conv")
    _become(net.look_half, step.value, step.scale, step.bias)
    _read_product(net.to_full, left, in_halves(net.to_full.out_channels // 4).argsort())
    _read_parameters(net.first, left)


@torch.no_grad()
def read_context(net: Context, graph: bytes) -> None:
    """Fill the context from its graph.  Raises ValueError, StopIteration."""
    left = iter(steps(graph))
    seen, features = _following(left, "MatMul"), net.look.out_channels
    taps = seen.value.reshape(2, -1, 4, features)
    silent = net.look.in_channels // 8 - taps.shape[1]
    taps = np.pad(taps, ((0, 0), (0, silent), (0, 0), (0, 0)))
    weight = taps.transpose(3, 2, 0, 1).reshape(features, -1)[..., None, None]
    scale = seen.scale[:features]
    _become(net.look, weight, scale, _following(left, "Add").value / scale)
    _read_parameters(net.second, left)


def _read_parameters(net: Parameters, left: Iterator[Step]) -> None:
    for layer in (net.mix, net.mean, *([net.step] if net.step else ()), net.scale):
        _read_product(layer, left)


def _read_product(layer: IntegerConv2d, left: Iterator[Step], order: Array | slice = slice(None)) -> None:
    """order: which of the graph's outputs are the layer's"""
    step = _following(left, "MatMul")
    bias = _following(left, "Add").value / step.scale
    _become(_first(layer, len(bias)), _all(layer, step.value)[:, order], step.scale[order], bias[order])


def _all(layer: IntegerConv2d, rows: Array) -> Array:
    """With the rows of a layer's last inputs, which are silent."""
    return np.pad(rows, ((0, layer.in_channels - len(rows)), (0, 0)))


def _first(layer: IntegerConv2d, outputs: int) -> IntegerConv2d:
    """A layer's first outputs, in its own memory; the others are silent."""
    if outputs == layer.out_channels:
        return layer
    part = copy(layer)
    part._parameters = {name: nn.Parameter(value[:outputs]) for name, value in layer.named_parameters()}
    return part


def _following(left: Iterator[Step], operator: str) -> Step:
    """The next one of its kind."""
    return next(step for step in left if step.operator == operator)


def _become(layer: IntegerConv2d, weight: Array, scale: Array, bias: Array) -> None:
    weight = weight if weight.ndim == 4 else weight.T[:, :, None, None]
    layer.become(_tensor(weight), _tensor(bias), _tensor(-np.log2(scale.reshape(-1))))


def _tensor(value: Array) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
