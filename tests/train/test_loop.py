from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from aezip_train import evaluate, loop, runs
from aezip_train.data import Crops
from aezip_train.recipe import Recipe

NETWORK = {"coarse": 16, "latent": 24, "hyper": 8, "feature": 16, "coarse_blocks": 1, "latent_blocks": 1}
RECIPE = Recipe(network=NETWORK, crop=64, batch=2, integer_from=3, warmup_steps=2, threads=1)


@pytest.fixture
def crops(drawn) -> Crops:
    return Crops([drawn(150, 140, seed=n) for n in range(3)], 64, 2)


@pytest.mark.parametrize(("optimiser", "bits_per_error"), [("adam", 0.0), ("soap", 12.0)])
def test_two_legs_are_one(tmp_path: Path, crops: Crops, optimiser: str, bits_per_error: float) -> None:
    """n + m steps in two legs equal n + m steps in one, bit for bit; the integer prior sets in between."""
    recipe = replace(RECIPE, optimiser=optimiser, bits_per_error=bits_per_error)
    whole = loop.Run(recipe, crops)
    losses = [whole.train_step()["loss"] for _ in range(6)]

    first = loop.Run(recipe, crops)
    again = [first.train_step()["loss"] for _ in range(3)]
    loop.save(first, tmp_path)
    second = loop.Run(recipe, crops)
    second.restore(runs.load_state(tmp_path))
    again += [second.train_step()["loss"] for _ in range(3)]

    assert again == losses
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
        assert torch.equal(whole.averaged[name], second.averaged[name]), name


def test_a_leg_stops_saves_and_logs(tmp_path: Path, crops: Crops, drawn) -> None:
    run = loop.Run(RECIPE, crops)
    assert loop.train(run, tmp_path, minutes=10, max_steps=2, val=[drawn(400, 400)], progress=False) == "steps done"
    model, state = loop.load_model(tmp_path)
    assert state["step"] == 2
    assert state["seconds"] > 0
    assert not model.training
    assert '"step": 2' in (tmp_path / "log.jsonl").read_text()
    assert loop.train(run, tmp_path, minutes=0, progress=False) == "time used up"


def test_a_step_that_is_not_finite_is_thrown_away(crops: Crops, monkeypatch) -> None:
    run = loop.Run(RECIPE, crops)
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    draw = crops.draw
    monkeypatch.setattr(crops, "draw", lambda *which: draw(*which) * float("nan"))
    run.train_step()
    assert (run.skipped, run.step) == (1, 1)
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_training_lowers_the_loss(crops: Crops, drawn) -> None:
    run = loop.Run(RECIPE, crops)
    costs = []
    for steps in (0, 60):
        for _ in range(steps):
            run.train_step()
        curve = evaluate.curve(run.model.eval(), [drawn(128, 128, seed=0)], (500,))
        costs.append(curve.bpp[0] + 0.011 * 255**2 / 10 ** (curve.psnr_db[0] / 10))
    assert costs[1] < costs[0]


def test_the_learning_rate_rises_stays_and_falls(crops: Crops) -> None:
    run = loop.Run(Recipe(network=NETWORK, crop=64, batch=2, warmup_steps=4, steps=20, cooldown_steps=10), crops)
    rates = []
    for run.step in range(21):
        rates.append(run.learning_rate())
    assert rates[0] < rates[3] == rates[10] == 1e-3
    assert rates[15] == pytest.approx(5e-4)
    assert rates[20] == 0


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no training run"):
        runs.load_state(tmp_path)
