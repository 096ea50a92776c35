"""Pictures → copies with defects drawn in, and where they are: what a detector learns from normal pictures alone.

Cracks, scratches, spots, blots and shards, filled with another tint, with pieces of this or another picture, with a
smear, grain, or what is there, bent. They are strong against what surrounds them: of fainter ones a network learns to
see defects everywhere. The idea is that of CutPaste (Li et al. 2021), DRÆM (Zavrtanik et al. 2021) and NSA (Schlüter et
al. 2022). Pictures are float32 of 0 … 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from aezip.arrays import Mask, around

Array = NDArray[np.float32]
Rng = np.random.Generator
Other = Callable[[], Array]  # another picture of the same size
TRIES = 4  # until a defect can be seen
MORE = (0.25, 0.1)  # how often there is a second one, and a third
VISIBLE = 0.035, 1.3  # the least change, in 0 … 1 and in means of the picture's own grain
CHANGED = 0.02, 0.7, 0.15  # a pixel has changed by so much; in the same, and in the defect's largest change
FEWEST = 14  # changed pixels
INSIDE = 0.1  # of a mask, from which on a pixel counts as the defect's


def planted(picture: Array, other: Other, rng: Rng) -> tuple[Array, Array]:
    """A copy with one to three defects, and where it differs.

    Args:
        picture: [H, W, C].
        other: Gives another picture [H, W, C], of which pieces are taken.
        rng: What draws.

    Returns:
        [H, W, C], and a mask [H, W] of 0 and 1; the picture itself and zeros if none could be seen.
    """
    grain = float(np.abs(picture - around(picture, 2)).mean())
    for _ in range(TRIES):
        made = picture
        for _ in range(1 + sum(rng.random() < share for share in MORE)):
            made = _with_defect(made, other, rng)
        made = np.clip(made, 0, 1)
        change = around(np.abs(made - picture).max(2), 1)
        most, (least, grains, share) = float(change.max()), CHANGED
        where = change > max(least, grains * grain, share * most)
        if most > max(VISIBLE[0], VISIBLE[1] * grain) and where.sum() >= FEWEST:
            return made, where.astype(np.float32)
    return picture, np.zeros(picture.shape[:2], np.float32)


def _with_defect(image: Array, other: Other, rng: Rng) -> Array:
    draw = _choice(SHAPES, rng)
    mask = draw(rng, *image.shape[:2])
    inside = mask > INSIDE
    if not inside.any():
        return image
    here = image[inside]
    contrast = 1.5 * float(np.abs(image - around(image, 4))[inside].mean()) + 0.3 * float(here.std()) + 0.004
    thin = draw in (_crack, _scratch)
    if thin or rng.random() < (0.75 if draw is _spots else 0.35):
        new = _tinted(image, here, contrast, rng)
        if (thin or draw is _spots) and rng.random() < 0.25:  # a rim of the opposite sign
            rim = np.clip(1.5 * around(mask, 2) - mask, 0, 1)[:, :, None]
            image = image - 0.5 * rim * np.sign(float((new - image)[inside].mean())) * contrast
    else:
        new = _choice(FILLS, rng)(image, inside, contrast, other, rng)
    opacity = 1.0 if rng.random() < 0.6 else rng.uniform(0.4, 1)
    change = opacity * mask[:, :, None] * (new - image)
    if radius := int(rng.choice(4, p=(0.3, 0.35, 0.2, 0.15))):
        sharp = float(np.abs(change).max())
        change = around(around(change, radius), max(1, radius - 1))
        if thin or draw is _spots:  # as strong as before, where it was narrow
            change = change * min(5.0, 0.8 * sharp / max(float(np.abs(change).max()), 1e-4))
    return np.asarray(image + change, np.float32)


def _choice(kinds: Sequence[tuple[float, Callable[..., Array]]], rng: Rng) -> Callable[..., Array]:
    shares = [share for share, _ in kinds]
    return kinds[int(rng.choice(len(kinds), p=shares))][1]


def _between(rng: Rng, low: float, high: float) -> float:
    """Evenly in the logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _strength(contrast: float, rng: Rng) -> float:
    """A change of light that can be seen against the surroundings' contrast."""
    return float(np.clip(_between(rng, 1.5, 12) * contrast, 0.04, 0.8))


# ---------------------------------------------------------------- shapes: [h, w], 0 … 1


