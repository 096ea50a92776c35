"""What the tasks do, as one sheet: before, after, and as it was.

    python tools/show_tasks.py docs/tasks.jpg
    python tools/show_tasks.py mine.jpg --pictures PHOTOGRAPHS

Noise, lost colours, scratches and holes in the sample picture, or in the middles of photographs of a folder, in turn;
a defect in a texture of `textures`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
from common import HOLE, Mask, Pixels, dots, holes, middle, noisy, parser, pictures, read, scratches, sheet
from textures import broken, drawn

import aezip
from aezip.errors import ImageError
from aezip.tasks.anomaly import heat, measures
from aezip.tasks.features.vectors import Latents, halved
from aezip.tasks.restore.restorer import Restorer, grey_of

Row = list[tuple[str, Pixels]]
HEIGHT, WIDTH = 256, 384  # of a pane
SIGMA, DOTS = 25, 12
NORMAL, RATE = 30, 0.01
KIND, DEFECT = "weave", "smear"
SAMPLE = Path(aezip.__file__).parent / "samples" / "sample.png"


def rows(parts: Iterator[Pixels], rng: np.random.Generator) -> list[Row]:
    """Each task's panes with their captions.  parts: a picture [HEIGHT, WIDTH, 3] for each row"""
    noise, colours, dotted, worn, holed = (next(parts) for _ in range(5))
    noise_seen, grey, colorize = noisy(noise, SIGMA, rng), grey_of(colours), Restorer("colorize")
    hints = dots(dotted, DOTS, rng)
    shown = np.where(hints[:, :, 3:], hints[:, :, :3], grey_of(dotted))
    return [
        [
            (f"noise, sigma {SIGMA}", noise_seen),
            ("denoise", Restorer("denoise").denoise(noise_seen)[0]),
            ("original", noise),
        ],
        [("grey", grey.repeat(3, 2)), ("colorize", colorize.colorize(grey)), ("original", colours)],
        [
            (f"{DOTS} hints", shown),
            ("colorize --hints", colorize.colorize(grey_of(dotted), hints)),
            ("original", dotted),
        ],
        filled("scratches, 3 pixels wide", worn, scratches(HEIGHT, WIDTH, 3, rng)),
        filled(f"holes, {HOLE} by {HOLE} pixels", holed, holes(HEIGHT, WIDTH, rng)),
        defect(rng),
    ]


def filled(caption: str, part: Pixels, mask: Mask) -> Row:
    """A picture with pixels missing, and what they are filled with."""
    missing = np.where(mask[:, :, None], np.uint8(255), part)
    return [(caption, missing), ("inpaint", Restorer("inpaint").inpaint(missing, mask)), ("original", part)]


def middles(folder: str) -> Iterator[Pixels]:
    """Of the photographs of a folder that are large enough, made small by halving; over and over."""
    found = True
    while found:
        found = False
        for file in pictures(folder):
            pixels = read(file, rgb=True)
            while pixels.shape[0] >= 2 * HEIGHT and pixels.shape[1] >= 2 * WIDTH:
                pixels = halved(pixels)
            if pixels.shape[0] >= HEIGHT and pixels.shape[1] >= WIDTH:
                found = True
                yield middle(pixels, HEIGHT, WIDTH)
    raise ImageError(f"no picture of at least {WIDTH}×{HEIGHT} pixels", "some", file=folder)


def defect(rng: np.random.Generator) -> Row:
    """A texture with a defect, where it is found, and the texture without."""
    latents = Latents()
    fit = measures.Fit(latents)
    for _ in range(NORMAL):
        one = drawn(KIND, rng)
        fit.add(lambda one=one: one)  # type: ignore[misc]
    profile = fit.profile()
    whole = np.ascontiguousarray(drawn(KIND, rng, WIDTH)[:HEIGHT])
    flawed = broken(whole, DEFECT, rng)
    found = measures.score(profile, measures.seen(latents, flawed, profile))
    return [
        (f"a texture with a {DEFECT}", flawed),
        ("anomaly", heat.drawn(flawed, found.map, profile.threshold(RATE))),
        ("without it", whole),
    ]


def main() -> None:
    given = parser(__doc__, "output", pictures=str).parse_args()
    part = np.ascontiguousarray(read(SAMPLE)[-HEIGHT:, -WIDTH:])
    parts = middles(given.pictures) if given.pictures else repeat(part)
    sheet(rows(parts, np.random.default_rng(1))).save(given.output, quality=82, optimize=True)


if __name__ == "__main__":
    main()
