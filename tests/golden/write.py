"""Writes the golden files of a format version, once, when the version is made.

    python tests/golden/write.py tests/golden/tiny.aezm

Golden files are never written again to make a test pass: a decoder that no longer
reads them is wrong, or the format has a new version with golden files of its own.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from aezip import codec as codecs
from aezip import container, latents
from aezip.graphs import Graphs
from aezip.ladder import rung

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent


def escaping(codec: codecs.Codec) -> bytes:
    """A file with latents that no table holds, made without a picture."""
    rng = np.random.default_rng(7)
    step = rung(codec.package.ladder, 1000)
    latent = rng.normal(0, 16, (6, 5, len(step.gain))).astype(np.int16)
    latent[rng.random(latent.shape) < 0.02] = 16 * 900
    hyper = rng.integers(-1, 2, (2, 2, len(step.hyper_gain))).astype(np.int16)
    hyper[0, 0, :3] = 1023, -1023, 77
    body = latents.encode(Graphs(codec.package), latent, hyper, step)
    header = container.Header(80, 96, 3, 1000, codec.package.fingerprint)
    return container.pack(container.Lat(header, (container.Section(container.LATENTS, body),)))


CASES = {
    "one-pixel": (draw(1, 1), 0.0, 0),
    "grey": (draw(64, 64, seed=1, channels=1), 60.0, 0),
    "odd": (draw(33, 17, seed=2), 50.0, 0),
    "fine": (draw(96, 130, seed=3), 100.0, 0),
    "tiles": (draw(150, 140, seed=4), 45.5, 1),
}


def main(model: str) -> None:
    codec = codecs.Codec(model)
    files, facts, pixels = {"escapes": escaping(codec)}, {}, {}
    for name, (picture, quality, tile) in CASES.items():
        codecs.TILED_FROM, codecs.TILE = (0, tile) if tile else (2**22, 16)
        files[name] = codec.encode(picture, quality)
    for name, data in files.items():
        (HERE / f"{name}.lat").write_bytes(data)
        pixels[name], lat = codec.decode(data)
        decoded, _ = codecs.decode_latents(Graphs(codec.package), lat)
        facts[name] = {
            "file": hashlib.sha256(data).hexdigest(),
            "latents": hashlib.sha256(decoded.astype("<i2").tobytes()).hexdigest(),
            "quality": lat.header.quality,
        }
    np.savez_compressed(HERE / "pixels.npz", **pixels)
    (HERE / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
