"""The training loop of every family. It can be stopped anywhere and continued.

`Training` is a network with all that decides its next step. Its subclasses (`train_flagship`, `train_autoencoder`,
`train_restorer`) say what differs between families.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from . import lambda_ladder, runs
from .data import Crops, Picture, middle_crops
from .journal import Journal, Validation
from .processes import ALONE, Process
from .recipe import Recipe, build
from .session import EARLY, REASONS, STOPPED, Session, stop_requests
from .soap import Soap

FALLING = 0.6  # share of a session after which the learning rate falls, linearly
PARTS = 10**6  # of a session, so that processes can agree on its share
READ = 20  # steps after which a device that queues is asked for its scalars
LAST = 0.02  # share of the learning rate that is left at the end

Weights = dict[str, Tensor]


def falling(share: float, part: float) -> float:
    """1, and linearly to 0 over the last part of a session."""
    return min(1.0, (1 - share) / part) if part else 1.0


class Training:
    """A network in training.

    pictures: to train on; val: to validate on; weights: to start from, instead of an untrained network.
    Raises ValueError.
    """

    exact: ClassVar[bool] = False  # runs go on bit for bit; otherwise from averaged weights, with a new learning rate
    parallel: ClassVar[bool] = False  # can use a GPU and (but small) several processes
    grey: ClassVar[bool] = False  # knows pictures of one channel

    def __init__(
        self,
        recipe: Recipe,
        pictures: list[Picture],
        *,
        val: list[Picture] | None = None,
        process: Process = ALONE,
        weights: Weights | None = None,
    ) -> None:
        self.recipe, self.process, r = recipe, process, recipe
        process.part(r.batch)  # refuses one that cannot be divided
        self.rng = np.random.default_rng(r.seed)
        torch.manual_seed(r.seed)
        if r.threads:
            torch.set_num_threads(r.threads)
        self.pictures, self.check = self.split(pictures, val)
        self.crops = Crops(self.pictures, r.crop, r.batch, r.least_part, augment=r.augment, drawn=r.drawn)
        self.model = self.network(r)
        self.start(weights)
        self.model.to(process.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        process.share_(self.model.state_dict().values())
        self.averaged = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimisers = self.make_optimisers()
        self.step = 0
        self.share = 0.0  # of the session that was over at the last step
        self.skipped = 0  # steps thrown away because loss or gradient was not finite
        self._unread: list[Tensor] = []  # scalars of steps, which may not be over on the device
        self._names: tuple[str, ...] = ()  # of these
        self.seconds = 0.0
        self.best: Weights | None = None  # averaged weights that did best on validation, where those are kept
        self.best_error = math.inf
        self.worse = 0  # validations since

    # ---------------------------------------------------------------- what differs between families

    @classmethod
    def network(cls, recipe: Recipe) -> nn.Module:
        """The network that a recipe describes, untrained.  Raises ValueError."""
        raise NotImplementedError

    @classmethod
    def load(cls, state: dict[str, Any]) -> tuple[Any, ...]:
        """What is exported of a run's state."""
        return (cls.with_weights(build(state["recipe"]), state["averaged"]),)

    @classmethod
    def facts(cls, recipe: Recipe) -> dict[str, Any]:
        """What a package's description says because of the recipe."""
        return {}

    @classmethod
    def start_from(cls, init: str, recipe: Recipe) -> tuple[Recipe, Weights | None]:
        """The recipe and weights of a new run that starts from `--init`.  Raises ValueError."""
        raise NotImplementedError

    def split(self, pictures: list[Picture], val: list[Picture] | None) -> tuple[list[Picture], list[Picture]]:
        """Pictures to train on, and crops to validate on."""
        return pictures, middle_crops(val or [])

    def start(self, weights: Weights | None) -> None:
        """Start from weights, or as an untrained network is best set."""
        if weights is not None:
            fill(self.model, weights)

    def strided(self) -> Sequence[nn.Parameter]:
        """Parameters that start as a transform and learn at the recipe's `strided_rate`."""
        return ()

    @cached_property
    def units(self) -> dict[nn.Parameter, Any]:
        """Parameters that are learnt in other units than stored: what 1 of these is, in powers of two."""
        return {}

    def fall(self, share: float) -> float:
        """The share of the learning rate that is left, `share` of the session being over."""
        return max(LAST, falling(share, 1 - FALLING))

    def loss(self, rng: np.random.Generator, share: float) -> dict[str, Tensor]:
        """Draw a batch; its `loss`, and other scalars for the log.  share: of the session that is over."""
        raise NotImplementedError

    def checks(self, session: Session) -> float:
        """Validations due since the session began."""
        raise NotImplementedError

    def validate(self, smooth: dict[str, float]) -> Validation:
        """Look at the averaged weights.  smooth: running means of the steps' scalars."""
        raise NotImplementedError

    def begin(self) -> None:
        """Before a session's first step."""

    def finish(self, folder: Path) -> None:
        """After a session's last step."""

    def summary(self) -> str:
        """What is said at a session's end beside its steps."""
        return ""

    # ---------------------------------------------------------------- what does not

    @classmethod
    def with_weights(cls, recipe: Recipe, weights: Weights) -> Any:
        """A network to evaluate or export, on the CPU."""
        model = cls.network(recipe)
        fill(model, weights)
        return model.eval()

    def make_optimisers(self) -> list[torch.optim.Optimizer]:
        """Adam on strided layers, gains and biases; the recipe's choice on the other convolutions."""
        strided = set(self.strided())
        # by whether they are such weights, and by their rate
        groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
        for p in self.model.parameters():
            scale = self.recipe.strided_rate if p in strided else 1.0
            groups.setdefault((p.dim() == 4 and p not in strided, scale), []).append(p)
        others, convolutions = (
            [{"params": params, "scale": scale} for (plain, scale), params in groups.items() if plain is wanted]
            for wanted in (False, True)
        )
        if self.recipe.optimiser == "adam":
            return [self.adam([*others, *convolutions])]
        return [self.adam(others), Soap(convolutions, lr=self.recipe.learning_rate)]

    def adam(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Adam, as the family wants it."""
        return torch.optim.Adam(groups, lr=self.recipe.learning_rate, fused=True)

    def learning_rate(self, share: float = 0.0) -> float:
        """Of the next step: it rises over the first steps, stays, and falls."""
        rise = min(1.0, (self.step + 1) / max(1, self.recipe.warmup_steps))
        return self.recipe.learning_rate * rise * self.fall(share)

    def qualities(self, rng: np.random.Generator, batch: int) -> Tensor:
        """One quality of 0 … 1000 an image, each from its own part of the ladder.  [images of this process]"""
        draw = (rng.permutation(batch) + rng.random(batch)) / batch
        return self.process.put(torch.from_numpy(draw[self.process.part(batch)] * lambda_ladder.TOP).float())

    def train_step(self, share: float = 0.0) -> dict[str, float]:
        """One step.  share: of the session that is over.  Returns scalars for the log, where they are read.

        A step whose loss or gradient is not finite is thrown away. A device that queues is not asked: there such a
        gradient is zero. Its scalars are means over READ steps.
        """
        self.share, seeds = share, (self.recipe.seed, self.step)
        if not self.process.repeats:
            torch.manual_seed(int(np.random.SeedSequence((*seeds, self.process.rank)).generate_state(1)[0]))
        self.model.train()
        found = self.loss(self.rng if self.exact else np.random.default_rng(seeds), share)
        self.model.zero_grad(set_to_none=True)
        found["loss"].backward()
        said = torch.stack([value.detach() for value in found.values()])
        self.process.mean_([p.grad for p in self.model.parameters() if p.grad is not None] + [said])
        for p, unit in self.units.items():
            if p.grad is not None:
                p.grad.mul_(unit)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self._names = *found, "norm"
        self._unread.append(torch.cat([said, norm[None]]))
        if queues := self.process.queues:
            for p in self.model.parameters():
                if p.grad is not None:
                    p.grad.nan_to_num_(0.0, 0.0, 0.0)
        scalars = {} if queues and (self.step + 1) % READ else self.read()
        if queues or scalars:
            for p, unit in self.units.items():
                p.data.div_(unit)
            try:
                for optimiser in self.optimisers:
                    for group in optimiser.param_groups:
                        group["lr"] = self.learning_rate(share) * group["scale"]
                    optimiser.step()
            finally:
                for p, unit in self.units.items():
                    p.data.mul_(unit)
            self.average()
        else:
            self.model.zero_grad(set_to_none=True)
        self.step += 1
        return scalars

    def read(self) -> dict[str, float]:
        """Means of the scalars of steps not read yet; none where all of them were thrown away."""
        if not self._unread:
            return {}
        rows = torch.stack(self._unread).cpu().double()
        self._unread.clear()
        good = rows[rows.isfinite().all(1)]
        self.skipped += len(rows) - len(good)
        return dict(zip(self._names, good.mean(0).tolist(), strict=True)) if len(good) else {}

    @torch.no_grad()
    def average(self) -> None:
        """Move averaged weights towards the network's; the first steps count more."""
        keep = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        weights = self.model.state_dict()
        moved = [k for k, v in weights.items() if v.is_floating_point()]
        torch._foreach_lerp_([self.averaged[k] for k in moved], [weights[k] for k in moved], 1 - keep)

    def averaged_model(self) -> Any:
        """A copy of the network with its averaged weights."""
        model = copy.deepcopy(self.model)
        model.load_state_dict(self.averaged)
        return model.eval()

    def keep(self, error: float, weights: Weights, margin: float = 0.0) -> None:
        """Keep weights whose error on validation is less than any before, by `margin` of it."""
        if self.best is None or error < self.best_error - margin * abs(self.best_error):
            self.best, self.best_error, self.worse = {k: v.clone() for k, v in weights.items()}, error, 0
        else:
            self.worse += 1

    def ends_early(self) -> bool:
        """Whether validation has said so."""
        return False

    def state(self) -> dict[str, Any]:
        """What going on and exporting need.  `averaged` are the best weights where those are kept."""
        self.read()  # what was skipped
        found: dict[str, Any] = {
            "recipe": asdict(self.recipe),
            "averaged": self.best or self.averaged,
            "step": self.step,
            "skipped": self.skipped,
            "seconds": self.seconds,
        }
        if self.exact:
            found |= {
                "model": self.model.state_dict(),
                "optimisers": [o.state_dict() for o in self.optimisers],
                "numpy": self.rng.bit_generator.state,
                "torch": torch.get_rng_state(),
            }
        return found

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.step, self.skipped, self.seconds = state["step"], state["skipped"], state["seconds"]
        self.averaged = {k: v.to(self.process.device).clone() for k, v in state["averaged"].items()}
        fill(self.model, state["model"] if self.exact else self.averaged)
        if self.exact:
            for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            self.rng.bit_generator.state = state["numpy"]
            torch.set_rng_state(state["torch"])


def fill(model: nn.Module, weights: Weights, *, strict: bool = True) -> list[str]:
    """Give a network a run's weights.  Returns what is missing, unless strict.  Raises ValueError for another's."""
    try:
        return list(model.load_state_dict(weights, strict=strict).missing_keys)
    except RuntimeError as error:
        raise ValueError("the weights are another network's; expected a run of this version and these sizes") from error


def train(
    run: Training,
    folder: Path,
    *,
    minutes: float,
    max_steps: int | None = None,
    tensorboard: bool | None = None,
    progress: bool = True,
) -> str:
    """Train until a limit is reached, or validation or a signal ends it.  Returns the reason."""
    leads, before = run.process.leads, run.seconds
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder, run.step, on=leads, tensorboard=tensorboard, progress=progress)
    session = Session(minutes, run.step, min(run.recipe.steps or math.inf, run.step + (max_steps or math.inf)))
    saved, checks, checked = 0.0, 0, -1  # seconds at the last save; validations, and the step of the last

    def validate() -> None:
        nonlocal checks, checked
        checks, checked = int(run.checks(session)), run.step
        journal.validating(run.step)
        journal.validation(run.step, run.validate(journal.smooth))

    try:
        with stop_requests() as asked:
            run.begin()
            while True:
                reason = STOPPED if asked else EARLY if run.ends_early() else session.reached(run.step)
                if reason := run.process.agree(reason):
                    break
                share = run.process.agree(round(PARTS * session.share(run.step))) / PARTS
                scalars = run.train_step(share)
                run.seconds = before + session.seconds
                journal.step(run.step, scalars, share, session.left_s(run.step))
                if run.check and leads and run.checks(session) >= checks + 1:
                    validate()
                if leads and session.seconds > saved + 60 * run.recipe.checkpoint_minutes:
                    saved = session.seconds
                    runs.save_state(run.state(), folder)
            if run.check and leads and checked != run.step:
                validate()
    finally:
        journal.close()
        if leads:
            runs.save_state(run.state(), folder)
    if leads:
        run.finish(folder)
    return REASONS[reason].format(run.recipe.patience)
