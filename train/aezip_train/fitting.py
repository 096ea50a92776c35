"""Training of the autoencoders `vanilla`, `conv` and `vae`: one leg that ends early when validation says so.

A run is a folder as of `runs`: `recipe.json`, `state.pt`, `log.jsonl` with a line a validation, and `report.html`. The
weights of the best validation are kept, and are what is measured (`histograms`), shown (`page`) and exported. A run
that exists goes on from them.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from aezip.entropy.tables import Tables

from . import conv, histograms, ladder, leg, objective, runs, vae, vanilla
from .autoencoder import Autoencoder, Coded, set_dropout
from .corrupt import corrupted
from .data import Crops, Picture, centre
from .evaluate import crops_of
from .flagship import set_bfloat16
from .recipe import Recipe, build

FAMILIES: dict[str, tuple[type[Autoencoder], type]] = {
    "vanilla": (vanilla.Vanilla, vanilla.Config), "conv": (conv.Conv, conv.Config), "vae": (vae.Vae, vae.Config),
}
START_SIDE, START_PICTURES = 512, 48  # what the transforms at the start are measured on
CHECK_SIDE, CHECK_PICTURES = 256, 12  # what validation sees
CHECK_QUALITIES = (150.0, 450.0, 750.0)
TABLE_SIDE, TABLE_PICTURES = 256, 160  # what histograms are counted on
GREY_MOST = {"coarse": 64, "wide": 256}  # cells of 8×8 and 16×16 grey pixels have no more coefficients to start from
HELD_OUT = 20  # every so many-th training picture, where there are no others to validate on
BETTER = 1e-4  # relative improvement that counts
BITS_PER_ERROR = 10.0  # what the encoder's search takes a step² of error to be worth, chosen on held-out pictures


def network_of(recipe: Recipe) -> Autoencoder:
    """The network that a recipe describes.  Raises ValueError."""
    family, config = FAMILIES[recipe.family]
    try:
        found = config(channels=recipe.channels, **recipe.network)
        if recipe.channels == 1:
            most = {k: min(getattr(found, k), top) for k, top in GREY_MOST.items() if hasattr(found, k)}
            found = replace(found, **most)
        return family(found)
    except TypeError as error:
        raise ValueError(f"recipe {recipe.name}: network: {error}") from None


class Fit:
    """A network in training.

    pictures: to train on; val: others, or some of them are held out; weights: to start from. Raises ValueError.
    """

    def __init__(
        self, recipe: Recipe, pictures: list[Picture], val: list[Picture] | None = None,
        weights: dict[str, Tensor] | None = None,
    ) -> None:
        self.recipe = recipe
        leg.begin(recipe)
        if val is None and len(pictures) > 1:
            val = pictures[:: min(HELD_OUT, len(pictures))]
            pictures = [p for n, p in enumerate(pictures) if n % min(HELD_OUT, len(pictures))]
        self.pictures = pictures
        self.crops = Crops(pictures, recipe.crop, recipe.batch, augment=recipe.augment)
        self.check = middles(val or pictures, CHECK_SIDE, CHECK_PICTURES)
        self.model = network_of(recipe)
        self.step, self.seconds, self.skipped = 0, 0.0, 0
        self.history: list[dict[str, float]] = []
        self.static: histograms.Static | None = None
        self.excess = math.nan  # per cent of rate that sharing tables and nodes costs
        self.set_weights(weights)

    def set_weights(self, weights: dict[str, Tensor] | None) -> None:
        """Start from weights; from a classic transform without any."""
        pictures = middles(self.pictures, START_SIDE, START_PICTURES)
        side = min(min(p.shape[:2]) for p in pictures)
        images = centre(np.stack([p[:side, :side] for p in pictures]))
        if weights is None:
            self.model.start(images)
        else:
            missing = self.model.load_state_dict(weights, strict=False).missing_keys
            if missing == ["threshold"] and isinstance(self.model, conv.Conv):
                self.model.start_threshold(images)  # of a run without
            elif missing:
                raise ValueError(f"a run without {missing[0]}; expected one of this network")
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.best, self.best_loss, self.worse = self.averaged, math.inf, 0
        strided = {id(p) for p in self.model.strided()}
        share = self.recipe.strided_rate
        groups = [
            {"params": [p for p in self.model.parameters() if (id(p) in strided) == slow], "scale": scale}
            for slow, scale in ((True, share), (False, 1.0))
        ]
        self.optimiser = torch.optim.Adam(groups, lr=self.recipe.learning_rate, fused=True)

    def go_on(self, state: dict[str, Any]) -> None:
        """Count on from `state()`, whose weights this started from."""
        self.step, self.seconds, self.skipped = state["step"], state["seconds"], state["skipped"]
        self.history = state["history"]

    def state(self) -> dict[str, Any]:
        """What going on and exporting need; `averaged` are the best weights."""
        found = {
            "recipe": asdict(self.recipe), "averaged": self.best, "step": self.step, "seconds": self.seconds,
            "skipped": self.skipped, "history": self.history,
        }
        if self.static:
            s = self.static
            arrays = {"radius": s.tables.radius, "frequency": s.tables.frequency, "table": s.table, "gain": s.gain,
                      "inverse_gain": s.inverse_gain}
            found["static"] = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
        return found

    def train_step(self, share: float) -> float:
        """One step; share: of the leg that is over.  Returns the loss."""
        r, model = self.recipe, self.model
        model.train()
        set_bfloat16(model, r.bfloat16)
        set_dropout(model, r.dropout)
        rng = np.random.default_rng((r.seed, self.step))
        clean = self.crops.draw(rng).contiguous(memory_format=torch.channels_last)
        given = corrupted(clean, r.corrupt, rng) if r.corrupt else clean
        draw = (rng.permutation(r.batch) + rng.random(r.batch)) / r.batch
        quality = torch.from_numpy(draw * ladder.TOP).float()
        value = self.loss(model(given, quality), clean, quality)
        self.optimiser.zero_grad(set_to_none=True)
        value.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), r.clip_norm)
        self.step += 1
        if not math.isfinite(value.item() + norm.item()):
            self.skipped += 1
            return math.nan
        for group in self.optimiser.param_groups:
            group["lr"] = leg.learning_rate(r, self.step, share) * group["scale"]
        self.optimiser.step()
        leg.average_(self.averaged, model, self.step, r.ema)
        return value.item()

    def loss(self, out: Coded, wanted: Tensor, quality: Tensor, penalties: bool = True) -> Tensor:
        """rate + λ · distortion of each image, the weights' and the latent's penalties."""
        r = self.recipe
        d = objective.distortion(r.loss, out.image, wanted)
        if r.family == "vae":
            beta = r.beta * (vae.warmed(self.step, r.beta_warmup) if penalties else 1.0)
            value = (beta * out.bpp + r.fidelity * d).mean()
        else:
            lam = ladder.lambda_of(quality)
            value = ((r.rate * out.bpp + lam * d) * (lam / ladder.LAMBDA_MIN) ** -r.rate_weight).mean()
        if r.sparsity and r.sparsity_weight:
            value = value + r.sparsity_weight * objective.sparsity(r.sparsity, out.latent)
        if penalties and (r.weight_l1 or r.weight_l2):
            value = value + objective.weight_penalty(self.model, r.weight_l1, r.weight_l2)
        return value

    @torch.no_grad()
    def validate(self, train_loss: float) -> bool:
        """The averaged weights on held-out crops.  Keeps the best; returns whether it is time to stop."""
        model = with_weights(self.recipe, self.averaged)
        rng = np.random.default_rng(self.recipe.seed)
        state = torch.get_rng_state()
        torch.manual_seed(self.recipe.seed)
        losses, errors, rates, silent = [], [], [], []
        for picture in self.check:
            clean = centre(picture[None])
            given = corrupted(clean, self.recipe.corrupt, rng) if self.recipe.corrupt else clean
            for level in CHECK_QUALITIES if self.recipe.family != "vae" else CHECK_QUALITIES[:1]:
                quality = torch.tensor([level])
                out = model(given, quality, noise=self.recipe.family == "vae")
                losses.append(self.loss(out, clean, quality, penalties=False).item())
                errors.append(objective.distortion("mse", out.image.clamp(-2, 127 / 64), clean).item())
                rates.append(out.bpp.item())
                silent.append(objective.silent(out.latent))
        torch.set_rng_state(state)
        value = float(np.mean(losses))
        psnr = float(np.mean([10 * math.log10(255**2 / max(e, 1e-9)) for e in errors]))
        self.history.append({
            "step": self.step, "hours": round(self.seconds / 3600, 4), "train_loss": round(train_loss, 5),
            "val_loss": round(value, 5), "val_bpp": round(float(np.mean(rates)), 4), "val_psnr_db": round(psnr, 3),
            "val_silent": round(float(np.mean(silent)), 4),
        })
        if value < self.best_loss * (1 - BETTER):
            self.best_loss, self.worse = value, 0
            self.best = {k: v.clone() for k, v in self.averaged.items()}
        else:
            self.worse += 1
        return self.worse >= self.recipe.patience

    def finish(self) -> None:
        """After training, from the best weights: what coding needs, and the tables."""
        model = with_weights(self.recipe, self.best)
        model.settle(centre(np.stack(middles(self.pictures, CHECK_SIDE, 16))))
        self.best = {k: v.detach().clone() for k, v in model.state_dict().items()}
        seen = middles(self.pictures, TABLE_SIDE, TABLE_PICTURES)
        self.static = histograms.measure(model, seen, BITS_PER_ERROR)
        self.excess = histograms.excess(model, self.static, seen, BITS_PER_ERROR)


def middles(pictures: list[Picture], side: int, limit: int) -> list[Picture]:
    """Middle crops, as large as asked or as most pictures allow; sides multiples of 16.  Raises ValueError."""
    while side >= 64 and sum(min(p.shape[:2]) >= side for p in pictures) < min(limit, (len(pictures) + 1) // 2):
        side //= 2
    found = crops_of(pictures, side, limit)
    if not found:
        raise ValueError("no picture is as large as 64×64 pixels")
    return found


def with_weights(recipe: Recipe, weights: dict[str, Tensor]) -> Autoencoder:
    """A network to evaluate."""
    model = network_of(recipe)
    model.load_state_dict(weights)
    return model.eval()


def load_model(state: dict[str, Any]) -> tuple[Autoencoder, histograms.Static]:
    """The best weights of a run's state, and its tables.  Raises ValueError for a run that has not ended a leg."""
    if "static" not in state:
        raise ValueError("this run has no tables yet; expected one whose leg came to its end")
    arrays = {name: value.numpy() for name, value in state["static"].items()}
    tables = Tables(arrays.pop("radius"), arrays.pop("frequency"))
    return with_weights(build(state["recipe"]), state["averaged"]), histograms.Static(tables, **arrays)


