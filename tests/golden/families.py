"""Writes small packages without a hyperprior, and a file of each, for tests of the runtime without torch.

    python tests/golden/families.py

Written once, as those of `write.py`. The networks start as a transform of drawn pictures and are not trained.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from aezip import codec as codecs
from aezip.coding import lossy
from aezip.engine.sessions import Sessions
from aezip_export import autoencoders
from aezip_train.recipe import build
from aezip_train.train_autoencoder import AutoencoderTraining

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent
FACTS = {"summary": "For tests.", "licence": "Apache-2.0"}
NETWORKS = {
    "static": ("conv", 3, {"coarse": 8, "latent": 12, "coarse_blocks": 1, "latent_blocks": 1}),
    "static-grey": ("vanilla", 1, {"wide": 12, "latent": 8, "blocks": 1}),
    "static-vae": ("vae", 3, {"coarse": 8, "latent": 8, "coarse_blocks": 1, "latent_blocks": 1, "reach": 1}),
}


def export(name: str) -> None:
    """A package of a network at its start."""
    family, channels, network = NETWORKS[name]
    recipe = build({"family": family, "channels": channels, "network": network, "crop": 64})
    fitted = AutoencoderTraining(recipe, [draw(128, 128, seed, channels) for seed in range(8)])
    fitted.settle()
    net, static = AutoencoderTraining.load(fitted.state())
    path = HERE / f"tiny-{name}.aezm"
    autoencoders.export(net, static, path, name=path.stem, facts=FACTS, card="For tests.\n")


if __name__ == "__main__":
    facts, pixels = {}, {}
    for number, name in enumerate(NETWORKS):
        path = HERE / f"tiny-{name}.aezm"
        if path.exists():
            print(f"{path.name}: there already")
            continue
        export(name)
        codec = codecs.Codec(str(path))
        data = codec.encode(draw(70, 90, 10 + number, NETWORKS[name][1]), 37.5)
        (HERE / f"{name}.lat").write_bytes(data)
        pixels[name], lat = codec.decode(data)
        latents = lossy.decode_latents(Sessions(codec.package), lat)[0]
        facts[name] = {
            "file": hashlib.sha256(data).hexdigest(),
            "latents": hashlib.sha256(latents.astype("<i2").tobytes()).hexdigest(),
        }
    if facts:
        (HERE / "families.json").write_text(json.dumps(facts, indent=1) + "\n")
        np.savez(HERE / "families.npz", **pixels)
