"""Train what the networks of `aezip anomaly fit --train` start from, on photographs, as if each crop were a part.

    python tools/detector_start.py PICTURES START.npz [--steps 4000] [--init START.npz]

What is usual of such a part is the crop itself, moved and blurred a little, as parts lie not quite alike; or nothing.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import parser
from tqdm import tqdm

from aezip.arrays import Image8, around
from aezip.storage.files import atomic_write
from aezip.tasks.anomaly.detector import LEAST, Standard, planes
from aezip.tasks.anomaly.gaussian import Array
from aezip_train.data import lessened, read_folder
from aezip_train.detector import SIDE, Batch, Weights, noisy, read_start, spoilt, trained

LARGEST = 512  # pixels of the short side of photographs
GREY, FLAT, SOFT, NOISY, SPOILT = 0.55, 0.4, 0.25, 0.35, 0.85  # shares of crops
APART = 0.25  # share of crops without a place
NOISE = 0.003, 0.06
EVERY = 200  # steps after which weights are saved
NONE = np.zeros((0, 0), np.float32)


class Photographs(NamedTuple):
    """Pictures of anything, each [H, W, 3]."""

    pictures: list[Image8]

    def crop(self, rng: np.random.Generator, grey: bool) -> Array:
        """Of any picture, turned or not, 0 … 1.  [SIDE, SIDE, 1 or 3]"""
        pixels = self.pictures[rng.integers(len(self.pictures))]
        y, x = (int(rng.integers(n - SIDE + 1)) for n in pixels.shape[:2])
        part = pixels[y : y + SIDE, x : x + SIDE]
        part = part[:, :: rng.choice((-1, 1))]
        part = part.transpose(1, 0, 2) if rng.random() < 0.5 else part
        out = np.asarray(part / np.float32(255), np.float32)
        return out.mean(2, keepdims=True) if grey else out

    def sample(self, rng: np.random.Generator) -> Batch:
        """As of `detector.Normal`."""
        grey = rng.random() < GREY
        clean = self.crop(rng, grey)
        if rng.random() < FLAT:
            clean = clean.mean() + rng.uniform(0.1, 1) * (clean - clean.mean())
        if rng.random() < SOFT:
            clean = around(clean, int(rng.integers(1, 3)))
        clean = noisy(clean, NOISY, NOISE, rng)
        picture, where = spoilt(clean, SPOILT, lambda: self.crop(rng, grey), rng)
        spread = max(float(clean.std()), LEAST)
        light = float(clean.mean()) + 0.3 * spread * rng.normal()
        mean, width = (NONE, NONE) if rng.random() < APART else usual(clean.mean(2), rng)
        standard = Standard(mean, width, spread / rng.uniform(0.6, 1.3))
        return planes(picture, light, mean - light, width, standard), where


def usual(grey: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """What may be usual where a part looks like this: mean and spread.  [h, w]"""
    moved = np.roll(grey, rng.integers(-2, 3, 2), (0, 1)) if rng.random() < 0.7 else grey
    mean = around(moved, int(rng.integers(0, 4)))
    spread = rng.uniform(0.7, 1.5) * around(np.abs(mean - grey), int(rng.integers(1, 4))) + rng.uniform(0.005, 0.05)
    mean = rng.uniform(0.92, 1.08) * mean + rng.uniform(-0.03, 0.03)
    return np.asarray(mean, np.float32), np.asarray(spread, np.float32)


def write(file: str, weights: Weights) -> None:
    """Those of convolutions in float16."""
    arrays = {name: value.detach().cpu().numpy() for name, value in weights.items() if "num_batches" not in name}
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **{n: a.astype(np.float16) if a.ndim == 4 else a for n, a in arrays.items()})
    atomic_write(file, data.getvalue(), force=True)


def main() -> None:
    given = parser(__doc__, "pictures", "output", steps=4000, threads=int, init=str).parse_args()
    photographs = Photographs([lessened(each, LARGEST) for each in read_folder(Path(given.pictures), smallest=SIDE)])
    start = read_start(Path(given.init)) if given.init else None
    steps = trained(photographs.sample, given.steps, given.threads, start=start, soap=True)
    for number, model in enumerate(tqdm(steps, "train", given.steps), 1):
        if number % EVERY == 0 or number == given.steps:
            write(given.output, model.state_dict())


if __name__ == "__main__":
    main()
