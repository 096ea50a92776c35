"""Training of restorers: one leg of so many minutes, the learning rate falling to zero over its last part.

A run is a folder as of `loop`: `recipe.json`, `state.pt`, `log.jsonl` with what restored validation crops are like. A
run that exists goes on from its averaged weights, with a leg of its own. With `keep_best` the averaged weights that
restored the validation crops best at any check are the ones that are kept.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .data import Crops, Picture, centre, lessened
from .evaluate import crops_of
from .journal import duration
from .recipe import Recipe, build
from .restorer import STRIDE, Config, Restorer, Spoilt, colours, loss, spoil
from .soap import Soap

FALLING = 0.6  # share of the leg after which the learning rate has begun to fall, linearly
BEST, LAST = 1.0, 0.02  # shares of the learning rate
CHECKS = 20  # validations a leg
CHECK_SEED = 7
STRENGTHS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # of colours
SIDES = 2  # crops, up to which the short side of a whole picture is one that was learned


def config_of(recipe: Recipe) -> Config:
    """The network that a recipe describes.  Raises ValueError."""
    try:
        return Config(recipe.task, **recipe.network)
    except TypeError as error:
        raise ValueError(f"recipe {recipe.name}: network: {error}") from None


class Leg:
    """A network in training."""

    def __init__(self, recipe: Recipe, crops: Crops) -> None:
        self.recipe, self.crops = recipe, crops
        torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self.model = Restorer(config_of(recipe)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimisers = self._optimisers()
        self.step, self.seconds, self.skipped = 0, 0.0, 0
        self.best: tuple[float, dict[str, Tensor]] | None = None  # error on validation crops, and averaged weights

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        """Adam, or the recipe's choice on the convolutions."""
        rate, weights = self.recipe.learning_rate, list(self.model.parameters())
        if self.recipe.optimiser == "adam":
            return [torch.optim.AdamW(weights, lr=rate, weight_decay=1e-4)]
        others, convolutions = ([p for p in weights if (p.dim() == 4) == deep] for deep in (False, True))
        return [torch.optim.AdamW(others, lr=rate, weight_decay=1e-4), Soap(convolutions, lr=rate)]

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from the averaged weights of `state()`."""
        self.model.load_state_dict(state["averaged"])
        self.averaged = {k: v.clone() for k, v in state["averaged"].items()}
        self.step, self.seconds, self.skipped = state["step"], state["seconds"], state["skipped"]

    def state(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self.recipe), "averaged": self.best[1] if self.best else self.averaged,
            "step": self.step, "seconds": self.seconds, "skipped": self.skipped,
        }

    def train_step(self, share: float) -> float:
        """One step; share: of the leg that is over.  Returns the loss."""
        r = self.recipe
        rng = np.random.default_rng((r.seed, self.step))
        rate = r.learning_rate * min(1.0, (self.step + 1) / max(1, r.warmup_steps))
        rate *= max(LAST, BEST - max(0.0, share - FALLING) / (1 - FALLING))
        given, wanted = spoil(r.task, self.crops.draw(rng), rng)
        given = Spoilt(*(x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in given))
        with torch.autocast("cpu", torch.bfloat16, enabled=r.bfloat16):
            restored = self.model(given).float()
        value = loss(r.task, restored, wanted, given)
        self.model.zero_grad(set_to_none=True)
        value.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), r.clip_norm)
        self.step += 1
        if not math.isfinite(value.item() + norm.item()):
            self.skipped += 1
            return math.nan
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        keep = min(r.ema, (1 + self.step) / (10 + self.step))
        weights = self.model.state_dict()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.values()), [weights[k] for k in self.averaged], 1 - keep)
        return value.item()

    def averaged_model(self) -> Restorer:
        """A copy with the averaged weights."""
        model = Restorer(self.model.config)
        model.load_state_dict(self.averaged)
        return model.eval()


    def check(self, pictures: list[Picture]) -> dict[str, float]:
        """Figures of the averaged weights; with keep_best the best ones are kept, of colours so strong as is best."""
        figures = checked(self.averaged_model(), pictures)
        error = figures.get("ab_error", -figures.get("psnr_db", 0.0))
        if self.recipe.keep_best and (not self.best or error < self.best[0]):
            strength = figures.get("strength", 1.0)
            kept = {k: strength * v if k.startswith("tail.") else v.clone() for k, v in self.averaged.items()}
            self.best = error, kept
        return figures


@torch.no_grad()
def checked(model: Restorer, pictures: list[Picture]) -> dict[str, float]:
    """PSNR in dB of spoilt and of restored crops; of the holes alone for inpaint; for colorize distances in a/b."""
    if model.config.task == "colorize":
        return coloured(model, pictures)
    before, after, count = 0.0, 0.0, 0.0
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng((CHECK_SEED, number))
        given, wanted = spoil(model.config.task, centre(picture[None]), rng)
        shown = given.picture.expand_as(wanted) * (1 - given.mask)
        where = given.mask if model.config.task == "inpaint" else torch.ones_like(given.mask)
        before += float(((_clipped(shown) - wanted).square() * where).sum())
        after += float(((_clipped(model(given)) - wanted).square() * where).sum())
        count += float(3 * where.sum())
    return {name: 10 * math.log10(255**2 / 64**2 / max(v / max(count, 1), 1e-9))
            for name, v in (("before_db", before), ("psnr_db", after))}


def coloured(model: Restorer, pictures: list[Picture]) -> dict[str, float]:
    """Mean distance of colours in a/b from those of the pictures: of grey copies, and of what the model makes.

    Colours are made so much weaker or stronger as is best: what was learned of few pictures is too sure of itself.
    """
    rows = []
    for picture in pictures:
        clean = centre(picture[None])
        given, _ = spoil("colorize", clean, np.random.default_rng())
        made, grey, wanted = model(given), given.picture, colours(clean)
        tries = [colours(_clipped(grey + strength * (made - grey))) for strength in (0.0, *STRENGTHS)]
        rows.append([float((t - wanted).square().sum(1).sqrt().mean()) for t in tries])
    grey_error, *errors = np.mean(rows, 0).tolist()
    best = int(np.argmin(errors))
    return {"grey_error": grey_error, "ab_error": errors[best], "strength": STRENGTHS[best]}


def _clipped(x: Tensor) -> Tensor:
    return x.clamp(-2, 127 / 64)


def save(leg: Leg, folder: Path) -> None:
    """Write the state; an interrupted write leaves the old one."""
    part = folder / "state.pt.part"
    torch.save(leg.state(), part)
    os.replace(part, folder / "state.pt")


def load_model(state: dict[str, Any]) -> Restorer:
    """The averaged weights of a run's state as a module."""
    model = Restorer(config_of(build(state["recipe"])))
    model.load_state_dict(state["averaged"])
    return model.eval()


