"""A small decoder learns what a model makes of pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from aezip_train import recipe, train_small
from aezip_train.processes import Process
from aezip_train.train_small import SmallTraining


@pytest.fixture
def run(drawn, monkeypatch: pytest.MonkeyPatch) -> SmallTraining:
    """Of the model that comes with aezip."""
    monkeypatch.setattr(train_small, "WARM", 2)
    monkeypatch.setattr(train_small, "BATCHES", 3)
    small = {"coarse": 24, "inner": 8, "blocks": 2}
    plan = replace(recipe.read("small"), crop=128, batch=2, warmup_steps=4, drawn=0.0, network=small)
    plan, weights = SmallTraining.start_from("photo", plan)
    return SmallTraining(plan, [drawn(140, 150, seed=n) for n in range(3)], weights=weights)


def test_it_starts_near_the_full_one_and_learns(run: SmallTraining) -> None:
    run.begin()
    assert run.judge(run.model)[1] > run.full_db - 6
    before, first = {k: v.clone() for k, v in run.model.state_dict().items()}, run.best_error
    for _ in range(12):
        assert run.train_step()
    assert len(run.batches) == 3
    run.validate({})
    assert run.best_error < first
    assert all(torch.equal(before[k], run.best[k]) for k in ("unit", "up.few.tops", "up.lift"))
    assert not torch.equal(before["coarse.0.expand.weight"], run.best["coarse.0.expand.weight"])


def test_it_goes_back_where_it_became_much_worse(run: SmallTraining) -> None:
    run.begin()
    best, optimisers = run.best_error, run.optimisers
    for ruin in (0.0, torch.nan):
        for weights in (run.averaged, run.model.state_dict()):
            weights["stem.few.weight"].fill_(ruin)
        assert run.validate({}).more == "so back to the best"
    assert (run.slower, run.best_error) == (0.25, best)
    assert all(torch.equal(v, run.best[k]) for k, v in run.model.state_dict().items())
    assert run.optimisers is not optimisers
    assert run.learning_rate() < 1e-3 / 8  # it rises again
    run.step = 10
    assert run.learning_rate() == 1e-3 / 4
    assert run.train_step()
    assert not run.validate({}).more
    assert run.slower == 0.25


def test_ssimulacra2_counts_while_the_rate_falls(run: SmallTraining) -> None:
    run.step = 10
    rates = [run.learning_rate(share) for share in (0.0, 0.6, 0.8, 1.0)]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 0.0])
    run.loss(run.rng, 0.0)
    run.batches = run.batches[:1] * 3
    run.step = 1  # no batch is made anew
    losses = [run.loss(run.rng, share)["loss"].item() for share in (0.0, 0.5, 0.7)]
    assert losses[0] == losses[1] < losses[2]


def test_what_it_cannot_be_of_is_said(run: SmallTraining, tiny: str) -> None:
    plan = recipe.read("small")
    with pytest.raises(ValueError, match="expected --init MODEL"):
        SmallTraining.network(plan)
    with pytest.raises(ValueError, match="its decoder is in float"):
        SmallTraining.start_from(tiny, plan)
    with pytest.raises(ValueError, match="expected 00, of which it learns"):
        SmallTraining.network(replace(run.recipe, fingerprint="00"))
    with pytest.raises(ValueError, match="no picture to validate on of at least 128×128 pixels"):
        SmallTraining(run.recipe, run.pictures, val=[run.pictures[0][:100]])
    for sizes in ({"coarse": 33}, {"coarse": 2}):
        with pytest.raises(ValueError, match="expected even numbers"):
            SmallTraining.network(replace(run.recipe, network=sizes))
    with pytest.raises(ValueError, match="2 processes"):
        SmallTraining(run.recipe, run.pictures, process=Process(torch.device("cpu"), world=2))
