"""Writes what the beginnings of golden files show, a first look of FORMAT.md §6.

    python tests/golden/looks.py

Written once, as the files of `write.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aezip.codec import Codec

HERE = Path(__file__).parent
BEGINNINGS = {
    "early": ("tiny", (80, 340)),
    "early-tiles": ("tiny", (150, 400)),
    "odd": ("tiny", (105,)),
    "tiles": ("tiny", (700,)),
    "static": ("tiny-static", (80,)),
    "integer": ("tiny-integer", (200,)),
}


def main() -> None:
    made = {}
    for name, (model, lengths) in BEGINNINGS.items():
        data = (HERE / f"{name}.lat").read_bytes()
        for length in lengths:
            made[f"{name}.{length}"] = Codec(str(HERE / f"{model}.aezm")).decode(data[:length], partial=True)[0]
    np.savez(HERE / "looks.npz", **made)


if __name__ == "__main__":
    main()
