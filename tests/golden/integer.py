"""Writes a small package of a decoder in integers, files of it, and their pixels: the same bytes in every decoder.

    python tests/golden/integer.py

Written once, as those of `write.py`. The network is a transform of drawn pictures whose blocks add what chance has them
add; so that the package is small, its tables end at 20, and other symbols are escapes.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aezip import codec as codecs
from aezip.bench import doctor
from aezip.coding import encoder, lossy
from aezip.coding.windows import in_channels
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.entropy.tables import INDEX_TOP, Tables, mixture_tables
from aezip.format import container
from aezip.model import packages
from aezip.model.ladder import Rung
from aezip_export import package, proofs
from aezip_export.sample import picture
from aezip_train.data import centre
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import IntegerConv2d, set_integer
from aezip_train.integer_start import convert

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent
MODEL = HERE / "tiny-integer.aezm"
RADIUS = 20
FACTS = {"summary": "For tests.", "licence": "Apache-2.0"}
CASES = {  # picture, quality, tile
    "integer": (draw(33, 50, 40), 60, 0),
    "integer-tiles": (draw(70, 67, 41), 20, 1),
    "integer-fine": (draw(40, 48, 42), 100, 0),
    "integer-grey": (draw(21, 64, 43, channels=1), 90, 0),
}


def network() -> Flagship:
    """A transform, and blocks with weights of every size."""
    torch.manual_seed(1)
    small = Flagship(Config(coarse=16, latent=20, coarse_blocks=1, latent_blocks=2, hyper=8, feature=8))
    crops = torch.cat([centre(draw(128, 128, seed)[None]) for seed in range(8)])
    small.start_classic(crops)
    model = Flagship(replace(small.config, integer=1))
    with torch.no_grad():
        for block in (*small.decoder.latent, *small.decoder.coarse):
            for layer in block.children():
                assert isinstance(layer, nn.Conv2d)
                layer.weight.normal_(0, (0.1 if layer is block.expand else 1) / layer.weight[0].numel() ** 0.5)
        for layer in (*small.prior.modules(), *small.context.modules()):
            if isinstance(layer, IntegerConv2d):
                layer.weight.normal_(0, 1 / layer.weight[0].numel() ** 0.5)
                layer.bias.normal_(0, 0.2)
        convert(small.eval(), model, lambda: crops)
    set_integer(model, True)
    return proofs.stored_weights(model.eval())


def short(tables: Tables) -> Tables:
    """The same with radii of at most RADIUS; what is cut off is the escape's."""
    found, begin = [], 0
    for index in range(INDEX_TOP + 1):
        radius = int(tables.radius[index])
        frequency, cut = tables.frequency[begin : begin + 2 * radius + 2], max(0, radius - RADIUS)
        begin += len(frequency)
        kept = frequency[cut : len(frequency) - 1 - cut]
        found.append(np.append(kept, frequency.sum() - kept.sum()))
    return Tables(np.minimum(tables.radius, RADIUS), np.concatenate(found))


def export(model: Flagship) -> None:
    """The package, with the proofs that hold without training."""
    members = package.members_of(model, "For tests.\n")
    members["tables.npz"] = package.tables_file(short(mixture_tables()), package.ladder_of(model), package.SKIP)
    description = package.describe(model, MODEL.stem, members, FACTS)
    package.write_proved(MODEL, members, description, lambda path: proved(model, path))


def proved(model: Flagship, path: Path) -> dict[str, Any]:
    """What `proofs.all_of` finds, but of pictures: patches would hide them."""
    bounds = proofs.bounds(model)
    graphs = Graphs.at(Sessions(packages.Package(packages.describe(path))), 500)
    proofs.prior_is_exact(model, graphs.sessions)
    proofs.windows_agree(graphs, np.tile(picture(), (3, 2, 1)))
    return {"log2_bounds": bounds, doctor.PIXELS["full"]: proofs.pixels_agree(graphs.package)}


def by_torch(model: Flagship, latent: NDArray[np.int16], step: Rung) -> NDArray[np.uint8]:
    """[h, w, C] → [16h, 16w, 3]"""
    scaled = torch.from_numpy(latent * step.inverse_gain).permute(2, 0, 1)[None]
    with torch.no_grad():
        levels = (model.decoder(scaled) * 64 + 128.5).floor().clamp(0, 255)
    return levels[0].permute(1, 2, 0).numpy().astype(np.uint8)


def main() -> None:
    if MODEL.exists():
        raise SystemExit(f"{MODEL.name}: there already")
    model = network()
    export(model)
    codec = codecs.Codec(str(MODEL))
    facts, pixels = {}, {}
    for name, (image, quality, tile) in CASES.items():
        encoder.TILED_FROM, encoder.TILE = (0, tile) if tile else (2**22, 16)
        data = container.pack(encoder.Encoder(Sessions(codec.package), 10 * quality).encode(image))
        (HERE / f"{name}.lat").write_bytes(data)
        pixels[name], lat = codec.decode(data)
        latents, step = lossy.decode_latents(Sessions(codec.package), lat)
        shown = in_channels(by_torch(model, latents, step), lat.header.channels)
        np.testing.assert_array_equal(pixels[name], shown[: image.shape[0], : image.shape[1]])
        facts[name] = {
            "file": hashlib.sha256(data).hexdigest(),
            "latents": hashlib.sha256(latents.astype("<i2").tobytes()).hexdigest(),
        }
    (HERE / "integer.json").write_text(json.dumps(facts, indent=1) + "\n")
    np.savez(HERE / "integer.npz", **pixels)


if __name__ == "__main__":
    main()
