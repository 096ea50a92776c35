"""Crops from a device's memory, and steps that do not wait for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aezip_train import loop, resident
from aezip_train.data import Crops, Picture, to_bytes
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import set_integer
from aezip_train.package_weights import read_model
from aezip_train.processes import Process, join
from aezip_train.recipe import Recipe
from aezip_train.resident import ResidentCrops, by_code
from aezip_train.train_flagship import FlagshipTraining

NETWORK = {"coarse": 16, "latent": 24, "hyper": 8, "feature": 16, "coarse_blocks": 1, "latent_blocks": 1}
RECIPE = Recipe(
    network={**NETWORK, "integer": 1},
    crop=64,
    batch=8,
    last_crop=128,
    last_part=0.5,
    optimiser="soap",
    ssimulacra2=0.65,
    drawn=0.2,
    bits_per_error=12.0,
    integer_from=0,
    warmup_steps=1,
    threads=1,
)


def test_crops_are_cut_in_a_devices_memory(drawn) -> None:
    """Each is a window of a picture, turned and flipped in every way; the same generator gives the same ones."""
    pictures = [drawn(90, 75, seed=1), drawn(64, 130, seed=2)]
    crops = Crops(pictures, 64, 200)
    resident = ResidentCrops(crops, torch.device("cpu"), seed=0)
    batch = resident.draw(np.random.default_rng(3))
    assert batch.shape == (200, 3, 64, 64)
    assert torch.equal(batch[8:12], resident.draw(np.random.default_rng(3), slice(8, 12)))
    windows = {
        np.rot90(window, turns)[:, ::flip].tobytes(): (turns, flip)
        for picture in crops.pictures
        for window in np.lib.stride_tricks.sliding_window_view(picture, (64, 64, 3)).reshape(-1, 64, 64, 3)
        for turns in range(4)
        for flip in (1, -1)
    }
    assert len({windows[crop.tobytes()] for crop in to_bytes(batch)}) == 8


def test_crops_in_a_devices_memory_have_their_share_of_drawn_ones(drawn) -> None:
    crops = Crops([drawn(90, 75)], 64, 400, augment=False, drawn=0.25)
    resident = ResidentCrops(crops, torch.device("cpu"), seed=0, made=3)
    made = {p.tobytes() for p in by_code(crops, 0, 3)}
    batch = to_bytes(resident.draw(np.random.default_rng(1)))
    assert len({crop.tobytes() for crop in batch} & made) == 3
    assert 70 < sum(crop.tobytes() in made for crop in batch) < 130
    with pytest.raises(ValueError, match=r"least_part is 0\.5; expected 0 on a GPU"):
        ResidentCrops(Crops([drawn(90, 75)], 64, 4, least_part=0.5), torch.device("cpu"), seed=0)


@pytest.fixture
def pictures(drawn) -> list[Picture]:
    return [drawn(150, 140, seed=n) for n in range(3)]


@pytest.fixture
def queueing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every device is treated as a GPU is."""
    monkeypatch.setattr(Process, "queues", True)
    monkeypatch.setattr(resident, "by_code", lambda crops, *_: [np.zeros((crops.crop,) * 2 + (3,), np.uint8)])


def training(pictures: list[Picture], device: str) -> FlagshipTraining:
    torch.manual_seed(0)
    weights = Flagship(Config(**RECIPE.network)).state_dict()
    recipe = replace(RECIPE, bfloat16=device == "cuda")
    return FlagshipTraining(recipe, pictures, process=Process(torch.device(device)), weights=weights)


@pytest.mark.usefixtures("queueing")
def test_no_step_reads_what_the_device_computes(pictures: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    """On `meta` there is nothing to read, and a tensor that was left on the CPU is an error."""
    monkeypatch.setattr(FlagshipTraining, "adam", lambda _, groups: torch.optim.Adam(groups, 1e-3))  # not fused there
    run = training(pictures, "meta")
    for share in (0.0, 0.6):  # what stays on a device gets there
        run.train_step(share)
    monkeypatch.setattr(torch, "tensor", None)  # a copy that is waited for
    for step in range(4):
        assert run.train_step(0.6 * (step % 2)) == {}
    assert {p.device.type for p in run.averaged.values()} == {"meta"}


@pytest.mark.usefixtures("queueing")
def test_a_device_that_queues_takes_the_same_steps(pictures: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    """Scalars are means of those that are read each step."""
    monkeypatch.setattr(loop, "READ", 3)
    queued = training(pictures, "cpu")
    said = [queued.train_step(step / 6) for step in range(6)]
    read = training(pictures, "cpu")
    monkeypatch.setattr(Process, "queues", False)
    rows = [read.train_step(step / 6) for step in range(6)]
    for name, value in read.model.state_dict().items():
        assert torch.equal(value, queued.model.state_dict()[name]), name
        assert torch.equal(read.averaged[name], queued.averaged[name]), name
    assert [bool(scalars) for scalars in said] == [False, False, True] * 2
    assert said[5] == pytest.approx({key: np.mean([row[key] for row in rows[3:]]) for key in rows[0]})


@pytest.mark.usefixtures("queueing")
def test_a_gradient_that_is_not_finite_is_zero(pictures: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted when scalars are read, and they are of the other steps."""
    run = training(pictures, "cpu")
    run.train_step()
    draw = run.sources[0].draw
    with monkeypatch.context() as patch:
        patch.setattr(run.sources[0], "draw", lambda *which: draw(*which) * float("nan"))
        assert run.train_step() == {}
    assert all(p.grad is None or not p.grad.any() for p in run.model.parameters())
    assert all(w.isfinite().all() for w in run.model.state_dict().values())
    run.train_step()
    scalars = run.read()
    assert run.state()["skipped"] == 1
    assert all(np.isfinite(value) for value in scalars.values())
    assert set(scalars) == {"loss", "bpp", "mse", "norm"}


@pytest.mark.parametrize("queues", [False, True])
def test_crops_are_larger_in_the_last_part(pictures: list[Picture], queueing, queues: bool, monkeypatch) -> None:
    """A batch of them has as many pixels."""
    monkeypatch.setattr(Process, "queues", queues)
    run, sizes = training(pictures, "cpu"), []
    encode = run.model.encoder.forward
    monkeypatch.setattr(run.model.encoder, "forward", lambda x: sizes.append(tuple(x.shape)) or encode(x))
    for share in (0.0, 0.49, 0.5, 1.0):
        run.train_step(share)
    assert sizes == [(8, 3, 64, 64)] * 2 + [(2, 3, 128, 128)] * 2


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_no_step_waits_for_a_gpu(pictures: list[Picture]) -> None:
    with join("cuda") as process:
        run = training(pictures, process.device.type)
    for share in (0.0, 0.6):
        run.train_step(share)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(4):
            run.train_step(0.6 * (step % 2))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert run.read()["loss"] > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_whole_numbers_are_whole_on_a_gpu() -> None:
    """The decoder makes the CPU's grey levels; with TF32 they would differ by 0.1 on average."""
    model = read_model("photo").eval()
    set_integer(model, True)
    torch.manual_seed(0)
    latents = 2 * torch.randn(1, model.config.latent, 8, 8)
    with torch.no_grad(), join("cuda") as process:
        want, found = model.decoder(latents), model.to(process.device).decoder(process.put(latents)).cpu()
    assert 64 * (want - found).abs().mean() < 0.01
