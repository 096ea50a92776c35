"""Transforms in integers (`aezip_train.integer_lapped`) as graphs for kernels of 8 bits.

Between QuantizeLinear and DequantizeLinear around convolutions and matrix products, in the form that onnxruntime
computes in integers. Without that the same graph runs in float32, and to the same numbers: every scale is a power of
two, and every sum a whole multiple of one that stays below 2²⁴ of them. Channels are last, as matrix products want it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aezip_train.flagship import Flagship
from aezip_train.integer import IntegerConv2d
from aezip_train.integer_lapped import (
    LEAKY_LOW,
    NARROW_TOP,
    TRUNK_TOP,
    WIDE_BITS,
    WIDE_TOP,
    IntegerDecoder,
    IntegerEncoder,
    IntegerResidual,
    exact,
    split_rows,
    stem_rows,
    up_rows,
)
from aezip_train.lapped import SLOPE

from .builder import Graph
from .graphs import LATENT_MAX, TO_END, array, first

Array = NDArray[np.float32]
ALL = slice(None)


def decoder(model: Flagship) -> bytes:
    """latent i16 [N, h, w, C], inverse_gain [C] (of latents in 1/16) → image u8 [N, 16h, 16w, 3]"""
    c, net = model.config, model.decoder
    assert isinstance(net, IntegerDecoder)
    g = Graph("decoder")
    latent = g.input("latent", "int16", ["N", "h", "w", c.latent])
    inverse = g.input("inverse_gain", "float32", [c.latent])

    x = g.node("Mul", g.node("Mul", g.cast(latent, "float32"), inverse), g.constant(array(net.unit)))
    x = residuals(g, sixteenths(g, x, TRUNK_TOP * 2**WIDE_BITS), net.latent)
    x = g.node("Add", x, g.constant(array(exact(net.latent_offset))))
    x = strided(g, x, up_rows(net.up.weight), net.wide_up, np.tile(array(exact(net.up.bias)), 4))
    x = residuals(g, shuffled(g, x, 2, c.coarse), net.coarse)
    x = g.node("Add", x, g.constant(array(exact(net.coarse_offset))))
    levels = np.tile(array(exact(net.stem.bias)) + 128, 64)
    x = strided(g, x, stem_rows(net.stem.weight), net.wide_stem, levels)
    x = shuffled(g, eight_bits(g, x, 0), 8, 3)
    inside = [np.array(v, np.int64) for v in ([4, 4], [-4, -4], [1, 2])]
    g.output("image", g.node("Slice", x, *(g.constant(v) for v in inside)), "uint8", ["N", "H", "W", 3])
    return g.build()


def encoder(model: Flagship, storage: str = "float16") -> bytes:
    """image u8 [N, H, W, 3], gain [C] → latent i16 [N, H/16, W/16, C]; the strided layers in float"""
    c, net = model.config, model.encoder
    assert isinstance(net, IntegerEncoder)
    g = Graph("encoder")
    image = g.input("image", "uint8", ["N", "H", "W", 3])
    gain = g.input("gain", "float32", [c.latent])

    x = first(g, g.pad_edge(g.cast(g.to_channels_first(image), "float32"), 4), net.stem, storage)
    x = g.node("Mul", g.to_channels_last(x), g.constant(array(net.coarse_unit)))
    x = g.to_channels_first(residuals(g, x, net.coarse))
    x = g.conv(x, g.stored(array(net.down.weight), storage), g.constant(array(net.down.bias)), stride=2)
    x = residuals(g, g.to_channels_last(x), net.latent)
    x = g.node("Add", x, g.constant(array(net.latent_offset)))
    y = g.node("Mul", g.node("Mul", x, gain), g.constant(16 / array(net.latent_unit)))
    g.output("latent", g.cast(g.round(y, -LATENT_MAX, LATENT_MAX), "int16"), "int16", ["N", "h", "w", c.latent])
    return g.build()


def residuals(g: Graph, x: str, blocks: nn.Sequential) -> str:
    """A trunk and what the blocks add to it.  [N, h, w, C] float32"""
    for block in blocks:
        assert isinstance(block, IntegerResidual)
        inner = g.to_channels_first(as_float(g, eight_bits(g, x, NARROW_TOP), NARROW_TOP))
        for layer in (block.reduce, block.spatial):
            inner = conv(g, inner, layer)
            inner = leaky(g, inner) if block.leaky else as_float(g, eight_bits(g, inner, 0), 0)
        weight, _ = whole(block.expand)
        x = g.node("Add", x, g.node("MatMul", g.to_channels_last(inner), narrow(g, *weight, axis=1)))
    return x


def leaky(g: Graph, x: str) -> str:
    """A leaky rectifier of what is rounded to 8 bits, in halves, of which there are whole numbers."""
    x = g.node("LeakyRelu", as_float(g, eight_bits(g, x, NARROW_TOP), NARROW_TOP), alpha=SLOPE)
    x = g.node("QuantizeLinear", x, g.scalar(0.5), g.constant(np.uint8(-LEAKY_LOW).reshape(())))
    return as_float(g, x, -LEAKY_LOW)


def conv(g: Graph, x: str, layer: IntegerConv2d, order: NDArray[np.int64] | slice = ALL) -> str:
    """A layer before its output is rounded.  order: of its outputs"""
    q = layer.quantise()
    scale = np.exp2(-array(q.shift))[order]
    bias = g.node("DequantizeLinear", g.constant(array(q.bias)[order].astype(np.int32)), g.constant(scale), axis=0)
    return g.conv(x, narrow(g, array(q.weight)[order], scale, axis=0), bias, pad=layer.kernel_size[0] // 2)


def whole(layer: IntegerConv2d) -> tuple[tuple[Array, Array], Array]:
    """A 1×1 layer as a matrix [in, out] of whole numbers and their scales [out]; its bias [out]."""
    q = layer.quantise()
    scale = np.exp2(-array(q.shift))
    return (array(q.weight)[:, :, 0, 0].T, scale), np.asarray(array(q.bias) * scale, np.float32)


def narrow(g: Graph, weight: Array, scale: Array, axis: int) -> str:
    """Weights of 8 bits with one scale an output."""
    stored = g.constant(weight.astype(np.int8))
    zeros = g.constant(np.zeros(len(scale), np.int8))
    return g.node("DequantizeLinear", stored, g.constant(scale), zeros, axis=axis)


def eight_bits(g: Graph, x: str, zero: int) -> str:
    """clip(round(x) + zero, 0, 255) in uint8, of two nearest numbers the even one"""
    return g.node("QuantizeLinear", x, g.scalar(1), g.constant(np.uint8(zero).reshape(())))


def as_float(g: Graph, x: str, zero: int) -> str:
    """The inverse of `eight_bits`."""
    return g.node("DequantizeLinear", x, g.scalar(1), g.constant(np.uint8(zero).reshape(())))


def sixteenths(g: Graph, x: str, top: int) -> str:
    """x to the next 1/16, within ±top / 16"""
    unit = 2**WIDE_BITS
    rounded = g.node("Round", g.node("Mul", x, g.scalar(unit)))
    return g.node("Mul", g.node("Clip", rounded, g.scalar(-top), g.scalar(top)), g.scalar(1 / unit))


def strided(g: Graph, x: str, rows: torch.Tensor, is_wide: torch.Tensor, bias: Array) -> str:
    """A strided layer as a matrix product.  rows: [outputs, inputs, 1 or 2·2] → [N, h (+ 1), w (+ 1), outputs]"""
    around = rows.shape[2] > 1
    (weight, k), (wide_weight, wide_k) = split_rows(rows.detach(), is_wide > 0)
    chosen = np.flatnonzero(array(is_wide))

    def matrix(part: torch.Tensor) -> Array:  # [outputs, inputs, taps] → [taps·inputs, outputs]
        return array(part).transpose(2, 1, 0).reshape(-1, len(part))

    every = len(chosen) == rows.shape[1]
    fine = sixteenths(g, x if every else taken(g, x, chosen), WIDE_TOP)
    fine_weight = matrix(wide_weight[:, chosen]) * np.exp2(-array(wide_k))
    made = g.node("MatMul", patches(g, fine) if around else fine, g.constant(fine_weight.astype(np.float32)))
    if not every:
        shown = eight_bits(g, x, NARROW_TOP)
        shown = as_float(g, patches(g, shown) if around else shown, NARROW_TOP)
        made = g.node("Add", g.node("MatMul", shown, narrow(g, matrix(weight), np.exp2(-array(k)), axis=1)), made)
    return g.node("Add", made, g.constant(bias.astype(np.float32)))


def taken(g: Graph, x: str, chosen: NDArray[np.int64]) -> str:
    """Some channels, in order.  [N, h, w, C]"""
    if np.array_equal(chosen, np.arange(len(chosen))):
        return g.slice(x, 3, 0, len(chosen))
    return g.node("Gather", x, g.constant(chosen), axis=3)


def patches(g: Graph, x: str) -> str:
    """The four neighbours around each corner, behind each other.  [N, h, w, C] → [N, h + 1, w + 1, 4·C]"""
    pads = g.constant(np.array([0, 1, 1, 0, 0, 1, 1, 0], np.int64))
    x = g.node("Pad", x, pads, mode="edge")
    axes = g.constant(np.array([1, 2], np.int64))
    ends = {0: -1, 1: TO_END}
    parts = [
        g.node("Slice", x, *(g.constant(np.array(v, np.int64)) for v in ([a, b], [ends[a], ends[b]])), axes)
        for a in ends
        for b in ends
    ]
    return g.node("Concat", *parts, axis=3)


def shuffled(g: Graph, x: str, block: int, channels: int) -> str:
    """[N, h, w, block·block·C] → [N, block·h, block·w, C]"""

    def reshaped(x: str, *shape: int) -> str:  # 0: as it is there
        return g.node("Reshape", x, g.constant(np.array(shape, np.int64)))

    x = g.node("Transpose", reshaped(x, 0, 0, 0, block, block * channels), perm=[0, 1, 3, 2, 4])
    return reshaped(reshaped(x, 0, -1, 1, 0, block * channels), 0, 0, -1, channels)
