"""One picture by several models at about equal size, beside JPEG, as a sheet; below, samples of models that draw.

python tools/show_families.py docs/families.jpg --picture PICTURE --bpp 0.25 vanilla.aezm conv.aezm sparse.aezm vae
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from common import Pixels, parser, read, sheet

from aezip.bench import peers
from aezip.bench.equal import at_rate, liveliest
from aezip.errors import ModelUnfit
from aezip.quality.metrics import bits_per_pixel, psnr_db
from aezip.tasks import sampling
from aezip.tasks.features.vectors import Latents

SIDE, ACROSS = 320, 3


def cells(pixels: Pixels, models: list[str], bpp: float) -> list[tuple[str, Pixels]]:
    """The liveliest crop of a picture, and what each codec makes of it when the whole picture has `bpp`."""
    rows, columns = liveliest(pixels, SIDE)
    found = [("original", pixels[rows, columns])]
    players = [*peers.classic(["jpeg"]), *(peers.aezip(model, range(101)) for model in models)]
    for player in players:
        data = at_rate(player, pixels, bpp)[0]
        decoded = player.decode(data)
        figures = f"{bits_per_pixel(len(data), pixels):.3f} bpp, {psnr_db(pixels, decoded):.2f} dB"
        found.append((f"{player.name}: {figures}", decoded[rows, columns]))
    return found


def samples(models: list[str]) -> list[tuple[str, Pixels]]:
    """Pictures from the prior of each model that has one."""
    found = []
    for model in models:
        try:
            made = islice(sampling.drawn(Latents(model), SIDE, SIDE, 1), ACROSS)
            found += [(f"{Path(model).stem}: a sample", picture) for picture in made]
        except ModelUnfit:
            continue
    return found


def main() -> None:
    given = parser(__doc__, "output", "models+", picture=str, bpp=0.25).parse_args()
    found = cells(read(given.picture), given.models, given.bpp)
    found += [("", np.full((SIDE, SIDE, 3), 255, np.uint8))] * (-len(found) % ACROSS)
    found += samples(given.models)
    rows = [found[n : n + ACROSS] for n in range(0, len(found), ACROSS)]
    sheet(rows, gap=6, line=22, letters=15).save(given.output, quality=80)


if __name__ == "__main__":
    main()
