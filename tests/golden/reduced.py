"""Writes the golden model with decoders of small pictures, and what they make of golden files.

    python tests/golden/reduced.py

Written once, as the files of `write.py`. The model's fingerprint is that of `tiny.aezm`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from aezip.codec import Codec
from aezip.format.scales import SCALES
from aezip_export import heads

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import draw

HERE = Path(__file__).parent
MODEL = HERE / "reduced" / "tiny.aezm"
NAMES = ("odd", "grey", "tiles", "patched", "patched-grey", "exact-rgb", "exact-alpha")


def main() -> None:
    pictures = MODEL.parent / "pictures"
    pictures.mkdir()
    for seed in range(12):
        Image.fromarray(draw(128, 160, seed)).save(pictures / f"{seed}.png")
    heads.add_to(HERE / "tiny.aezm", pictures, MODEL)
    for file in pictures.iterdir():
        file.unlink()
    pictures.rmdir()
    codec, made = Codec(str(MODEL)), {}
    for name in NAMES:
        data = (HERE / f"{name}.lat").read_bytes()
        for scale in SCALES[1:]:
            made[f"{name}.{scale}"] = codec.decode(data, scale=scale)[0]
    np.savez(MODEL.parent / "pixels.npz", **made)


if __name__ == "__main__":
    main()
