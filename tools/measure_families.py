"""What trained autoencoders achieve: near-zero activations of their latents, beside rate and PSNR, as text.

    python tools/measure_families.py --pictures VAL conv.aezm sparse.aezm vanilla.aezm

An activation is near zero below 5 % of its channel's root mean square. PSNR is of whole files at quality 100.
"""

from __future__ import annotations

import numpy as np
from common import Pixels, parser, pictures, rate_and_psnr, read
from numpy.typing import NDArray

from aezip import codec as codecs
from aezip.coding.pictures import transform
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions

NEAR = 0.05
QUALITIES = (25, 50, 100)


def activations(codec: codecs.Codec, pictures: list[Pixels]) -> NDArray[np.float64]:
    """Latents of all cells, in steps of the highest quality / 16.  [cells, C]"""
    graphs = Graphs.at(Sessions(codec.package), 1000)
    found = []
    for pixels in pictures:
        h, w = (size // 16 for size in pixels.shape[:2])
        latent = transform(graphs, pixels, (slice(0, h), slice(0, w)))
        found.append(latent.reshape(-1, latent.shape[2]))
    return np.concatenate(found).astype(np.float64)


def main() -> None:
    given = parser(__doc__, "models+", pictures=str, limit=int).parse_args()
    seen = [read(file) for file in pictures(given.pictures, given.limit)]
    print(f"{'model':<12}{'near 0':>8}" + "".join(f"{f'quality {q}: bpp':>20}{'dB':>7}" for q in QUALITIES))
    for name in given.models:
        codec = codecs.Codec(name)
        u = activations(codec, seen)
        near = (np.abs(u) < NEAR * np.sqrt((u**2).mean(0))).mean()
        line = f"{codec.package.about.name:<12}{100 * near:7.1f}%"
        for quality in QUALITIES:
            bpp, psnr = np.mean([rate_and_psnr(codec, pixels, quality) for pixels in seen], 0)
            line += f"{bpp:20.3f}{psnr:7.2f}"
        print(line)


if __name__ == "__main__":
    main()
