from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from aezip.model.kinds import TASKS
from aezip.tasks.restore.holes import deep
from aezip_train import runs
from aezip_train.cielab import ab
from aezip_train.cli import main
from aezip_train.data import centre
from aezip_train.loop import train
from aezip_train.recipe import build
from aezip_train.restorer import COVERED, FLOOR, Config, Restorer, Spoilt, grey_of, holes, loss, scratches, spoil
from aezip_train.train_restorer import RestorerTraining, checked

SMALL = """{"half": 8, "quarter": 8, "eighth": 8, "sixteenth": 8, "eighth_blocks": 1, "sixteenth_blocks": 1,
"far_blocks": 1}"""
SETTINGS = ("crop=64", "batch=4", f"network={SMALL}", "bfloat16=false", "warmup_steps=1", "learning_rate=4e-3")


@pytest.mark.parametrize("task", TASKS)
def test_an_untrained_network_changes_nothing(task: str, drawn) -> None:
    clean = centre(drawn(64, 48)[None])
    given, wanted = spoil(task, clean, np.random.default_rng(1))
    made = Restorer(Config(task))(given)
    assert made.shape == wanted.shape
    assert torch.allclose(made, given.picture.expand_as(made))


def test_noise_has_its_sigma_and_grey_stays_grey() -> None:
    clean = centre(np.full((40, 64, 64, 3), 128, np.uint8))
    given, wanted = spoil("denoise", clean, np.random.default_rng(2))
    found = (given.picture - wanted).std((1, 2, 3)) * 64
    clear = given.sigma < 35  # above, samples are clipped
    assert (found - given.sigma)[clear].abs().max() < 0.12 * 35
    grey = (given.picture == given.picture[:, :1]).all(3).all(2).all(1)
    assert 1 <= int(grey.sum()) <= 20


def test_chroma_is_added_to_the_grey_values(drawn) -> None:
    clean = centre(drawn(32, 32)[None])
    model = Restorer(Config("colorize"))
    torch.nn.init.normal_(model.tail.weight, std=0.1)
    given, _ = spoil("colorize", clean, np.random.default_rng(3))
    made = model(given)
    assert not torch.allclose(made, given.picture.expand_as(made), atol=0.01)
    assert (grey_of(made) - given.picture).abs().max() <= 1 / 64
    away = made - given.picture  # four pixels have one colour: what is learned are means of these
    torch.testing.assert_close(away[..., ::2, ::2], away[..., 1::2, 1::2], rtol=0, atol=1e-5)


def test_only_holes_are_filled_and_count(drawn) -> None:
    clean = centre(drawn(64, 64)[None])
    mask = torch.from_numpy(holes(64, 64, np.random.default_rng(4)))[None, None].float()
    assert 0 < mask.mean() < 1
    model = Restorer(Config("inpaint"))
    torch.nn.init.normal_(model.tail.weight, std=0.1)
    given = Spoilt(clean, torch.zeros(1), mask)
    made = model(given)
    assert torch.equal(made * (1 - mask), clean * (1 - mask))
    assert not torch.equal(made, clean)
    assert loss("inpaint", clean + (1 - mask), clean, given) == pytest.approx(math.log(FLOOR))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_missing_is_guessed_from_what_is_not(seed: int, drawn) -> None:
    clean = centre(drawn(64, 64)[None])
    given, wanted = spoil("inpaint", clean, np.random.default_rng(seed))
    assert torch.equal(wanted, clean)
    assert torch.equal(given.picture * (1 - given.mask), clean * (1 - given.mask))
    other = spoil("inpaint", torch.where(given.mask > 0, -clean, clean), np.random.default_rng(seed))[0]
    assert torch.equal(other.picture, given.picture)
    assert 0 < given.mask.mean() < 1


def test_scratches_are_thin() -> None:
    for seed in range(20):
        mask = scratches(96, 96, np.random.default_rng(seed))
        assert mask.mean() > COVERED[0]
        assert not deep(mask, 12).any()


@pytest.mark.parametrize("task", TASKS)
def test_training_learns_and_goes_on(task: str, tmp_path: Path, drawn, cloth) -> None:
    draw = (lambda *size, seed: cloth(*size)) if task == "inpaint" else drawn  # where a smooth guess is far off
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n in range(3):
        Image.fromarray(draw(96, 96, seed=n)).save(pictures / f"{n}.png")
    arguments = [task, "--data", str(pictures), "-o", str(tmp_path / "run"), "--max-steps", "80"]
    arguments += [f"--set={s}" for s in SETTINGS]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    state = runs.load_state(tmp_path / "run")
    assert state["step"] == 80
    (model,) = RestorerTraining.load(state)
    crops = [draw(64, 64, seed=n) for n in range(3)]
    figures = checked(model, crops)
    if task == "colorize":
        assert figures["ab_error"] < 0.95 * figures["grey_error"]
    else:
        assert figures["psnr_db"] > figures["before_db"] + 0.3
    arguments[arguments.index("80")] = "5"
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert runs.load_state(tmp_path / "run")["step"] == 85
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["task"] == task


