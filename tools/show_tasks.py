"""What the shipped models do with drawn pictures, as one sheet: before, after, and as it was.

    python tools/show_tasks.py docs/tasks.jpg

Noise, lost colours and holes in the sample picture; a defect in a texture of `textures`.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from textures import broken, drawn

import aezip
from aezip import images
from aezip.tasks.anomaly import heat, measures
from aezip.tasks.features.vectors import Latents, halved
from aezip.tasks.restore.restorer import Restorer, grey_of

Pixels = NDArray[np.uint8]  # [H, W, 3]
Row = list[tuple[str, Pixels]]
HEIGHT, WIDTH = 256, 384  # of a pane
GAP, LINE, SIZE = 10, 26, 17  # between panes, of a caption and its letters
SIGMA, HOLES, HOLE = 25, 8, 32
NORMAL, RATE = 30, 0.01
KIND, DEFECT = "weave", "smear"
SAMPLE = Path(aezip.__file__).parent / "samples" / "sample.png"


def rows(sample: Pixels, rng: np.random.Generator) -> list[Row]:
    """Each task's panes with their captions."""
    grey = grey_of(sample)
    part = np.ascontiguousarray(sample[-HEIGHT:, -WIDTH:])
    noisy = np.asarray(np.clip(np.rint(part + rng.normal(0, SIGMA, part.shape)), 0, 255), np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for top, left in rng.integers(0, (HEIGHT - HOLE, WIDTH - HOLE), (HOLES, 2)):
        mask[top : top + HOLE, left : left + HOLE] = True
    holed = np.where(mask[:, :, None], np.uint8(255), part)
    return [
        [(f"noise, sigma {SIGMA}", noisy), ("denoise", Restorer("denoise").denoise(noisy)[0]), ("original", part)],
        [("grey", halved(grey).repeat(3, 2)), ("colorize", halved(Restorer("colorize").colorize(grey))),
         ("original", halved(sample))],
        [(f"holes, {HOLE} by {HOLE} pixels", holed), ("inpaint", Restorer("inpaint").inpaint(holed, mask)),
         ("original", part)],
        defect(rng),
    ]


def defect(rng: np.random.Generator) -> Row:
    """A texture with a defect, where it is found, and the texture without."""
    latents = Latents()
    fit = measures.Fit(latents)
    for _ in range(NORMAL):
        fit.add(partial(drawn, KIND, rng))
    profile = fit.profile()
    whole = np.ascontiguousarray(drawn(KIND, rng, WIDTH)[:HEIGHT])
    flawed = broken(whole, DEFECT, rng)
    found = measures.score(profile, measures.seen(latents, flawed))
    return [(f"a texture with a {DEFECT}", flawed),
            ("anomaly", heat.drawn(flawed, found.map, profile.threshold(RATE))), ("without it", whole)]


def sheet(captioned: list[Row]) -> Image.Image:
    """Rows of panes of one size, a caption above each."""
    across = max(map(len, captioned))
    size = GAP + across * (WIDTH + GAP), len(captioned) * (LINE + HEIGHT + GAP)
    out = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(out), ImageFont.load_default(SIZE)
    for n, row in enumerate(captioned):
        for m, (caption, pane) in enumerate(row):
            left, top = GAP + m * (WIDTH + GAP), n * (LINE + HEIGHT + GAP)
            pen.text((left, top + LINE // 2), caption, "black", font, anchor="lm")
            out.paste(Image.fromarray(pane), (left, top + LINE))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    sheet(rows(images.read(SAMPLE).pixels, np.random.default_rng(1))).save(given.output, quality=82, optimize=True)


if __name__ == "__main__":
    main()
