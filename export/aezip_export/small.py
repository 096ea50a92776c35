"""A small decoder for a model's files: a run of `aezip-train small` → the model's package with `decoder.small.onnx`.

All else in the package, its files and its fingerprint stay.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from aezip.bench import doctor
from aezip.model import packages
from aezip.model.kinds import SMALL
from aezip.model.packages import Package
from aezip.model.store import find_codec
from aezip_train.integer_lapped import NARROW_TOP
from aezip_train.small_decoder import ONE, SmallDecoder, Split

from . import macs, package, proofs
from .builder import Graph
from .graphs import array
from .integer_graphs import as_float, eight_bits, narrow_blocks, product, shuffled, with_pixels, within

MEMBER = f"{SMALL}.onnx"


def graph(net: SmallDecoder) -> bytes:
    """latent i16 [N, h, w, C], inverse_gain [C] (of latents in 1/16) → image u8 [N, 16h, 16w, 3]"""
    g, latents = Graph("decoder"), len(net.unit)
    latent = g.input("latent", "int16", ["N", "h", "w", latents])
    inverse = g.input("inverse_gain", "float32", [latents])
    x = g.node("Mul", g.cast(latent, "float32"), g.node("Mul", inverse, g.constant(array(net.unit))))
    x = split(g, g.node("Add", x, g.constant(array(net.latent_offset))), net.up)
    x = narrow_blocks(g, shuffled(g, x, 2, net.up.many.out_channels // 4), net.coarse)
    return with_pixels(g, split(g, x, net.stem))


def split(g: Graph, x: str, layer: Split) -> str:
    """[N, h, w, C] → [N, h', w', O]"""
    wide = len(layer.lift)
    few = g.node("Mul", g.slice(x, 3, 0, wide), g.constant(array(layer.lift)))
    few = g.node("Round", within(g, few, g.constant(array(layer.few.tops)[:-1])))
    few = g.node("Pad", few, g.constant(np.array([0] * 7 + [1], np.int64)), g.scalar(ONE))
    many = taps(g, eight_bits(g, g.slice(x, 3, wide, sys.maxsize), NARROW_TOP), layer.many)
    many = product(g, as_float(g, many, NARROW_TOP), layer.many)
    return g.node("Add", many, product(g, taps(g, few, layer.few), layer.few))


def taps(g: Graph, x: str, layer: nn.Conv2d) -> str:
    """What a layer of 2×2 sees at each place, the outermost values once more around it.  [N, h + 1, w + 1, 4·C]"""
    if layer.kernel_size == (1, 1):
        return x
    x = g.node("Pad", x, g.constant(np.array([0, 1, 1, 0] * 2, np.int64)), mode="edge")
    ends = (0, -1), (1, sys.maxsize)
    lines = [g.slice(x, 1, *end) for end in ends]
    return g.node("Concat", *(g.slice(line, 2, *end) for line in lines for end in ends), axis=3)


def export(net: SmallDecoder, of: str, output: Path, **_: Any) -> dict[str, Any]:
    """Write the package of the model `of` with the decoder.  Returns no figures.  Raises AezipError, ProofFailed."""
    write(find_codec(of).about.path, output, net)
    return {}


def write(path: Path, output: Path, net: SmallDecoder) -> None:
    """Add a trained decoder to a package.  Raises ProofFailed."""
    made = {MEMBER: graph(net)}
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.aezm"
        package.amend(path, trial, made, measure=False)
        digest = proofs.small_agrees(Package(packages.describe(trial)), net)
    counts = packages.describe(path).description["macs"] | {SMALL: macs.per_pixel(made[MEMBER])}
    package.amend(path, output, made, measure=False, macs=counts, **{doctor.PIXELS["small"]: digest})
