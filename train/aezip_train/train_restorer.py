"""Training of networks that restore pictures, one for each task.

A run continues from its averaged weights, with `keep_best` from those that restored the validation crops best.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .data import Picture, centre, middle_crops
from .journal import Validation
from .loop import Training, Weights
from .recipe import Recipe
from .restorer import STRIDE, UNIT, Config, Restorer, Spoilt, colours, loss, spoil
from .session import Session

CHECKS = 20  # validations a session
CHECK_SEED = 7
STRENGTHS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # of colours


class RestorerTraining(Training):
    """The family `restorer`."""

    model: Restorer

    @classmethod
    def network(cls, recipe: Recipe) -> Restorer:
        return Restorer(recipe.sizes(Config, task=recipe.task))

    @classmethod
    def facts(cls, recipe: Recipe) -> dict[str, Any]:
        """`side`: larger pictures are coloured in a copy whose short side is as long as was usual in training."""
        return {"side": round(recipe.crop / recipe.least_part**0.5)} if recipe.least_part else {}

    @classmethod
    def start_from(cls, init: str, recipe: Recipe) -> tuple[Recipe, Weights]:
        raise ValueError("--init starts codecs only; expected none for a model that restores pictures")

    def split(self, pictures: list[Picture], val: list[Picture] | None) -> tuple[list[Picture], list[Picture]]:
        """To validate on: middles, of such a size as is trained."""
        if not self.recipe.least_part:
            return pictures, middle_crops(val or [], side=256)
        side = self.facts(self.recipe)["side"] // STRIDE * STRIDE
        squares = [Image.fromarray(middle_crops([p], min(p.shape[:2]))[0]) for p in val or []]
        return pictures, [np.asarray(s.resize((side, side), Image.Resampling.BILINEAR)) for s in squares]

    def adam(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, lr=self.recipe.learning_rate, weight_decay=1e-4)

    def loss(self, rng: np.random.Generator, share: float) -> dict[str, Tensor]:
        task = self.recipe.task
        given, wanted = spoil(task, self.crops.draw(rng), rng)
        given = Spoilt(*(x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in given))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
            restored = self.model(given).float()
        return {"loss": loss(task, restored, wanted, given)}

    def checks(self, session: Session) -> float:
        return CHECKS * session.share(self.step)

    def begin(self) -> None:
        """With `keep_best`, what the weights are worth that the session starts from, on its own validation pictures."""
        if self.recipe.keep_best and self.check:
            self.validate({})

    def validate(self, smooth: dict[str, float]) -> Validation:
        """Figures of the averaged weights; with `keep_best` the best are kept, their colours as strong as is best."""
        figures = checked(self.averaged_model(), self.check)
        if self.recipe.keep_best:
            strength = figures.get("strength", 1.0)
            weights = {k: strength * v if k.startswith("tail.") else v for k, v in self.averaged.items()}
            self.keep(figures.get("ab_error", -figures.get("psnr_db", 0.0)), weights)
        figures = {k: round(v, 3) for k, v in figures.items()}
        loss = round(smooth.get("loss", np.nan), 5)
        line = {"step": self.step, "hours": round(self.seconds / 3600, 3), "loss": loss, **figures}
        return Validation(line, ", ".join(f"{name} {value:.2f}" for name, value in figures.items()))


@torch.no_grad()
def checked(model: Restorer, pictures: list[Picture]) -> dict[str, float]:
    """PSNR in dB of spoilt and of restored crops; of the holes alone for inpaint; for colorize distances in a/b."""
    if model.config.task == "colorize":
        return coloured(model, pictures)
    total = np.zeros(3)
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng((CHECK_SEED, number))
        given, wanted = spoil(model.config.task, centre(picture[None]), rng)
        where = given.mask if model.config.task == "inpaint" else torch.ones_like(given.mask)
        errors = [((_clipped(x) - wanted).square() * where).sum() for x in (given.picture, model(given))]
        total += [*map(float, errors), 3 * float(where.sum())]
    squared = np.maximum(total[:2] / max(total[2], 1), 1e-9)
    return dict(zip(("before_db", "psnr_db"), (10 * np.log10((255 / UNIT) ** 2 / squared)).tolist(), strict=True))


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
    return x.clamp(-2, 127 / UNIT)