def test_a_run_keeps_its_task(tmp_path: Path, drawn) -> None:
    Image.fromarray(drawn(96, 96)).save(tmp_path / "0.png")
    arguments = ["--data", str(tmp_path), "-o", str(tmp_path / "run"), "--max-steps", "1"]
    arguments += [f"--set={s}" for s in SETTINGS]
    assert CliRunner().invoke(main, ["denoise", *arguments]).exit_code == 0
    recipe = (tmp_path / "run" / "recipe.json").read_text()
    result = CliRunner().invoke(main, ["inpaint", *arguments])
    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path / 'run'} is a run of the task denoise; expected one of inpaint\n"
    assert runs.load_state(tmp_path / "run")["step"] == 1
    assert (tmp_path / "run" / "recipe.json").read_text() == recipe


def test_a_run_keeps_its_network(tmp_path: Path, drawn) -> None:
    Image.fromarray(drawn(96, 96)).save(tmp_path / "0.png")
    arguments = ["denoise", "--data", str(tmp_path), "-o", str(tmp_path / "run"), "--max-steps", "1"]
    arguments += [f"--set={s}" for s in SETTINGS]
    for step in (1, 2):  # the same command goes on
        assert CliRunner().invoke(main, arguments).exit_code == 0
        assert runs.load_state(tmp_path / "run")["step"] == step
    arguments += ['--set=network={"half":16,"half_blocks":2}', "--set=crop=64"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    kept = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
    begin = f"note: {tmp_path / 'run'} keeps the network it began with: "
    assert kept == [f"{begin}half 8, not 16", f"{begin}half_blocks as usual, not 2"]
    assert runs.load_state(tmp_path / "run")["recipe"]["network"]["half"] == 8


@pytest.fixture
def keeping(drawn) -> Callable[[], RestorerTraining]:
    """New runs that keep their best weights."""
    recipe = build(
        {
            "name": "colorize",
            "family": "restorer",
            "task": "colorize",
            "crop": 64,
            "batch": 2,
            "keep_best": True,
            "network": json.loads(SMALL),
        }
    )
    return lambda: RestorerTraining(recipe, [drawn(96, 96)], val=[drawn(256, 256)])


def test_the_best_weights_are_kept(keeping) -> None:
    run = keeping()
    first = run.validate({}).line
    assert first["ab_error"] == pytest.approx(first["grey_error"])
    run.averaged["tail.bias"] += 1
    assert run.validate({}).line["ab_error"] > first["ab_error"]
    assert not run.state()["averaged"]["tail.bias"].any()


def test_the_next_session_knows_the_best_weights(keeping, tmp_path: Path) -> None:
    first, second = keeping(), keeping()
    train(first, tmp_path, minutes=1, max_steps=1, progress=False)
    second.restore(runs.load_state(tmp_path))
    kept = {name: value.clone() for name, value in second.averaged.items()}
    second.begin()
    second.averaged["tail.bias"] += 1
    second.validate({})
    for name, value in second.state()["averaged"].items():
        assert torch.equal(value, kept[name]), name


def test_a_run_of_another_network_is_told(keeping) -> None:
    run = keeping()
    state = {**run.state(), "averaged": {**run.averaged, "tail.bias": torch.zeros(8)}}
    finding = "the weights are another network's; expected a run of this version"
    with pytest.raises(ValueError, match=finding):
        run.restore(state)
    with pytest.raises(ValueError, match=finding):
        RestorerTraining.with_weights(run.recipe, state["averaged"])


def test_distances_of_colours() -> None:
    red, grey = torch.zeros(1, 3, 1, 1), torch.full((1, 3, 1, 1), 0.3)
    red[0, 0] = 1
    assert ab(red).flatten().tolist() == pytest.approx([80.09, 67.20], abs=0.02)
    assert ab(grey).abs().max() < 0.01
    beyond = torch.tensor([-0.3, 0.02, 1.4]).reshape(1, 3, 1, 1).requires_grad_()
    ab(beyond).sum().backward()
    assert beyond.grad is not None
    assert torch.isfinite(beyond.grad).all()


def test_an_interruption_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aezip_train.data.read_folder", interrupted)
    result = CliRunner().invoke(main, ["denoise", "--data", str(tmp_path), "-o", str(tmp_path / "run")])
    assert (result.exit_code, result.output) == (130, "interrupted; the same command goes on\n")
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_trained_is_told(tmp_path: Path, drawn) -> None:
    Image.fromarray(drawn(96, 96)).save(tmp_path / "0.png")
    base = ["denoise", "--data", str(tmp_path), "-o", str(tmp_path / "run")]
    for settings, finding in ((["task=sharpen"], "denoise, colorize, inpaint"), (['network={"depth": 3}'], "depth")):
        result = CliRunner().invoke(main, [*base, "--set=crop=64", *(f"--set={s}" for s in settings)])
        assert result.exit_code == 1
        assert finding in result.output
