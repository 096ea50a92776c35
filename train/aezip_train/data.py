"""Pictures in memory, and reproducible crops of them.

A batch is a few slices of them, so that no worker processes are needed and the generator's state alone says how far
training is.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from aezip import images
from aezip.coding.windows import in_channels
from aezip.errors import AezipError, InputNotFound, line_of
from aezip.tasks.features.vectors import halved as halve

from . import drawn

Picture = NDArray[np.uint8]  # [H, W, C]
WHOLE = slice(None)
LIGHT, GAMMA = (0.75, 1.2), 0.25  # of upright crops: factors of all samples, and the largest log of an exponent
READING = images.ReadOptions(frame=1, to_8bit=True, plain_cmyk=True)
NOTES = 8  # that are printed, at most


def read_folder(folder: Path, *, smallest: int = 64, channels: int = 3) -> list[Picture]:
    """Every picture below `folder` as RGB (or grey) of 8 bits, sorted by name.  Raises InputNotFound for none.

    Those that cannot be read, or with a side under `smallest`, are left out. stderr says so, and what was converted.
    """

    def read(file: Path) -> tuple[Picture | None, tuple[str, ...]]:
        try:
            found = images.read(file, READING)
        except AezipError as error:
            return None, (f"left out: {line_of(error)}",)
        picture = found.pixels
        if min(picture.shape[:2]) < smallest:
            return None, (f"left out: sides below {smallest} pixels",)
        if picture.shape[2] > channels:
            picture = np.asarray(image_of(picture).convert("L"))[:, :, None]
        return in_channels(picture, channels), found.notes

    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in images.READ_SUFFIXES and f.is_file())
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(read, files))
    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes the first one
        notes = Counter(note for _, notes in found for note in notes)
        lines = [note + (f" ({count} pictures)" if count > 1 else "") for note, count in notes.most_common(NOTES)]
        for line in [*lines, *([f"{len(notes) - NOTES} more of this kind"] if len(notes) > NOTES else [])]:
            print(f"note: {line}", file=sys.stderr)
    pictures = [picture for picture, _ in found if picture is not None]
    if not pictures:
        raise InputNotFound(f"no picture of at least {smallest}×{smallest} pixels found", file=str(folder))
    return pictures


def image_of(picture: Picture) -> Image.Image:
    """As Pillow has it, L or RGB."""
    return Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)


def centre(pictures: NDArray[np.uint8] | Tensor) -> Tensor:
    """[N, H, W, C] uint8 → [N, C, H, W] float, in units of 64 grey levels around 128."""
    x = pictures if isinstance(pictures, Tensor) else torch.from_numpy(np.array(pictures, order="C"))
    return (x.permute(0, 3, 1, 2).float() - 128) / 64


def to_bytes(images: Tensor) -> NDArray[np.uint8]:
    """The inverse, rounded and clipped.  [N, C, H, W] → [N, H, W, C] uint8"""
    return (images * 64 + 128).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def middle_crops(pictures: list[Picture], side: int = 384, limit: int = 12) -> list[Picture]:
    """The middle `side`×`side` pixels of up to `limit` pictures, evenly spaced in the list."""
    large = [p for p in pictures if min(p.shape[:2]) >= side]
    out = []
    for n in np.linspace(0, len(large) - 1, min(limit, len(large))).round().astype(int):
        top, left = ((size - side) // 2 for size in large[n].shape[:2])
        out.append(large[n][top : top + side, left : left + side])
    return out


def lessened(picture: Picture, side: int) -> Picture:
    """The picture, or the first half-size copy of it whose short side is below `side`."""
    while min(picture.shape[:2]) >= side:
        picture = halve(picture)
    return picture


def upright(picture: Picture, crop: int, least_part: float, rng: np.random.Generator) -> Picture:
    """A random square of a picture, made `crop` large; flipped or not, lighter or darker.  [crop, crop, C]"""
    height, width = picture.shape[:2]
    side = round(min(height, width) * least_part ** rng.random())
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    image = image_of(picture[top : top + side, left : left + side])
    made = np.asarray(image.resize((crop, crop), Image.Resampling.BILINEAR)).reshape(crop, crop, -1)
    light = rng.uniform(*LIGHT) * np.linspace(0, 1, 256) ** np.exp(rng.uniform(-GAMMA, GAMMA))
    levels = np.clip(np.rint(255 * light), 0, 255).astype(np.uint8)
    return np.asarray(levels[made[:, ::-1] if rng.integers(2) else made])


class Crops:
    """Endless random crops.

    least_part 0: of any picture or its half-size copy, flipped, turned by right angles. Otherwise upright, flipped, in
    other light, of squares whose side is `least_part` … 1 of a picture's short side, made `crop` large. Without
    `augment` of the pictures as they are. `drawn` is the share of crops that code draws instead, grey for upright ones.
    """

    def __init__(
        self,
        pictures: list[Picture],
        crop: int,
        batch: int,
        least_part: float = 0.0,
        *,
        augment: bool = True,
        drawn: float = 0.0,
    ) -> None:
        self.crop, self.batch, self.least_part, self.augment, self.drawn = crop, batch, least_part, augment, drawn
        if least_part:
            pictures = [lessened(q, 3 * crop) for q in pictures]
        elif augment:
            pictures = [p for q in pictures for p in (q, halve(q))]
        self.pictures = [p for p in pictures if min(p.shape[:2]) >= crop]
        if not self.pictures:
            raise ValueError(
                f"all training pictures are smaller than the crop of {crop}×{crop} pixels; expected some that are not, "
                "or --set crop=64"
            )
        # A picture is drawn in proportion to the crops it holds, at most four times as often as the smallest.
        area = np.array([p.shape[0] * p.shape[1] for p in self.pictures], float)
        weight = np.minimum(area / area.min(), 4)
        self.odds = weight / weight.sum()

    def photographs(self) -> Crops:
        """The same without those that code draws."""
        found = copy(self)
        found.drawn = 0.0
        return found

    def window(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """A crop at a random place.  [crop, crop, C]"""
        top = rng.integers(picture.shape[0] - self.crop + 1)
        left = rng.integers(picture.shape[1] - self.crop + 1)
        return picture[top : top + self.crop, left : left + self.crop]

    def draw(self, rng: np.random.Generator, part: slice = WHOLE) -> Tensor:
        """A batch of crops, or `part` of it; the generator moves on by the whole.  [batch, C, crop, crop], centred"""
        mine = range(self.batch)[part]
        out = np.empty((len(mine), self.crop, self.crop, self.pictures[0].shape[2]), np.uint8)
        for n, index in enumerate(rng.choice(len(self.pictures), self.batch, p=self.odds)):
            picture = self.pictures[index]
            if self.least_part:
                found = upright(picture, self.crop, self.least_part, rng)
                if self.drawn and rng.random() < self.drawn:
                    found = drawn.grey(rng, self.crop)[..., : picture.shape[2]]
                if n in mine:
                    out[n - mine.start] = found
                continue
            crop = self.window(picture, rng)
            turns, flip = int(rng.integers(4)), rng.integers(2)
            if not self.augment:
                turns, flip = 0, rng.integers(1)
            if self.drawn and rng.random() < self.drawn:
                crop, turns, flip = drawn.draw(rng, self.crop, crop), 0, rng.integers(1)
            if n in mine:
                crop = np.rot90(crop, turns)
                out[n - mine.start] = crop[:, ::-1] if flip else crop
        return centre(out)
