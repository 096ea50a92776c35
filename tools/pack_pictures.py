"""Pack pictures for training elsewhere: square patches as AVIF files (4:4:4) of so many megabytes in all.

    python tools/pack_pictures.py PICTURES -o packed --megabytes 40

Every picture gives a patch before one gives a second. Nearly flat patches, as of clear skies, are mostly left out: few
say all. Pictures that are smaller than --patch give smaller ones, by steps of 64 pixels. The same pictures and --seed
give the same patches.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import Pixels, parser
from PIL import Image, features
from tqdm import tqdm

from aezip_train.data import read_folder

STEP = 64  # pixels, that crops are multiples of
LEAST = 256  # pixels of a side: crops that `photo` trains on
FLAT, KEPT = 1.0, 0.2  # mean difference of neighbours, in grey levels, below which a patch is flat; share of these kept


def squares(picture: Pixels, patch: int, rng: np.random.Generator) -> Iterator[Pixels]:
    """A picture's patches, which do not overlap, in random order.  [side, side, 3]"""
    height, width = picture.shape[:2]
    side = min(patch, height // STEP * STEP, width // STEP * STEP)
    top, left = rng.integers(height % side + 1), rng.integers(width % side + 1)
    rows, columns = height // side, width // side
    for place in rng.permutation(rows * columns):
        y, x = top + place // columns * side, left + place % columns * side
        found = picture[y : y + side, x : x + side]
        if rng.random() < KEPT or not is_flat(found):
            yield found


def is_flat(pixels: Pixels) -> bool:
    """Whether neighbours hardly differ."""
    grey = pixels.mean(2)
    return bool(sum(np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1)) / 2 < FLAT)


def patches(pictures: list[Pixels], patch: int, seed: int) -> Iterator[Pixels]:
    """Of all pictures in turn, in random order."""
    rng = np.random.default_rng(seed)
    left = [squares(picture, patch, rng) for picture in pictures]
    while left:
        turn, left = [left[n] for n in rng.permutation(len(left))], []
        for each in turn:
            if (found := next(each, None)) is not None:
                left.append(each)
                yield found


def packed(found: Iterator[Pixels], limit: int, quality: int) -> list[bytes]:
    """As many files as the limit in bytes allows."""
    files: list[bytes] = []
    with tqdm(total=limit, unit="B", unit_scale=True, disable=None) as bar:
        for pixels in found:
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "AVIF", quality=quality, subsampling="4:4:4")
            limit -= file.tell()
            if limit < 0:
                break
            files.append(file.getvalue())
            bar.update(file.tell())
    return files


def main() -> None:
    known = parser(__doc__, "pictures", megabytes=40.0, patch=512, quality=90, seed=1)
    known.add_argument("-o", "--output", type=Path, required=True, help="folder, which must not exist yet")
    given = known.parse_args()
    if given.output.exists():
        known.error(f"{given.output} exists; expected a new folder")
    if given.patch < LEAST or given.patch % STEP:
        known.error(f"--patch {given.patch}; expected a multiple of {STEP} from {LEAST} on")
    if not features.check("avif"):
        known.error("this Pillow writes no AVIF; expected one that does, as those of PyPI")
    try:
        pictures = read_folder(Path(given.pictures), smallest=LEAST)
    except FileNotFoundError as error:
        known.error(str(error))
    files = packed(patches(pictures, given.patch, given.seed), int(given.megabytes * 1e6), given.quality)
    if not files:
        known.error(f"--megabytes {given.megabytes:g} is less than one patch takes")
    given.output.mkdir(parents=True)
    for number, data in enumerate(files):
        (given.output / f"{number:05}.avif").write_bytes(data)
    size = sum(map(len, files)) / 1e6
    sys.stdout.write(f"{given.output}: {len(files):,} patches of {len(pictures):,} pictures, {size:.2f} MB\n")


if __name__ == "__main__":
    main()
