"""Restorers: torch → package → runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner

from aezip.model.kinds import TASKS
from aezip.model.onnx_check import OPERATORS
from aezip.model.packages import describe
from aezip.tasks.restore.restorer import Restorer as Running
from aezip_export import proofs, reach, restorers
from aezip_export.cli import main
from aezip_train import runs
from aezip_train.recipe import build
from aezip_train.restorer import Config, Restorer
from aezip_train.train_restorer import RestorerTraining

SIZES = {
    "half": 8,
    "quarter": 8,
    "eighth": 8,
    "sixteenth": 8,
    "eighth_blocks": 1,
    "sixteenth_blocks": 1,
    "far_blocks": 2,
}
FACTS = {"summary": "A test.", "licence": "CC0-1.0"}


def any_model(task: str) -> Restorer:
    """A small network whose every layer does something."""
    torch.manual_seed(1)
    model = Restorer(Config(task, **SIZES))
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


@pytest.mark.parametrize("task", TASKS)
def test_a_package_does_what_the_module_does(task: str, tmp_path: Path, drawn) -> None:
    path = tmp_path / "small.aezm"
    figures = restorers.export(any_model(task), path, name="small", facts=FACTS, card="A test.")
    about = describe(path)
    assert about.task == task
    assert about.description["measured"] == figures["measured"]
    assert 1 <= about.description["margins"][task] <= 10
    running = Running(task, str(path))
    operators = {n.op_type for n in onnx.load_from_string(running.package.member(f"{task}.onnx")).graph.node}
    assert operators <= OPERATORS
    again = tmp_path / "again.aezm"
    restorers.export(any_model(task), again, name="small", facts=FACTS, card="A test.")
    assert again.read_bytes() == path.read_bytes()


def test_a_margin_too_small_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "margin", lambda *_: 0)
    with pytest.raises(proofs.ProofFailed, match="window"):
        restorers.export(any_model("denoise"), tmp_path / "small.aezm", name="small", facts=FACTS, card="")
    assert not list(tmp_path.iterdir())


def test_the_command_exports_a_run(tmp_path: Path, drawn) -> None:
    recipe = build(
        {"name": "denoise", "family": "restorer", "task": "denoise", "crop": 64, "batch": 2, "network": SIZES}
    )
    run = RestorerTraining(recipe, [drawn(96, 96)])
    run.train_step()
    (tmp_path / "run").mkdir()
    runs.save_state(run.state(), tmp_path / "run")
    result = CliRunner().invoke(
        main, [str(tmp_path / "run"), "-o", str(tmp_path / "mine.aezm"), "--pictures", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    assert "--pictures is not used" in result.output
    pixels, sigma = Running("denoise", str(tmp_path / "mine.aezm")).denoise(np.asarray(drawn(33, 20)), 20)
    assert pixels.shape == (33, 20, 3)
    assert sigma == 20
