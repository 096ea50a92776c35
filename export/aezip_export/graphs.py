"""The flagship's five graphs: encoder, hyper-encoder, prior, context, decoder.

Each function mirrors the module of the same name in `aezip_train.flagship`. Images
are uint8 [N, H, W, 3] and latents int16 [N, h, w, C] in 1/16 of a step; normalising,
rounding and clipping are inside. Weights of the transforms are stored as float16,
those of the prior as int8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from aezip.entropy.tables import INDEX_TOP, RADIUS_MAX, STEP_BIT, STEPS
from aezip_train.flagship import Config, Context, Flagship, Parameters, Prior, in_halves
from aezip_train.histograms import LATENT_MAX
from aezip_train.integer import IntegerConv2d
from aezip_train.lapped import SLOPE, Decoder, Encoder, Residual, stem_rows, up_rows

from .builder import Graph

MEAN_MAX = 16 * 1024 - 1
TO_END = 2**31 - 1  # of a slice


def array(x: Tensor | None) -> NDArray[np.float32]:
    """A parameter as float32."""
    assert x is not None
    return np.asarray(x.detach().cpu().numpy(), np.float32)


def encoder(model: Flagship, storage: str = "float16") -> bytes:
    """image u8 [N, H, W, 3], gain [C] → latent i16 [N, H/16, W/16, C]"""
    c, net = model.config, model.encoder
    g = Graph("encoder")
    image = g.input("image", "uint8", ["N", "H", "W", 3])
    gain = g.input("gain", "float32", [c.latent])

    x = down(g, g.cast(g.to_channels_first(image), "float32"), net, storage)
    y = g.node("Mul", x, g.per_channel(gain))
    latent = g.round(g.node("Mul", y, g.scalar(16)), -LATENT_MAX, LATENT_MAX)
    g.output("latent", g.to_channels_last(g.cast(latent, "int16")), "int16", ["N", "h", "w", c.latent])
    return g.build()


def hyper_encoder(model: Flagship, storage: str = "float16") -> bytes:
    """latent i16 [N, 4a, 4b, C], hyper_gain [Z] → hyper i16 [N, a, b, Z]"""
    c, net = model.config, model.hyper_encoder
    g = Graph("hyper")
    latent = g.input("latent", "int16", ["N", "h", "w", c.latent])
    hyper_gain = g.input("hyper_gain", "float32", [c.hyper])

    y = g.node("Mul", g.cast(g.to_channels_first(latent), "float32"), g.scalar(1 / 16))
    magnitude = g.node("Log", g.node("Add", g.node("Abs", y), g.scalar(1)))
    signed = g.node("Mul", magnitude, g.node("Sign", y))
    x = g.node("Concat", magnitude, signed, axis=1)
    for layer in (net.mix, net.to_half, net.to_quarter):
        x = conv(g, x, layer, storage)
        if layer is not net.to_quarter:
            x = g.node("LeakyRelu", x, alpha=SLOPE)
    hyper = g.round(g.node("Mul", x, g.per_channel(hyper_gain)), -RADIUS_MAX, RADIUS_MAX)
    g.output("hyper", g.to_channels_last(g.cast(hyper, "int16")), "int16", ["N", "a", "b", c.hyper])
    return g.build()


def decoder(model: Flagship, storage: str = "float16") -> bytes:
    """latent i16 [N, h, w, C], inverse_gain [C] (of latents in 1/16) → image u8 [N, 16h, 16w, 3]"""
    c, net = model.config, model.decoder
    assert isinstance(net, Decoder)
    g = Graph("decoder")
    latent = g.input("latent", "int16", ["N", "h", "w", c.latent])
    inverse = g.input("inverse_gain", "float32", [c.latent])

    x = g.node("Mul", g.cast(g.to_channels_first(latent), "float32"), g.per_channel(inverse))
    g.output("image", up(g, x, net, storage), "uint8", ["N", "H", "W", 3])
    return g.build()


def conv(g: Graph, x: str, layer: nn.Conv2d, storage: str) -> str:
    """A layer as it is."""
    weight, bias = g.stored(array(layer.weight), storage), g.constant(array(layer.bias))
    return g.conv(
        x,
        weight,
        bias,
        stride=layer.stride[0],
        pad=int(layer.padding[0]),
        dilation=layer.dilation[0],
        group=layer.groups,
    )


def first(g: Graph, x: str, layer: nn.Conv2d, storage: str) -> str:
    """The layer that sees pixels: (x − 128) / 64 is folded into it; powers of two keep stored weights exact."""
    weight = (array(layer.weight) / 64).astype(storage).astype(np.float32)
    bias = array(layer.bias) - 128 * weight.sum((1, 2, 3), dtype=np.float64).astype(np.float32)
    return g.conv(x, g.stored(weight, storage), g.constant(bias), stride=layer.stride[0])


def levels(layer: nn.ConvTranspose2d, times: int) -> NDArray[np.float32]:
    """The bias of the layer that makes pixels, in grey levels, for this many places."""
    return np.asarray(np.tile(array(layer.bias), times) * 64 + 128, np.float32)


def down(g: Graph, x: str, net: Encoder, storage: str) -> str:
    """An encoder on pixels in float32.  [N, C, 16h, 16w] → [N, L, h, w]"""
    x = residuals(g, first(g, g.pad_edge(x, 4), net.stem, storage), net.coarse, storage)
    return residuals(g, conv(g, x, net.down, storage), net.latent, storage)


def up(g: Graph, x: str, net: Decoder, storage: str) -> str:
    """A decoder, to pixels in uint8.  [N, L, h, w] → [N, 16h, 16w, C]"""
    x = residuals(g, x, net.latent, storage)
    x = g.conv(x, g.stored(array(up_rows(net.up.weight)), storage), g.constant(np.tile(array(net.up.bias), 4)))
    x = residuals(g, g.node("DepthToSpace", x, blocksize=2, mode="DCR"), net.coarse, storage)
    stem = array(stem_rows(net.stem.weight)) * 64
    return image_of(g, g.conv(g.pad_edge(x, 1), g.stored(stem, storage), g.constant(levels(net.stem, 64))))


def image_of(g: Graph, x: str) -> str:
    """Grey levels of 8×8 pixels each, half of these beyond the picture, as uint8.

    [N, 64·C, 2h + 1, 2w + 1] → [N, 16h, 16w, C]
    """
    x = pixels_of(g, x, 8)
    inside = [np.array(v, np.int64) for v in ([4, 4], [-4, -4], [1, 2])]
    return g.node("Slice", x, *(g.constant(v) for v in inside))


def pixels_of(g: Graph, x: str, side: int) -> str:
    """Grey levels of squares as uint8.  [N, side²·C, h, w] → [N, side·h, side·w, C]"""
    x = g.cast(g.round(x, 0, 255), "uint8")
    return g.to_channels_last(g.node("DepthToSpace", x, blocksize=side, mode="DCR"))


def residuals(g: Graph, x: str, blocks: nn.Sequential, storage: str) -> str:
    """A run of residual blocks."""
    for block in blocks:
        assert isinstance(block, Residual)
        inner = x
        for layer in (block.reduce, block.spatial, block.expand):
            inner = conv(g, inner, layer, storage)
            if layer is not block.expand:
                inner = g.node("LeakyRelu", inner, alpha=SLOPE)
        x = g.node("Add", x, inner)
    return x


def prior(model: Flagship) -> bytes:
    """hyper i16 [1, a, b, Z] and a rung's vectors → of the first half mean i16, index u8 [2, 2a, 2b, C], and of the
    second what the context wants to know: features, raw_mean, raw_scale [2, …, 2a, 2b]

    A half's even rows stand before its odd ones, as in `aezip_train.flagship.halves`.
    """
    c, net = model.config, model.prior
    assert isinstance(net, Prior)
    g = Graph("prior")
    hyper, inverse, offset, mean_gain, shift = prior_inputs(g, c)

    z = g.node("Mul", g.cast(g.to_channels_first(hyper), "float32"), g.per_channel(inverse))
    z = g.node("Add", g.round(z, -32767, 32767), g.per_channel(offset))
    x = g.node("Clip", z, g.scalar(-255), g.scalar(255))
    x = integer_conv(g, integer_conv(g, x, net.look), net.to_half)
    x = g.node("DepthToSpace", x, blocksize=2, mode="CRD")
    # The last shuffle is left out: four outputs for each feature are the four positions of 2×2, which are those of the
    # checkerboard's halves. Put in the halves' order, they are four pictures of one size.
    order = in_halves(c.feature)
    x = integer_conv(g, integer_conv(g, x, net.look_half), net.to_full, order)
    x = g.node("Reshape", x, g.constant(np.array([4, c.feature, 0, 0], np.int64)))
    mean, scale, step = parameters(g, x, net.first, both=True)

    said(g, g.slice(mean, 0, 0, 2), g.slice(scale, 0, 0, 2), step, mean_gain, shift, c.latent)
    carried = (("features", x, c.feature), ("raw_mean", mean, c.latent), ("raw_scale", scale, c.latent))
    for name, value, depth in carried:
        g.output(name, g.slice(value, 0, 2, 4), "float32", [2, depth, "p", "q"])
    return g.build()


def context(model: Flagship) -> bytes:
    """What `prior` carried over, known i16 [2, p, q, C] of the first half → of the second mean i16, index u8, alike

    The look at the four neighbours is two convolutions, 2×1 and 1×2, which see both parts of the first half.
    """
    c, net = model.config, model.context
    assert isinstance(net, Context)
    g = Graph("context")
    features, raw_mean, raw_scale, known, context_gain, mean_gain, shift = context_inputs(g, c)

    x = g.node("Mul", g.cast(g.to_channels_first(known), "float32"), g.per_channel(context_gain))
    x = g.round(x, -255, 255)
    seen = neighbourhood(g, g.node("Concat", x, g.node("Abs", x), axis=1), net.look)
    mean, scale, step = parameters(g, g.node("Concat", features, seen, axis=1), net.second)
    said(g, g.node("Add", raw_mean, mean), g.node("Add", raw_scale, scale), step, mean_gain, shift, c.latent)
    return g.build()


def prior_inputs(g: Graph, c: Config) -> tuple[str, ...]:
    """hyper, hyper_inverse, hyper_offset, mean_gain, shift"""
    hyper = g.input("hyper", "int16", [1, "a", "b", c.hyper])
    of_hyper = [g.input(name, "float32", [c.hyper]) for name in ("hyper_inverse", "hyper_offset")]
    return hyper, *of_hyper, *(g.input(name, "float32", [c.latent]) for name in ("mean_gain", "shift"))


def context_inputs(g: Graph, c: Config) -> tuple[str, ...]:
    """features, raw_mean, raw_scale, known, context_gain, mean_gain, shift"""
    carried = {"features": c.feature, "raw_mean": c.latent, "raw_scale": c.latent}
    of_prior = [g.input(name, "float32", [2, depth, "p", "q"]) for name, depth in carried.items()]
    known = g.input("known", "int16", [2, "p", "q", c.latent])
    gains = [g.input(name, "float32", [c.latent]) for name in ("context_gain", "mean_gain", "shift")]
    return *of_prior, known, *gains


def neighbourhood(g: Graph, x: str, layer: IntegerConv2d) -> str:
    """`layer` on `aezip_train.flagship.neighbours(x)`, without making those.  x [2, I, p, q] → [2, O, p, q]"""
    q = layer.quantise()
    above, below, left, right = np.split(array(q.weight)[:, :, 0, 0], 4, axis=1)
    upright = g.stored(np.stack([above, below], 2)[:, :, :, None], "int8")
    level = g.stored(np.stack([left, right], 2)[:, :, None, :], "int8")
    none = np.zeros(len(above), np.float32)
    v = g.node("Conv", x, upright, g.constant(array(q.bias)), strides=[1, 1], pads=[1, 0, 1, 0])  # [2, O, p + 1, q]
    h = g.node("Conv", x, level, g.constant(none), strides=[1, 1], pads=[0, 1, 0, 1])  # [2, O, p, q + 1]
    v_even, v_odd, h_even, h_odd = (g.slice(y, 0, n, n + 1) for y in (v, h) for n in (0, 1))
    # the second half's even rows lie between two odd ones and within an even one; its odd rows the other way round
    upper = g.node("Add", g.slice(v_odd, 2, 0, -1), g.slice(h_even, 3, 1, TO_END))
    lower = g.node("Add", g.slice(v_even, 2, 1, TO_END), g.slice(h_odd, 3, 0, -1))
    return rounded(g, g.node("Concat", upper, lower, axis=0), layer)


def parameters(g: Graph, features: str, net: Parameters, *, both: bool = False) -> tuple[str, str, str]:
    """features → mean, scale and step (or ''), whole.  both: of both halves, but for the step"""
    x = integer_conv(g, features, net.mix)
    step = integer_conv(g, g.slice(x, 0, 0, 2) if both else x, net.step) if net.step else ""
    return integer_conv(g, x, net.mean), integer_conv(g, x, net.scale), step


def said(g: Graph, mean: str, scale: str, step: str, mean_gain: str, shift: str, channels: int) -> None:
    """What the entropy coder gets: means in 1/16 of a step, and indices, of a table and a step.

    A step of the network, −2, −1, 0, 1, is number 2, 3, 0, 1 of the format's. Its table is 5 or 2 higher, the same, 2
    lower.
    """
    mean = g.round(g.node("Mul", mean, g.per_channel(mean_gain)), -MEAN_MAX, MEAN_MAX)
    table, number = g.node("Add", scale, g.per_channel(shift)), ""
    if step:
        less = g.node("Mul", step, g.scalar(-1))
        finer = g.node("Clip", less, g.scalar(0), g.scalar(1))
        finest = g.node("Clip", g.node("Add", less, g.scalar(-1)), g.scalar(0), g.scalar(1))
        table = g.node("Add", table, g.node("Add", g.node("Add", less, less), finest))
        unit = 1 << STEP_BIT
        number = g.node("Add", g.node("Mul", step, g.scalar(unit)), g.node("Mul", finer, g.scalar(len(STEPS) * unit)))
    index = g.node("Clip", table, g.scalar(0), g.scalar(INDEX_TOP))
    index = g.node("Add", index, number) if step else index
    g.output("mean", g.to_channels_last(g.cast(mean, "int16")), "int16", [2, "p", "q", channels])
    g.output("index", g.to_channels_last(g.cast(index, "uint8")), "uint8", [2, "p", "q", channels])


def integer_conv(g: Graph, x: str, layer: IntegerConv2d, order: NDArray[np.int64] | None = None) -> str:
    """clip(floor(sum · 2^-k + ½), low, high) of whole numbers.  order: of the output's channels, if not their own"""
    q = layer.quantise()
    weight, bias = (v if order is None else v[order] for v in (array(q.weight), array(q.bias)))
    x = g.conv(x, g.stored(weight, "int8"), g.constant(bias), pad=layer.kernel_size[0] // 2)
    return rounded(g, x, layer, order)


def rounded(g: Graph, x: str, layer: IntegerConv2d, order: NDArray[np.int64] | None = None) -> str:
    """A layer's sums, shifted, rounded and clipped."""
    shift = array(layer.quantise().shift)
    factor = np.exp2(-(shift if order is None else shift[order])).reshape(1, -1, 1, 1)
    return g.round(g.node("Mul", x, g.constant(factor)), layer.low, layer.high)
