"""Writes golden files of 9 to 16 bits a sample, `depth-*.lat`, and what is in them.

    python tests/golden/depth.py

Written once, as those of `write.py`. `depth.npz`, stored as `vectors.npz` is, holds the samples of each, NAME
[H, W, C], and its opacities where it has some, NAME.alpha [H, W]; `depth.json` says the depth, the model, and the
digest of the file. Those of exact pixels need no model.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from aezip.codec import Codec
from aezip.format import alpha, container, patches
from aezip.format.container import Section
from aezip.format.geometry import CELL_SIZE, grid

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent


def finer(bits: int, *shape: int) -> np.ndarray:
    """A drawn picture, with noise in the bits below the eighth.  shape: height, width, channels"""
    height, width, channels = shape
    plain, below = draw(height, width, bits, channels), np.random.default_rng(bits).integers(0, 2 ** (bits - 8), shape)
    return (plain.astype(np.uint16) << bits - 8 | below).astype(np.uint16)


def noisy_green(bits: int, *shape: int) -> np.ndarray:
    """Red and blue are near green, which is noise."""
    pixels = np.random.default_rng(bits).integers(0, 2**bits - 8, (*shape[:2], 1)) + np.arange(3) % 3
    return pixels.astype(np.uint16)


EXACT = {
    "depth-9": (finer(9, 13, 22, 1), 9),
    "depth-10-green": (noisy_green(10, 21, 17, 3), 10),
    "depth-16": (finer(16, 31, 40, 3), 16),
    "depth-12-alpha": (finer(12, 19, 23, 3), 12),
    "depth-16-grey-alpha": (finer(16, 20, 9, 1), 16),
}
ALPHA = {
    "depth-12-alpha": np.random.default_rng(1).integers(0, 4096, (19, 23)).astype(np.uint16),
    "depth-16-grey-alpha": (257 * np.add.outer(np.arange(20), 5 * np.arange(9))).astype(np.uint16),
}
LATENTS = {
    "depth-10-latents": (finer(10, 40, 53, 3), 10, "tiny"),
    "depth-16-patched": (finer(16, 35, 20, 1), 16, "tiny"),
    "depth-16-integer": (finer(16, 33, 40, 3), 16, "tiny-integer"),
    "depth-12-integer-grey": (finer(12, 20, 33, 1), 12, "tiny-integer"),
}
PATCHED = {"depth-16-patched": [(0, 0), (2, 1)]}


def coded(codec: Codec, name: str) -> bytes:
    """A file with latents, and with patches at some cells whatever they do for its samples."""
    pixels, bits, _ = LATENTS[name]
    lat = container.unpack(codec.encode(pixels, 80, depth=bits, lossless=False))
    sections = [s for s in lat.sections if s.type != container.PATCHES]
    if name in PATCHED:
        cells = np.zeros(grid(pixels.shape, CELL_SIZE), bool)
        cells[tuple(zip(*PATCHED[name], strict=True))] = True
        sections.insert(-1, Section(container.PATCHES, patches.encode(pixels, cells)))
    return container.pack(lat._replace(sections=tuple(sections)))


def main() -> None:
    says, holds = HERE / "depth.json", HERE / "depth.npz"
    facts = json.loads(says.read_text()) if says.exists() else {}
    arrays = dict(np.load(holds)) if holds.exists() else {}
    for name in (*EXACT, *LATENTS):
        if name in facts:
            continue
        model = LATENTS[name][2] if name in LATENTS else None
        codec = Codec(model and str(HERE / f"{model}.aezm"))
        if name in EXACT:
            pixels, bits = EXACT[name]
            plane = ALPHA.get(name)
            sections = () if plane is None else (Section(container.ALPHA, alpha.encode(plane, bits)),)
            data = codec.encode(pixels, sections=sections, depth=bits, lossless=True)
            arrays |= {name: pixels} if plane is None else {name: pixels, f"{name}.alpha": plane}
        else:
            data, bits = coded(codec, name), LATENTS[name][1]
            arrays[name], _ = codec.decode(data)
        (HERE / f"{name}.lat").write_bytes(data)
        facts[name] = {"file": hashlib.sha256(data).hexdigest(), "depth": bits, "model": model}
    np.savez(holds, **arrays)
    says.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
