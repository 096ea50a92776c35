"""What trained autoencoders achieve: near-zero activations of their latents, beside rate and PSNR, as text.

    python tools/measure_families.py --pictures VAL conv.aezm sparse.aezm vanilla.aezm

An activation is near zero below 5 % of its channel's root mean square. PSNR is of whole files at quality 100.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aezip import codec as codecs
from aezip import images
from aezip.coding import windows
from aezip.engine.graphs import Graphs
from aezip.model.ladder import rung
from aezip.quality.metrics import bits_per_pixel, psnr_db

NEAR = 0.05
QUALITIES = (25, 50, 100)


def activations(codec: codecs.Codec, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Latents of all cells, in steps of the highest quality / 16.  [cells, C]"""
    graphs, step = Graphs(codec.package), rung(codec.package.ladder, 1000)
    found = []
    for pixels in pictures:
        h, w = (size // 16 for size in pixels.shape[:2])
        latent = windows.transform(graphs, pixels, (slice(0, h), slice(0, w)), step)
        found.append(latent.reshape(-1, latent.shape[2]))
    return np.concatenate(found).astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    pictures = [images.read(file).pixels for file in sorted(given.pictures.iterdir())[: given.limit]]
    print(f"{'model':<12}{'near 0':>8}" + "".join(f"{f'quality {q}: bpp':>20}{'dB':>7}" for q in QUALITIES))
    for name in given.models:
        codec = codecs.Codec(name)
        u = activations(codec, pictures)
        near = (np.abs(u) < NEAR * np.sqrt((u**2).mean(0))).mean()
        line = f"{codec.package.about.name:<12}{100 * near:7.1f}%"
        for quality in QUALITIES:
            rows = []
            for pixels in pictures:
                data = codec.encode(pixels, quality)
                rows.append((bits_per_pixel(len(data), pixels), psnr_db(pixels, codec.decode(data)[0])))
            bpp, psnr = np.mean(rows, 0)
            line += f"{bpp:20.3f}{psnr:7.2f}"
        print(line)


if __name__ == "__main__":
    main()
