"""What trainings without a schedule of steps share: moments, the learning rate, the run's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aezip_train import leg, runs
from aezip_train.recipe import Recipe, build


@pytest.mark.parametrize(("steps", "checks", "due"), [(20, 5, [4, 8, 12, 16]), (3, 20, [1, 2]), (1, 4, [])])
def test_a_leg_has_its_steps_and_checks(steps: int, checks: int, due: list[int]) -> None:
    moments = list(leg.moments(60, steps, checks, str, progress=False))
    assert [m.share for m in moments] == pytest.approx([n / steps for n in range(steps)], abs=1e-3)
    assert [n for n, m in enumerate(moments) if m.due] == due
    assert not list(leg.moments(0, None, checks, str, progress=False))


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = Recipe(learning_rate=1.0, warmup_steps=4)
    assert [leg.learning_rate(recipe, step, 0) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1, 1]
    assert [leg.learning_rate(recipe, 9, share) for share in (0.6, 0.8, 1)] == pytest.approx([1, 0.5, leg.LAST])


def test_the_smoothed_loss_skips_what_is_not_finite() -> None:
    nan = float("nan")
    assert leg.smoothed(nan, 3) == leg.smoothed(3, nan) == 3
    assert 2.9 < leg.smoothed(3, 2) < 3


def test_a_run_comes_back_from_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not runs.exists(folder)
    with pytest.raises(FileNotFoundError, match="no training run found"):
        runs.load_state(folder)
    recipe = Recipe(name="mine")
    runs.write_recipe(recipe, folder)
    runs.save_state({"step": 3, "averaged": {"x": torch.ones(2)}}, folder)
    assert runs.exists(folder)
    assert runs.load_state(folder)["step"] == runs.load_state(folder / "state.pt")["step"] == 3
    with pytest.raises(AttributeError):  # pickling stops half-way
        runs.save_state({"step": 4, "f": lambda: 0}, folder)
    assert runs.load_state(folder)["step"] == 3
    runs.log({"step": 3}, folder)
    runs.log({"step": 4}, folder)
    assert (folder / "log.jsonl").read_text() == '{"step": 3}\n{"step": 4}\n'
    assert build(json.loads((folder / "recipe.json").read_text())) == recipe
