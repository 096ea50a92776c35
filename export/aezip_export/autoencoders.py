"""Autoencoders without a hyperprior: two graphs, the static tables, and the proofs before they are written.

Graphs are as the flagship's; each function mirrors the module of the same name in `aezip_train`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.format.container import QUALITY_TOP
from aezip.model import kinds, packages
from aezip.model.packages import Package
from aezip_train.autoencoder import Autoencoder
from aezip_train.conv import Conv, LappedAutoencoder
from aezip_train.histograms import LATENT_MAX, Static
from aezip_train.lapped import up_rows
from aezip_train.train_autoencoder import BITS_PER_ERROR
from aezip_train.vae import Vae
from aezip_train.vanilla import PATCH, Vanilla

from . import package
from .builder import Graph
from .graphs import array, conv, down, first, levels, of_decoder, of_encoder, pixels_of, residuals, up, with_latent
from .proofs import decode_agrees, stored_weights, transforms_agree, windows_agree
from .sample import measured, picture

QUALITIES = (0, 200, 605, 900, 1000)


def encoder(net: Autoencoder, storage: str = "float16") -> bytes:
    """image u8 [N, H, W, C], gain [L] → latent i16 [N, H/16, W/16, L]"""
    c = net.config
    g = Graph("encoder", storage)
    x, gain = of_encoder(g, c.channels, c.latent)
    if isinstance(net, Vanilla):
        x = conv(g, residuals(g, first(g, x, net.patch), net.before), net.narrow)
    else:
        assert isinstance(net, LappedAutoencoder)
        x = down(g, x, net.encoder)
    if isinstance(net, Vae):
        x = conv(g, x, net.whiten)
    if isinstance(net, Conv) and hasattr(net, "threshold"):  # as `conv.shrunk`
        size = g.node("Add", g.node("Abs", x), g.constant(-array(net.threshold).reshape(1, -1, 1, 1)))
        x = g.node("Mul", g.node("Sign", x), g.node("Clip", size, g.scalar(0), g.scalar(LATENT_MAX)))
    return with_latent(g, x, gain, c.latent)


def decoder(net: Autoencoder) -> bytes:
    """latent i16 [N, h, w, L], inverse_gain [L] (of latents in 1/16) → image u8 [N, 16h, 16w, C]"""
    c = net.config
    g = Graph("decoder")
    x = of_decoder(g, c.latent)
    if isinstance(net, Vae):
        x = conv(g, x, net.colour)
    if isinstance(net, Vanilla):
        x = residuals(g, conv(g, x, net.widen), net.after)
        weight = array(up_rows(net.unpatch.weight)) * 64
        x = g.conv(x, g.stored(weight), g.constant(levels(net.unpatch, PATCH**2)))
        image = pixels_of(g, x, PATCH)
    else:
        assert isinstance(net, LappedAutoencoder)
        image = up(g, x, net.decoder)
    g.output("image", image, "uint8", ["N", "H", "W", c.channels])
    return g.build()


def export(
    net: Autoencoder, static: Static, output: Path, *, name: str, facts: dict[str, Any], card: str
) -> dict[str, Any]:
    """Write a package once every proof holds.  Returns the figures it was described with."""
    net = stored_weights(net)
    members = {
        "encoder.onnx": encoder(net),
        "decoder.onnx": decoder(net),
        "tables.npz": package.arrays_file(static.arrays()),
        "CARD.md": card.encode(),
    }
    description = package.description(
        members,
        {
            "name": name,
            "family": net.family,
            "coding": kinds.STATIC.name,
            "channels": net.config.channels,
            "latent_channels": net.config.latent,
            "qualities": QUALITY_TOP + 1,
            "bits_per_error": BITS_PER_ERROR,
            **facts,
        },
        kinds.STATIC.deciding,
    )
    return package.write_proved(output, members, description, lambda path: prove(net, path))


def prove(net: Autoencoder, path: Path) -> dict[str, Any]:
    """Torch and onnxruntime agree, as a window and the whole do; files decode alike.  Raises ProofFailed."""
    pixels = np.ascontiguousarray(picture()[:, :, : net.config.channels])
    graphs = Graphs.at(Sessions(Package(packages.describe(path))), 500)
    transforms_agree(graphs, pixels, net.encode)
    margin = max(graphs.package.margin(part) for part in kinds.STATIC.windowed)
    times = [1 + 2 * 16 * (margin + 2) // side for side in pixels.shape[:2]]
    windows_agree(graphs, np.tile(pixels, (*times, 1)))
    qualities = [quality / 10 for quality in QUALITIES]
    decode_agrees(graphs.sessions, pixels, net.decode, qualities)
    return {"measured": measured(path, qualities)}
