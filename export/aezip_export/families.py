"""Autoencoders without a hyperprior: two graphs, the static tables, and the proofs before they are written.

Graphs take and give uint8 images [N, H, W, 3 or 1] and latents in 1/16 of a step, as the flagship's; each function
mirrors the module of the same name in `aezip_train`. Weights are stored as float16.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from aezip import codec as codecs
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.format.container import QUALITY_TOP
from aezip.model import kinds, packages
from aezip.model.onnx_check import OPSET
from aezip.quality import metrics
from aezip_train.autoencoder import Autoencoder
from aezip_train.conv import Conv, Decoder, Encoder
from aezip_train.data import centre
from aezip_train.fitting import BITS_PER_ERROR
from aezip_train.flagship import SLOPE
from aezip_train.histograms import Static
from aezip_train.vae import Vae
from aezip_train.vanilla import PATCH, Dense, Vanilla

from . import package, reach
from .builder import Graph
from .graphs import LATENT_MAX, array, residuals
from .proofs import TOLERANCE, ProofFailed, windows_agree
from .sample import picture

QUALITIES = (0, 200, 605, 900, 1000)


def encoder(net: Autoencoder, storage: str = "float16") -> bytes:
    """image u8 [N, H, W, C], gain [L] → latent i16 [N, H/16, W/16, L]"""
    c = net.config
    g = Graph("encoder")
    image = g.input("image", "uint8", ["N", "H", "W", c.channels])
    gain = g.input("gain", "float32", [c.latent])
    x = g.cast(g.to_channels_first(image), "float32")
    if isinstance(net, Vanilla):
        x = first(g, x, net.patch, PATCH, storage)
        x = conv(g, dense(g, x, net.before, storage), net.narrow, storage)
    else:
        assert isinstance(net, Conv | Vae)
        x = down(g, x, net.encoder, storage)
    if isinstance(net, Vae):
        x = conv(g, x, net.whiten, storage)
    if isinstance(net, Conv) and hasattr(net, "threshold"):  # as `conv.shrunk`
        size = g.node("Add", g.node("Abs", x), g.constant(-array(net.threshold).reshape(1, -1, 1, 1)))
        x = g.node("Mul", g.node("Sign", x), g.node("Clip", size, g.scalar(0), g.scalar(LATENT_MAX)))
    y = g.node("Mul", g.node("Mul", x, g.per_channel(gain)), g.scalar(16))
    latent = g.cast(g.round(y, -LATENT_MAX, LATENT_MAX), "int16")
    g.output("latent", g.to_channels_last(latent), "int16", ["N", "h", "w", c.latent])
    return g.build()


def decoder(net: Autoencoder, storage: str = "float16") -> bytes:
    """latent i16 [N, h, w, L], inverse_gain [L] (of latents in 1/16) → image u8 [N, 16h, 16w, C]"""
    c = net.config
    g = Graph("decoder")
    latent = g.input("latent", "int16", ["N", "h", "w", c.latent])
    inverse = g.input("inverse_gain", "float32", [c.latent])
    x = g.node("Mul", g.cast(g.to_channels_first(latent), "float32"), g.per_channel(inverse))
    if isinstance(net, Vae):
        x = conv(g, x, net.colour, storage)
    if isinstance(net, Vanilla):
        x = dense(g, conv(g, x, net.widen, storage), net.after, storage)
        # a transposed 16×16 convolution of stride 16 is a 1×1 convolution and a shuffle
        weight = array(net.unpatch.weight).transpose(2, 3, 1, 0).reshape(-1, net.unpatch.in_channels, 1, 1) * 64
        x = g.conv(x, g.stored(weight, storage), g.constant(levels(net.unpatch, PATCH**2)))
        x = g.node("DepthToSpace", g.cast(g.round(x, 0, 255), "uint8"), blocksize=PATCH, mode="DCR")
        image = g.to_channels_last(x)
    else:
        assert isinstance(net, Conv | Vae)
        image = up(g, x, net.decoder, c.channels, storage)
    g.output("image", image, "uint8", ["N", "H", "W", c.channels])
    return g.build()


def conv(g: Graph, x: str, layer: nn.Conv2d, storage: str) -> str:
    """A layer as it is, strides but for the first's 1."""
    weight, bias = g.stored(array(layer.weight), storage), g.constant(array(layer.bias))
    return g.conv(x, weight, bias, stride=layer.stride[0], pad=int(layer.padding[0]), group=layer.groups)


def first(g: Graph, x: str, layer: nn.Conv2d, stride: int, storage: str) -> str:
    """The layer that sees pixels: (x − 128) / 64 is folded into it; powers of two keep stored weights exact."""
    weight = (array(layer.weight) / 64).astype(storage).astype(np.float32)
    bias = array(layer.bias) - 128 * weight.sum((1, 2, 3), dtype=np.float64).astype(np.float32)
    return g.conv(x, g.stored(weight, storage), g.constant(bias), stride=stride)


