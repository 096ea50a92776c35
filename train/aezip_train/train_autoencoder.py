"""Training of the autoencoders `vanilla`, `conv` and `vae`, with early stopping on validation.

The best weights are kept: they are measured (`histograms`), shown (`report.html`) and exported, and runs go on from
them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from . import conv, histograms, lambda_ladder, objective, runs, vae, vanilla
from .autoencoder import Autoencoder, Coded
from .corrupt import corrupted
from .data import Picture, centre, middle_crops
from .journal import Validation
from .lapped import set_branches
from .loop import Training, Weights, fill
from .recipe import Recipe, build
from .report import report
from .session import Session

NETWORKS: dict[str, tuple[type[Autoencoder], type]] = {
    "vanilla": (vanilla.Vanilla, vanilla.Config),
    "conv": (conv.Conv, conv.Config),
    "vae": (vae.Vae, vae.Config),
}
START_SIDE, START_PICTURES = 512, 48  # what the transforms at the start are measured on
CHECK_SIDE, CHECK_PICTURES = 256, 12  # what validation sees
CHECK_QUALITIES = (150.0, 450.0, 750.0)
TABLE_SIDE, TABLE_PICTURES = 256, 160  # what histograms are counted on
GREY_MOST = {"coarse": 64, "wide": 256}  # cells of 8×8 and 16×16 grey pixels have no more coefficients to start from
HELD_OUT = 20  # one in this many training pictures validates, if there are no others
BETTER = 1e-4  # relative improvement that counts
BITS_PER_ERROR = 10.0  # what the encoder's search takes a step² of error to be worth, chosen on held-out pictures


class AutoencoderTraining(Training):
    """The families of NETWORKS."""

    grey = True
    model: Autoencoder

    def __init__(self, *given: Any, **named: Any) -> None:
        self.history: list[dict[str, float]] = []  # lines of all validations
        self.static: histograms.Static | None = None
        self.excess = math.nan  # per cent of rate that sharing tables and nodes costs
        super().__init__(*given, **named)

    @classmethod
    def network(cls, recipe: Recipe) -> Autoencoder:
        family, config = NETWORKS[recipe.family]
        sizes = recipe.sizes(config, channels=recipe.channels)
        if recipe.channels == 1:
            most = {k: min(getattr(sizes, k), top) for k, top in GREY_MOST.items() if hasattr(sizes, k)}
            sizes = replace(sizes, **most)
        return family(sizes)

    @classmethod
    def load(cls, state: dict[str, Any]) -> tuple[Autoencoder, histograms.Static]:
        """The network with the best weights, and its tables.  Raises ValueError for a run that has none yet."""
        if "static" not in state:
            raise ValueError(
                "this run has no tables yet; expected the aezip-train command once more, --minutes 0 for tables alone"
            )
        return super().load(state)[0], histograms.Static.from_tensors(state["static"])

    @classmethod
    def start_from(cls, init: str, recipe: Recipe) -> tuple[Recipe, Weights]:
        """From a run of the same family: its folder, or the state.pt in it."""
        if not runs.is_run(init):
            raise ValueError(
                f"--init {init}: no run of aezip-train is there; expected one of the family {recipe.family}"
            )
        state = runs.load_state(Path(init), recipe)
        old = build(state["recipe"])
        return replace(recipe, network={**old.network, **recipe.network}, channels=old.channels), state["averaged"]

    def split(self, pictures: list[Picture], val: list[Picture] | None) -> tuple[list[Picture], list[Picture]]:
        """Where there are no others, some pictures are held out."""
        if val is None and len(pictures) > 1:
            every = min(HELD_OUT, len(pictures))
            val, pictures = pictures[::every], [p for n, p in enumerate(pictures) if n % every]
        return pictures, middles(val or pictures, CHECK_SIDE, CHECK_PICTURES)

    def start(self, weights: Weights | None) -> None:
        """From weights, or as a classic transform."""
        pictures = middles(self.pictures, START_SIDE, START_PICTURES)
        side = min(min(p.shape[:2]) for p in pictures)
        images = centre(np.stack([p[:side, :side] for p in pictures]))
        if weights is None:
            return self.model.start(images)
        missing = fill(self.model, weights, strict=False)
        if missing == ["threshold"] and isinstance(self.model, conv.Conv):
            return self.model.start_threshold(images)  # of a run without
        if missing:
            raise ValueError(f"a run without {missing[0]}; expected one of this network")
        return None

    def strided(self) -> Sequence[nn.Parameter]:
        return self.model.strided()

    def given(self, clean: Tensor, rng: np.random.Generator) -> Tensor:
        """What the network sees of clean crops.  [N, C, H, W]"""
        return corrupted(clean, self.recipe.corrupt, rng) if self.recipe.corrupt else clean

    def loss(self, rng: np.random.Generator, share: float) -> dict[str, Tensor]:
        set_branches(self.model, self.recipe.bfloat16, self.recipe.dropout)
        clean = self.crops.draw(rng).contiguous(memory_format=torch.channels_last)
        given, quality = self.given(clean, rng), self.qualities(rng, self.recipe.batch)
        return {"loss": self.cost(self.model(given, quality), clean, quality)}

    def cost(self, out: Coded, wanted: Tensor, quality: Tensor, penalties: bool = True) -> Tensor:
        """rate + λ · distortion of each image, the weights' and the latent's penalties; a scalar."""
        r = self.recipe
        d = objective.distortion(r.loss, out.image, wanted)
        if r.family == "vae":
            beta = r.beta * (vae.warmed(self.step, r.beta_warmup) if penalties else 1.0)
            value = (beta * out.bpp + r.fidelity * d).mean()
        else:
            lam = lambda_ladder.lambda_of(quality)
            value = ((r.rate * out.bpp + lam * d) * (lam / lambda_ladder.LAMBDA_MIN) ** -r.rate_weight).mean()
        if r.sparsity and r.sparsity_weight:
            value = value + r.sparsity_weight * objective.sparsity(r.sparsity, out.latent)
        if penalties and (r.weight_l1 or r.weight_l2):
            value = value + objective.weight_penalty(self.model, r.weight_l1, r.weight_l2)
        return value

    def checks(self, session: Session) -> float:
        return self.recipe.checks * session.share(self.step)

    def begin(self) -> None:
        """What the start is worth, so that training can only improve on it."""
        if self.best is None:
            self.validate({})

    @torch.no_grad()
    def validate(self, smooth: dict[str, float]) -> Validation:
        """The averaged weights on held-out crops.  Keeps the best."""
        model = self.with_weights(self.recipe, self.averaged)
        rng = np.random.default_rng(self.recipe.seed)
        random = torch.get_rng_state()
        torch.manual_seed(self.recipe.seed)
        draws = self.recipe.family == "vae"  # its latents, so that one quality says all
        rows = []
        for picture in self.check:
            clean = centre(picture[None])
            given = self.given(clean, rng)
            for level in CHECK_QUALITIES[:1] if draws else CHECK_QUALITIES:
                quality = torch.tensor([level])
                out = model(given, quality, noise=draws)
                error = objective.distortion("mse", out.image.clamp(-2, 127 / 64), clean).item()
                rows.append(
                    (
                        self.cost(out, clean, quality, penalties=False).item(),
                        out.bpp.item(),
                        10 * math.log10(255**2 / max(error, 1e-9)),
                        objective.silent(out.latent),
                    )
                )
        torch.set_rng_state(random)
        loss, bpp, psnr_db, silent = (float(v) for v in np.mean(rows, 0))
        line = {
            "step": self.step,
            "hours": round(self.seconds / 3600, 4),
            "train_loss": round(smooth.get("loss", math.nan), 5),
            "val_loss": round(loss, 5),
            "val_bpp": round(bpp, 4),
            "val_psnr_db": round(psnr_db, 3),
            "val_silent": round(silent, 4),
        }
        self.history.append(line)
        self.keep(loss, self.averaged, BETTER)
        more = f"{100 * silent:.0f} % near 0, loss {loss:.4g} on held-out crops"
        return Validation(line, f"{bpp:.3f} bpp, {psnr_db:.2f} dB", more)

    def ends_early(self) -> bool:
        return self.worse >= self.recipe.patience

    def settle(self) -> Autoencoder:
        """From the best weights: what coding needs beside them, and the tables.  Returns the network."""
        model: Autoencoder = self.with_weights(self.recipe, self.best or self.averaged)
        model.settle(centre(np.stack(middles(self.pictures, CHECK_SIDE, 16))))
        self.best = {k: v.detach().clone() for k, v in model.state_dict().items()}
        seen = middles(self.pictures, TABLE_SIDE, TABLE_PICTURES)
        self.static = histograms.measure(model, seen, BITS_PER_ERROR)
        self.excess = histograms.excess(model, self.static, seen, BITS_PER_ERROR)
        return model

    def finish(self, folder: Path) -> None:
        """Tables and report."""
        tqdm.write("measuring the tables and writing the report, a minute or so")
        model = self.settle()
        runs.save_state(self.state(), folder)
        assert self.static is not None
        facts = (
            f"{self.recipe.family}, {sum(p.numel() for p in model.parameters()):,} parameters, {self.step:,} steps in "
            f"{self.seconds / 60:.1f} minutes"
        )
        coder = histograms.Coder(model, self.static, BITS_PER_ERROR)
        page = report(coder, self.check, self.history, name=self.recipe.name, facts=facts)
        (folder / "report.html").write_text(page, encoding="utf-8")

    def summary(self) -> str:
        return (
            f" Best loss on validation {self.best_error:.4g}; {self.excess:.2f} % of rate for shared tables; "
            "see report.html there."
        )

    def state(self) -> dict[str, Any]:
        found = {**super().state(), "history": self.history}
        return {**found, "static": self.static.tensors()} if self.static else found

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.history = state["history"]


def middles(pictures: list[Picture], side: int, limit: int) -> list[Picture]:
    """Middle crops, as large as asked or as most pictures allow; sides multiples of 16.  Raises ValueError."""
    while side >= 64 and sum(min(p.shape[:2]) >= side for p in pictures) < min(limit, (len(pictures) + 1) // 2):
        side //= 2
    found = middle_crops(pictures, side, limit)
    if not found:
        raise ValueError("all pictures are smaller than 64×64 pixels")
    return found
