"""Small pictures drawn by code that are hard to code (for tools/worst_cells.py): shapes, text, stripes, dithers, …

Picture N of a seed is always the same, where the same fonts are installed. Pictures are [side, side, 3].
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import NamedTuple

import numpy as np
from common import Pixels, read
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from aezip.format.geometry import CELL_SIZE
from aezip_train import drawn

Rng = np.random.Generator
Draw = Callable[[Rng, int], Pixels]
LEAST, MOST = 32, 160  # pixels a side


def small_text(rng: Rng, side: int) -> Pixels:
    """Lines of 5 to 16 pixels."""
    paper, ink = drawn.pair(rng)
    image = Image.new("RGB", (side, side), paper)
    size = int(rng.integers(5, 17))
    for y in range(int(rng.integers(-size, size)), side, size + int(rng.integers(1, 5))):
        ImageDraw.Draw(image).text((int(rng.integers(-9, 9)), y), drawn.words(rng, 9), ink, drawn.font(rng, size))
    return drawn.pixels(image)


def fax(rng: Rng, side: int) -> Pixels:
    """A page in black and white: hard text, ruled lines, specks."""
    image = Image.new("L", (side, side), 255)
    pen, size = ImageDraw.Draw(image), int(rng.integers(7, 40))
    for y in range(int(rng.integers(0, size)), side, int(size * 1.3)):
        pen.text((int(rng.integers(-20, 20)), y), drawn.words(rng, 9), 0, drawn.font(rng, size))
        if rng.random() < 0.3:
            pen.line((0, y, side, y), 0)
    page = np.asarray(image) > rng.integers(60, 200)
    page ^= rng.random(page.shape) < rng.choice([0, 0.001, 0.02])
    return as_pixels(np.where(page, 255, 0)[..., None])


def rings(rng: Rng, side: int) -> Pixels:
    """Rings around one or two points, in two colours, sharp or smooth."""
    v, u = np.indices((side, side))
    far = sum(np.hypot(u - rng.uniform(0, side), v - rng.uniform(0, side)) for _ in range(int(rng.integers(1, 3))))
    return mixed(rng, np.sin(far * 2 * np.pi / rng.uniform(2, 40)))


def stripes(rng: Rng, side: int) -> Pixels:
    """Straight, of a whole or any period, at a multiple of 15° or any angle."""
    v, u = np.indices((side, side))
    turn = np.deg2rad(15 * rng.integers(12) if rng.random() < 0.7 else rng.uniform(0, 180))
    period = float(rng.integers(2, 33)) if rng.random() < 0.7 else rng.uniform(2, 64)
    return mixed(rng, np.sin((u * np.cos(turn) + v * np.sin(turn) + rng.uniform(0, 1)) * 2 * np.pi / period + 1e-6))


def checkerboard(rng: Rng, side: int) -> Pixels:
    """Fields of 1 to 32 pixels a side, upright or turned."""
    v, u = np.indices((side, side))
    turn = 0 if rng.random() < 0.6 else rng.uniform(0, np.pi / 2)
    x, y = (u * np.cos(turn) + v * np.sin(turn)), (v * np.cos(turn) - u * np.sin(turn))
    wide, high = (int(rng.integers(1, 33)) for _ in "xy") if rng.random() < 0.3 else (int(rng.integers(1, 33)),) * 2
    return mixed(rng, 1 - 2.0 * ((np.floor(x / wide + 1e-9) + np.floor(y / high + 1e-9)) % 2), sharp=True)


def ramp(rng: Rng, side: int) -> Pixels:
    """A straight or round gradient of 1 to 3 channels over a flat colour."""
    v, u = np.indices((side, side)) / side
    out = np.full((side, side, 3), drawn.colour(rng), float)
    turn = rng.uniform(0, 2 * np.pi)
    along = np.hypot(u - rng.random(), v - rng.random()) if rng.random() < 0.3 else u * np.cos(turn) + v * np.sin(turn)
    for channel in rng.permutation(3)[: rng.integers(1, 4)]:
        out[..., channel] = rng.uniform(0, 255) + along * rng.uniform(-400, 400)
    return as_pixels(out)


def noise(rng: Rng, side: int) -> Pixels:
    """Of any strength and grain; in colour, grey, or of two values."""
    grain = int(rng.choice([1, 1, 2, 3, 8]))
    count = -(-side // grain)
    v = rng.normal(size=(count, count, rng.choice([1, 3]))).repeat(grain, 0).repeat(grain, 1)[:side, :side]
    if rng.random() < 0.3:
        v = np.sign(v)
    return as_pixels(rng.uniform(0, 255) + v * np.exp(rng.uniform(0, 5)))


def photograph(rng: Rng, side: int, files: tuple[str, ...]) -> Pixels:
    """A crop, mirrored into itself where the picture is too small."""
    whole = _read(files[rng.integers(len(files))])
    top, left = (int(rng.integers(max(1, size - side + 1))) for size in whole.shape[:2])
    part = whole[top : top + side, left : left + side]
    short = [(0, side - size) for size in part.shape[:2]]
    return np.asarray(np.pad(part, [*short, (0, 0)], mode="symmetric"), np.uint8)


def lettered(rng: Rng, side: int, files: tuple[str, ...]) -> Pixels:
    """The same with captions."""
    return drawn.lettering(rng, side, photograph(rng, side, files))


def mixed(rng: Rng, wave: NDArray[np.float64], sharp: bool = False) -> Pixels:
    """A wave of -1 … 1 between two colours.  [side, side] → [side, side, 3]"""
    if sharp or rng.random() < 0.5:
        wave = np.where(wave >= 0, 1.0, -1.0)
    one, other = (np.array(drawn.saturated(rng) if rng.random() < 0.5 else drawn.colour(rng), float) for _ in "ab")
    return as_pixels(one + (other - one) * (wave[..., None] + 1) / 2)


def as_pixels(values: NDArray[np.float64] | NDArray[np.int64]) -> Pixels:
    return np.asarray(np.broadcast_to(values, (*values.shape[:2], 3)).round().clip(0, 255), np.uint8)


@lru_cache(256)
def _read(file: str) -> Pixels:
    return read(file, rgb=True)


@cache
def kinds(files: tuple[str, ...]) -> dict[str, Draw]:
    """All kinds by name.  files: of photographs"""
    own: tuple[Draw, ...] = (small_text, fax, rings, stripes, checkerboard, ramp, noise)
    trained: tuple[Draw, ...] = (
        drawn.shapes,
        drawn.text,
        drawn.screen,
        drawn.chart,
        drawn.lines,
        drawn.gradient,
        drawn.dither,
    )
    photographs = {"photograph": partial(photograph, files=files), "lettered": partial(lettered, files=files)}
    return {**{draw.__name__: draw for draw in (*own, *trained)}, **photographs}


class Drawn(NamedTuple):
    """A picture and what made it."""

    pixels: Pixels
    kind: str
    shift: tuple[int, int]  # rows, columns


def draw(seed: int, number: int, files: tuple[str, ...]) -> Drawn:
    """Picture `number`."""
    rng, all_kinds = np.random.default_rng((seed, number)), kinds(files)
    height, width = (int(n) for n in rng.integers(LEAST, MOST + 1, 2))
    top, left = divmod(number % CELL_SIZE**2, CELL_SIZE)
    side = max(height, width) + CELL_SIZE
    kind = str(rng.choice(list(all_kinds)))
    whole = all_kinds[kind](rng, side)
    if rng.random() < 0.25:
        other = str(rng.choice(list(all_kinds)))
        (y, x), (h, w) = rng.integers(0, side - 8, 2), rng.integers(8, side, 2)
        whole = whole.copy()
        whole[y : y + h, x : x + w] = all_kinds[other](rng, side)[y : y + h, x : x + w]
        kind += f" + {other}"
    pixels = np.ascontiguousarray(whole[top : top + height, left : left + width])
    if rng.random() < 0.1:
        pixels, kind = pixels[:, :, 1:2].copy(), f"{kind}, grey"
    return Drawn(pixels, kind, (top, left))