def levels(layer: nn.ConvTranspose2d, times: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The bias of the layer that makes pixels, in grey levels, of each of so many places."""
    return np.asarray(np.tile(array(layer.bias), times) * 64 + 128, np.float32)


def dense(g: Graph, x: str, blocks: nn.Sequential, storage: str) -> str:
    """A run of `vanilla.Dense`."""
    for block in blocks:
        assert isinstance(block, Dense)
        inner = g.node("LeakyRelu", conv(g, x, block.reduce, storage), alpha=SLOPE)
        x = g.node("Add", x, conv(g, inner, block.expand, storage))
    return x


def down(g: Graph, x: str, net: Encoder, storage: str) -> str:
    """As `conv.Encoder`."""
    x = residuals(g, first(g, g.pad_edge(x, 4), net.stem, 8, storage), net.coarse, storage)
    return residuals(g, conv(g, x, net.down, storage), net.latent, storage)


def up(g: Graph, x: str, net: Decoder, channels: int, storage: str) -> str:
    """As `conv.Decoder`, up to pixels: transposed convolutions are plain ones and shuffles, as in the flagship's."""
    x = residuals(g, x, net.latent, storage)
    coarse = net.stem.in_channels
    weight = array(net.up.weight).transpose(2, 3, 1, 0).reshape(4 * coarse, net.up.in_channels, 1, 1)
    x = g.conv(x, g.stored(weight, storage), g.constant(np.tile(array(net.up.bias), 4)))
    x = residuals(g, g.node("DepthToSpace", x, blocksize=2, mode="DCR"), net.coarse, storage)
    stem = array(net.stem.weight).reshape(coarse, channels, 2, 8, 2, 8)[:, :, ::-1, :, ::-1]
    stem = stem.transpose(3, 5, 1, 0, 2, 4).reshape(64 * channels, coarse, 2, 2) * 64
    x = g.conv(g.pad_edge(x, 1), g.stored(stem, storage), g.constant(levels(net.stem, 64)))
    x = g.to_channels_last(g.node("DepthToSpace", g.cast(g.round(x, 0, 255), "uint8"), blocksize=8, mode="DCR"))
    inside = [np.array(v, np.int64) for v in ([4, 4], [-4, -4], [1, 2])]
    return g.node("Slice", x, *(g.constant(v) for v in inside))


def tables_file(static: Static) -> bytes:
    """All integers that are not weights, as one .npz."""
    return package.arrays_file({
        "radius": static.tables.radius, "frequency": static.tables.frequency, "table": static.table,
        "gain": static.gain, "inverse_gain": static.inverse_gain,
    })


def export(
    net: Autoencoder, static: Static, output: Path, *, name: str, facts: dict[str, Any], card: str
) -> dict[str, Any]:
    """Write a package once every proof holds.  Returns the figures it was described with."""
    with torch.no_grad():  # as stored
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.copy_(layer.weight.half().float())
    members = {
        "encoder.onnx": encoder(net), "decoder.onnx": decoder(net), "tables.npz": tables_file(static),
        "CARD.md": card.encode(),
    }
    digests = {member: hashlib.sha256(data).hexdigest() for member, data in members.items()}
    description = {
        "name": name, "family": net.family, "coding": kinds.STATIC.name, "version": packages.PACKAGE_VERSION,
        "fingerprint": packages.fingerprint_of(digests, kinds.STATIC.deciding).hex(),
        "channels": net.config.channels, "stride": 16, "latent_channels": net.config.latent,
        "qualities": QUALITY_TOP + 1,
        "margins": {part: reach.margin(members[f"{part}.onnx"]) for part in kinds.STATIC.windowed},
        "bits_per_error": BITS_PER_ERROR, "opset": OPSET, "digests": digests, **facts,
    }
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / output.name
        package.write(trial, members, description)
        figures = prove(net, trial)
    package.write(output, members, {**description, **figures})
    return figures


def prove(net: Autoencoder, path: Path) -> dict[str, Any]:
    """Torch and onnxruntime agree, as a window and the whole do; files decode alike.  Raises ProofFailed."""
    pixels = np.ascontiguousarray(picture()[:, :, : net.config.channels])
    codec = codecs.Codec(str(path))
    graphs = Graphs.at(Sessions(codec.package), 500)
    step = graphs.rung
    padded = codecs.pad(pixels, net.config.channels)
    with torch.no_grad():
        u = net.encode(centre(padded[None]))[0].permute(1, 2, 0).numpy() * step.gain * 16
    found = graphs.encoder(padded)
    apart = float(np.abs(found - u).max() - 0.5) / float(np.abs(u).max())
    if apart > TOLERANCE:
        raise ProofFailed(f"encoder: torch and onnxruntime differ by {apart:.2g}; the limit is {TOLERANCE}")
    margin = max(codec.package.margin(part) for part in kinds.STATIC.windowed)
    times = [1 + 2 * 16 * (margin + 2) // side for side in pixels.shape[:2]]
    windows_agree(graphs, np.tile(pixels, (*times, 1)))
    measured = {}
    for quality in QUALITIES:
        data = codec.encode(pixels, quality / 10)
        ours, lat = codec.decode(data)
        latent, step = codecs.decode_latents(graphs.sessions, lat)
        with torch.no_grad():
            made = net.decode(torch.from_numpy(latent * step.inverse_gain).permute(2, 0, 1)[None])
        theirs = (made * 64 + 128.5).floor().clamp(0, 255).byte()[0].permute(1, 2, 0).numpy()
        worst = int(np.abs(ours.astype(int) - theirs[: ours.shape[0], : ours.shape[1]]).max())
        if worst > 1:
            raise ProofFailed(f"quality {quality / 10:g}: torch and onnxruntime decode {worst} levels apart; "
                              "the limit is 1")
        bpp = metrics.bits_per_pixel(len(data), pixels)
        measured[f"{quality / 10:g}"] = {"bpp": round(bpp, 4), "psnr_db": round(metrics.psnr_db(pixels, ours), 2)}
    return {"measured": measured}
