"""The flagship's prior and context as graphs, in whole numbers.

Matrix products with QuantizeLinear and DequantizeLinear around them, channels last, as `integer_graphs` has them:
kernels of 8 bits compute them, or float32 to the same numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aezip.entropy.tables import INDEX_TOP, STEP_BIT, STEPS
from aezip_train.flagship import Context, Flagship, Parameters, Prior, in_halves
from aezip_train.integer import IntegerConv2d

from .builder import Graph
from .integer_graphs import ALIGNED, as_float, conv, eight_bits, integers_of, narrow, product, wide_conv

MEAN_MAX = 16 * 1024 - 1


def prior(model: Flagship) -> bytes:
    """hyper i16 [1, a, b, Z] and a rung's vectors → of the first half mean i16, index u8 [2, 2a, 2b, C], and of the
    second features u8 [2, 2a, 2b, F], which the context wants to know

    A half's even rows stand before its odd ones, as in `aezip_train.flagship.halves`.
    """
    c, net = model.config, model.prior
    assert isinstance(net, Prior)
    g = Graph("prior")
    hyper = g.input("hyper", "int16", [1, "a", "b", c.hyper])
    inverse, offset = (g.input(name, "float32", [c.hyper]) for name in ("hyper_inverse", "hyper_offset"))
    mean_gain, shift = (g.input(name, "float32", [c.latent]) for name in ("mean_gain", "shift"))

    z = g.node("Mul", g.cast(g.to_channels_first(hyper), "float32"), g.per_channel(inverse))
    z = g.node("Add", g.round(z, -32767, 32767), g.per_channel(offset))
    x = g.node("Clip", z, g.scalar(-255), g.scalar(255))
    x = rounded(g, wide_conv(g, x, net.look), net.look)
    x = g.node("DepthToSpace", rounded(g, wide_conv(g, x, net.to_half), net.to_half), blocksize=2, mode="CRD")
    x = eight_bits(g, conv(g, as_float(g, eight_bits(g, x, 0), 0), net.look_half), 0)
    x = eight_bits(g, product(g, g.to_channels_last(as_float(g, x, 0)), net.to_full, in_halves(c.feature)), 0)
    # The last shuffle is left out: a feature's four outputs are positions of 2×2, in the halves' order pictures.
    x = g.node("Reshape", x, g.constant(np.array([0, 0, 0, 4, c.feature], np.int64)))
    x = g.node("Transpose", x, perm=[3, 1, 2, 0, 4])
    x = g.node("Reshape", x, g.constant(np.array([0, 0, 0, -1], np.int64)))
    said(g, g.slice(x, 0, 0, 2), net.first, mean_gain, shift)
    g.output("features", g.slice(x, 0, 2, 4), "uint8", [2, "p", "q", c.feature])
    return g.build()


def context(model: Flagship) -> bytes:
    """What `prior` carried over, known i16 [2, p, q, C] of the first half → of the second mean i16, index u8, alike"""
    c, net = model.config, model.context
    assert isinstance(net, Context)
    g = Graph("context")
    features = g.input("features", "uint8", [2, "p", "q", c.feature])
    known = g.input("known", "int16", [2, "p", "q", c.latent])
    context_gain, mean_gain, shift = (
        g.input(name, "float32", [c.latent]) for name in ("context_gain", "mean_gain", "shift")
    )
    count = heard(net.look.quantise().weight.unflatten(1, (8, -1)).transpose(1, 2))
    known, gain = g.slice(known, 3, 0, count), g.slice(context_gain, 0, 0, count)
    seen = neighbourhood(g, g.node("Mul", g.cast(known, "float32"), gain), net.look, count)
    said(g, g.node("Concat", features, eight_bits(g, seen, 0), axis=3), net.second, mean_gain, shift)
    return g.build()


def neighbourhood(g: Graph, x: str, layer: IntegerConv2d, channels: int) -> str:
    """`layer` on `aezip_train.flagship.neighbours` of what x is above 0 and below, as sums.

    x: the first channels, not rounded.  [2, p, q, channels] → [2, p, q, F]

    Every position is seen once, for all four whose neighbour it is.
    """
    weight, bias, scale = integers_of(layer)
    features = len(bias)
    rows = weight.reshape(features, 4, 2, -1)[..., :channels].transpose(2, 3, 1, 0).reshape(-1, 4 * features)
    above, below = eight_bits(g, x, 0), eight_bits(g, g.node("Mul", x, g.scalar(-1)), 0)
    both = as_float(g, g.node("Concat", above, below, axis=3), 0)
    sums = g.node("MatMul", both, narrow(g, rows, np.tile(scale, 4)))
    even, odd = (
        [g.slice(g.slice(sums, 0, half, half + 1), 3, tap * features, (tap + 1) * features) for tap in range(4)]
        for half in (0, 1)
    )
    # as above, below, left, right of a position: of the second half's even rows, and of its odd ones
    upper = moved(g, odd[0], 1, 1), odd[1], even[2], moved(g, even[3], 2, -1)
    lower = even[0], moved(g, even[1], 1, -1), moved(g, odd[2], 2, 1), odd[3]
    halves = [g.node("Add", g.node("Add", a, b), g.node("Add", c, d)) for a, b, c, d in (upper, lower)]
    return g.node("Add", g.node("Concat", *halves, axis=0), g.constant(bias * scale))


def heard(weight: Tensor) -> int:
    """Inputs up to the last that has weights, and others up to a multiple of ALIGNED.  weight: [O, in, …]

    So pairs stay pairs; of odd numbers all.
    """
    last, total = weight.transpose(0, 1).flatten(1).any(1).numpy().nonzero()[0].max(initial=0), weight.shape[1]
    return total if total % 2 else min(total, int(last) // ALIGNED * ALIGNED + ALIGNED)


def moved(g: Graph, x: str, axis: int, by: int) -> str:
    """One place further along an axis of four, or back; zeros come in."""
    pads = np.zeros(8, np.int64)
    pads[[axis, axis + 4]] = by, -by
    return g.node("Pad", x, g.constant(pads))


def said(g: Graph, features: str, net: Parameters, mean_gain: str, shift: str) -> None:
    """features u8 → what the entropy coder gets: means in 1/16 of a step, and indices, of a table and a step.

    A step that is k finer, k = −1, 0, 1, 2, is number 1, 0, 3, 2 of the format's. Its table is 2 lower, the same, 2
    or 5 higher: 2k + max(k, 1) − 1.
    """
    channels = net.mean.out_channels
    used = slice(heard(torch.cat([layer.quantise().weight for layer in net.says()])))
    x = as_float(g, eight_bits(g, product(g, as_float(g, features, 0), net.mix, used), 0), 0)
    mean = rounded(g, product(g, x, net.mean, inputs=used), net.mean)
    mean = g.node("Round", g.node("Mul", mean, mean_gain))
    mean = g.node("Clip", mean, g.scalar(-MEAN_MAX), g.scalar(MEAN_MAX))
    finer = rounded(g, product(g, x, net.step, inputs=used), net.step) if net.step else ""
    if finer:
        shift = g.node("Add", shift, g.scalar(-1))
    index = g.node("Add", g.node("Round", product(g, x, net.scale, inputs=used)), shift)
    if finer:
        index = g.node("Add", g.node("Add", index, g.node("Add", finer, finer)), g.node("Max", finer, g.scalar(1)))
    index = g.node("Clip", index, g.scalar(0), g.scalar(INDEX_TOP))
    if finer:  # −k, above 0 4 − k
        fours = g.node("Mul", g.node("Clip", finer, g.scalar(0), g.scalar(1)), g.scalar(len(STEPS) << STEP_BIT))
        number = g.node("Add", fours, g.node("Mul", finer, g.scalar(-(1 << STEP_BIT))))
        index = g.node("Add", index, number)
    g.output("mean", g.cast(mean, "int16"), "int16", [2, "p", "q", channels])
    g.output("index", g.cast(index, "uint8"), "uint8", [2, "p", "q", channels])


def rounded(g: Graph, sums: str, layer: IntegerConv2d) -> str:
    """A layer's sums, rounded and clipped."""
    return g.node("Clip", g.node("Round", sums), g.scalar(layer.low), g.scalar(layer.high))
