"""What the shipped models do with drawn pictures, as one sheet: before, after, and as it was.

    python tools/show_tasks.py docs/tasks.jpg

Noise, lost colours and holes in the sample picture; a defect in a texture of `textures`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from common import HOLE, Pixels, holes, noisy, parser, read, sheet
from textures import broken, drawn

import aezip
from aezip.tasks.anomaly import heat, measures
from aezip.tasks.features.vectors import Latents, halved
from aezip.tasks.restore.restorer import Restorer, grey_of

Row = list[tuple[str, Pixels]]
HEIGHT, WIDTH = 256, 384  # of a pane
SIGMA = 25
NORMAL, RATE = 30, 0.01
KIND, DEFECT = "weave", "smear"
SAMPLE = Path(aezip.__file__).parent / "samples" / "sample.png"


def rows(sample: Pixels, rng: np.random.Generator) -> list[Row]:
    """Each task's panes with their captions."""
    grey = grey_of(sample)
    part = np.ascontiguousarray(sample[-HEIGHT:, -WIDTH:])
    noise = noisy(part, SIGMA, rng)
    mask = holes(HEIGHT, WIDTH, rng)
    holed = np.where(mask[:, :, None], np.uint8(255), part)
    return [
        [(f"noise, sigma {SIGMA}", noise), ("denoise", Restorer("denoise").denoise(noise)[0]), ("original", part)],
        [
            ("grey", halved(grey).repeat(3, 2)),
            ("colorize", halved(Restorer("colorize").colorize(grey))),
            ("original", halved(sample)),
        ],
        [
            (f"holes, {HOLE} by {HOLE} pixels", holed),
            ("inpaint", Restorer("inpaint").inpaint(holed, mask)),
            ("original", part),
        ],
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
    return [
        (f"a texture with a {DEFECT}", flawed),
        ("anomaly", heat.drawn(flawed, found.map, profile.threshold(RATE))),
        ("without it", whole),
    ]


def main() -> None:
    given = parser(__doc__, "output").parse_args()
    sheet(rows(read(SAMPLE), np.random.default_rng(1))).save(given.output, quality=82, optimize=True)


if __name__ == "__main__":
    main()
