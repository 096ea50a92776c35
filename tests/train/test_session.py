"""Limits of a session, and the run's folder."""

from __future__ import annotations

import json
import math
import signal
from pathlib import Path

import pytest
import torch

from aezip_train import runs, session
from aezip_train.recipe import Recipe, build


@pytest.mark.parametrize(("steps", "shares"), [(4, [0, 0.25, 0.5, 0.75]), (1, [0])])
def test_a_session_ends_with_its_steps(steps: int, shares: list[float]) -> None:
    limits = session.Session(60, 10, 10 + steps)
    assert [limits.share(10 + n) for n in range(steps)] == pytest.approx(shares, abs=1e-3)
    assert [limits.reached(10 + n) for n in range(steps)] == [0] * steps
    assert limits.reached(10 + steps) == session.STEPS
    assert limits.share(10 + steps) == 1
    assert session.Session(0, 10, math.inf).reached(10) == session.TIME


def test_signals_are_requests_within_the_block() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with session.stop_requests() as asked:
        assert not asked
        signal.raise_signal(signal.SIGTERM)
        assert asked == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before


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
