"""Pictures drawn by code, to teach a codec what photographs do not show.

The same generator's state gives the same picture where the same fonts are installed (the system's, else Pillow's own).
"""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]  # [H, W, 3]
Rng = np.random.Generator
Colour = tuple[int, int, int]

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")
LETTERS = string.ascii_lowercase * 3 + string.ascii_uppercase + string.digits
MARKS = ".,:;!?-()/&%+=#@"
PROSE = """
the of and to in is you that it was for on as with this have from by word but not what when your can said each
which how their will about some time File Edit View Save
Open Settings Search Total Price Date Page Figure
"""
WORDS = PROSE.split()


def draw(rng: Rng, side: int, ground: Picture | None = None) -> Picture:
    """A picture of a random kind.  ground: a photograph of that size, for lettering.  [side, side, 3]"""
    kind = int(rng.integers(len(KINDS) + (3 if ground is not None else 0)))
    if kind >= len(KINDS) and ground is not None:
        return lettering(rng, side, ground)
    picture = KINDS[kind](rng, side)
    if rng.random() < 0.1:  # a part of another kind laid over it
        other = KINDS[rng.integers(len(KINDS))](rng, side)
        top, left = (int(v) for v in rng.integers(0, side, 2))
        picture = picture.copy()
        picture[top:, left:] = other[top:, left:]
    return picture


def grey(rng: Rng, side: int) -> Picture:
    """Nothing of which could be told the colour: one level, rectangles on it, or what `draw` makes.  [side, side, 3]"""
    image, kind = Image.new("L", (side, side), int(rng.integers(256))), rng.random()
    if kind < 0.4:
        large = side * int(rng.integers(1, 4))
        image = Image.fromarray(draw(rng, large)).convert("L").resize((side, side), Image.Resampling.BOX)
    elif kind < 0.6:
        for _ in range(int(rng.integers(1, 6))):
            left, top = (int(v) for v in rng.integers(-side // 2, side, 2))
            right, bottom = left + int(rng.integers(8, side)), top + int(rng.integers(8, side))
            ImageDraw.Draw(image).rectangle((left, top, right, bottom), int(rng.integers(256)))
    levels = np.asarray(image, float)
    if rng.random() < 0.3:
        levels = levels + rng.normal(0, rng.uniform(0.3, 3), levels.shape)
    return pixels(Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8)))


# ---------------------------------------------------------------- kinds


def text(rng: Rng, side: int) -> Picture:
    """Lines of one or two fonts on flat paper."""
    paper, ink = pair(rng)
    image = Image.new("RGB", (side, side), paper)
    pen = ImageDraw.Draw(image)
    size = int(np.exp(rng.uniform(np.log(8), np.log(48))))
    face, x, y = font(rng, size), int(rng.integers(-20, 20)), int(rng.integers(-size, size))
    while y < side:
        if rng.random() < 0.08:
            face = font(rng, min(size * 2, 72))
        pen.text((x, y), words(rng, 3 + 3 * side // size), ink if rng.random() < 0.9 else colour(rng), face)
        y += int(size * rng.uniform(1.1, 1.5))
    return pixels(image)


def lettering(rng: Rng, side: int, ground: Picture) -> Picture:
    """Captions, dates and watermarks on a photograph."""
    image = Image.fromarray(ground)
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(1, 5))):
        size = int(np.exp(rng.uniform(np.log(9), np.log(90))))
        ink = colour(rng) if rng.random() < 0.5 else ((255,) * 3 if rng.random() < 0.6 else (0,) * 3)
        place = int(rng.integers(-10, side - 10)), int(rng.integers(-10, side - 10))
        alpha = 255 if rng.random() < 0.7 else int(rng.integers(80, 255))
        label, face = words(rng, int(rng.integers(1, 5))), font(rng, size)
        if rng.random() < 0.25:
            pen.rectangle(pen.textbbox(place, label, face), (*colour(rng), alpha))
        stroke = int(rng.integers(0, 3)) if rng.random() < 0.3 else 0
        pen.text(place, label, (*ink, alpha), face, stroke_width=stroke, stroke_fill=(*colour(rng), alpha))
    return pixels(image)


