"""A detector of defects: a small network trained on a category's normal pictures, with defects drawn into their crops.

It works at 1/2 … 1/16 of the resolution and comes back to 1/4 (a feature pyramid, Lin et al. 2017). What it sees, and
what becomes of its answers: `aezip.tasks.anomaly.detector`.
"""

from __future__ import annotations

import math
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aezip.arrays import Image8, resized
from aezip.bulk.pool import end_with_parent
from aezip.engine.cores import cores
from aezip.tasks.anomaly.detector import PLANES, STRIDE, Standard, middle, planes
from aezip.tasks.anomaly.gaussian import Array

from .defects import planted
from .soap import Soap

START = Path(__file__).parent / "weights" / "detector.npz"
SIDE, BATCH = 128, 24  # of crops
SPOILT = 0.8  # share of crops with defects
LEARNING_RATE, WARMUP = 2e-3, 20
WEIGHT_DECAY = 0.02
LIGHT = 0.07  # by which crops are made lighter or darker, at most
NOISY, NOISE = 0.3, (0.002, 0.01)  # how often crops get noise, and its deviation
COVERED = 0.2  # share of an answer's pixels from which on it should be a defect
RARE = 3.0  # weight of those
AHEAD = 2  # batches that each process makes before they are wanted

Batch = tuple[Array, Array]
Sample = Callable[[np.random.Generator], Batch]  # what the network sees of one crop, and where a defect is
Weights = dict[str, Tensor]


