"""Networks that restore pictures, one for each task, top to bottom.

    denoise     noisy RGB, σ     → RGB: the noise is predicted and taken away (Zhang et al. 2017; σ as in FFDNet, 2018)
    colorize    grey             → chroma, added to the grey values
    inpaint     RGB, mask        → what to add to a smooth guess under the mask (Pathak et al. 2016)

All are one U-Net (Ronneberger et al. 2015) at 1/2 … 1/16 of the resolution, with dilated blocks (Yu and Koltun 2016).
Pictures are in units of 64 grey levels around 128.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from aezip.model.kinds import TASKS
from aezip.tasks.restore.chroma import LUMA
from aezip.tasks.restore.hints import CHROMA
from aezip.tasks.restore.holes import smooth

from .cielab import ab
from .data import centre, to_bytes
from .lapped import SLOPE, Residual, start_zero

STRIDE = 16  # sides of pictures are multiples of this
UNIT = 64.0  # grey levels
SIGMA = (3.0, 60.0)  # grey levels of noise in training
GREY_SHARE = 0.2  # of crops made grey for `denoise`, with one noise in all channels
HOLE = (8, 48)  # pixels, sides of holes in training; the runtime parts larger ones
SCRATCHED = 0.65  # share of crops with scratches instead
THICK = (1, 11)  # pixels, from and below
COVERED = (0.05, 0.25)  # the share of a crop that scratches cover
FLOOR = (0.5 / UNIT) ** 2  # a squared error as good as none
DILATIONS = (1, 2, 4)  # of blocks that look far, in turn
COLOUR, SQUARED = 20.0, 0.3  # a usual distance of colours in a/b, and how much its square counts beside it
INPUTS = {"denoise": 3, "colorize": 1, "inpaint": 4}
OUTPUTS = {"denoise": 12, "colorize": 2, "inpaint": 12}  # of each 2×2 pixels; they have one colour


@dataclass(frozen=True)
class Config:
    """Channels and residual blocks at each resolution; blocks stand on the way down and on the way up."""

    task: str = "denoise"
    half: int = 24
    quarter: int = 64
    eighth: int = 96
    sixteenth: int = 128
    half_blocks: int = 1
    quarter_blocks: int = 1
    eighth_blocks: int = 2
    sixteenth_blocks: int = 2
    far_blocks: int = 0  # dilated ones after these

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task is '{self.task}'; expected one of {', '.join(TASKS)}")


class Spoilt(NamedTuple):
    """What a network gets."""

    picture: Tensor  # [N, 3, H, W], or [N, 1, H, W] for colorize; its missing pixels hold a smooth guess
    sigma: Tensor  # [N], in grey levels; 0 but for denoise
    mask: Tensor  # [N, 1, H, W], 1 where pixels are missing; 0 but for inpaint


class Block(nn.Module):
    """x + conv3×3(act(conv3×3(x))); the last layer starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        start_zero(self.second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(x), SLOPE))


def blocks(width: int, count: int) -> nn.Sequential:
    """A run of residual blocks."""
    return nn.Sequential(*[Block(width) for _ in range(count)])


class Restorer(nn.Module):
    """The U-Net of one task."""

    family = "restorer"

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = c = config
        widths = (c.half, c.quarter, c.eighth, c.sixteenth)
        counts = (c.half_blocks, c.quarter_blocks, c.eighth_blocks)
        pairs = list(pairwise(widths))
        self.stem = nn.Conv2d(INPUTS[c.task], c.half, 4, stride=2, padding=1)
        self.level = nn.Parameter(torch.zeros(c.half))  # what σ, in units of 64 levels, adds to the stem
        self.before = nn.ModuleList(blocks(w, n) for w, n in zip(widths, counts, strict=False))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.bottom = blocks(c.sixteenth, c.sixteenth_blocks)
        self.far = nn.Sequential(*[Residual(c.sixteenth, DILATIONS[n % len(DILATIONS)]) for n in range(c.far_blocks)])
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairs)
        self.after = nn.ModuleList(blocks(w, n) for w, n in zip(widths, counts, strict=False))
        self.tail = nn.Conv2d(c.half, OUTPUTS[c.task], 3, padding=1)
        start_zero(self.tail)

    def forward(self, given: Spoilt) -> Tensor:
        """→ RGB [N, 3, H, W], not clipped; H, W multiples of 16.  Without training: noise, grey or guesses stay."""
        x = given.picture
        if self.config.task == "inpaint":
            return x + self.unet(torch.cat((x, given.mask), 1)) * given.mask
        if self.config.task == "denoise":
            return x + self.unet(x, given.sigma / UNIT)
        return coloured(x, self.unet(x))

    def unet(self, x: Tensor, sigma: Tensor | None = None) -> Tensor:
        """[N, inputs, H, W] → RGB [N, 3, H, W], or chroma [N, 2, H, W]"""
        x = self.stem(x)
        if sigma is not None:
            x = x + sigma[:, None, None, None] * self.level[:, None, None]
        kept = []
        for before, down in zip(self.before, self.down, strict=True):
            x = before(x)
            kept.append(x)
            x = down(x)
        x = self.far(self.bottom(x))
        for up, after in zip(reversed(self.up), reversed(self.after), strict=True):
            x = after(kept.pop() + F.pixel_shuffle(up(x), 2))
        x = self.tail(x)
        return F.interpolate(x, scale_factor=2) if self.config.task == "colorize" else F.pixel_shuffle(x, 2)