def screen(rng: Rng, side: int) -> Picture:
    """An interface: panels, buttons, icons, rows of small text."""
    dark = rng.random() < 0.4
    grey = lambda low, high: (int(rng.integers(low, high)),) * 3  # noqa: E731
    image = Image.new("RGB", (side, side), grey(15, 50) if dark else grey(225, 256))
    pen = ImageDraw.Draw(image)
    ink = grey(180, 256) if dark else grey(0, 90)
    for _ in range(int(rng.integers(3, 9))):
        left, top = (int(v) for v in rng.integers(-20, side, 2))
        right, bottom = left + int(rng.integers(20, side)), top + int(rng.integers(12, side // 2))
        fill = colour(rng) if rng.random() < 0.35 else grey(20, 90) if dark else grey(200, 256)
        edge = ink if rng.random() < 0.4 else None
        pen.rounded_rectangle((left, top, right, bottom), int(rng.integers(0, 10)), fill, edge)
        face, y = font(rng, int(rng.integers(9, 18))), top + 4
        while y < min(bottom - 8, side):
            if rng.random() < 0.8:
                pen.text((left + 6, y), words(rng, int(rng.integers(1, 7))), ink, face)
            if rng.random() < 0.2:
                pen.ellipse((right - 16, y, right - 6, y + 10), colour(rng))
            y += int(rng.integers(14, 24))
    return pixels(image)


def chart(rng: Rng, side: int) -> Picture:
    """Axes, grid, bars, lines, a pie."""
    paper, ink = ((255,) * 3, (30,) * 3) if rng.random() < 0.7 else pair(rng)
    image = Image.new("RGB", (side, side), paper)
    pen, step = ImageDraw.Draw(image), int(rng.integers(16, 50))
    if rng.random() < 0.7:
        pale = tuple(int(0.8 * p + 0.2 * i) for p, i in zip(paper, ink, strict=True))
        for at in range(int(rng.integers(0, step)), side, step):
            pen.line((0, at, side, at), pale)
            pen.line((at, 0, at, side), pale)
    for _ in range(int(rng.integers(1, 5))):
        rise = np.cumsum(rng.normal(0, side / 25, side // 8 + 2)) + rng.uniform(0, side)
        points = [(8 * n, float(v)) for n, v in enumerate(rise)]
        way = rng.integers(4)
        if way == 0:
            pen.line(points, colour(rng), int(rng.integers(1, 4)))
        elif way == 1:
            for x, v in points:
                pen.rectangle((x, min(v, side), x + 5, side), colour(rng) if rng.random() < 0.1 else ink)
        elif way == 2:
            for x, v in points:
                pen.ellipse((x - 2, v - 2, x + 2, v + 2), colour(rng))
        else:
            box = (*(int(v) for v in rng.integers(0, side // 2, 2)), side - 10, side - 10)
            for start in np.linspace(0, 360, int(rng.integers(3, 9)))[:-1]:
                pen.pieslice(box, start, 360, colour(rng))
    face = font(rng, int(rng.integers(9, 16)))
    for at in range(step, side, step):
        pen.text((at, side - 16), str(at), ink, face)
    return pixels(image)


def lines(rng: Rng, side: int) -> Picture:
    """Curves and rings, with smooth edges or hard ones."""
    more = 4 if rng.random() < 0.7 else 1
    paper, ink = pair(rng)
    image = Image.new("RGB", (side * more, side * more), paper)
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(5, 60))):
        pick = ink if rng.random() < 0.7 else colour(rng)
        width = int(more * rng.uniform(0.5, 5)) or 1
        x, y = rng.uniform(0, side * more, 2)
        if rng.random() < 0.5:
            turn = np.cumsum(rng.normal(0, 0.4, 30)) + rng.uniform(0, 6.3)
            path = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1) * side * more / 40, 0) + np.array([x, y])
            pen.line([(float(a), float(b)) for a, b in path], pick, width, joint="curve")
        else:
            r = rng.uniform(3, side / 2) * more
            pen.ellipse((x - r, y - r, x + r, y + r), None, pick, width)
    return pixels(image.resize((side, side), Image.Resampling.BOX) if more > 1 else image)


def gradient(rng: Rng, side: int) -> Picture:
    """Ramps, waves and sun spots, now and then with a little noise."""
    v, u = np.indices((side, side)) / side
    out = np.zeros((side, side, 3))
    for c in range(3):
        turn, way = rng.uniform(0, 6.3), rng.integers(3)
        along = u * np.cos(turn) + v * np.sin(turn)
        if way == 1:
            along = np.hypot(u - rng.random(), v - rng.random())
        if way == 2:
            along = 0.5 + 0.5 * np.sin(along * rng.uniform(2, 40))
        out[..., c] = rng.uniform(0, 255) + along * rng.uniform(-255, 255)
    if rng.random() < 0.4:
        out[...] = out[..., :1] + rng.uniform(-30, 30, 3)
    if rng.random() < 0.3:
        out += rng.normal(0, rng.uniform(0.5, 6), out.shape)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def shapes(rng: Rng, side: int) -> Picture:
    """Saturated polygons, discs and boxes on flat colour."""
    more = 4 if rng.random() < 0.5 else 1
    image = Image.new("RGB", (side * more, side * more), saturated(rng))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 14))):
        x, y, r = *rng.uniform(0, side * more, 2), rng.uniform(4, side * 0.6) * more
        way = rng.integers(3)
        if way == 0:
            points = rng.uniform(-r, r, (int(rng.integers(3, 7)), 2)) + np.array([x, y])
            pen.polygon([(float(a), float(b)) for a, b in points], saturated(rng))
        elif way == 1:
            pen.ellipse((x - r, y - r, x + r, y + r), saturated(rng))
        else:
            pen.rectangle((x - r, y - r * rng.uniform(0.05, 1), x + r, y), saturated(rng))
    return pixels(image.resize((side, side), Image.Resampling.BOX) if more > 1 else image)


