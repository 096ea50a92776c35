"""What the shipped restorers do with the sample picture, before and after, as one sheet.

    python tools/show_tasks.py docs/tasks.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import aezip
from aezip import images
from aezip.tasks.restoring import Restorer, grey_of

Pixels = NDArray[np.uint8]
SIGMA, HOLES, HOLE, GAP = 25, 10, 32, 8
SAMPLE = Path(aezip.__file__).parent / "samples" / "sample.png"


def sheet(clean: Pixels, seed: int = 1) -> Pixels:
    """Noisy, grey and holed above what is made of them.  [H, W, 3] → [2 H + GAP, 3 W + 2 GAP, 3]"""
    rng = np.random.default_rng(seed)
    noisy = np.asarray(np.clip(np.rint(clean + rng.normal(0, SIGMA, clean.shape)), 0, 255), np.uint8)
    grey = grey_of(clean)
    mask = np.zeros(clean.shape[:2], bool)
    for top, left in rng.integers(0, np.array(mask.shape) - HOLE, (HOLES, 2)):
        mask[top : top + HOLE, left : left + HOLE] = True
    holed = np.where(mask[:, :, None], np.uint8(255), clean)
    before = [noisy, grey.repeat(3, 2), holed]
    after = [Restorer("denoise").denoise(noisy)[0], Restorer("colorize").colorize(grey),
             Restorer("inpaint").inpaint(holed, mask)]
    height, width = mask.shape
    out = np.full((2 * height + GAP, 3 * width + 2 * GAP, 3), 255, np.uint8)
    for row, pictures in enumerate((before, after)):
        for column, picture in enumerate(pictures):
            top, left = row * (height + GAP), column * (width + GAP)
            out[top : top + height, left : left + width] = picture
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--picture", type=Path, default=SAMPLE)
    given = parser.parse_args()
    Image.fromarray(sheet(images.read(given.picture).pixels)).save(given.output, quality=90)


if __name__ == "__main__":
    main()
