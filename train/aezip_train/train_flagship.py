"""Training of the flagship: rate and distortion at one quality an image, validated against JPEG and AVIF.

A step draws its crops and qualities from a generator kept in the state, so that n + m steps in two sessions are n + m
steps in one, bit for bit on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import evaluate, integer_start, lambda_ladder, narrow_start, objective, runs
from .contact_sheet import contact_sheet
from .data import Crops, Picture, middle_crops
from .evaluate import QUALITIES, RateDistortion
from .flagship import Config, Flagship
from .integer import set_integer
from .integer_lapped import IntegerDecoder, NarrowEncoder
from .journal import Validation
from .lapped import set_branches
from .loop import Training, Weights, falling, fill
from .package_weights import read_model
from .recipe import Recipe
from .resident import ResidentCrops
from .session import Session

START_BATCHES = 16  # batches of crops that the classic start is measured on


class FlagshipTraining(Training):
    """The family `flagship`, whose runs go on exactly, on one process or as one of several."""

    exact = parallel = True
    model: Flagship

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        r, all_crops = self.recipe, [self.crops]
        if r.last_crop:
            batch = max(1, r.batch * r.crop**2 // r.last_crop**2)
            self.process.part(batch)
            all_crops.append(Crops(self.pictures, r.last_crop, batch, r.least_part, augment=r.augment, drawn=r.drawn))
        device, resident = self.process.device, self.process.queues
        self.sources = [ResidentCrops(crops, device, r.seed) if resident else crops for crops in all_crops]

    @classmethod
    def network(cls, recipe: Recipe) -> Flagship:
        model = Flagship(recipe.sizes(Config))
        model.bits_per_error, model.lambda_max = recipe.bits_per_error, recipe.lambda_max
        return model

    @classmethod
    def start_from(cls, init: str, recipe: Recipe) -> tuple[Recipe, Weights]:
        """From a run (a folder or its state.pt) or a package.  Raises ValueError, AezipError."""
        if runs.is_run(init) or Path(init).is_dir():
            model: Flagship = cls.load(runs.load_state(Path(init), recipe))[0]
        else:
            model = read_model(init)
        model.stretch(recipe.lambda_max)
        found, wanted = model.config, recipe.sizes(Config)
        if recipe.network.get("latent", found.latent) != found.latent:
            want = f"the {recipe.network['latent']} of the recipe, or --set 'network={{\"latent\":{found.latent}}}'"
            raise ValueError(f"--init {init}: has {found.latent} latents; expected {want}")
        weights = model.state_dict()
        if wanted.local_steps > found.local_steps:  # a layer that is still silent
            found = replace(found, local_steps=wanted.local_steps)
            weights = {**Flagship(found).state_dict(), **weights}
        found = replace(found, integer=max(found.integer, wanted.integer))  # it is converted when the run starts
        return replace(recipe, network=asdict(found)), weights

    def split(self, pictures: list[Picture], val: list[Picture] | None) -> tuple[list[Picture], list[Picture]]:
        return pictures, middle_crops(val or []) if self.process.leads else []

    def start(self, weights: Weights | None) -> None:
        parts = (
            ("decoder", integer_start.convert, self.crops.photographs),
            ("encoder", narrow_start.convert, lambda: self.crops),
        )
        for n, (part, convert, crops) in enumerate(parts[: self.model.config.integer]):
            if weights and f"{part}.unit" not in weights:
                old, new = (Flagship(replace(self.model.config, integer=k)) for k in (n, n + 1))
                fill(old, weights)
                weights = convert(old.eval(), new, partial(crops().draw, self.rng)).state_dict()
        super().start(weights)
        if weights is None:
            if self.model.config.integer:
                raise ValueError("a network in integers starts from one in float: --init")
            self.model.start_classic(torch.cat([self.crops.draw(self.rng) for _ in range(START_BATCHES)]))

    def strided(self) -> Sequence[nn.Parameter]:
        return self.model.strided()

    @cached_property
    def units(self) -> dict[nn.Parameter, Any]:
        e, d = self.model.encoder, self.model.decoder
        found = e.units() if isinstance(e, NarrowEncoder) else {}
        return found | (d.units() if isinstance(d, IntegerDecoder) else {})

    def fall(self, share: float) -> float:
        return falling(share, self.recipe.fall)

    def loss(self, rng: np.random.Generator, share: float) -> dict[str, Tensor]:
        """Rate + λ · distortion of each image, divided by the recipe's power of λ."""
        r = self.recipe
        crops = self.sources[-1 if share >= 1 - r.last_part else 0]
        set_branches(self.model, r.bfloat16)
        set_integer(self.model, 0 <= r.integer_from <= self.step)
        x = self.process.put(crops.draw(rng, self.process.part(crops.batch))).to(memory_format=torch.channels_last)
        quality = self.qualities(rng, crops.batch)
        lam = lambda_ladder.lambda_of(quality, r.lambda_max)
        out = self.model(x, quality)
        distortion = objective.weighed(out.image, x, lam, r.ssimulacra2, r.cell_error)
        losses = (out.bpp + distortion) * (lam / lambda_ladder.LAMBDA_MIN) ** -r.rate_weight
        mse = (out.image.detach() - x).square().mean() * 64**2
        return {"loss": losses.mean(), "bpp": out.bpp.mean(), "mse": mse}

    def averaged_model(self) -> Flagship:
        model: Flagship = super().averaged_model()
        set_branches(model, False)
        return model

    def checks(self, session: Session) -> float:
        return session.seconds / 60 / max(self.recipe.validate_minutes, 1e-9)

    @cached_property
    def peers(self) -> dict[str, RateDistortion | None]:
        """JPEG and AVIF on the validation crops."""
        return {name: evaluate.peer_curve(name, self.check) for name in ("jpeg", "avif")}

    def validate(self, smooth: dict[str, float]) -> Validation:
        """Rate–distortion over all qualities, against JPEG and AVIF, and a sheet of reconstructions."""
        model = self.averaged_model()
        ours, peers = evaluate.curve(model, self.check), self.peers

        def against(name: str, by: str = "psnr_db") -> float | None:
            return (peer := peers[name]) and round(evaluate.against(peer, ours, by), 2)

        bd_rates = {
            "bd_rate_jpeg": against("jpeg"),
            "bd_rate_avif": against("avif"),
            "bd_rate_avif_ssimulacra2": against("avif", "score"),
        }
        curves = {
            "bpp": [round(v, 4) for v in ours.bpp],
            "psnr_db": [round(v, 3) for v in ours.psnr_db],
            "ssimulacra2": [round(v, 2) for v in ours.score],
            "hyper_bpp": [round(v, 4) for v in ours.hyper_bpp],
        }
        facts = {"learning_rate": self.learning_rate(self.share), "skipped": self.skipped}
        line = {
            "step": self.step,
            "hours": round(self.seconds / 3600, 3),
            **facts,
            **bd_rates,
            **curves,
            **{f"train_{k}": round(v, 5) for k, v in smooth.items()},
        }
        scalars: dict[str, Any] = {f"val/{k}": v for k, v in (facts | bd_rates).items() if v is not None}
        for key, values in curves.items():
            scalars |= {f"val_{key}/quality_{q / 10:g}": v for q, v in zip(QUALITIES, values, strict=True)}
        middle, jpeg = len(QUALITIES) // 2, bd_rates["bd_rate_jpeg"]
        figures = f"{ours.bpp[middle]:.3f} bpp, {ours.psnr_db[middle]:.2f} dB at quality {QUALITIES[middle] / 10:g}"
        more = "" if jpeg is None else f"BD-rate {jpeg:+.2f} % against JPEG"
        return Validation(line, figures, more, {"sheet.png": contact_sheet(model, self.check)}, scalars)