def dither(rng: Rng, side: int) -> Picture:
    """Few colours: ordered dots, scattered error, or a palette."""
    base = gradient(rng, side) if rng.random() < 0.6 else shapes(rng, side)
    way = rng.integers(3)
    if way == 0:
        return pixels(Image.fromarray(base).convert("1").convert("RGB"))
    if way == 1:
        return pixels(Image.fromarray(base).quantize(int(rng.integers(2, 32))).convert("RGB"))
    n, steps = int(rng.choice([2, 4, 8])), int(rng.integers(2, 5))
    tile = rng.permutation(n * n).reshape(n, n)[..., None] / (n * n)
    reps = -(-side // n)
    level = base / 255 * (steps - 1) + np.tile(tile, (reps, reps, 1))[:side, :side]
    return (np.floor(level).clip(0, steps - 1) / (steps - 1) * 255).astype(np.uint8)


def pattern(rng: Rng, side: int) -> Picture:
    """Stripes, checkerboards, zone plates, noise."""
    v, u = np.indices((side, side)).astype(float)
    way, turn, period = rng.integers(4), rng.uniform(0, 6.3), np.exp(rng.uniform(np.log(1), np.log(64)))
    if way == 0:
        wave = np.sin((u * np.cos(turn) + v * np.sin(turn)) * 2 * np.pi / (1 + period))
    elif way == 1:
        size = max(int(period), 1)
        wave = ((u // size + v // size) % 2) * 2.0 - 1
    elif way == 2:
        wave = np.sin(((u - side / 2) ** 2 + (v - side / 2) ** 2) * np.pi / (2 * side) * rng.uniform(0.2, 1))
    else:
        wave = rng.normal(0, 0.4, (side, side))
    if rng.random() < 0.4:
        wave = np.sign(wave)
    low, high = (np.array(c, float) for c in pair(rng))
    mix = (wave[..., None] + 1) / 2
    return np.clip(np.rint(low * (1 - mix) + high * mix), 0, 255).astype(np.uint8)


KINDS: tuple[Callable[[Rng, int], Picture], ...] = (
    text,
    text,
    screen,
    screen,
    chart,
    lines,
    gradient,
    shapes,
    dither,
    pattern,
)


# ---------------------------------------------------------------- parts


def words(rng: Rng, count: int) -> str:
    """Words of a language, letters and numbers."""
    out = []
    for _ in range(count):
        if rng.random() < 0.7:
            out.append(WORDS[rng.integers(len(WORDS))])
        else:
            out.append("".join(rng.choice(list(LETTERS), int(rng.integers(1, 9)))))
        if rng.random() < 0.15:
            out[-1] += MARKS[rng.integers(len(MARKS))]
    return " ".join(out)


def colour(rng: Rng) -> Colour:
    """Any."""
    r, g, b = (int(v) for v in rng.integers(0, 256, 3))
    return r, g, b


def saturated(rng: Rng) -> Colour:
    """Mostly corners of the cube."""
    if rng.random() < 0.3:
        return colour(rng)
    r, g, b = (int(v) for v in rng.choice([0, 255], 3))
    return r, g, b


def pair(rng: Rng) -> tuple[Colour, Colour]:
    """Paper and ink."""
    way = rng.integers(4)
    if way == 0:
        return (255,) * 3, (0,) * 3
    if way == 1:
        paper, ink = int(rng.integers(200, 256)), int(rng.integers(0, 80))
        return ((paper,) * 3, (ink,) * 3) if rng.random() < 0.7 else ((ink,) * 3, (paper,) * 3)
    return (colour(rng), colour(rng)) if way == 2 else (saturated(rng), saturated(rng))


@lru_cache(maxsize=1)
def _faces() -> tuple[str, ...]:
    found = sorted(str(f) for folder in map(Path, FONT_FOLDERS) if folder.is_dir() for f in folder.rglob("*.[to]tf"))
    return tuple(name for name in found if _latin(name))


def _latin(name: str) -> bool:
    """Whether a font has these letters: missing ones all look alike."""
    try:
        looks = {bytes(ImageFont.truetype(name, 24).getmask(letter)) for letter in "aegAR5"}
    except OSError:
        return False
    return len(looks) == 6


@lru_cache(maxsize=512)
def _face(name: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)


def font(rng: Rng, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A random face of the system, or Pillow's."""
    faces = ("", *_faces())
    return _face(faces[rng.integers(len(faces))], max(size, 6))


def pixels(image: Image.Image) -> Picture:
    """[H, W, 3]"""
    return np.asarray(image.convert("RGB"))
