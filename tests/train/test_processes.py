"""Devices and several processes: the same step, wherever it is computed."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from aezip_train import processes
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import set_integer
from aezip_train.processes import Process
from aezip_train.recipe import Recipe
from aezip_train.train_flagship import FlagshipTraining

NETWORK = {"coarse": 16, "latent": 24, "hyper": 8, "feature": 16, "coarse_blocks": 1, "latent_blocks": 1}
RECIPE = Recipe(network=NETWORK, crop=64, batch=4, integer_from=2, warmup_steps=2, threads=1)

# What each of two processes does: two steps without noise, then a session of one step, and one more after resuming.
PROCESS = """
import sys
from pathlib import Path
import numpy as np, torch
from aezip_train import loop, runs
from aezip_train.processes import join
from aezip_train.recipe import build
from aezip_train.train_flagship import FlagshipTraining

folder = Path(sys.argv[1])
recipe = build(torch.load(folder / "recipe.pt"))
pictures = [np.load(f) for f in sorted(folder.glob("*.npy"))]
with join("cpu") as here:
    run = FlagshipTraining(recipe, pictures, process=here)
    noise, torch.Tensor.uniform_ = torch.Tensor.uniform_, lambda x, *_: x.zero_()
    run.train_step()
    gradients = {n: p.grad for n, p in run.model.named_parameters()}
    torch.save((gradients, run.train_step()), folder / f"{here.rank}.pt")
    torch.Tensor.uniform_ = noise
    loop.train(run, folder / "session", minutes=10, max_steps=1)
    here.agree(0)  # wait for the first process's checkpoint
    again = FlagshipTraining(recipe, pictures, process=here)
    again.restore(runs.load_state(folder / "session"))
    for r in (run, again):
        r.train_step()
    weights = run.model.state_dict(), again.model.state_dict()
    torch.save((*weights, run.rng.random()), folder / f"end{here.rank}.pt")
"""


@pytest.mark.parametrize("integer", [False, True])
def test_every_tensor_of_a_step_is_on_the_models_device(integer: bool) -> None:
    """On `meta` a tensor that was left on the CPU is an error."""
    model = Flagship(Config(**NETWORK)).to("meta")
    set_integer(model, integer)
    out = model(torch.zeros(2, 3, 64, 64, device="meta"), torch.zeros(2, device="meta"))
    assert {v.device.type for v in out} == {"meta"}
    (out.image.sum() + out.bpp.sum()).backward()
    assert all(p.grad is not None and p.grad.device.type == "meta" for p in model.parameters())


def test_devices_are_chosen_by_what_is_there(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert processes.device_of("auto").type == "cpu"
    with pytest.raises(ValueError, match=r"device mps is not available; expected one of cpu$"):
        processes.device_of("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert processes.device_of("auto", 1) == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="process 2 of 2 GPUs"):
        processes.device_of("cuda", 2)


def test_sums_of_whole_numbers_are_exact_on_gpus(monkeypatch) -> None:
    """TF32, which torch lets convolutions use, is off."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.benchmark
    monkeypatch.setattr(processes, "device_of", lambda *_: torch.device("cuda", 0))
    try:
        with processes.join("cuda") as here:
            assert here.queues
            assert not torch.backends.cudnn.allow_tf32
            assert not torch.backends.cuda.matmul.allow_tf32
    finally:
        (
            torch.backends.cudnn.allow_tf32,
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.benchmark,
        ) = before


def test_a_batch_is_divided_evenly(drawn) -> None:
    with pytest.raises(ValueError, match="a batch of 4 for 3 processes"):
        FlagshipTraining(RECIPE, [drawn(100, 100)], process=Process(torch.device("cpu"), 0, 3))


def test_two_processes_are_one(tmp_path: Path, drawn) -> None:
    """Gradients over two processes are those of one with the whole batch; both end alike, and resume bit for bit."""
    pictures = [drawn(100, 90, seed=n) for n in range(3)]
    for n, picture in enumerate(pictures):
        np.save(tmp_path / f"{n}.npy", picture)
    torch.save(vars(RECIPE), tmp_path / "recipe.pt")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_process(tmp_path, rank, port)) for rank in range(2)]
        alone = FlagshipTraining(RECIPE, pictures)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.Tensor, "uniform_", lambda x, *_: x.zero_())
            alone.train_step()
            want = {n: p.grad for n, p in alone.model.named_parameters()}
            scalars = alone.train_step()
        assert [p.wait(60) for p in processes] == [0, 0]

    for rank in range(2):
        gradients, said = torch.load(tmp_path / f"{rank}.pt")
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, want[name], rtol=1e-3, atol=1e-6)
        assert said == pytest.approx(scalars, rel=1e-3)
    (first, first_again, drawn_0), (second, second_again, drawn_1) = (
        torch.load(tmp_path / f"end{rank}.pt") for rank in range(2)
    )
    assert drawn_0 == drawn_1
    for name, value in first.items():
        for other in (first_again, second, second_again):
            assert torch.equal(value, other[name]), name


@contextlib.contextmanager
def _process(folder: Path, rank: int, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """PROCESS as torchrun would start it; it does not outlive the block."""
    torchrun = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **{k: str(v) for k, v in torchrun.items()}}
    with subprocess.Popen([sys.executable, "-c", PROCESS, str(folder)], env=environment) as process:
        try:
            yield process
        finally:
            process.kill()
