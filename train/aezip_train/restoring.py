"""Training of restorers: one leg of so many minutes, the learning rate falling to zero over its last part.

A run is a folder as of `runs`: `recipe.json`, `state.pt`, `log.jsonl` with what restored validation crops are like. A
run that exists goes on from its averaged weights, with a leg of its own. With `keep_best` the averaged weights that
restored the validation crops best at any check are the ones that are kept.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from . import leg, runs
from .data import Crops, Picture, centre, lessened
from .evaluate import crops_of
from .journal import duration
from .recipe import Recipe, build
from .restorer import STRIDE, Config, Restorer, Spoilt, colours, loss, spoil
from .soap import Soap

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


class Fit:
    """A network in training."""

    def __init__(self, recipe: Recipe, crops: Crops) -> None:
        self.recipe, self.crops = recipe, crops
        leg.begin(recipe)
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

    def go_on(self, state: dict[str, Any]) -> None:
        """Go on from the averaged weights of `state()`."""
        self.model.load_state_dict(state["averaged"])
        self.averaged = {k: v.clone() for k, v in state["averaged"].items()}
        self.step, self.seconds, self.skipped = state["step"], state["seconds"], state["skipped"]

    def state(self) -> dict[str, Any]:
        """What going on and exporting need; with `keep_best`, `averaged` are the best weights."""
        return {
            "recipe": asdict(self.recipe), "averaged": self.best[1] if self.best else self.averaged,
            "step": self.step, "seconds": self.seconds, "skipped": self.skipped,
        }

    def train_step(self, share: float) -> float:
        """One step; share: of the leg that is over.  Returns the loss."""
        r = self.recipe
        rng = np.random.default_rng((r.seed, self.step))
        rate = leg.learning_rate(r, self.step, share)
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
        leg.average_(self.averaged, self.model, self.step, r.ema)
        return value.item()

    def check(self, pictures: list[Picture]) -> dict[str, float]:
        """Figures of the averaged weights; with keep_best the best ones are kept, of colours so strong as is best."""
        figures = checked(with_weights(self.recipe, self.averaged), pictures)
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


def with_weights(recipe: Recipe, weights: dict[str, Tensor]) -> Restorer:
    """A network to evaluate."""
    model = Restorer(config_of(recipe))
    model.load_state_dict(weights)
    return model.eval()


def load_model(state: dict[str, Any]) -> Restorer:
    """The averaged weights of a run's state as a module."""
    return with_weights(build(state["recipe"]), state["averaged"])


def train(
    fit: Fit, folder: Path, *, minutes: float, max_steps: int | None = None, val: list[Picture] | None = None,
    progress: bool = True,
) -> str:
    """Train for so long.  Ctrl-C ends the leg early, and its state is kept.  Returns a line."""
    folder.mkdir(parents=True, exist_ok=True)
    check = seen_of(fit.recipe, val or [])
    begin, before, first = time.monotonic(), fit.seconds, fit.step
    smooth, reason = math.nan, "time used up"

    def said() -> str:
        return f"step {fit.step:,}, loss {smooth:.4g}"

    def keep() -> None:
        if check:
            _note(fit, folder, check, smooth)
        runs.save_state(fit.state(), folder)

    try:
        for share, due in leg.moments(minutes, max_steps, CHECKS, said, progress):
            smooth = leg.smoothed(smooth, fit.train_step(share))
            fit.seconds = before + time.monotonic() - begin
            if due and check:
                keep()
    except KeyboardInterrupt:
        reason = "stopped"
    finally:
        keep()
    return f"{folder}: {reason}: {fit.step - first:,} steps in {duration(fit.seconds - before)}, loss {smooth:.4g}"


def seen_of(recipe: Recipe, pictures: list[Picture]) -> list[Picture]:
    """What is checked of pictures: their middles, of such a size as is trained."""
    if recipe.least_part:
        pictures = [lessened(p, SIDES * recipe.crop) for p in pictures]
        return [p for q in pictures for p in crops_of([q], min(q.shape[0] // STRIDE, q.shape[1] // STRIDE) * STRIDE)]
    return crops_of(pictures, side=256)


def _note(fit: Fit, folder: Path, check: list[Picture], smooth: float) -> None:
    figures = {k: round(v, 3) for k, v in fit.check(check).items()}
    runs.log({"step": fit.step, "hours": round(fit.seconds / 3600, 3), "loss": round(smooth, 5), **figures}, folder)
    tqdm.write(f"step {fit.step:,}: {', '.join(f'{name} {value:.2f}' for name, value in figures.items())}")