def _noise(rng: Rng, h: int, w: int, cells: float) -> Array:
    """Smooth noise of mean 0 and deviation 1, with so many bumps along the longer side."""
    rows, columns = (max(2, int(n * cells / max(h, w)) + 2) for n in (h, w))
    coarse = Image.fromarray(rng.standard_normal((rows, columns)).astype(np.float32))
    fine = np.asarray(coarse.resize((w, h), Image.Resampling.BICUBIC), np.float32)
    return np.asarray((fine - fine.mean()) / (fine.std() + 1e-6), np.float32)


def _crack(rng: Rng, h: int, w: int) -> Array:
    return _line(rng, h, w, rng.uniform(0.1, 0.7), float(rng.choice((0, 0, 0.03, 0.08))))


def _scratch(rng: Rng, h: int, w: int) -> Array:
    return _line(rng, h, w, 0.0, 0.0)


def _line(rng: Rng, h: int, w: int, bend: float, branching: float) -> Array:
    """bend: radians, about, of each 3 pixels; branching: how often it forks there."""
    drawn = Image.new("L", (2 * w, 2 * h))
    pen, step = ImageDraw.Draw(drawn), 3.0
    width = _between(rng, 0.8, 5)
    start = rng.uniform(0.05, 0.95) * w, rng.uniform(0.05, 0.95) * h, rng.uniform(0, 2 * np.pi)
    left = [(*start, _between(rng, 14, 130), width)]
    while left:
        x, y, angle, length, thick = left.pop()
        while length > 0:
            towards = angle + rng.normal() * bend
            there = x + step * np.cos(towards), y + step * np.sin(towards)
            angle += rng.normal() * bend / 4
            across = max(1, round(2 * thick * (rng.uniform(0.6, 1.3) if bend else 1)))
            pen.line((2 * x, 2 * y, 2 * there[0], 2 * there[1]), fill=255, width=across)
            (x, y), length = there, length - step
            if len(left) < 4 and rng.random() < branching:
                left.append((x, y, angle + rng.choice((-1, 1)) * rng.uniform(0.4, 1.4), 0.7 * length, 0.8 * thick))
    mask = np.asarray(drawn.resize((w, h), Image.Resampling.BOX), np.float32) / 255
    return np.asarray(mask * min(1.0, width), np.float32)


def _ellipse(rng: Rng, h: int, w: int, middle: tuple[float, float], narrow: float) -> Array:
    """Of each pixel the distance from a middle (x, y), across a turned axis so many times as far.  [h, w]"""
    y, x = np.mgrid[:h, :w].astype(np.float32)
    x, y, turn = x - middle[0], y - middle[1], rng.uniform(0, np.pi)
    return np.hypot(x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) / narrow)


def _spots(rng: Rng, h: int, w: int) -> Array:
    """One, or up to 25 that lie together."""
    count = int(_between(rng, 1, 25)) if rng.random() < 0.5 else 1
    size, spread = _between(rng, 1, 18 if count < 4 else 4), rng.uniform(4, 50)
    middle = np.array([rng.uniform(0, w), rng.uniform(0, h)])
    mask = np.zeros((h, w), np.float32)
    for _ in range(count):
        radius = max(0.7, size * rng.uniform(0.5, 1.2))
        x, y = middle if count == 1 else middle + rng.normal(0, spread, 2)
        rows, columns = (slice(max(0, int(at - radius - 3)), max(0, int(at + radius + 4))) for at in (y, x))
        part = mask[rows, columns]
        if part.size:
            far = _ellipse(rng, part.shape[0], part.shape[1], (x - columns.start, y - rows.start), rng.uniform(0.4, 1))
            edge = float(rng.choice((1.0, max(1.0, 0.7 * radius))))
            np.maximum(part, np.clip((radius - far) / edge + 0.5, 0, 1), out=part)
    return mask


def _blot(rng: Rng, h: int, w: int) -> Array:
    """One with an uneven rim, or some that noise makes."""
    if rng.random() < 0.4:
        high = _noise(rng, h, w, rng.uniform(2, 10)) - rng.uniform(1, 1.9)
        return np.clip(high * rng.choice((2.0, 8.0)) + 0.5, 0, 1).astype(np.float32)
    radius, narrow = _between(rng, 6, 60), float(np.exp(rng.uniform(-1.2, 0)))
    far = _ellipse(rng, h, w, (rng.uniform(0, w), rng.uniform(0, h)), narrow) / radius
    steep = float(rng.choice((4.0, max(4.0, radius / 2)))) if rng.random() < 0.7 else 2.0
    uneven = 1 - far + 0.35 * _noise(rng, h, w, rng.uniform(3, 24))
    return np.clip(steep * uneven + 0.5, 0, 1).astype(np.float32)