def train(
    leg: Leg, folder: Path, *, minutes: float, max_steps: int | None = None, val: list[Picture] | None = None,
    progress: bool = True,
) -> str:
    """Train for so long.  Ctrl-C ends the leg early, and its state is kept.  Returns a line."""
    folder.mkdir(parents=True, exist_ok=True)
    check = seen_of(leg.recipe, val or [])
    begin, before, first, checks = time.monotonic(), leg.seconds, leg.step, 0
    smooth, reason = math.nan, "time used up"
    bar = tqdm(total=1.0, disable=None if progress else True, bar_format="{percentage:3.0f}%|{bar:20}| {postfix}")
    try:
        while True:
            spent = time.monotonic() - begin
            share = max(spent / max(60 * minutes, 1e-9), (leg.step - first) / (max_steps or math.inf))
            if share >= 1:
                break
            value = leg.train_step(share)
            smooth = value if math.isnan(smooth) else smooth if math.isnan(value) else 0.98 * smooth + 0.02 * value
            leg.seconds = before + time.monotonic() - begin
            bar.n = share
            bar.postfix = f"step {leg.step:,}, loss {smooth:.4g}, {duration(spent / max(share, 1e-3) - spent)} left"
            bar.update(0)
            if check and share * CHECKS >= checks + 1:
                checks += 1
                _note(leg, folder, check, smooth)
                save(leg, folder)
    except KeyboardInterrupt:
        reason = "stopped"
    finally:
        bar.close()
        if check:
            _note(leg, folder, check, smooth)
        save(leg, folder)
    return f"{folder}: {reason}: {leg.step - first:,} steps in {duration(leg.seconds - before)}, loss {smooth:.4g}"


def seen_of(recipe: Recipe, pictures: list[Picture]) -> list[Picture]:
    """What is checked of pictures: their middles, of such a size as is trained."""
    if recipe.least_part:
        pictures = [lessened(p, SIDES * recipe.crop) for p in pictures]
        return [p for q in pictures for p in crops_of([q], min(q.shape[0] // STRIDE, q.shape[1] // STRIDE) * STRIDE)]
    return crops_of(pictures, side=256)


def _note(leg: Leg, folder: Path, check: list[Picture], smooth: float) -> None:
    figures = {k: round(v, 3) for k, v in leg.check(check).items()}
    line = {"step": leg.step, "hours": round(leg.seconds / 3600, 3), "loss": round(smooth, 5), **figures}
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    tqdm.write(f"step {leg.step:,}: {', '.join(f'{name} {value:.2f}' for name, value in figures.items())}")