class Residual(nn.Module):
    """relu(x + conv3×3(relu(conv3×3(x)))), both normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Conv(width, width), Conv(width, width, active=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Conv(nn.Module):
    """A convolution, normalised over its batch, and a rectifier."""

    def __init__(self, before: int, after: int, *, size: int = 3, stride: int = 1, active: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
        self.norm, self.active = nn.BatchNorm2d(after), active

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x) if self.active else x


class Detector(nn.Module):
    """[N, PLANES, H, W] → logits of a defect [N, 1, H / STRIDE, W / STRIDE]; H, W multiples of 16."""

    def __init__(self, half: int = 16, quarter: int = 32, eighth: int = 64, sixteenth: int = 96) -> None:
        super().__init__()
        self.to_half = nn.Sequential(Conv(PLANES, half, size=5, stride=2), Conv(half, half))
        self.to_quarter = nn.Sequential(Conv(half, quarter, stride=2), Residual(quarter))
        self.to_eighth = nn.Sequential(Conv(quarter, eighth, stride=2), Residual(eighth))
        self.to_sixteenth = nn.Sequential(Conv(eighth, sixteenth, stride=2), Residual(sixteenth))
        self.up_to_eighth, self.at_eighth = nn.Conv2d(sixteenth, eighth, 1), Conv(eighth, eighth)
        self.up_to_quarter = nn.Conv2d(eighth, quarter, 1)
        self.down_to_quarter = nn.Conv2d(half, quarter, 3, 2, 1)
        self.at_quarter = nn.Sequential(Conv(quarter, quarter), Conv(quarter, quarter))
        self.logit = nn.Conv2d(quarter, 1, 1)
        self.logit.load_state_dict({"weight": self.logit.weight, "bias": torch.tensor([-3.0])})  # defects are rare

    def forward(self, x: Tensor) -> Tensor:
        half = self.to_half(x)
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        deep = self.at_eighth(eighth + doubled(self.up_to_eighth(self.to_sixteenth(eighth))))
        fine = quarter + self.down_to_quarter(half) + doubled(self.up_to_quarter(deep))
        logit: Tensor = self.logit(self.at_quarter(fine))
        return logit


def doubled(x: Tensor) -> Tensor:
    """Each value four times.  [N, C, H, W] → [N, C, 2H, 2W]"""
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Normal(NamedTuple):
    """Normal pictures of one category."""

    pictures: list[Image8]  # each [H, W, C]
    middles: list[float]  # of each
    standard: Standard

    @classmethod
    def of(cls, pictures: list[Image8], standard: Standard) -> Normal:
        """Pictures as `detector.reduced` makes them."""
        return cls(pictures, list(map(middle, pictures)), standard)

    def crop(self, rng: np.random.Generator) -> tuple[Array, Array, float]:
        """Of any picture: 0 … 1 [SIDE, SIDE, C]; what is usual there, mean and spread [SIDE, SIDE, 2]; its median."""
        number = int(rng.integers(len(self.pictures)))
        pixels = self.pictures[number]
        shape = pixels.shape[:2]
        corner = (int(rng.integers(max(1, n - SIDE + 1))) for n in shape)
        rows, columns = (slice(at, min(at + SIDE, n)) for at, n in zip(corner, shape, strict=True))
        usual = [resized(each, shape, (rows, columns)) for each in (self.standard.mean, self.standard.spread)]
        picture = np.asarray(pixels[rows, columns] / np.float32(255), np.float32)
        return _whole(picture), _whole(np.stack(usual, 2)), self.middles[number]

    def another(self, rng: np.random.Generator) -> Array:
        """A crop to take pieces of: at times of other contrast, turned or tinted."""
        picture, _, _ = self.crop(rng)
        if rng.random() < 0.5:
            contrast = rng.choice((-1, 1)) * rng.uniform(0.5, 1.5)
            picture = np.clip(rng.uniform(0.2, 0.8) + contrast * (picture - picture.mean()), 0, 1)
        if rng.random() < 0.3:
            picture = np.clip(picture * rng.uniform(0.5, 1.5, picture.shape[2]), 0, 1)
        turned = picture.transpose(1, 0, 2) if rng.random() < 0.5 else picture
        return np.asarray(turned, np.float32)

    def sample(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """What the network sees of a crop [PLANES, SIDE, SIDE], and where a defect is [SIDE, SIDE]."""
        picture, usual, light = self.crop(rng)
        across, down = (int(step) for step in rng.choice((-1, 1), 2))
        picture, usual = picture[::down, ::across], usual[::down, ::across]
        gain = rng.uniform(1 - LIGHT, 1 + LIGHT)
        clean = noisy(gain * picture, NOISY, NOISE, rng)
        picture, where = spoilt(clean, SPOILT, lambda: self.another(rng), rng)
        return planes(picture, gain * light, usual[:, :, 0], usual[:, :, 1], self.standard), where


def noisy(picture: Array, share: float, deviation: tuple[float, float], rng: np.random.Generator) -> Array:
    """A share of pictures with noise; 0 … 1.  [SIDE, SIDE, C]"""
    noise = rng.normal(0, rng.uniform(*deviation), (SIDE, SIDE, 1)) if rng.random() < share else 0
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def spoilt(clean: Array, share: float, another: Callable[[], Array], rng: np.random.Generator) -> tuple[Array, Array]:
    """A share of pictures with defects, and where they are [SIDE, SIDE]."""
    return planted(clean, another, rng) if rng.random() < share else (clean, np.zeros((SIDE, SIDE), np.float32))


def batch(sample: Sample, seed: int, number: int) -> Batch:
    """What a step sees [N, PLANES, H, W], and where defects are [N, 1, H, W].  Always the same."""
    rng = np.random.default_rng((seed, number))
    seen, where = zip(*(sample(rng) for _ in range(BATCH)), strict=True)
    return np.stack(seen), np.stack(where)[:, None]


def _whole(crop: Array) -> Array:
    """Of a smaller picture: mirrored.  [h, w, C] → [SIDE, SIDE, C]; none stay none."""
    if not crop.size:
        return crop
    below, right = (SIDE - n for n in crop.shape[:2])
    return np.pad(crop, ((0, below), (0, right), (0, 0)), mode="reflect")


def read_start(file: Path = START) -> Weights:
    """What detectors start from: weights that were trained on photographs."""
    with np.load(file) as arrays:
        return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}


def trained(
    sample: Sample,
    steps: int,
    threads: int | None = None,
    *,
    start: Weights | None = None,
    seed: int = 1,
    soap: bool = False,
) -> Iterator[Detector]:
    """The network after each step, always the same one; with as many threads the same at the end.

    threads: of PyTorch and processes that draw defects, together; None: as many as there are processors.
    start: weights to start from; soap: instead of AdamW, for long training.
    """
    together = threads or cores()
    processes = min(together // 2, 4)
    torch.set_num_threads(max(1, together - processes))
    # where the processor has no bfloat16, it takes longer than float32
    narrow = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    torch.manual_seed(seed)
    model = Detector()
    if start:
        model.load_state_dict({**model.state_dict(), **start})
    model.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimiser = (Soap if soap else torch.optim.AdamW)(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for step, (seen, where) in enumerate(_batches(sample, steps, processes, seed)):
        for group in optimiser.param_groups:
            group["lr"] = rate(step, steps)
        x = torch.from_numpy(seen).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            logit = model(x)
        optimiser.zero_grad()
        loss(logit.float(), torch.from_numpy(where)).backward()
        optimiser.step()
        yield model
    model.eval()


def rate(step: int, steps: int) -> float:
    """Of learning: it rises for a moment, and falls as a cosine."""
    return LEARNING_RATE * min(1.0, (step + 1) / WARMUP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def loss(logit: Tensor, where: Tensor) -> Tensor:
    """Cross entropy and half of Dice's, where an answer's pixels are clearly of a defect, or not at all.

    logit: [N, 1, h, w]; where: [N, 1, STRIDE · h, STRIDE · w], 0 and 1.
    """
    share = F.avg_pool2d(where, STRIDE)
    target = (share > COVERED).float()
    weight = ((share == 0) | (share > COVERED)).float() * (1 + (RARE - 1) * target)
    entropy = F.binary_cross_entropy_with_logits(logit, target, weight, reduction="sum") / weight.sum()
    found = torch.sigmoid(logit)
    dice = 1 - (2 * (found * target).sum() + 1) / ((found * found).sum() + target.sum() + 1)
    return entropy + dice / 2


_drawn: Sample  # of a process that makes batches


def _batches(sample: Sample, steps: int, processes: int, seed: int) -> Iterator[Batch]:
    if not processes:
        yield from (batch(sample, seed, number) for number in range(steps))
        return
    waiting: deque[Future[Batch]] = deque()
    executor = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (sample,))
    try:
        for number in range(steps + AHEAD * processes):
            if number < steps:
                waiting.append(executor.submit(_batch, seed, number))
            if number >= AHEAD * processes:
                yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def _begin(sample: Sample) -> None:
    global _drawn
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it is told, too
    Thread(target=end_with_parent, daemon=True).start()
    _drawn = sample


def _batch(seed: int, number: int) -> Batch:
    return batch(_drawn, seed, number)