def _shard(rng: Rng, h: int, w: int) -> Array:
    """A polygon of 3 to 5 corners."""
    drawn = Image.new("L", (w, h))
    middle, radius = (rng.uniform(0, w), rng.uniform(0, h)), _between(rng, 6, 60)
    narrow, turn = rng.uniform(0.15, 1), rng.uniform(0, np.pi)
    corners = []
    for angle in np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 6))):
        along, across = radius * rng.uniform(0.6, 1.3, 2) * (np.cos(angle), narrow * np.sin(angle))
        corners.append(
            (
                middle[0] + along * np.cos(turn) - across * np.sin(turn),
                middle[1] + along * np.sin(turn) + across * np.cos(turn),
            )
        )
    ImageDraw.Draw(drawn).polygon(corners, fill=255)
    mask = np.asarray(np.asarray(drawn, np.float32) / 255, np.float32)
    return around(mask, 1) if rng.random() < 0.6 else mask


SHAPES = ((0.25, _crack), (0.1, _scratch), (0.22, _spots), (0.28, _blot), (0.15, _shard))


# ---------------------------------------------------------------- what fills them: image [h, w, C], where [h, w]


def _tinted(image: Array, here: Array, contrast: float, rng: Rng) -> Array:
    """Darker or lighter, by a step or towards one tint.  here: its values in the mask [N, C]"""
    step = _strength(contrast, rng) * (-1 if rng.random() < 0.65 else 1)
    tint = np.ones(image.shape[2], np.float32)
    if image.shape[2] == 3 and rng.random() < 0.3:
        tint = rng.uniform(-0.3, 1, 3).astype(np.float32)
    if rng.random() < 0.5:
        return np.asarray(image + step * tint, np.float32)
    return np.asarray(0.25 * image + 0.75 * (here.mean(0) + step * tint), np.float32)


def _elsewhere(image: Array, inside: Mask, contrast: float, other: Other, rng: Rng) -> Array:
    h, w = image.shape[:2]
    piece = image[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
    if rng.random() < 0.3 and h == w:
        piece = piece.transpose(1, 0, 2)
    piece = np.roll(piece, (int(rng.integers(h // 8, h)), int(rng.integers(w // 8, w))), (0, 1))
    return _matched(piece, image, inside, 0.7 * contrast * rng.normal()) if rng.random() < 0.5 else piece


def _of_another(image: Array, inside: Mask, contrast: float, other: Other, rng: Rng) -> Array:
    piece = other()
    if rng.random() < 0.4:
        return piece
    gain = min(2.0, rng.uniform(0.5, 2) * (float(image[inside].std()) + 0.02) / (float(piece[inside].std()) + 0.01))
    return _matched(gain * piece, image, inside, contrast * rng.normal())


def _matched(piece: Array, image: Array, inside: Mask, step: float) -> Array:
    """With the mean of what it replaces, and a step."""
    return np.asarray(piece + (image[inside].mean(0) - piece[inside].mean(0) + step), np.float32)


def _smeared(image: Array, inside: Mask, contrast: float, other: Other, rng: Rng) -> Array:
    return (
        around(image, int(rng.integers(2, 6)))
        if rng.random() < 0.6
        else np.broadcast_to(image[inside].mean(0), image.shape)
    )


def _grainy(image: Array, inside: Mask, contrast: float, other: Other, rng: Rng) -> Array:
    h, w = image.shape[:2]
    grain = rng.normal(0, 0.6, (h, w)) if rng.random() < 0.5 else 0.5 * _noise(rng, h, w, rng.uniform(10, 60))
    return np.asarray(image + grain[:, :, None] * _strength(contrast, rng), np.float32)


def _faded(image: Array, inside: Mask, contrast: float, other: Other, rng: Rng) -> Array:
    gain = rng.uniform(0.1, 0.8) if rng.random() < 0.7 else rng.uniform(1.2, 1.8)
    return np.asarray(gain * image + rng.normal(0, 0.01), np.float32)


def _bent(image: Array, inside: Mask, contrast: float, other: Other, rng: Rng) -> Array:
    h, w = image.shape[:2]
    far, cells = rng.uniform(2, 8), rng.uniform(3, 8)
    y, x = (
        np.clip(at + far * _noise(rng, h, w, cells), 0, n - 1).astype(np.intp)
        for at, n in zip(np.mgrid[:h, :w], (h, w), strict=True)
    )
    return np.asarray(image[y, x], np.float32)


FILLS = ((0.28, _elsewhere), (0.15, _of_another), (0.14, _smeared), (0.21, _grainy), (0.12, _faded), (0.1, _bent))
