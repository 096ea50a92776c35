"""The prior of a flagship in integers as graphs for kernels of 8 bits: what `graphs` writes in float32, faster.

Inputs and outputs are those of `graphs.prior` and `graphs.context`, and so are the numbers of a model that fits both.
"""

from __future__ import annotations

import numpy as np

from aezip.entropy.tables import INDEX_TOP
from aezip_train.flagship import Context, Flagship, Parameters, Prior, in_halves
from aezip_train.integer import IntegerConv2d
from aezip_train.integer_lapped import NARROW_TOP

from .builder import Graph
from .graphs import MEAN_MAX, TO_END, array, context_inputs, prior_inputs
from .integer_graphs import as_float, conv, eight_bits, narrow, whole


def prior(model: Flagship) -> bytes:
    """As `graphs.prior`."""
    c, net = model.config, model.prior
    assert isinstance(net, Prior)
    g = Graph("prior")
    hyper, inverse, offset, mean_gain, shift = prior_inputs(g, c)

    z = g.node("Add", g.round(g.node("Mul", g.cast(hyper, "float32"), inverse), -32767, 32767), offset)
    z = g.to_channels_first(g.node("Clip", z, g.scalar(-255), g.scalar(255)))  # 9 bits, so the first layer is in float
    x = rectified(g, conv_in_float(g, z, net.look))
    x = rectified(g, conv(g, x, net.to_half), last="DepthToSpace", blocksize=2, mode="CRD")
    x = rectified(g, conv(g, x, net.look_half))
    # as in `graphs.prior`: four pictures of one size instead of the last shuffle
    order = in_halves(c.feature)
    x = eight_bits(g, conv(g, x, net.to_full, order), 0)
    x = g.node("Reshape", x, g.constant(np.array([4, c.feature, 0, 0], np.int64)))
    mean, scale = parameters(g, as_float(g, x, 0), net.first)

    said(g, g.slice(mean, 0, 0, 2), g.slice(scale, 0, 0, 2), mean_gain, shift, c.latent)
    features = g.cast(g.slice(x, 0, 2, 4), "float32")
    g.output("features", features, "float32", [2, c.feature, "p", "q"])
    for name, value in (("raw_mean", mean), ("raw_scale", scale)):
        g.output(name, g.to_channels_first(g.slice(value, 0, 2, 4)), "float32", [2, c.latent, "p", "q"])
    return g.build()


def context(model: Flagship) -> bytes:
    """As `graphs.context`."""
    c, net = model.config, model.context
    assert isinstance(net, Context)
    g = Graph("context")
    features, raw_mean, raw_scale, known, context_gain, mean_gain, shift = context_inputs(g, c)

    # the gain is to the prior's 1/32; neighbours count in sixteenths
    x = g.node("Mul", g.node("Mul", g.cast(known, "float32"), context_gain), g.scalar(2.0 ** (net.known_bits - 5)))
    x = g.round(x, -net.known_top, net.known_top)
    x = eight_bits(g, g.node("Concat", x, g.node("Abs", x), axis=3), NARROW_TOP)
    weight, bias = whole(net.look)
    seen = g.node("MatMul", as_float(g, neighbours(g, x), NARROW_TOP), narrow(g, *weight, axis=1))
    seen = eight_bits(g, g.to_channels_first(g.node("Add", seen, g.constant(bias))), 0)
    x = g.node("Concat", eight_bits(g, features, 0), seen, axis=1)
    mean, scale = parameters(g, as_float(g, x, 0), net.second)
    mean, scale = (g.node("Add", g.to_channels_last(raw), more) for raw, more in ((raw_mean, mean), (raw_scale, scale)))
    said(g, mean, scale, mean_gain, shift, c.latent)
    return g.build()


def rectified(g: Graph, x: str, last: str = "", **attributes: object) -> str:
    """A layer's sums in 8 bits, from 0 to 255; with another operator behind."""
    x = eight_bits(g, x, 0)
    return as_float(g, g.node(last, x, **attributes) if last else x, 0)


def conv_in_float(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """A layer before its output is rounded, in float32."""
    q = layer.quantise()
    x = g.conv(x, g.stored(array(q.weight), "int8"), g.constant(array(q.bias)), pad=layer.kernel_size[0] // 2)
    return g.node("Mul", x, g.constant(np.exp2(-array(q.shift)).reshape(1, -1, 1, 1)))


def parameters(g: Graph, features: str, net: Parameters) -> tuple[str, str]:
    """features [N, F, p, q] → mean and scale, whole.  [N, p, q, C]"""
    x = g.to_channels_last(rectified(g, conv(g, features, net.mix)))
    found = []
    for layer in (net.mean, net.scale):
        weight, bias = whole(layer)
        y = g.node("Round", g.node("Add", g.node("MatMul", x, narrow(g, *weight, axis=1)), g.constant(bias)))
        found.append(g.node("Clip", y, g.scalar(layer.low), g.scalar(layer.high)))
    return found[0], found[1]


def said(g: Graph, mean: str, scale: str, mean_gain: str, shift: str, channels: int) -> None:
    """What the entropy coder gets: means in 1/16 of a step, and the tables' indices.  [N, p, q, C]"""
    step = g.round(g.node("Mul", mean, mean_gain), -MEAN_MAX, MEAN_MAX)
    index = g.node("Clip", g.node("Add", scale, shift), g.scalar(0), g.scalar(INDEX_TOP))
    g.output("mean", g.cast(step, "int16"), "int16", [2, "p", "q", channels])
    g.output("index", g.cast(index, "uint8"), "uint8", [2, "p", "q", channels])


def neighbours(g: Graph, x: str) -> str:
    """`aezip_train.flagship.neighbours` of 8 bits with channels last.  [2, p, q, C] → [2, p, q, 4·C]"""
    even, odd = (g.slice(x, 0, n, n + 1) for n in (0, 1))

    def moved(part: str, axis: int, by: int) -> str:
        """The part one row or column on (1) or back (−1), zeros where nothing was."""
        pads = [0] * 8
        pads[axis if by > 0 else axis + 4] = 1
        zero = g.constant(np.uint8(NARROW_TOP).reshape(()))
        wide = g.node("Pad", part, g.constant(np.array(pads, np.int64)), zero)
        return g.slice(wide, axis, 0, -1) if by > 0 else g.slice(wide, axis, 1, TO_END)

    upper = g.node("Concat", moved(odd, 1, 1), odd, even, moved(even, 2, -1), axis=3)
    lower = g.node("Concat", even, moved(even, 1, -1), moved(odd, 2, 1), odd, axis=3)
    return g.node("Concat", upper, lower, axis=0)
