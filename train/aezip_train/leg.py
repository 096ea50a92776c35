"""A leg of training: so many minutes or steps, the learning rate falling to zero over its last part.

What `fitting` and `restoring` share.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from .journal import duration
from .recipe import Recipe

FALLING = 0.6  # share of the leg after which the learning rate has begun to fall, linearly
LAST = 0.02  # share of the learning rate that is left at the end


def learning_rate(recipe: Recipe, step: int, share: float) -> float:
    """Of a step, when `share` of the leg is over."""
    rate = recipe.learning_rate * min(1.0, (step + 1) / max(1, recipe.warmup_steps))
    return rate * max(LAST, 1 - max(0.0, share - FALLING) / (1 - FALLING))


@torch.no_grad()
def average_(averaged: dict[str, Tensor], model: nn.Module, step: int, ema: float) -> None:
    """Move averaged weights towards the model's; the first steps count more."""
    keep = min(ema, (1 + step) / (10 + step))
    weights = model.state_dict()
    torch._foreach_lerp_(list(averaged.values()), [weights[k] for k in averaged], 1 - keep)


class Moment(NamedTuple):
    """When a step is taken."""

    share: float  # of the leg that is over
    due: bool  # whether a validation is


def begin(recipe: Recipe) -> None:
    """Seed PyTorch and give it its threads."""
    torch.manual_seed(recipe.seed)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)


def moments(
    minutes: float, max_steps: int | None, checks: int, said: Callable[[], str], progress: bool = True
) -> Iterator[Moment]:
    """The moment of each step of a leg with so many checks; with a bar that shows what is `said`."""
    start, steps, checked = time.monotonic(), 0, 0
    form = "{percentage:3.0f}%|{bar:20}| {postfix}"
    with tqdm(total=1.0, disable=None if progress else True, bar_format=form) as bar:
        while True:
            spent = time.monotonic() - start
            share = max(spent / max(60 * minutes, 1e-9), steps / (max_steps or math.inf))
            if share >= 1:
                return
            due = share * checks >= checked + 1
            yield Moment(share, due)
            steps, checked = steps + 1, checked + due
            bar.n = share
            bar.postfix = f"{said()}, {duration(spent / max(share, 1e-3) - spent)} left"
            bar.update(0)


def smoothed(before: float, value: float) -> float:
    """A running mean that skips what is not finite."""
    return value if math.isnan(before) else before if math.isnan(value) else 0.98 * before + 0.02 * value
