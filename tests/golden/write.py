"""Writes the golden files of a format version, each once: those that are there already are left alone.

    python tests/golden/write.py tests/golden/tiny.aezm

Golden files are never written again to make a test pass: a decoder that no longer
reads them is wrong, or the format has a new version with golden files of its own.
A new feature gets a new case here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from aezip import codec as codecs
from aezip import coding, images
from aezip.coding import encoder, lossy
from aezip.engine.sessions import Sessions
from aezip.entropy import coder
from aezip.format import container, patches
from aezip.format.geometry import CELL_SIZE, grid

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent


def escaping(codec: codecs.Codec) -> bytes:
    """A file with latents that no table holds, made without a picture."""
    rng = np.random.default_rng(7)
    found = coding.at(Sessions(codec.package), 1000)
    step = found.graphs.rung
    latent = rng.normal(0, 16, (6, 5, len(step.gain))).astype(np.int16)
    latent[rng.random(latent.shape) < 0.02] = 16 * 900
    hyper = rng.integers(-1, 2, (2, 2, len(step.hyper_gain))).astype(np.int16)
    hyper[0, 0, :3] = 1023, -1023, 77
    phases, *_ = found.symbols(np.pad(latent, ((0, 2), (0, 3), (0, 0))), 6, 5, hyper)
    body = coder.encode(phases, codec.package.tables)
    header = container.Header(80, 96, 3, 1000, codec.package.fingerprint)
    return container.pack(container.Lat(header, (container.Section(container.LATENTS, body),)))


CASES = {
    "one-pixel": (draw(1, 1), 0.0, 0),
    "grey": (draw(64, 64, seed=1, channels=1), 60.0, 0),
    "odd": (draw(33, 17, seed=2), 50.0, 0),
    "fine": (draw(96, 130, seed=3), 100.0, 0),
    "tiles": (draw(150, 140, seed=4), 45.5, 1),
}


REPAIRED = {  # picture, quality, tile, flags, patched cells (row, column)
    "patched": (draw(40, 53, seed=31), 60.0, 0, 0, [(0, 1), (1, 3), (2, 0), (2, 3)]),
    "patched-grey": (draw(35, 20, seed=32, channels=1), 40.0, 0, 0, [(0, 0), (2, 1)]),
    "whole": (draw(66, 70, seed=33), 30.0, 1, container.NO_SKIP, []),
    "early": (draw(70, 53, seed=34), 60.0, 0, container.PROGRESSIVE, []),
    "early-tiles": (draw(150, 140, seed=35, channels=1), 45.5, 1, container.PROGRESSIVE, []),
    "early-whole": (draw(66, 70, seed=36), 30.0, 1, container.PROGRESSIVE | container.NO_SKIP, [(0, 1), (4, 4)]),
}


def repaired(
    codec: codecs.Codec, picture: codecs.Pixels, quality: float, tile: int, flags: int, places: list[tuple[int, int]]
) -> bytes:
    """A file with patches at some cells, or none, whatever they do for its pixels."""
    encoder.TILED_FROM, encoder.TILE = (0, tile) if tile else (2**22, 16)
    lat = encoder.Encoder(Sessions(codec.package), round(10 * quality), flags=flags).encode(picture)
    assert lat.header.flags == flags
    if places:
        cells = np.zeros(grid(picture.shape, CELL_SIZE), bool)
        cells[tuple(zip(*places, strict=True))] = True
        patch = container.Section(container.PATCHES, patches.encode(picture, cells))
        lat = lat._replace(sections=(patch, *lat.sections))
    return container.pack(lat)


BLOCKS = np.kron(np.random.default_rng(8).integers(0, 2, (30, 3)), np.full((10, 8), 255)).astype(np.uint8)
SLOPE = np.add.outer(3 * np.arange(20), 5 * np.arange(31)).astype(np.uint8)
PICTURES = {  # with what belongs to them
    "alpha": images.Picture(draw(300, 24, seed=5), alpha=BLOCKS),
    "grey-alpha": images.Picture(draw(20, 31, seed=6, channels=1), alpha=SLOPE),
    "opaque": images.Picture(draw(9, 8, seed=7), alpha=np.full((9, 8), 255, np.uint8)),
    "metadata": images.Picture(
        draw(10, 12, seed=8),
        icc=b"a profile",
        exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0",
        xmp=b"<x:xmpmeta/>",
        resolution=images.Resolution(Fraction(901, 3), Fraction(118), 2),
    ),
    "aspect": images.Picture(draw(6, 5, seed=9), resolution=images.Resolution(Fraction(4), Fraction(3), 0)),
}


def extras(picture: images.Picture) -> dict[str, str | None]:
    """What a decoder has to find besides pixels."""
    alpha = None if picture.alpha is None else hashlib.sha256(picture.alpha.tobytes()).hexdigest()
    texts = {
        name: value and value.hex()
        for name, value in (("icc", picture.icc), ("exif", picture.exif), ("xmp", picture.xmp))
    }
    return {"alpha": alpha, **texts, "resolution": picture.resolution and str(picture.resolution)}


def main(model: str) -> None:
    codec = codecs.Codec(model)
    files = {"escapes": escaping(codec)}
    facts = json.loads((HERE / "facts.json").read_text())
    pixels = dict(np.load(HERE / "pixels.npz"))
    for name, picture in PICTURES.items():
        files[name] = codec.encode(picture.pixels, 60, sections=images.sections_of(picture), lossless=False)
    for name, (picture, quality, tile) in CASES.items():
        encoder.TILED_FROM, encoder.TILE = (0, tile) if tile else (2**22, 16)
        files[name] = codec.encode(picture, quality, lossless=False)
    for name, case in REPAIRED.items():
        files[name] = repaired(codec, *case)
    for name, data in files.items():
        if name in facts:
            continue
        (HERE / f"{name}.lat").write_bytes(data)
        pixels[name], lat = codec.decode(data)
        decoded, _ = lossy.decode_latents(Sessions(codec.package), lat)
        facts[name] = {
            "file": hashlib.sha256(data).hexdigest(),
            "latents": hashlib.sha256(decoded.astype("<i2").tobytes()).hexdigest(),
            "quality": lat.header.quality_tenths,
        }
        if name in PICTURES:
            facts[name].update(extras(images.picture_of(pixels[name], lat)))
    np.savez_compressed(HERE / "pixels.npz", **pixels)
    (HERE / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
