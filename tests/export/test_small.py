"""A small decoder is made of a full one, learns, and is exported with the same pixels in every arithmetic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from aezip import Codec
from aezip.engine.library import onnxruntime
from aezip.model import store
from aezip.quality import metrics
from aezip_export import proofs, reach, small
from aezip_train.data import centre
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import set_integer
from aezip_train.package_weights import read_model
from aezip_train.small_decoder import Learnt, SmallDecoder, latents_of, started

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
    found = started(model, [latents_of(model, crops, QUALITY)], coarse=24, inner=8, blocks=2, finer=10)
    set_integer(found, True)
    with torch.no_grad():
        for block in found.coarse:
            block.expand.weight.normal_(0, 0.01)  # type: ignore[operator, union-attr]
        found.coarse_offset.normal_(0, 0.3)
    return found


def psnr(made: Tensor, wanted: Tensor) -> float:
    return float(-10 * (((made - wanted) * 64 / 255) ** 2).mean().detach().log10())


def test_it_starts_near_the_full_one_and_learns(model: Flagship, crops: Tensor) -> None:
    torch.manual_seed(1)
    latents = latents_of(model, crops, QUALITY)
    learnt = Learnt(started(model, [latents]))
    net, wanted = learnt.net, model.decoder(latents)
    assert psnr(net(latents), wanted) > 30
    batch = latents, (crops * 64 + 128).byte(), QUALITY
    losses = []
    for _ in range(8):
        losses.append(learnt.loss(batch, model.lambda_max, look=False))
        learnt.step(losses[-1], 1e-3)
    assert losses[-1] < losses[0]
    before = {k: p.clone() for k, p in net.named_parameters()}
    learnt.judge([batch], model.lambda_max)
    learnt.finish()
    assert any(not torch.equal(p, before[k]) for k, p in net.named_parameters())
    assert psnr(net(latents), wanted) > 30


def test_it_goes_back_where_it_became_much_worse(model: Flagship, crops: Tensor, net: SmallDecoder) -> None:
    batch = latents_of(model, crops, QUALITY), (crops * 64 + 128).byte(), QUALITY
    learnt = Learnt(net)
    learnt.judge([batch], model.lambda_max)
    best = learnt.best
    for ruin in (0.0, torch.nan):
        with torch.no_grad():
            learnt.average["stem.many.weight"].fill_(ruin)
            learnt.values["stem.many.weight"].fill_(ruin)
        learnt.judge([batch], model.lambda_max)
    assert learnt.slower == 0.25
    assert learnt.best == best
    assert torch.equal(learnt.values["stem.many.weight"], learnt.kept["stem.many.weight"])
    learnt.judge([batch], model.lambda_max)
    assert learnt.slower == 0.25


def test_gradients_that_are_no_numbers_change_nothing(net: SmallDecoder) -> None:
    learnt = Learnt(net)
    before = {k: v.detach().clone() for k, v in learnt.values.items()}
    learnt.step(sum(v.sum() for v in learnt.values.values()) * torch.inf, 1e-3)
    assert all(torch.equal(v, before[k]) for k, v in learnt.values.items())


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


def test_the_command(tmp_path: Path, drawn) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n in range(3):
        Image.fromarray(drawn(260, 270, seed=n)).save(pictures / f"{n}.png")
    path = tmp_path / "with.aezm"
    command = [sys.executable, "-m", "aezip_export.small", "photo", "--pictures", str(pictures), "-o", str(path)]
    result = subprocess.run([*command, "--minutes", "0.05"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "quality 60:" in result.stdout
    assert "a small decoder, trained on 3 pictures" in result.stderr
    about, plain = store.find(str(path)), store.find("photo")
    assert about.fingerprint == plain.fingerprint
    pixels = drawn(120, 150, seed=20)
    data = Codec("photo").encode(pixels, 60, lossless=False)
    full, fast = (Codec(str(path), decoder=decoder).decode(data)[0] for decoder in ("full", "small"))
    assert metrics.psnr_db(full, fast) > 25
    np.testing.assert_array_equal(full, Codec("photo").decode(data)[0])


def test_a_decoder_in_float_has_none(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its decoder is in float"):
        small.add_to(Path(tiny), tmp_path, tmp_path / "out.aezm")


def test_a_narrow_trunk_is_taken_as_it_is() -> None:
    torch.manual_seed(1)
    narrow = Flagship(Config(coarse=16, latent=24, coarse_blocks=1, latent_blocks=1, hyper=8, feature=8, integer=1))
    set_integer(narrow.eval(), True)
    net = started(narrow, [torch.randn(2, 24, 8, 8)])
    assert net.coarse_offset.shape == (16,)
    small.graph(net)


def test_an_output_that_cannot_be_written_is_found_before_training(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aezip_export.small", "photo", "--pictures", str(tmp_path), "-o"]
    for output, said in ((tmp_path / "no/a.aezm", "existing folder"), (tmp_path / "a", "a name ending in .aezm")):
        result = subprocess.run([*command, str(output)], capture_output=True, text=True)
        assert result.returncode != 0
        assert said in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_no_time_is_refused(tmp_path: Path, minutes: float) -> None:
    with pytest.raises(ValueError, match="minutes; expected more than 0"):
        small.add_to(tmp_path / "a.aezm", tmp_path, minutes=minutes)
