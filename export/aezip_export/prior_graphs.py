"""The flagship's prior and context as graphs, in whole numbers.

Matrix products with QuantizeLinear and DequantizeLinear around them, channels last, as `integer_graphs` has them:
kernels of 8 bits compute them, or float32 to the same numbers.
"""

from __future__ import annotations

import numpy as np

from aezip.entropy.tables import INDEX_TOP, STEP_BIT, STEPS
from aezip_train.flagship import Context, Flagship, Parameters, Prior, in_halves
from aezip_train.integer import IntegerConv2d

from .builder import Graph
from .graphs import array
from .integer_graphs import as_float, eight_bits, narrow, product, scale_of, wide_conv

MEAN_MAX = 16 * 1024 - 1


def prior(model: Flagship) -> bytes:
    """hyper i16 [1, a, b, Z] and a rung's vectors → of the first half mean i16, index u8 [2, 2a, 2b, C], and of the
    second what the context wants to know: features, raw_mean, raw_scale [2, 2a, 2b, …]

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
    for layer in (net.look, net.to_half):
        x = rounded(g, wide_conv(g, x, layer), layer)
    x = g.node("DepthToSpace", x, blocksize=2, mode="CRD")
    x = rounded(g, wide_conv(g, x, net.look_half), net.look_half)
    # The last shuffle is left out: a feature's four outputs are positions of 2×2, in the halves' order pictures.
    x = rounded(g, wide_conv(g, x, net.to_full, in_halves(c.feature)), net.to_full)
    x = g.node("Reshape", x, g.constant(np.array([4, c.feature, 0, 0], np.int64)))
    x = g.to_channels_last(x)
    mean, scale, step = parameters(g, eight_bits(g, x, 0), net.first, both=True)

    said(g, g.slice(mean, 0, 0, 2), g.slice(scale, 0, 0, 2), step, mean_gain, shift, c.latent)
    carried = (("features", x, c.feature), ("raw_mean", mean, c.latent), ("raw_scale", scale, c.latent))
    for name, value, depth in carried:
        g.output(name, g.slice(value, 0, 2, 4), "float32", [2, "p", "q", depth])
    return g.build()


def context(model: Flagship) -> bytes:
    """What `prior` carried over, known i16 [2, p, q, C] of the first half → of the second mean i16, index u8, alike"""
    c, net = model.config, model.context
    assert isinstance(net, Context)
    g = Graph("context")
    carried = {"features": c.feature, "raw_mean": c.latent, "raw_scale": c.latent}
    features, raw_mean, raw_scale = (g.input(name, "float32", [2, "p", "q", n]) for name, n in carried.items())
    known = g.input("known", "int16", [2, "p", "q", c.latent])
    context_gain, mean_gain, shift = (
        g.input(name, "float32", [c.latent]) for name in ("context_gain", "mean_gain", "shift")
    )

    seen = neighbourhood(g, g.node("Mul", g.cast(known, "float32"), context_gain), net.look)
    both = g.node("Concat", eight_bits(g, features, 0), eight_bits(g, seen, 0), axis=3)
    mean, scale, step = parameters(g, both, net.second)
    said(g, g.node("Add", raw_mean, mean), g.node("Add", raw_scale, scale), step, mean_gain, shift, c.latent)
    return g.build()


def neighbourhood(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """`layer` on `aezip_train.flagship.neighbours` of x and |x|, as sums.  [2, p, q, C], not rounded → [2, p, q, F]

    Every position is seen once, for all four whose neighbour it is.
    """
    q = layer.quantise()
    features, scale = len(q.bias), np.tile(scale_of(q), 4)
    taps = array(q.weight).reshape(features, 4, 2, -1).transpose(2, 3, 1, 0)  # [2, C, 4, F]
    signed, unsigned = (narrow(g, part.reshape(len(part), -1), scale) for part in taps)
    by_sign = g.node("Concat", eight_bits(g, x, 0), eight_bits(g, g.node("Mul", x, g.scalar(-1)), 0), axis=0)
    of_sign = g.node("MatMul", as_float(g, by_sign, 0), signed)
    of_size = g.node("MatMul", as_float(g, eight_bits(g, g.node("Abs", x), 0), 0), unsigned)
    below_zero = g.node("Mul", g.slice(of_sign, 0, 2, 4), g.scalar(-1))
    sums = g.node("Add", g.node("Add", g.slice(of_sign, 0, 0, 2), below_zero), of_size)
    even, odd = (
        [g.slice(g.slice(sums, 0, half, half + 1), 3, tap * features, (tap + 1) * features) for tap in range(4)]
        for half in (0, 1)
    )
    # as above, below, left, right of a position: of the second half's even rows, and of its odd ones
    upper = moved(g, odd[0], 1, 1), odd[1], even[2], moved(g, even[3], 2, -1)
    lower = even[0], moved(g, even[1], 1, -1), moved(g, odd[2], 2, 1), odd[3]
    rows = [g.node("Add", g.node("Add", a, b), g.node("Add", c, d)) for a, b, c, d in (upper, lower)]
    return g.node("Add", g.node("Concat", *rows, axis=0), g.constant(array(q.bias) * scale_of(q)))


def moved(g: Graph, x: str, axis: int, by: int) -> str:
    """One place further along an axis of four, or back; zeros come in."""
    pads = np.zeros(8, np.int64)
    pads[[axis, axis + 4]] = by, -by
    return g.node("Pad", x, g.constant(pads))


def parameters(g: Graph, features: str, net: Parameters, *, both: bool = False) -> tuple[str, str, str]:
    """features, of 8 bits → mean, scale and step (or ''), whole.  both: of both halves, but for the step"""
    x = eight_bits(g, product(g, as_float(g, features, 0), net.mix), 0)
    step = whole(g, g.slice(x, 0, 0, 2) if both else x, net.step) if net.step else ""
    return whole(g, x, net.mean), whole(g, x, net.scale), step


def said(g: Graph, mean: str, scale: str, step: str, mean_gain: str, shift: str, channels: int) -> None:
    """What the entropy coder gets: means in 1/16 of a step, and indices, of a table and a step.

    A step of the network, −2, −1, 0, 1, is number 2, 3, 0, 1 of the format's. Its table is 5 or 2 higher, the same, 2
    lower.
    """
    mean = g.round(g.node("Mul", mean, mean_gain), -MEAN_MAX, MEAN_MAX)
    table, number = g.node("Add", scale, shift), ""
    if step:
        less = g.node("Mul", step, g.scalar(-1))
        finer = g.node("Clip", less, g.scalar(0), g.scalar(1))
        finest = g.node("Clip", g.node("Add", less, g.scalar(-1)), g.scalar(0), g.scalar(1))
        table = g.node("Add", table, g.node("Add", g.node("Add", less, less), finest))
        unit = 1 << STEP_BIT
        number = g.node("Add", g.node("Mul", step, g.scalar(unit)), g.node("Mul", finer, g.scalar(len(STEPS) * unit)))
    index = g.node("Clip", table, g.scalar(0), g.scalar(INDEX_TOP))
    index = g.node("Add", index, number) if step else index
    g.output("mean", g.cast(mean, "int16"), "int16", [2, "p", "q", channels])
    g.output("index", g.cast(index, "uint8"), "uint8", [2, "p", "q", channels])


def whole(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """A layer on inputs of 8 bits, with more in its outputs."""
    return rounded(g, product(g, as_float(g, x, 0), layer), layer)


def rounded(g: Graph, sums: str, layer: IntegerConv2d) -> str:
    """A layer's sums, rounded and clipped."""
    return g.node("Clip", g.node("Round", sums), g.scalar(layer.low), g.scalar(layer.high))