def coloured(grey: Tensor, chroma: Tensor) -> Tensor:
    """Grey [N, 1, H, W] and Cb, Cr [N, 2, H, W] → RGB"""
    matrix = torch.tensor(CHROMA, dtype=chroma.dtype, device=chroma.device)
    return grey + torch.einsum("rc,nchw->nrhw", matrix, chroma)


def grey_of(clean: Tensor) -> Tensor:
    """Luma, rounded to whole levels.  [N, 3, H, W] → [N, 1, H, W]"""
    luma = torch.einsum("c,nchw->nhw", torch.tensor(LUMA, dtype=clean.dtype, device=clean.device), clean)[:, None]
    return (luma * UNIT).round() / UNIT


def spoil(task: str, clean: Tensor, rng: np.random.Generator) -> tuple[Spoilt, Tensor]:
    """What the network gets, and what it should make of it.  clean: [N, 3, H, W]"""
    n, _, height, width = clean.shape
    none = torch.zeros(n, 1, height, width), torch.zeros(n)
    if task == "colorize":
        return Spoilt(grey_of(clean), none[1], none[0]), clean
    if task == "inpaint":
        masks = np.stack([holes(height, width, rng) for _ in range(n)])
        guess = centre(np.stack([*map(smooth, to_bytes(clean), masks)]))
        return Spoilt(guess, none[1], torch.from_numpy(masks)[:, None].float()), clean
    sigma = torch.from_numpy(rng.uniform(*SIGMA, n)).float()
    noise = torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32))
    grey = torch.from_numpy(rng.random(n) < GREY_SHARE)[:, None, None, None]
    clean = torch.where(grey, grey_of(clean), clean)
    noise = torch.where(grey, noise[:, :1], noise)
    noisy = clean + noise * (sigma / UNIT)[:, None, None, None]
    noisy = (noisy * UNIT + 128).round().clamp(0, 255).sub(128) / UNIT
    return Spoilt(noisy, sigma, none[0]), clean


def holes(height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Where pixels are missing: scratches or rectangles; some pixel is known.  [H, W]"""
    if rng.random() < SCRATCHED:
        return scratches(height, width, rng)
    out = np.zeros((height, width), bool)
    for _ in range(int(rng.integers(1, 5))):
        tall, wide = rng.integers(HOLE[0], HOLE[1] + 1, 2)
        top, left = rng.integers(-tall // 2, height - tall // 2), rng.integers(-wide // 2, width - wide // 2)
        out[max(top, 0) : max(top + tall, 0), max(left, 0) : max(left + wide, 0)] = True
    out[0, 0] &= not out.all()
    return out


def scratches(height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Waving lines and specks of one thickness.  [H, W]"""
    picture = Image.new("1", (width, height))
    pen, thick = ImageDraw.Draw(picture), int(rng.integers(*THICK))
    covered = rng.uniform(*COVERED)
    while np.asarray(picture).mean() < covered:
        angle = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.3, 7).cumsum()
        steps = rng.uniform(0.5, 20) * np.stack((np.cos(angle), np.sin(angle)), 1)
        line = rng.uniform(0, (width, height)) + steps.cumsum(0)
        pen.line(line.ravel().tolist(), fill=1, width=thick, joint="curve")
    return np.array(picture, bool)


def loss(task: str, restored: Tensor, wanted: Tensor, given: Spoilt) -> Tensor:
    """What training makes small: mean absolute error; of holes the log of each crop's error; distances of colours."""
    if task == "colorize":
        squared = (colours(restored) - colours(wanted)).square().sum(1)
        return (squared + 1).sqrt().mean() + SQUARED * squared.mean() / (2 * COLOUR)
    error = restored - wanted
    if task == "inpaint":
        squared = (error.square() * given.mask).sum((1, 2, 3)) / (3 * given.mask.sum((1, 2, 3))).clamp(min=1)
        return (squared + FLOOR).log().mean()  # each crop's PSNR counts alike
    return error.abs().mean()


def colours(picture: Tensor) -> Tensor:
    """a and b of 2×2 pixels on average.  [N, 3, H, W] → [N, 2, H/2, W/2]"""
    return ab((F.avg_pool2d(picture, 2) * UNIT + 128) / 255)
