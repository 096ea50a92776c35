"""One picture by several models at about equal size, beside JPEG, as a sheet; below, samples of models that draw.

    python tools/show_families.py docs/families.jpg --picture PICTURE --bpp 0.25 vanilla.aezm conv.aezm sparse.aezm vae
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from aezip import images
from aezip.bench import peers
from aezip.bench.equal import at_rate, liveliest
from aezip.errors import ModelUnfit
from aezip.quality.metrics import bits_per_pixel, psnr_db
from aezip.tasks import sampling
from aezip.tasks.features.vectors import Latents

Pixels = NDArray[np.uint8]
SIDE, ACROSS, LABEL, GAP = 320, 3, 22, 6
PAPER, INK = (255, 255, 255), (20, 20, 20)


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


def sheet(found: list[tuple[str, Pixels]]) -> Image.Image:
    """Labelled cells in rows."""
    wide, high = SIDE + GAP, SIDE + LABEL + GAP
    paper = Image.new("RGB", (wide * ACROSS + GAP, high * -(-len(found) // ACROSS) + GAP), PAPER)
    ink, font = ImageDraw.Draw(paper), ImageFont.load_default(15)
    for n, (label, picture) in enumerate(found):
        left, top = GAP + n % ACROSS * wide, GAP + n // ACROSS * high
        ink.text((left, top + LABEL // 2), label, INK, font, anchor="lm")
        paper.paste(Image.fromarray(picture), (left, top + LABEL))
    return paper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--bpp", type=float, default=0.25)
    given = parser.parse_args()
    found = cells(images.read(given.picture).pixels, given.models, given.bpp)
    found += [("", np.full((SIDE, SIDE, 3), 255, np.uint8))] * (-len(found) % ACROSS)
    sheet(found + samples(given.models)).save(given.output, quality=80)


if __name__ == "__main__":
    main()
