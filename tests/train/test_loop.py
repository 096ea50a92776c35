from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aezip_train import evaluate, runs
from aezip_train.data import Picture
from aezip_train.flagship import Rate
from aezip_train.journal import Journal, Validation
from aezip_train.loop import FALLING, LAST, train
from aezip_train.recipe import Recipe, build
from aezip_train.train_flagship import FlagshipTraining
from aezip_train.train_restorer import RestorerTraining

NETWORK = {"coarse": 16, "latent": 24, "hyper": 8, "feature": 16, "coarse_blocks": 1, "latent_blocks": 1}
RECIPE = Recipe(network=NETWORK, crop=64, batch=2, integer_from=3, warmup_steps=2, threads=1)


@pytest.fixture
def pictures(drawn) -> list[Picture]:
    return [drawn(150, 140, seed=n) for n in range(3)]


@pytest.mark.parametrize(("optimiser", "bits_per_error"), [("adam", 0.0), ("soap", 12.0)])
def test_two_sessions_are_one(tmp_path: Path, pictures: list[Picture], optimiser: str, bits_per_error: float) -> None:
    """n + m steps in two sessions equal n + m steps in one, bit for bit; the integer prior sets in between."""
    recipe = replace(RECIPE, optimiser=optimiser, bits_per_error=bits_per_error)
    whole = FlagshipTraining(recipe, pictures)
    losses = [whole.train_step()["loss"] for _ in range(6)]

    first = FlagshipTraining(recipe, pictures)
    again = [first.train_step()["loss"] for _ in range(3)]
    runs.save_state(first.state(), tmp_path)
    second = FlagshipTraining(recipe, pictures)
    second.restore(runs.load_state(tmp_path))
    again += [second.train_step()["loss"] for _ in range(3)]

    assert again == losses
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
        assert torch.equal(whole.averaged[name], second.averaged[name]), name


def test_errors_of_cells_count_beside_others(pictures: list[Picture]) -> None:
    """A decoder that is brighter by one level everywhere errs by 1 in each pixel, and by 1 in each cell."""
    found = []
    for cell_error in (0.0, 2.0):
        run = FlagshipTraining(replace(RECIPE, cell_error=cell_error), pictures)
        run.model.forward = lambda x, quality: Rate(x + 1 / 64, torch.zeros(2), torch.zeros(2))
        found.append(run.loss(np.random.default_rng(1), 0.0)["loss"].item())
    assert found[1] == pytest.approx(3 * found[0])


def test_a_session_stops_saves_and_logs(tmp_path: Path, pictures: list[Picture], drawn) -> None:
    run = FlagshipTraining(RECIPE, pictures, val=[drawn(400, 400)])
    assert train(run, tmp_path, minutes=10, max_steps=2, progress=False) == "steps done"
    state = runs.load_state(tmp_path)
    (model,) = FlagshipTraining.load(state)
    assert state["step"] == 2
    assert state["seconds"] > 0
    assert not model.training
    assert '"step": 2' in (tmp_path / "log.jsonl").read_text()
    assert {file.name for file in tmp_path.iterdir()} >= {"log.jsonl", "sheet.png", "state.pt"}
    assert train(run, tmp_path, minutes=0, progress=False) == "time used up"


def test_a_step_that_is_not_finite_is_thrown_away(pictures: list[Picture], monkeypatch) -> None:
    run = FlagshipTraining(RECIPE, pictures)
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    draw = run.crops.draw
    monkeypatch.setattr(run.crops, "draw", lambda *which: draw(*which) * float("nan"))
    run.train_step()
    assert (run.skipped, run.step) == (1, 1)
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_training_lowers_the_loss(pictures: list[Picture], drawn) -> None:
    run = FlagshipTraining(RECIPE, pictures)
    costs = []
    for steps in (0, 60):
        for _ in range(steps):
            run.train_step()
        curve = evaluate.curve(run.model.eval(), [drawn(128, 128, seed=0)], (500,))
        costs.append(curve.bpp[0] + 0.011 * 255**2 / 10 ** (curve.psnr_db[0] / 10))
    assert costs[1] < costs[0]


def test_the_learning_rate_falls_over_the_last_part_of_a_session(pictures: list[Picture]) -> None:
    run = FlagshipTraining(Recipe(network=NETWORK, crop=64, batch=2, warmup_steps=4, fall=0.5), pictures)
    assert run.learning_rate() == pytest.approx(2.5e-4), "it rises first"
    run.step = 3
    assert [run.learning_rate(share) for share in (0, 0.5, 0.75, 1)] == pytest.approx([1e-3, 1e-3, 5e-4, 0])


def test_the_log_says_the_rate_of_the_last_step(pictures: list[Picture], drawn) -> None:
    recipe = Recipe(network=NETWORK, crop=64, batch=2, warmup_steps=1, fall=0.5)
    run = FlagshipTraining(recipe, pictures)
    run.check, run.peers = [drawn(128, 128)], {"jpeg": None, "avif": None}
    run.train_step(0.75)
    assert run.validate({}).line["learning_rate"] == pytest.approx(5e-4)


def test_without_a_schedule_the_learning_rate_falls_with_the_session(drawn) -> None:
    recipe = build({"family": "restorer", "task": "denoise", "crop": 64, "learning_rate": 1.0, "warmup_steps": 4})
    run = RestorerTraining(recipe, [drawn(96, 96)])
    rates = []
    for run.step in (0, 1, 3, 9):
        rates.append(run.learning_rate())
    assert rates == [0.25, 0.5, 1, 1]
    middle = (FALLING + 1) / 2
    assert [run.learning_rate(share) for share in (FALLING, middle, 1)] == pytest.approx([1, 0.5, LAST])


def test_running_means_skip_what_is_not_finite(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, tensorboard=False, progress=False)
    for value in (float("nan"), 3, float("inf"), 2):
        journal.step(1, {"loss": value}, 0.5, 1)
    assert 2.9 < journal.smooth["loss"] < 3
    journal.close()


def test_means_of_several_steps_weigh_as_much_as_they(tmp_path: Path) -> None:
    each, mean = (Journal(tmp_path, 0, tensorboard=False, progress=False) for _ in range(2))
    for step in range(1, 31):
        each.step(step, {"loss": float(step > 10)}, 0.5, 1)
        mean.step(step, {"loss": float(step > 10)} if step % 10 == 0 else {}, 0.5, 1)
    assert mean.smooth["loss"] == pytest.approx(each.smooth["loss"]) == pytest.approx(1 - 0.98**20)
    for journal in (each, mean):
        journal.close()


def test_the_bar_shows_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    journal = Journal(tmp_path, 0, tensorboard=False)

    def shown() -> str:
        journal._bar.refresh()
        return terminal.getvalue().rpartition("\r")[2]

    journal.step(7, {"loss": 0.5}, 0.5, 60)
    assert shown().endswith("| step 7, loss 0.5, 60 s left")
    journal.validating(7)
    assert shown().rstrip().endswith("| step 7, validating …")
    journal.validation(7, Validation({"step": 7}, "0.812 bpp, 33.10 dB", "BD-rate -4.00 % against JPEG"))
    assert "step 7: 0.812 bpp, 33.10 dB, BD-rate -4.00 % against JPEG\n" in capsys.readouterr().out
    journal.step(8, {"loss": 0.5}, 0.5, 59)
    assert shown().endswith("| step 8, loss 0.5, 59 s left; validation: 0.812 bpp, 33.10 dB")
    journal.close()


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no training run"):
        runs.load_state(tmp_path)
