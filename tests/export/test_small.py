"""A small decoder is made of a full one, and is exported with the same pixels in every arithmetic."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import Tensor

from aezip import Codec
from aezip.engine.library import onnxruntime
from aezip.model import store
from aezip.quality import metrics
from aezip_export import cli, proofs, reach, small
from aezip_train import cli as train_cli
from aezip_train.data import centre
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import set_integer
from aezip_train.package_weights import read_model
from aezip_train.small_decoder import SmallDecoder, started
from aezip_train.train_small import latents_of

LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")
QUALITY = torch.tensor([300.0, 600.0, 800.0])


@pytest.fixture(scope="module")
def model() -> Flagship:
    """The one that comes with aezip."""
    found = read_model("photo").eval()
    set_integer(found, True)
    return found


@pytest.fixture(scope="module")
def crops(drawn) -> Tensor:
    return torch.cat([centre(drawn(128, 128, seed=n)[None]) for n in range(3)])


@pytest.fixture(scope="module")
def net(model: Flagship, crops: Tensor) -> SmallDecoder:
    """What it starts from, with blocks that add something."""
    torch.manual_seed(1)
    found = started(model, [latents_of(model, crops, QUALITY)], coarse=24, inner=8, blocks=2)
    with torch.no_grad():
        for block in found.coarse:
            block.expand.weight.normal_(0, 0.01)  # type: ignore[operator, union-attr]
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_pixels_are_those_of_torch_in_every_arithmetic(net: SmallDecoder, level: str) -> None:
    rng = np.random.default_rng(2)
    latents = len(net.unit)
    latent = np.rint(rng.standard_t(2, (2, 9, 7, latents)) * 200).clip(-30000, 30000).astype(np.int16)
    inverse = np.exp2(rng.integers(-7, -3, latents)).astype(np.float32) * np.float32(1.3)
    with torch.no_grad():
        levels = net.levels(torch.from_numpy(latent.astype(np.float32) * inverse).permute(0, 3, 1, 2))
    options = onnxruntime().SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime().GraphOptimizationLevel, level)
    session = onnxruntime().InferenceSession(small.graph(net), options, providers=["CPUExecutionProvider"])
    (got,) = session.run(["image"], {"latent": latent, "inverse_gain": inverse})
    np.testing.assert_array_equal(got, levels.clamp(0, 255).round().permute(0, 2, 3, 1).numpy())


def test_its_margin_is_what_pixels_depend_on(net: SmallDecoder) -> None:
    graph, middle = small.graph(net), 8
    margin = reach.margin(graph)
    session = onnxruntime().InferenceSession(graph, providers=["CPUExecutionProvider"])
    latent = np.random.default_rng(1).integers(-9, 9, (1, 2 * middle + 1, 3, len(net.unit))).astype(np.int16)
    rows = slice(16 * middle, 16 * (middle + 1))
    seen = []
    for row in range(len(latent[0])):
        other = latent.copy()
        other[:, row] += 4000
        given = {"inverse_gain": np.ones(len(net.unit), np.float32)}
        one, two = (session.run(None, {"latent": x, **given})[0][:, rows] for x in (latent, other))
        seen += [abs(row - middle)] if not np.array_equal(one, two) else []
    assert max(seen) <= margin <= max(seen) + 1


def test_a_net_whose_sums_are_too_large_is_refused(net: SmallDecoder) -> None:
    assert net.up.few.tops is not None
    before = net.up.few.tops.clone()
    net.up.few.tops.fill_(2.0**24)
    try:
        with pytest.raises(proofs.ProofFailed, match=r"up\.few"):
            proofs.bounds(net)
    finally:
        net.up.few.tops.copy_(before)


def test_a_run_becomes_a_package(tmp_path: Path, drawn, golden: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n in range(3):
        Image.fromarray(drawn(130, 140, seed=n)).save(pictures / f"{n}.png")
    path, run = tmp_path / "with.aezm", tmp_path / "run"
    small_one = ["--set", "crop=128", "--set", "batch=2", "--set", "checks=1"]
    command = ["small", "--init", "photo", "--data", str(pictures), "-o", str(run), "--max-steps", "2", *small_one]
    moved, other = tmp_path / "moved.aezm", golden / "tiny-integer.aezm"
    shutil.copy(store.find("photo").path, moved)
    for step, init in ((2, "photo"), (4, str(moved))):  # the same model
        result = CliRunner().invoke(train_cli.main, [init if word == "photo" else word for word in command])
        assert result.exit_code == 0, result.output
        assert f"step {step} after" in result.stderr
        assert "against the full one" in result.output
    result = CliRunner().invoke(train_cli.main, [str(other) if word == "photo" else word for word in command])
    assert result.exit_code == 1
    assert f"{run} learns from {moved} ({store.find('photo').fingerprint.hex()}); expected it" in result.stderr
    result = CliRunner().invoke(cli.main, [str(run), "-o", str(path), "--pictures", str(pictures)])
    assert result.exit_code == 0, result.output
    assert "all else stays as it is in the model, its name and summary, too; --pictures is not used" in result.stderr
    about, plain = store.find(str(path)), store.find("photo")
    assert (about.fingerprint, about.name) == (plain.fingerprint, plain.name)
    pixels = drawn(120, 150, seed=20)
    data = Codec("photo").encode(pixels, 60, lossless=False)
    full, fast = (Codec(str(path), decoder=decoder).decode(data)[0] for decoder in ("full", "small"))
    assert metrics.psnr_db(full, fast) > 25
    np.testing.assert_array_equal(full, Codec("photo").decode(data)[0])


def test_a_narrow_trunk_is_taken_as_it_is() -> None:
    torch.manual_seed(1)
    narrow = Flagship(Config(coarse=16, latent=24, coarse_blocks=1, latent_blocks=1, hyper=8, feature=8, integer=1))
    set_integer(narrow.eval(), True)
    net = started(narrow, [torch.randn(2, 24, 8, 8)])
    assert net.up.many.out_channels == 4 * 16
    small.graph(net)
