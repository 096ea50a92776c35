"""Draw the sample picture, a mountain lake, from nothing but numbers.

    python tools/draw_sample.py [--output OUT.png]

The light is linear until the end: sky, mountains in haze, their reflection, a
meadow, a hut and a fence; then the camera: vignette, tone curve, noise. Same numbers
in, same picture out. Noise: summed octaves of value noise (Perlin 1985).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from common import parser
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Plane = NDArray[np.float64]  # [H, W] or [H, W, 3], linear light
Size = tuple[int, int]  # height, width

HEIGHT, WIDTH = 512, 768
HORIZON = 286
TARGET = Path(__file__).parents[1] / "runtime" / "aezip" / "samples" / "sample.png"
SUN = np.array([1.0, 0.86, 0.66])
HAZE = np.array([0.50, 0.60, 0.74])

Y, X = np.meshgrid(np.arange(HEIGHT, dtype=float), np.arange(WIDTH, dtype=float), indexing="ij")


def noise(seed: int, size: Size, cell: Size, octaves: int = 6, gain: float = 0.5) -> Plane:
    """Fractal noise of mean 0 and deviation 1; `cell`: height and width of the largest bumps in pixels."""
    rng = np.random.default_rng(seed)
    total, (y, x) = np.zeros(size), np.indices(size, float)
    for octave in range(octaves):
        h, w = (max(c / 2**octave, 1.0) for c in cell)
        grid = rng.normal(size=(int(size[0] / h) + 4, int(size[1] / w) + 4))
        total += gain**octave * sample(grid, y / h + 1, x / w + 1)
    return np.asarray((total - total.mean()) / total.std())


def sample(grid: Plane, y: Plane, x: Plane) -> Plane:
    """Values between the points of a grid, smoothly."""
    y, x = np.clip(y, 0, grid.shape[0] - 1.001), np.clip(x, 0, grid.shape[1] - 1.001)
    i, j = y.astype(int), x.astype(int)
    v, u = smooth(y - i), smooth(x - j)
    if grid.ndim == 3:
        v, u = v[..., None], u[..., None]
    top = grid[i, j] * (1 - u) + grid[i, j + 1] * u
    return np.asarray(top * (1 - v) + grid[i + 1, j] * (1 - u) * v + grid[i + 1, j + 1] * u * v)


def smooth(t: Plane, low: float = 0.0, high: float = 1.0) -> Plane:
    """0 below `low`, 1 above `high`, an S between."""
    t = np.clip((t - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def colour(*rgb: float) -> Plane:
    """8-bit display values → linear light."""
    return np.asarray((np.array(rgb) / 255) ** 2.2)


def over(below: Plane, above: Plane, alpha: Plane) -> Plane:
    """One layer on another; alpha [H, W]."""
    return np.asarray(below + (above - below) * alpha[..., None])


def sky() -> Plane:
    """A gradient, and clouds lit from the upper right."""
    t = np.clip(Y / HORIZON, 0, 1)[..., None]
    base = colour(62, 112, 178) * (1 - t) ** 1.2 + colour(205, 218, 226) * (1 - (1 - t) ** 1.2)
    glow = np.exp(-(((X - 640) / 330) ** 2) - ((Y - 200) / 130) ** 2)
    base = base + 0.28 * glow[..., None] * SUN
    depth = 0.25 + 0.75 * np.clip(1 - Y / HORIZON, 0, 1)
    shape = noise(11, (HEIGHT, WIDTH), (70, 230), 7, 0.52) + 0.5 * noise(12, (HEIGHT, WIDTH), (160, 420), 3)
    thick = smooth(shape - 0.25 * (1 - depth), -0.35, 1.7)
    light = shape - sample(shape, Y - 9, X + 12)
    lit = np.clip(0.80 + 0.22 * light, 0.42, 1.08)[..., None] * colour(255, 247, 236)
    return over(base, lit * 0.96 + 0.03 * HAZE, 0.92 * thick)


def ridge(seed: int, base: float, height: float, cell: float, peaks: tuple[tuple[float, float, float], ...]) -> Plane:
    """Height of a skyline for each column [W]; peaks: centre, width and height."""
    line = noise(seed, (1, WIDTH), (1, int(cell)), 8, 0.5)[0]
    x = np.arange(WIDTH) + 16 * noise(seed + 5, (1, WIDTH), (1, 120), 5, 0.6)[0]
    rise = sum((h * np.maximum(0, 1 - np.abs(x - c) / w) ** 1.3 for c, w, h in peaks), np.zeros(WIDTH))
    jagged = 0.9 - np.abs(noise(seed + 6, (1, WIDTH), (1, int(cell * 0.4)), 6, 0.6)[0])
    return np.asarray(base - rise * (1 + 0.10 * jagged) - height * line)


def mountain(seed: int, line: Plane, rock: Plane, snow: float, haze: float) -> tuple[Plane, Plane]:
    """A range under its skyline [W]: colours [H, W, 3] and coverage [H, W]; snow: share of the height."""
    below = Y - line[None, :]
    cover = np.clip(below + 0.5, 0, 1)
    wide = np.convolve(np.pad(line, 30, mode="edge"), np.ones(61) / 61, "valid")
    form = noise(seed, (HEIGHT, WIDTH), (52, 46), 7, 0.55)
    bend = X + 7 * noise(seed + 3, (HEIGHT, WIDTH), (60, 60), 5, 0.6) + 0.45 * (Y - wide[None, :])
    spurs = noise(seed + 1, (HEIGHT, WIDTH + 400), (64, 42), 7, 0.62)
    gully = 1.1 - 1.4 * np.abs(sample(spurs, Y, bend + 150))
    relief = 9.0 * form + 8.0 * gully
    slope = (relief - np.roll(relief, -2, 1)) * 0.075 + (np.roll(relief, 2, 0) - relief) * 0.02
    side = np.gradient(wide)[None, :] * 0.42
    light = np.clip(0.46 + slope + side, 0.06, 1.2)
    body = rock * (1 + 0.10 * noise(seed + 2, (HEIGHT, WIDTH), (9, 14), 4))[..., None]
    top = HORIZON - line.min()
    high = (HORIZON - Y) / top + 0.08 * form + 0.09 * gully - 0.30 * np.abs(slope)
    white = smooth(high, snow - 0.05, snow + 0.07)
    body = over(body, np.broadcast_to(colour(240, 243, 250), body.shape), white)
    shade = light[..., None] * SUN * 1.15 + 0.20 * colour(150, 180, 225)
    air = haze + (0.9 - haze) * 0.55 * smooth(Y, HORIZON - 70, HORIZON + 5) ** 2
    return over(body * shade, np.broadcast_to(HAZE, body.shape), air), cover


def forest(seed: int, line: Plane, tall: float, haze: float) -> tuple[Plane, Plane]:
    """Conifers from a line [W] down to the water, drawn one by one from back to front."""
    rng = np.random.default_rng(seed)
    scale = 3
    mask = Image.new("L", (WIDTH * scale, HEIGHT * scale), 0)
    tone = Image.new("L", mask.size, 90)
    masks, tones = ImageDraw.Draw(mask), ImageDraw.Draw(tone)
    for row in np.linspace(0, 1, 9):
        for x in rng.uniform(-5, WIDTH + 5, WIDTH // 4):
            foot = line[int(np.clip(x, 0, WIDTH - 1))] * (1 - row) + HORIZON * row + rng.normal(0, 1)
            h = tall * rng.uniform(0.55, 1.25)
            w, dark = h * rng.uniform(0.14, 0.2), int(rng.uniform(50, 125))
            for k in range(6):
                t = k / 6
                y, half = foot - h * (1 - t), w * (0.25 + t * rng.uniform(0.85, 1.15))
                points = [(x, y - h * 0.1), (x - half, y + h * 0.24), (x + half, y + h * 0.24)]
                masks.polygon([(a * scale, b * scale) for a, b in points], 255)
                tones.polygon([(a * scale, b * scale) for a, b in points], dark)
                right = [points[0], (x + half * 0.15, y + h * 0.2), points[2]]
                tones.polygon([(a * scale, b * scale) for a, b in right], min(255, dark + 60))
    alpha = np.maximum(shrink(mask), np.clip(Y - line[None, :], 0, 1))
    grain = 1 + 0.22 * noise(seed + 1, (HEIGHT, WIDTH), (5, 4), 3, 0.7)
    body = (shrink(tone) * grain)[..., None] * np.array([0.115, 0.165, 0.075])
    return over(body, np.broadcast_to(HAZE * 0.9, body.shape), np.full(alpha.shape, haze)), alpha


def shrink(image: Image.Image) -> Plane:
    """A large drawing → [H, W] or [H, W, 3] in 0 … 1 with soft edges."""
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return np.asarray(small, dtype=float) / 255


def scenery() -> Plane:
    """Everything above the waterline."""
    picture = sky()
    far = ridge(21, 218, 8, 210, ((120, 200, 60), (430, 210, 46), (700, 150, 64)))
    mid = ridge(31, 262, 9, 130, ((310, 215, 176), (215, 120, 62), (418, 120, 66), (600, 170, 72)))
    near = ridge(41, 280, 7, 170, ((30, 240, 112), (760, 200, 96)))
    for layer in (
        mountain(22, far, colour(118, 122, 134), 0.62, 0.62),
        mountain(32, mid, colour(124, 116, 108), 0.47, 0.24),
        mountain(42, near, colour(84, 98, 62), 9.0, 0.12),
        forest(51, ridge(52, 273, 4, 90, ((40, 230, 30), (720, 210, 26))), 11, 0.16),
    ):
        picture = over(picture, *layer)
    return picture


def lake(above: Plane) -> Plane:
    """The scenery mirrored in a surface with ripples that grow towards the viewer."""
    depth = np.clip(Y - HORIZON, 0, None)
    near = depth / (HEIGHT - HORIZON)
    stretch = 1 / (0.025 + near)
    rng = np.random.default_rng(61)
    waves = np.zeros((HEIGHT, WIDTH))
    for _ in range(26):
        long, angle, phase = rng.uniform(0.25, 2.6), rng.normal(0, 0.16), rng.uniform(0, 7)
        far = 9 * stretch / long
        waves += long**0.6 * np.sin(far * np.cos(angle) + (X - 384) * stretch * 0.011 / long * np.sin(angle) + phase)
    waves = waves / 5 * smooth(near, 0.0, 0.08)
    broken = noise(62, (HEIGHT, WIDTH), (3, 34), 4, 0.6)
    patch = smooth(noise(63, (HEIGHT, WIDTH), (14, 260), 4), -0.2, 1.4)
    shift = (waves * (1.2 + 7 * near) + broken * (0.5 + 3.0 * near)) * (0.45 + patch)
    mirrored = sample(above, HORIZON - 1 - depth * 1.12 + shift, X + 1.2 * broken * (0.3 + 2 * near))
    fresnel = (0.83 - 0.52 * near**0.7 - 0.05 * waves * patch)[..., None]
    body = colour(22, 58, 66) * (1 + 0.05 * broken[..., None])
    water = mirrored * fresnel + body * (1 - fresnel)
    edge = np.exp(-(((Y - HORIZON - 1) / 1.6) ** 2))[..., None]
    return np.asarray(water * (1 - 0.55 * edge) + 0.02 * HAZE * (1 - near[..., None]))


def shore() -> Plane:
    """Row where the meadow begins, for each column [W]."""
    x = np.arange(WIDTH)
    bend = 425 - 66 * smooth(x.astype(float), 300, 790) + 22 * smooth(-x.astype(float), -260, 10)
    return np.asarray(bend + 3.2 * noise(71, (1, WIDTH), (1, 90), 6)[0])


def meadow(line: Plane) -> tuple[Plane, Plane]:
    """Ground, then blades of grass drawn from back to front, and flowers."""
    rng = np.random.default_rng(72)
    below = Y - line[None, :]
    near = np.clip(below / 110, 0, 1)
    large = noise(73, (HEIGHT, WIDTH), (30, 110), 6, 0.55)
    fine = noise(74, (HEIGHT, WIDTH), (3, 4), 3, 0.8)
    tint = smooth(large, -1.4, 1.6)
    ground = over(np.broadcast_to(colour(66, 84, 36), (HEIGHT, WIDTH, 3)), colour(148, 146, 70)[None, None], tint)
    ground = ground * (0.85 + 0.2 * fine + 0.12 * large)[..., None]
    sand = np.broadcast_to(colour(126, 116, 98), ground.shape) * (0.85 + 0.22 * fine)[..., None]
    ground = over(sand, ground, smooth(below + 2.5 * large, 2, 9))
    scale = 3
    image = Image.fromarray(display(np.repeat(np.repeat(ground, scale, 0), scale, 1)))
    draw = ImageDraw.Draw(image)
    feet = rng.uniform(0, 1, 15000) ** 0.8
    for t in np.sort(feet):
        x = rng.uniform(-10, WIDTH + 10)
        column = int(np.clip(x, 0, WIDTH - 1))
        y = line[column] + 7 + t * (HEIGHT + 26 - line[column] - 7)
        size = 2.5 + 25 * np.clip((y - 380) / 150, 0, 1) ** 1.5 * rng.uniform(0.45, 1.2)
        lean = rng.normal(0.16, 0.3) * size
        warm = np.clip(0.5 + 0.28 * large[int(np.clip(y, 0, HEIGHT - 1)), column] + rng.normal(0, 0.22), 0, 1)
        light = rng.uniform(0.55, 1.16)
        root = np.array([58.0, 82, 30])
        tip = np.array([118.0, 138, 54]) * (1 - warm) + np.array([206.0, 190, 108]) * warm
        wide = max(1, round(size * 0.085 * scale))
        points = [(x, y), (x + lean * 0.3, y - size * 0.55), (x + lean, y - size)]
        for k, ((xa, ya), (xb, yb)) in enumerate(pairwise(points)):
            rgb = (root + (tip - root) * (0.35 + 0.6 * k)) * light
            fill = tuple(int(v) for v in np.clip(rgb, 0, 255))
            draw.line((xa * scale, ya * scale, xb * scale, yb * scale), fill, max(1, wide - k))
        if rng.uniform() < 0.012 and y > line[column] + 24:
            r = size * 0.085 * scale + 1
            cx, cy = (x + lean) * scale, (y - size) * scale
            petal = ((236, 232, 224), (226, 186, 52), (170, 60, 66))[int(rng.integers(0, 3))]
            draw.ellipse((cx - r, cy - r * 0.8, cx + r, cy + r * 0.8), petal)
    cover = np.clip(below + 0.5 + 0.8 * fine * (below < 3), 0, 1)
    return light_of(image) * (0.92 + 0.16 * near[..., None]), cover


def hut(picture: Plane, x: float, y: float, size: float) -> Plane:
    """A log hut with its shadow, the left lower corner of its front at (x, y)."""
    scale = 4
    w, h, deep = size, size * 0.52, size * 0.62
    rise, eave, skew = h * 0.62, size * 0.06, 0.12
    image = Image.fromarray(display(picture)).resize((WIDTH * scale, HEIGHT * scale), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    rng = np.random.default_rng(81)

    def area(points: list[tuple[float, float]], fill: tuple[int, ...]) -> None:
        pen.polygon([((x + a) * scale, (y - b) * scale) for a, b in points], fill)

    def board(left: float, low: float, wide: float, tall: float, fill: tuple[int, ...], skew: float = 0) -> None:
        end = low + skew * wide
        area([(left, low), (left + wide, end), (left + wide, end + tall), (left, low + tall)], fill)

    def shades(low: float, high: float, *rgb: int) -> tuple[int, ...]:
        share = rng.uniform(low, high)
        return tuple(int(v * share) for v in rgb)

    shadow = Image.new("L", image.size, 0)
    cast = [(0.0, 0.0), (-w * 0.75, -h * 0.16), (-w * 0.55, -h * 0.3), (w * 0.98, -h * 0.10), (w, 0.0)]
    ImageDraw.Draw(shadow).polygon([((x + a) * scale, (y - b) * scale) for a, b in cast], 150)
    image.paste((26, 34, 22), mask=shadow.filter(ImageFilter.GaussianBlur(5)))
    log = h / 9
    for low in log * np.arange(9):
        board(0, low, w, log, shades(0.88, 1.1, 88, 62, 44))
        board(w, low, deep, log, shades(0.92, 1.08, 164, 120, 82), skew)
        board(0, low, w, 0.5, (44, 30, 22))
        board(w, low, deep, 0.5, (98, 66, 44), skew)
    area([(0, h), (w, h), (w / 2, h + rise)], (96, 70, 50))
    for share in np.arange(1, 9) / 9:
        board(w * share, h, 0.5, rise * (1 - abs(2 * share - 1)), (56, 40, 28))

    foot, top = (w + eave, h - eave), (w / 2, h + rise + eave)
    long = deep + eave
    area([foot, (foot[0] + long, foot[1] + skew * long), (top[0] + long, top[1] + skew * long), top], (138, 128, 122))
    for share in np.arange(1, 12) / 12:
        left, low = (foot[i] + (top[i] - foot[i]) * share for i in (0, 1))
        board(left, low, long, 0.6, shades(0.9, 1.2, 102, 96, 92), skew)
    under = (w / 2, h + rise - 0.4 * eave)
    area([(-eave, h - eave), top, under, (eave * 0.6, h - eave)], (112, 100, 92))
    area([foot, top, under, (w - eave * 0.6, h - eave)], (172, 158, 146))

    board(w * 0.14, 0, w * 0.24, h * 0.76, (52, 36, 28))
    board(w * 0.17, 0, w * 0.19, h * 0.72, (70, 48, 34))
    white, tall = (226, 214, 194), h * 0.36
    for left, low, wide, tilt in ((w * 0.56, h * 0.4, w * 0.26, 0.0), (w + deep * 0.34, h * 0.46, deep * 0.3, skew)):
        board(left - 1, low - 1, wide + 2, tall + 2, white, tilt)
        board(left, low, wide, tall, (48, 62, 78), tilt)
        area([(left, low + tall / 2), (left + wide, low + tall + tilt * wide), (left, low + tall)], (104, 130, 154))
        board(left + wide / 2 - 0.4, low + tilt * wide / 2, 0.8, tall, white)
    board(w / 2 + deep * 0.55, h + rise * 0.6, size * 0.06, rise * 0.85, (120, 106, 98))
    board(w / 2 + deep * 0.55 + size * 0.06, h + rise * 0.6, size * 0.04, rise * 0.85, (168, 152, 138))
    return light_of(image)


def fence(picture: Plane, line: Plane) -> Plane:
    """Posts and two rails that come towards the viewer."""
    scale = 4
    image = Image.fromarray(display(picture)).resize((WIDTH * scale, HEIGHT * scale), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(91)
    t = np.linspace(0, 1, 9) ** 1.45
    xs, sizes = 566 - 560 * t, 17 + 52 * t
    ys = np.array([line[int(np.clip(x, 0, WIDTH - 1))] for x in xs]) * (1 - t) + 478 * t + 12 * (1 - t)
    for level in (0.45, 0.82):
        for k in range(len(xs) - 1):
            wide = sizes[k : k + 2] * 0.052
            top = [ys[k + i] - sizes[k + i] * level + rng.normal(0, 0.4) for i in (0, 1)]
            for share, fill in ((1.0, (92, 78, 64)), (0.45, (178, 160, 134))):
                points = [(xs[k], top[0] - wide[0]), (xs[k + 1], top[1] - wide[1])]
                points += [(xs[k + 1], top[1] + wide[1] * (2 * share - 1)), (xs[k], top[0] + wide[0] * (2 * share - 1))]
                draw.polygon([(a * scale, b * scale) for a, b in points], fill)
    for x, y, size in zip(xs, ys, sizes, strict=True):
        half, tilt = size * 0.062, rng.normal(0, size * 0.02)
        for left, right, fill in ((-half, half, (84, 70, 56)), (half * 0.1, half, (186, 168, 142))):
            points = [(x + left, y), (x + right, y), (x + right + tilt, y - size), (x + left + tilt, y - size)]
            draw.polygon([(a * scale, b * scale) for a, b in points], fill)
    return light_of(image)


def display(light: Plane) -> NDArray[np.uint8]:
    """Linear light → 8-bit display values."""
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.2) * 255 + 0.5, np.uint8)


def light_of(image: Image.Image) -> Plane:
    """A large drawing → linear light [H, W, 3]."""
    return np.asarray(shrink(image) ** 2.2)


def camera(light: Plane) -> NDArray[np.uint8]:
    """Lens blur, vignette, tone curve and sensor noise."""
    rng = np.random.default_rng(101)
    radius = np.hypot((X - WIDTH / 2) / WIDTH, (Y - HEIGHT / 2) / HEIGHT)
    light = light * (1 - 0.42 * radius**2.2)[..., None] * 1.12
    light = light * (1 + 0.16 * light) / (1 + 0.30 * light)
    near = sum((np.roll(light, s, (0, 1)) for s in ((0, 1), (1, 0), (0, -1), (-1, 0))), np.zeros_like(light))
    light = 0.88 * light + 0.03 * near
    shot = rng.normal(size=light.shape) * np.sqrt(np.clip(light, 0, 1) * 1.2e-5 + 4e-7)
    return display(light + shot)


def draw() -> NDArray[np.uint8]:
    """The picture, uint8 [H, W, 3]."""
    picture = scenery()
    water = lake(picture)
    picture = over(picture, water, np.clip(Y - HORIZON, 0, 1))
    line = shore()
    picture = over(picture, *meadow(line))
    picture = hut(picture, 590, 412, 74)
    picture = fence(picture, line)
    return camera(picture)


if __name__ == "__main__":
    options = parser(__doc__, output=TARGET).parse_args()
    Image.fromarray(draw()).save(options.output, optimize=True)
