"""The flagship's transforms as graphs: encoder, hyper-encoder, decoder.

Each function mirrors the module of the same name in `aezip_train.flagship`. Normalising, rounding and clipping are
inside. Weights are stored as float16.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from aezip.entropy.tables import RADIUS_MAX
from aezip_train.flagship import Flagship
from aezip_train.histograms import LATENT_MAX
from aezip_train.lapped import SLOPE, Decoder, Encoder, stem_rows, up_rows

from .builder import Graph


def array(x: Tensor | None) -> NDArray[np.float32]:
    """A parameter as float32."""
    assert x is not None
    return np.asarray(x.detach().cpu().numpy(), np.float32)


def encoder(model: Flagship) -> bytes:
    """image u8 [N, H, W, 3], gain [C] → latent i16 [N, H/16, W/16, C]"""
    c, net = model.config, model.encoder
    g = Graph("encoder")
    image, gain = of_encoder(g, 3, c.latent)
    return with_latent(g, down(g, image, net), gain, c.latent)


def of_encoder(g: Graph, channels: int, latents: int) -> tuple[str, str]:
    """The inputs, image in float32 [N, C, H, W] and gain [L]."""
    image, gain = g.input("image", "uint8", ["N", "H", "W", channels]), g.input("gain", "float32", [latents])
    return g.cast(g.to_channels_first(image), "float32"), gain


def with_latent(g: Graph, x: str, gain: str, latents: int) -> bytes:
    """The graph that gives this, times the gain.  [N, L, h, w]"""
    y = g.node("Mul", g.node("Mul", x, g.per_channel(gain)), g.scalar(16))
    latent = g.cast(g.round(y, -LATENT_MAX, LATENT_MAX), "int16")
    g.output("latent", g.to_channels_last(latent), "int16", ["N", "h", "w", latents])
    return g.build()


def of_decoder(g: Graph, latents: int) -> str:
    """The inputs' product.  [N, L, h, w]"""
    latent, inverse = (
        g.input("latent", "int16", ["N", "h", "w", latents]),
        g.input("inverse_gain", "float32", [latents]),
    )
    return g.node("Mul", g.cast(g.to_channels_first(latent), "float32"), g.per_channel(inverse))


def hyper_encoder(model: Flagship) -> bytes:
    """latent i16 [N, 4a, 4b, C], hyper_gain [Z] → hyper i16 [N, a, b, Z]"""
    c, net = model.config, model.hyper_encoder
    g = Graph("hyper")
    latent = g.input("latent", "int16", ["N", "h", "w", c.latent])
    hyper_gain = g.input("hyper_gain", "float32", [c.hyper])

    sixteenths = g.cast(g.to_channels_first(latent), "float32")
    y = g.node("Mul", sixteenths, g.scalar(1 / 16))
    magnitude = g.node("Log", g.node("Add", g.node("Abs", y), g.scalar(1)))
    signed = g.node("Mul", magnitude, g.node("Clip", sixteenths, g.scalar(-1), g.scalar(1)))
    x = g.node("Concat", magnitude, signed, axis=1)
    x = convs(g, x, (net.mix, net.to_half, net.to_quarter))
    hyper = g.round(g.node("Mul", x, g.per_channel(hyper_gain)), -RADIUS_MAX, RADIUS_MAX)
    g.output("hyper", g.to_channels_last(g.cast(hyper, "int16")), "int16", ["N", "a", "b", c.hyper])
    return g.build()


def decoder(model: Flagship, storage: str = "float16") -> bytes:
    """latent i16 [N, h, w, C], inverse_gain [C] (of latents in 1/16) → image u8 [N, 16h, 16w, 3]"""
    c, net = model.config, model.decoder
    assert isinstance(net, Decoder)
    g = Graph("decoder", storage)
    g.output("image", up(g, of_decoder(g, c.latent), net), "uint8", ["N", "H", "W", 3])
    return g.build()


def conv(g: Graph, x: str, layer: nn.Module) -> str:
    """A convolution as it is."""
    assert isinstance(layer, nn.Conv2d)
    weight, bias = g.stored(array(layer.weight)), g.constant(array(layer.bias))
    return g.conv(
        x,
        weight,
        bias,
        stride=layer.stride[0],
        pad=int(layer.padding[0]),
        dilation=layer.dilation[0],
        group=layer.groups,
    )


def first(g: Graph, x: str, layer: nn.Conv2d) -> str:
    """The layer that sees pixels: (x − 128) / 64 is folded into it; powers of two keep stored weights exact."""
    weight = (array(layer.weight) / 64).astype(g.storage).astype(np.float32)
    bias = array(layer.bias) - 128 * weight.sum((1, 2, 3), dtype=np.float64).astype(np.float32)
    return g.conv(x, g.stored(weight), g.constant(bias), stride=layer.stride[0])


def levels(layer: nn.ConvTranspose2d, times: int) -> NDArray[np.float32]:
    """The bias of the layer that makes pixels, in grey levels, for this many places."""
    return np.asarray(np.tile(array(layer.bias), times) * 64 + 128, np.float32)


def down(g: Graph, x: str, net: Encoder) -> str:
    """An encoder on pixels in float32.  [N, C, 16h, 16w] → [N, L, h, w]"""
    x = residuals(g, first(g, g.pad_edge(x, 4), net.stem), net.coarse)
    return residuals(g, conv(g, x, net.down), net.latent)


def up(g: Graph, x: str, net: Decoder) -> str:
    """A decoder, to pixels in uint8.  [N, L, h, w] → [N, 16h, 16w, C]"""
    x = residuals(g, x, net.latent)
    x = g.conv(x, g.stored(array(up_rows(net.up.weight))), g.constant(np.tile(array(net.up.bias), 4)))
    x = residuals(g, g.node("DepthToSpace", x, blocksize=2, mode="DCR"), net.coarse)
    stem = array(stem_rows(net.stem.weight)) * 64
    return image_of(g, g.conv(g.pad_edge(x, 1), g.stored(stem), g.constant(levels(net.stem, 64))))


def image_of(g: Graph, x: str) -> str:
    """Grey levels of 8×8 pixels each, half of these beyond the picture, as uint8.

    [N, 64·C, 2h + 1, 2w + 1] → [N, 16h, 16w, C]
    """
    return inside(g, pixels_of(g, x, 8))


def inside(g: Graph, x: str) -> str:
    """Pixels without the four outermost on every side, which are beyond the picture.  [N, H, W, C]"""
    ends = [np.array(v, np.int64) for v in ([4, 4], [-4, -4], [1, 2])]
    return g.node("Slice", x, *(g.constant(v) for v in ends))


def pixels_of(g: Graph, x: str, side: int) -> str:
    """Grey levels of squares as uint8.  [N, side²·C, h, w] → [N, side·h, side·w, C]"""
    x = g.cast(g.round(x, 0, 255), "uint8")
    return g.to_channels_last(g.node("DepthToSpace", x, blocksize=side, mode="DCR"))


def residuals(g: Graph, x: str, blocks: nn.Module) -> str:
    """A run of residual blocks, whose branches are `convs`."""
    for block in blocks.children():
        x = g.node("Add", x, convs(g, x, block.children()))
    return x


def convs(g: Graph, x: str, layers: Iterable[nn.Module]) -> str:
    """Layers with leaky rectifiers between them."""
    for n, layer in enumerate(layers):
        x = conv(g, g.node("LeakyRelu", x, alpha=SLOPE) if n else x, layer)
    return x