def train(
    fit: Fit, folder: Path, *, minutes: float, max_steps: int | None = None, progress: bool = True
) -> str:
    """One leg.  Ctrl-C ends it early, and its best weights are kept.  Returns a line."""
    from . import page

    folder.mkdir(parents=True, exist_ok=True)
    before, first = fit.seconds, fit.step
    begin, smooth, reason = time.monotonic(), math.nan, "done"
    if fit.best_loss == math.inf:
        fit.validate(math.nan)

    def said() -> str:
        best = "" if fit.best_loss == math.inf else f", best on validation {fit.best_loss:.4g}"
        return f"step {fit.step:,}, loss {smooth:.4g}{best}"

    try:
        for share, due in leg.moments(minutes, max_steps, fit.recipe.checks, said, progress):
            if due:
                stop = fit.validate(smooth)
                _note(fit, folder)
                runs.save_state(fit.state(), folder)
                if stop:
                    reason = f"stopped early, {fit.worse} validations without a better one"
                    break
            smooth = leg.smoothed(smooth, fit.train_step(share))
            fit.seconds = before + time.monotonic() - begin
    except KeyboardInterrupt:
        reason = "stopped"
    fit.validate(smooth)
    _note(fit, folder)
    tqdm.write("measuring the tables and writing the report, a minute or so")
    fit.finish()
    runs.save_state(fit.state(), folder)
    model = with_weights(fit.recipe, fit.best)
    (folder / "report.html").write_text(page.report(fit, model, BITS_PER_ERROR), encoding="utf-8")
    steps = fit.step - first
    return (
        f"{folder}: {reason}: {steps:,} steps, best loss on validation {fit.best_loss:.4g}, "
        f"{fit.excess:.2f} % of rate for shared tables; see report.html there"
    )


def _note(fit: Fit, folder: Path) -> None:
    line = fit.history[-1]
    runs.log(line, folder)
    tqdm.write(f"step {fit.step:,}: {line['val_bpp']:.3f} bpp, {line['val_psnr_db']:.2f} dB, "
               f"{100 * line['val_silent']:.0f} % near 0, loss {line['val_loss']:.4g} on held-out crops")
