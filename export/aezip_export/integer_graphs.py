"""A decoder in integers and an encoder with blocks of 8 bits (`integer_lapped`) as graphs.

At 1/16 QuantizeLinear and DequantizeLinear stand around convolutions and matrix products, in the form that onnxruntime
computes in integers, with channels last, as matrix products want it. Without that the same graph runs in float32, and
of the decoder to the same numbers, as the rest does: every scale is a power of two, and every sum a whole multiple of
one that stays below 2²⁴ of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from aezip_train.flagship import Flagship
from aezip_train.integer import WEIGHT_MAX, IntegerConv2d
from aezip_train.integer_lapped import (
    FAR,
    FINEST,
    LEAKY_ZERO,
    NARROW_TOP,
    IntegerDecoder,
    IntegerResidual,
    LeakyResidual,
    NarrowEncoder,
    WideResidual,
)
from aezip_train.lapped import SLOPE

from .builder import Graph
from .graphs import array, first, inside, of_encoder, residuals, with_latent
from .graphs import conv as float_conv

ALIGNED = 16  # channels: other numbers of them are slower than the next larger one
Array = NDArray[np.float32]
Chosen = NDArray[np.int64] | slice  # which, in which order
ALL = slice(None)


def decoder(model: Flagship) -> bytes:
    """latent i16 [N, h, w, C], inverse_gain [C] (of latents in 1/16) → image u8 [N, 16h, 16w, 3]"""
    c, net = model.config, model.decoder
    assert isinstance(net, IntegerDecoder)
    g = Graph("decoder")
    latent = g.input("latent", "int16", ["N", "h", "w", c.latent])
    inverse = g.input("inverse_gain", "float32", [c.latent])

    x = g.node("Mul", g.node("Mul", g.cast(latent, "float32"), inverse), g.constant(array(net.unit)))
    top = g.constant(array(net.up.tops))
    x = narrow_blocks(g, g.node("Round", within(g, x, top)), net.latent)
    x = g.node("Add", x, g.constant(np.round(array(net.latent_offset) * 2**FINEST) / 2**FINEST))
    x = wide(g, g.to_channels_first(x), net.up)
    x = shuffled(g, g.to_channels_last(x), 2, c.coarse)
    x = wide_blocks(g, g.to_channels_first(x), net.coarse)
    return with_pixels(g, g.to_channels_last(wide(g, x, net.stem, edge=1)))


def with_pixels(g: Graph, x: str) -> bytes:
    """The graph that gives these: grey levels of 8×8 pixels each, half of these beyond the picture.  [N, h, w, 192]"""
    x = inside(g, shuffled(g, eight_bits(g, x, 0), 8, 3))
    g.output("image", x, "uint8", ["N", "H", "W", 3])
    return g.build()


def shuffled(g: Graph, x: str, block: int, channels: int) -> str:
    """[N, h, w, block·block·C] → [N, block·h, block·w, C]"""

    def shaped(x: str, *shape: int) -> str:
        return g.node("Reshape", x, g.constant(np.array(shape, np.int64)))

    x = g.node("Transpose", shaped(x, 0, 0, -1, block, block * channels), perm=[0, 1, 3, 2, 4])
    return shaped(shaped(x, 0, -1, 1, 0, block * channels), 0, 0, -1, channels)


def encoder(model: Flagship) -> bytes:
    """image u8 [N, H, W, 3], gain [C] → latent i16 [N, H/16, W/16, C]"""
    c, net = model.config, model.encoder
    assert isinstance(net, NarrowEncoder)
    g = Graph("encoder")
    image, gain = of_encoder(g, 3, c.latent)
    x = float_conv(g, residuals(g, first(g, g.pad_edge(image, 4), net.stem), net.coarse), net.down)
    x = leaky_blocks(g, g.to_channels_last(x), net.latent[:-1])
    x = g.to_channels_first(g.node("Mul", x, g.constant(1 / array(net.unit))))
    return with_latent(g, residuals(g, x, net.latent[-1:]), gain, c.latent)


def leaky_blocks(g: Graph, x: str, blocks: nn.Module) -> str:
    """A trunk and what blocks of 8 bits with leaky rectifiers add to it.  [N, h, w, C] float32"""
    for block in blocks.children():
        assert isinstance(block, LeakyResidual)
        seen = eight_bits(g, g.node("Mul", x, g.constant(array(block.gain))), NARROW_TOP)
        inner = leaky(g, product(g, as_float(g, seen, NARROW_TOP), block.reduce), block.turn)
        sums = eight_bits(g, conv(g, g.to_channels_first(inner), block.spatial), NARROW_TOP)
        inner = leaky(g, g.to_channels_last(as_float(g, sums, NARROW_TOP)), block.spread)
        x = g.node("Add", x, product(g, inner, block.expand))
    return x


def leaky(g: Graph, x: str, times: Tensor) -> str:
    """A leaky rectifier, times a number of each channel, in 8 bits.  [N, h, w, C]"""
    y = g.node("Mul", g.node("LeakyRelu", x, alpha=SLOPE), g.constant(array(times)))
    return as_float(g, eight_bits(g, y, LEAKY_ZERO), LEAKY_ZERO)


def narrow_blocks(g: Graph, x: str, blocks: nn.Sequential) -> str:
    """A trunk and what blocks of 8 bits add to it, without channels that add nothing.  [N, h, w, C] float32"""
    for block in blocks:
        assert isinstance(block, IntegerResidual)
        seen = x if block.gain.eq(1).all() else g.node("Mul", x, g.constant(array(block.gain)))
        inner = eight_bits(g, seen, NARROW_TOP)
        inner, heard = g.to_channels_first(as_float(g, inner, NARROW_TOP)), inputs_of(block.expand)
        for layer, outputs in ((block.reduce, ALL), (block.spatial, heard)):
            inner = as_float(g, eight_bits(g, conv(g, inner, layer, outputs), 0), 0)
        x = g.node("Add", x, product(g, g.to_channels_last(inner), block.expand, inputs=heard))
    return x


def inputs_of(layer: IntegerConv2d) -> Chosen:
    """A layer's inputs that have weights, and others up to a multiple of ALIGNED."""
    silent = ~array(layer.quantise().weight).any((0, 2, 3))
    count = -(-max(1, int((~silent).sum())) // ALIGNED) * ALIGNED
    return np.sort(silent.argsort(kind="stable")[:count])


def product(g: Graph, x: str, layer: IntegerConv2d, outputs: Chosen = ALL, inputs: Chosen = ALL) -> str:
    """A layer's sums, of all that it sees at a place.  [..., kh·kw·C] → [..., O]"""
    values, bias, scale = integers_of(layer, outputs, inputs)
    rows = values.transpose(2, 3, 1, 0).reshape(-1, len(scale))
    if layer.weight_max > WEIGHT_MAX:
        weight = g.node("Mul", g.stored(rows, "int16"), g.constant(scale))
    else:
        weight = narrow(g, rows, scale)
    sums = g.node("MatMul", x, weight)
    return g.node("Add", sums, g.constant(bias * scale)) if isinstance(layer.bias, nn.Parameter) else sums


def wide_blocks(g: Graph, x: str, blocks: nn.Sequential) -> str:
    """A trunk and what wide blocks add to it.  [N, C, h, w] float32"""
    for block in blocks:
        assert isinstance(block, WideResidual)
        x = within(g, x, per_channel(g, array(block.reduce.tops)))
        inner = g.node("LeakyRelu", wide_conv(g, g.node("Round", x), block.reduce), alpha=SLOPE)
        inner = g.node("LeakyRelu", wide(g, inner, block.spatial), alpha=SLOPE)
        x = g.node("Add", x, g.node("Clip", wide(g, inner, block.expand), g.scalar(-FAR), g.scalar(FAR)))
    return x


def wide(g: Graph, x: str, layer: IntegerConv2d, edge: int = 0) -> str:
    """A wide layer on what is not yet rounded.  edge: how often the outermost values stand once more"""
    x = g.node("Round", within(g, x, per_channel(g, array(layer.tops))))
    return wide_conv(g, g.pad_edge(x, edge) if edge else x, layer)


def wide_conv(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """A layer on whole numbers in float32; the sums."""
    weight, bias, scale = integers_of(layer)
    stored = g.stored(weight, "int8" if layer.weight_max <= WEIGHT_MAX else "int16")
    weights = g.node("Mul", stored, g.constant(scale[:, None, None, None]))
    return g.conv(x, weights, g.constant(bias * scale), pad=int(layer.padding[0]))


def within(g: Graph, x: str, top: str) -> str:
    """Clipped to ±top, of each channel."""
    return g.node("Max", g.node("Min", x, top), g.node("Mul", top, g.scalar(-1)))


def per_channel(g: Graph, value: Array) -> str:
    """For [N, C, h, w]"""
    return g.constant(value[:, None, None])


def integers_of(layer: IntegerConv2d, outputs: Chosen = ALL, inputs: Chosen = ALL) -> tuple[Array, Array, Array]:
    """Weight, bias and 2^-k of a layer."""
    q = layer.quantise()
    return array(q.weight)[outputs][:, inputs], array(q.bias)[outputs], np.exp2(-array(q.shift))[outputs]


def conv(g: Graph, x: str, layer: IntegerConv2d, outputs: Chosen = ALL) -> str:
    """A layer of 8 bits before its output is rounded."""
    weight, bias, scale = integers_of(layer, outputs)
    biases = g.node("DequantizeLinear", g.constant(bias.astype(np.int32)), g.constant(scale), axis=0)
    return g.conv(x, narrow(g, weight, scale, axis=0), biases, pad=layer.kernel_size[0] // 2)


def narrow(g: Graph, weight: Array, scale: Array, axis: int = 1) -> str:
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
