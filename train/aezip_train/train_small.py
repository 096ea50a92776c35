"""Training of a small decoder on the latents that a model makes of pictures; the model stays as it is.

Latents are used more than once. While the learning rate falls, SSIMULACRA2 counts, too. Rectifiers that wake up can
break a network: where averaged weights became much worse, training goes on from the best, at half the rate.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aezip.model import store
from aezip.model.packages import Package

from . import lambda_ladder, objective
from .data import Picture, centre, middle_crops
from .flagship import Flagship
from .integer import set_integer
from .journal import Validation
from .loop import Training, Weights, falling
from .package_weights import read_model
from .recipe import Recipe
from .session import Session
from .small_decoder import SmallDecoder, sized, started

BATCHES, WARM, FRESH = 200, 12, 4  # batches that are kept, and at the start; steps after which one is replaced
JUDGED, BROKEN = 4, 1.1  # batches of 8 crops to validate on; how much worse than the best is too bad

Batch = tuple[Tensor, Tensor, Tensor]  # û, crops [N, 3, H, W] in uint8, and qualities [N]


class SmallTraining(Training):
    """The family `small`."""

    parallel = True
    model: SmallDecoder
    slower, since = 1.0, -math.inf  # the rate's share, and the step from which it rises

    @classmethod
    def network(cls, recipe: Recipe) -> SmallDecoder:
        if not recipe.fingerprint:
            raise ValueError(f"{recipe.name}: it decodes what a model makes; expected --init MODEL")
        return recipe.sizes(partial(sized, _full(recipe.of, recipe.fingerprint)))

    @classmethod
    def load(cls, state: dict[str, Any]) -> tuple[Any, ...]:
        return *super().load(state), state["recipe"]["of"]

    @classmethod
    def start_from(cls, init: str, recipe: Recipe) -> tuple[Recipe, Weights | None]:
        """Of a model, by name or path.  Raises ValueError, AezipError."""
        if not Package(store.find(init)).exact_pixels:
            raise ValueError(f"--init {init}: its decoder is in float; expected one in integers (integer_from=0)")
        name = os.path.abspath(init) if store.is_path(init) else init
        return replace(recipe, of=name, fingerprint=store.find(name).fingerprint.hex()), None

    def split(self, pictures: list[Picture], val: list[Picture] | None) -> tuple[list[Picture], list[Picture]]:
        side = self.recipe.crop
        check = middle_crops(val or pictures, side, 8 * JUDGED)
        if not check:
            raise ValueError(
                f"no picture to validate on of at least {side}×{side} pixels; expected one (or a smaller crop)"
            )
        return pictures, check

    def start(self, weights: Weights | None) -> None:
        if self.process.world > 1:
            raise ValueError(f"{self.process.world} processes: {self.recipe.name} is trained by one")
        self.full, self.batches = _full(self.recipe.of, self.recipe.fingerprint), list[Batch]()
        if weights is None:
            warm = (self.crops.draw(self.rng) for _ in range(WARM))
            seen = [latents_of(self.full, crops, self.qualities(self.rng, len(crops)).cpu()) for crops in warm]
            self.model = started(self.full, seen, **self.recipe.network)
        super().start(weights)
        self.full.to(self.process.device)

    def strided(self) -> list[nn.Parameter]:
        return [*self.model.up.parameters(), *self.model.stem.parameters()]

    @cached_property
    def units(self) -> dict[nn.Parameter, Any]:
        return self.model.units()

    def fall(self, share: float) -> float:
        risen = (self.step - self.since + 1) / max(self.recipe.warmup_steps, 1)
        return self.slower * min(1.0, risen) * falling(share, self.recipe.fall)

    def loss(self, rng: np.random.Generator, share: float) -> dict[str, Tensor]:
        if len(self.batches) < BATCHES:
            self.batches.append(self._seen(self.crops.draw(rng)))
        elif self.step % FRESH == 0:
            self.batches[rng.integers(BATCHES)] = self._seen(self.crops.draw(rng))
        u, *wanted = self.batches[rng.integers(len(self.batches))]
        return {"loss": self.error(self.model(u), *wanted, look=share > 1 - self.recipe.fall)}

    def error(self, made: Tensor, crops: Tensor, quality: Tensor, *, look: bool = True) -> Tensor:
        """A flagship's distortion.  look: with SSIMULACRA2"""
        r, lam = self.recipe, lambda_ladder.lambda_of(quality, self.full.lambda_max)
        found = objective.weighed(made, (crops.float() - 128) / 64, lam, r.ssimulacra2, r.cell_error, look=look)
        return (found * (lam / lambda_ladder.LAMBDA_MIN) ** -r.rate_weight).mean()

    def checks(self, session: Session) -> float:
        return self.recipe.checks * session.share(self.step)

    @cached_property
    def judged(self) -> list[Batch]:
        """What is validated on."""
        crops = [centre(picture[None]) for picture in self.check]
        return [self._seen(torch.cat(crops[n::JUDGED])) for n in range(min(JUDGED, len(crops)))]

    def begin(self) -> None:
        """What the full decoder is worth, and the weights at the start."""
        self.full_db = self.judge(self.full.decoder)[1]
        self.validate({})

    def validate(self, smooth: dict[str, float]) -> Validation:
        """Keep the averages where they are the best so far; go back to these where they are much worse."""
        error, psnr_db = self.judge(self.averaged_model())
        self.keep(error, self.averaged)
        broken = not error < BROKEN * self.best_error
        if broken and self.best:
            self.slower, self.since = self.slower / 2, self.step
            self.averaged = {k: v.clone() for k, v in self.best.items()}
            self.model.load_state_dict(self.best)
            self.optimisers = self.make_optimisers()
        line = {"step": self.step, "hours": round(self.seconds / 3600, 3), "error": error, "psnr_db": psnr_db}
        figures = f"{psnr_db:.2f} dB, {psnr_db - self.full_db:+.2f} dB against the full one"
        return Validation(line, figures, "so back to the best" if broken else "")

    @torch.no_grad()
    def judge(self, decoder: nn.Module) -> tuple[float, float]:
        """The error of a decoder on what is validated on, and its PSNR in dB, both on average."""
        found = []
        for u, crops, quality in self.judged:
            made = decoder(u)
            squares = (64 * made + 128 - crops).square().mean((1, 2, 3))
            found.append([float(self.error(made, crops, quality)), float(10 * torch.log10(255**2 / squares).mean())])
        error, psnr_db = np.mean(found, 0).tolist()
        return error, psnr_db

    @torch.no_grad()
    def _seen(self, crops: Tensor) -> Batch:
        """Crops and what the model makes of them, over all qualities."""
        crops, quality = self.process.put(crops), self.qualities(self.rng, len(crops))
        return latents_of(self.full, crops, quality), (crops * 64 + 128).round().byte(), quality


@lru_cache(maxsize=1)
def _full(name: str, fingerprint: str) -> Flagship:
    if (found := store.find(name).fingerprint.hex()) != fingerprint:
        raise ValueError(f"{name}: its fingerprint is {found}; expected {fingerprint}, of which it learns")
    model = read_model(name).eval().requires_grad_(False)
    model.bits_per_error = Package(store.find(name)).bits_per_error
    set_integer(model, True)
    return model


@torch.no_grad()
def latents_of(model: Flagship, crops: Tensor, quality: Tensor) -> Tensor:
    """û of crops [N, 3, H, W], as decoders see them.  quality: [N], 0 … 1000"""
    decoder, model.decoder = model.decoder, nn.Identity()  # type: ignore[assignment]
    try:
        return model(crops, quality, noise=False).image
    finally:
        model.decoder = decoder
