"""A small decoder for a model's files: faster, and less precise.

    python -m aezip_export.small MODEL --pictures FOLDER -o NAME.aezm --minutes 60

In: a package whose decoder is in integers, and photographs. Out: the same package with `decoder.small.onnx`. Files and
fingerprint stay. It learns from what the package's encoder makes of the photographs (`aezip_train.small_decoder`), for
as long as it is told, or until Ctrl-C.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from aezip.bench import doctor
from aezip.codec import Codec
from aezip.engine.sessions import DECODERS
from aezip.model import packages
from aezip.model.kinds import SMALL
from aezip.model.packages import Package
from aezip.quality import metrics
from aezip.storage.files import check_output
from aezip_train import small_decoder
from aezip_train.data import Crops, Picture, middle_crops, read_folder
from aezip_train.integer_lapped import NARROW_TOP
from aezip_train.package_weights import read_model
from aezip_train.small_decoder import SmallDecoder, Split

from . import macs, package, proofs
from .builder import Graph
from .graphs import array
from .integer_graphs import as_float, eight_bits, narrow_blocks, product, shuffled, with_pixels, within

MEMBER = f"{SMALL}.onnx"
CROP, DRAWN = 256, 0.12  # pixels a side; share of crops that code draws
COUNT, QUALITIES = 24, (30, 60, 90)  # of pictures, on which it is compared with the full one


def graph(net: SmallDecoder) -> bytes:
    """latent i16 [N, h, w, C], inverse_gain [C] (of latents in 1/16) → image u8 [N, 16h, 16w, 3]"""
    g, latents = Graph("decoder"), len(net.unit)
    latent = g.input("latent", "int16", ["N", "h", "w", latents])
    inverse = g.input("inverse_gain", "float32", [latents])
    x = g.node("Mul", g.cast(latent, "float32"), g.node("Mul", inverse, g.constant(array(net.unit))))
    x = split(g, g.node("Add", x, g.constant(array(net.latent_offset))), net.up)
    x = narrow_blocks(g, shuffled(g, x, 2, len(net.coarse_offset)), net.coarse)
    x = split(g, g.node("Add", x, g.constant(array(net.coarse_offset))), net.stem)
    return with_pixels(g, x)


def split(g: Graph, x: str, layer: Split) -> str:
    """[N, h, w, C] → [N, h', w', O]"""
    seen = eight_bits(g, x, NARROW_TOP)
    many = as_float(g, taps(g, seen, layer.many), NARROW_TOP)
    chosen = np.zeros((layer.many.in_channels, len(layer.wide)), np.float32)
    chosen[array(layer.wide).astype(int), range(len(layer.wide))] = array(layer.lift)
    few = g.node("Round", within(g, g.node("MatMul", x, g.constant(chosen)), g.constant(array(layer.few.tops))))
    out = g.node("Add", product(g, many, layer.many), product(g, taps(g, few, layer.few), layer.few))
    if layer.rest:
        parts = (g.slice(part, 3, layer.finer.start, layer.finer.stop) for part in (x, seen))
        by = small_decoder.REST
        left, taken = (
            g.node("Mul", next(parts), g.scalar(by)),
            g.node("Mul", as_float(g, next(parts), NARROW_TOP), g.scalar(-by)),
        )
        rest = taps(g, eight_bits(g, g.node("Add", left, taken), NARROW_TOP), layer.rest)
        out = g.node("Add", out, product(g, as_float(g, rest, NARROW_TOP), layer.rest))
    return out


def taps(g: Graph, x: str, layer: nn.Conv2d) -> str:
    """What a layer of 2×2 sees at each place, the outermost values once more around it.  [N, h + 1, w + 1, 4·C]"""
    if layer.kernel_size == (1, 1):
        return x
    x = g.node("Pad", x, g.constant(np.array([0, 1, 1, 0] * 2, np.int64)), mode="edge")
    ends = (0, -1), (1, sys.maxsize)
    lines = [g.slice(x, 1, *end) for end in ends]
    return g.node("Concat", *(g.slice(line, 2, *end) for line in lines for end in ends), axis=3)


def add_to(path: Path, folder: Path, output: Path | None = None, minutes: float = 60) -> int:
    """Write a package with a small decoder, in its own place or another.  Returns how many pictures it learnt from.

    Raises ValueError for a package whose decoder is in float, ProofFailed.
    """
    if not minutes > 0:
        raise ValueError(f"{minutes:g} minutes; expected more than 0")
    about = packages.describe(path)
    if not Package(about).exact_pixels:
        raise ValueError("its decoder is in float; expected one in integers (aezip-train --set integer_from=0)")
    check_output(str(output or path), force=True)
    pictures = read_folder(folder, smallest=CROP)
    crops, rng = Crops(pictures, CROP, small_decoder.BATCH, drawn=DRAWN), np.random.default_rng(1)
    torch.manual_seed(1)
    said = 0.0

    def say(step: int, share: float, loss: float) -> None:
        nonlocal said
        if share >= said:
            said = share + 0.02
            print(f"\r{100 * share:3.0f} %, step {step}, loss {loss:.4f} ", end="", file=sys.stderr, flush=True)

    net = small_decoder.distil(read_model(str(path)), lambda: crops.draw(rng), 60 * minutes, rng, say)
    print("\nproving and writing it …", file=sys.stderr)
    write(path, output or path, net)
    for line in compared(output or path, middle_crops(pictures, CROP, COUNT)):
        print(line)
    return len(pictures)


def write(path: Path, output: Path, net: SmallDecoder) -> None:
    """Add a trained decoder to a package.  Raises ProofFailed."""
    made = {MEMBER: graph(net)}
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "trial.aezm"
        package.amend(path, trial, made, measure=False)
        digest = proofs.small_agrees(Package(packages.describe(trial)), net)
    counts = packages.describe(path).description["macs"] | {SMALL: macs.per_pixel(made[MEMBER])}
    package.amend(path, output, made, measure=False, macs=counts, **{doctor.PIXELS["small"]: digest})


def compared(path: Path, pictures: list[Picture]) -> Iterator[str]:
    """How much less precise the small decoder is, as lines."""
    both = [Codec(str(path), decoder=decoder) for decoder in DECODERS]
    for quality in QUALITIES:
        files = [both[0].encode(p, quality) for p in pictures]
        full, small = (
            np.mean([metrics.psnr_db(p, codec.decode(f)[0]) for p, f in zip(pictures, files, strict=True)])
            for codec in both
        )
        yield f"quality {quality}: {full:.2f} dB, small {small - full:+.2f} dB, on pictures that it learnt from"


if __name__ == "__main__":
    package.on_pictures(str(__doc__), add_to, "a small decoder, trained on", minutes=60)
