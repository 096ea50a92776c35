"""The training loop: stoppable anywhere, and resumed bit for bit on the CPU.

A run is a folder, see `runs`: `recipe.json`, `state.pt` (weights, averaged weights, optimiser,
random generators, step), `log.jsonl` (one line a validation), `sheet.png`. A step
draws its crops and qualities from a generator kept in the state, so n + m steps in
two legs are n + m steps in one; and so they are on several processes (see `place`),
where the batch and the step are the same and each process computes its part.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import evaluate, ladder, ssimulacra2
from .data import Crops, Picture
from .flagship import Config, Flagship, set_bfloat16
from .integer import set_integer
from .journal import Journal
from .place import ALONE, Place
from .recipe import Recipe, build
from .runs import load_state, save_state
from .sheet import sheet
from .soap import Soap

REASONS = ("", "stopped", "steps done", "time used up")
STOPPED, STEPS, TIME = 1, 2, 3
START_BATCHES = 16  # batches of crops that the classic start is measured on


class Run:
    """A model in training with all that decides its next step."""

    def __init__(self, recipe: Recipe, crops: Crops, place: Place = ALONE) -> None:
        self.recipe, self.crops, self.place = recipe, crops, place
        self.part = place.part(recipe.batch)
        self.rng = np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self.model = Flagship(Config(**recipe.network))
        self.model.bits_per_error, self.model.lambda_max = recipe.bits_per_error, recipe.lambda_max
        self.step = 0
        self.skipped = 0  # steps thrown away because loss or gradient was not finite
        self.seconds = 0.0
        self.averaged: dict[str, Tensor] = {}
        self.set_weights(None)

    def set_weights(self, weights: dict[str, Tensor] | None) -> None:
        """Start from weights; from the classic transform without any."""
        if weights is None:
            self.model.start_classic(torch.cat([self.crops.draw(self.rng) for _ in range(START_BATCHES)]))
        else:
            self.model.load_state_dict(weights)
        self.model.to(self.place.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.place.share_(self.model.state_dict().values())
        self.averaged = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimisers = self._optimisers()

    def _optimisers(self) -> list[torch.optim.Optimizer]:
        """Adam on strided layers, gains and biases; the recipe's choice on the other convolutions."""
        strided = {id(p) for p in self.model.strided()}
        groups: dict[str, list[torch.nn.Parameter]] = {"strided": [], "convolutions": [], "others": []}
        for p in self.model.parameters():
            kind = "strided" if id(p) in strided else "convolutions" if p.dim() == 4 else "others"
            groups[kind].append(p)
        rate = self.recipe.learning_rate
        adam: list[dict[str, Any]] = [
            {"params": groups["strided"], "scale": self.recipe.strided_rate}, {"params": groups["others"], "scale": 1.0}
        ]
        convolutions: list[dict[str, Any]] = [{"params": groups["convolutions"], "scale": 1.0}]
        if self.recipe.optimiser == "adam":
            return [torch.optim.Adam(adam + convolutions, lr=rate, fused=True)]
        return [torch.optim.Adam(adam, lr=rate, fused=True), Soap(convolutions, lr=rate)]

    def learning_rate(self) -> float:
        """Of the next step: warm-up, plateau, linear cool-down."""
        r = self.recipe
        rate = r.learning_rate * min(1.0, (self.step + 1) / max(1, r.warmup_steps))
        if r.steps and r.cooldown_steps:
            rate *= min(1.0, max(0.0, (r.steps - self.step) / r.cooldown_steps))
        return rate

    def train_step(self) -> dict[str, float]:
        """One step on rate and distortion, one quality an image.  Returns scalars for the log."""
        r, model, device = self.recipe, self.model, self.place.device
        if not self.place.repeats:
            torch.manual_seed(int(np.random.SeedSequence((r.seed, self.step, self.place.rank)).generate_state(1)[0]))
        model.train()
        set_bfloat16(model, r.bfloat16)
        set_integer(model, 0 <= r.integer_from <= self.step)
        x = self.crops.draw(self.rng, self.part).to(device, memory_format=torch.channels_last)
        # stratified: each of the batch's images has its own part of the ladder
        draw = (self.rng.permutation(r.batch) + self.rng.random(r.batch)) / r.batch
        quality = torch.from_numpy(draw[self.part] * ladder.TOP).float().to(device)
        lam = ladder.lambda_of(quality, r.lambda_max)

        out = model(x, quality)
        mse = (out.image - x).square().mean((1, 2, 3)) * 64**2
        distortion = lam * mse
        if r.ssimulacra2:
            error = ssimulacra2.error(out.image, x, fade=False)
            distortion = (1 - r.ssimulacra2) * distortion + r.ssimulacra2 * ssimulacra2.weight_of(lam) * error
        losses = (out.bpp + distortion) * (lam / ladder.LAMBDA_MIN) ** -r.rate_weight
        loss = losses.mean()
        model.zero_grad(set_to_none=True)
        loss.backward()
        said = torch.stack([loss, out.bpp.mean(), mse.mean()]).detach()
        self.place.mean_([p.grad for p in model.parameters() if p.grad is not None] + [said])
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), r.clip_norm)
        scalars = dict(zip(("loss", "bpp", "mse", "norm"), [*said.tolist(), norm.item()], strict=True))
        if not math.isfinite(scalars["loss"] + scalars["norm"]):
            self.skipped += 1
            model.zero_grad(set_to_none=True)
        else:
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = self.learning_rate() * group["scale"]
                optimiser.step()
            self._average()
        self.step += 1
        return scalars

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        weights = self.model.state_dict()
        names = list(self.averaged)
        torch._foreach_lerp_([self.averaged[n] for n in names], [weights[n] for n in names], 1 - keep)

    @contextmanager
    def averaged_model(self) -> Iterator[Flagship]:
        """The model with its averaged weights, in float32 throughout, for the time of the block."""
        mine = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.averaged)
        self.model.eval()
        set_bfloat16(self.model, False)
        try:
            yield self.model
        finally:
            self.model.load_state_dict(mine)

    def state(self) -> dict[str, Any]:
        """Everything the next step depends on."""
        return {
            "recipe": asdict(self.recipe),
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimisers": [o.state_dict() for o in self.optimisers],
            "step": self.step,
            "skipped": self.skipped,
            "seconds": self.seconds,
            "numpy": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.model.load_state_dict(state["model"])
        self.averaged = {k: v.to(self.place.device) for k, v in state["averaged"].items()}
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.skipped, self.seconds = state["step"], state["skipped"], state["seconds"]
        self.rng.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"])


def save(run: Run, folder: Path) -> None:
    """Write the run's state; an interrupted write leaves the old one."""
    save_state(run.state(), folder)


def load_model(path: Path) -> tuple[Flagship, dict[str, Any]]:
    """The averaged weights of a run as a model ready to evaluate or export, and the run's state."""
    state = load_state(path)
    recipe = build(state["recipe"])
    model = Flagship(Config(**recipe.network))
    model.bits_per_error, model.lambda_max = recipe.bits_per_error, recipe.lambda_max
    model.load_state_dict(state["averaged"])
    return model.eval(), state


def train(
    run: Run, folder: Path, *, minutes: float, max_steps: int | None = None, val: list[Picture] | None = None,
    tensorboard: bool | None = None, progress: bool = True,
) -> str:
    """Train until the time, the recipe's steps or `max_steps` are used up, or SIGINT/SIGTERM.  Returns the reason."""
    leads = run.place.leads
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder, run.step, on=leads, tensorboard=tensorboard, progress=progress)
    check = evaluate.crops_of(val) if val and leads else []
    peers = [evaluate.peer_curve(name, check) for name in ("jpeg", "avif444")] if check else []
    first, end = run.step, min(n for n in (run.recipe.steps or math.inf, run.step + (max_steps or math.inf)))
    begin = last_save = last_check = time.monotonic()
    before = run.seconds
    asked: list[int] = []
    handlers = {s: signal.signal(s, lambda number, _: asked.append(number)) for s in (signal.SIGINT, signal.SIGTERM)}
    smooth: dict[str, float] = {}
    reason = 0
    try:
        while not reason:
            for key, value in run.train_step().items():
                if math.isfinite(value):
                    smooth[key] = value if key not in smooth else 0.99 * smooth[key] + 0.01 * value
            now = time.monotonic()
            run.seconds = before + now - begin
            share = max((now - begin) / max(60 * minutes, 1e-9), (run.step - first) / max(end - first, 1))
            journal.step(run.step, smooth, share, (now - begin) / share - (now - begin))
            reason = STOPPED if asked else STEPS if run.step >= end else TIME if now - begin >= 60 * minutes else 0
            reason = run.place.agree(reason)
            if leads and now - last_save > run.recipe.checkpoint_minutes * 60:
                last_save = now
                save(run, folder)
            if check and (reason or now - last_check > run.recipe.validate_minutes * 60):
                last_check = now
                _validate(run, journal, check, peers, smooth)
    finally:
        journal.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if leads:
            save(run, folder)
    return REASONS[reason]


def _validate(
    run: Run, journal: Journal, pictures: list[Picture], peers: list[evaluate.Curve | None], smooth: dict[str, float]
) -> None:
    with run.averaged_model() as model:
        ours = evaluate.curve(model, pictures)
        reconstructions = sheet(model, pictures)
    line = {
        "step": run.step,
        "hours": round(run.seconds / 3600, 3),
        "learning_rate": run.learning_rate(),
        "skipped": run.skipped,
        "bd_rate_jpeg": round(evaluate.against(peers[0], ours), 2) if peers[0] else None,
        "bd_rate_avif": round(evaluate.against(peers[1], ours), 2) if peers[1] else None,
        "bd_rate_avif_ssimulacra2": round(evaluate.against(peers[1], ours, by="score"), 2) if peers[1] else None,
        "bpp": [round(v, 4) for v in ours.bpp],
        "psnr_db": [round(v, 3) for v in ours.psnr_db],
        "ssimulacra2": [round(v, 2) for v in ours.score],
        "hyper_bpp": [round(v, 4) for v in ours.hyper_bpp],
        **{f"train_{k}": round(v, 5) for k, v in smooth.items()},
    }
    journal.validation(line, reconstructions, evaluate.QUALITIES)
