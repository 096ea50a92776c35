"""A float flagship becomes one in integers, first its decoder, then its encoder: near it; a run that learns, goes on
and is exported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from aezip.codec import Codec
from aezip_export import flagships, package
from aezip_train import narrow_start, runs
from aezip_train.data import centre
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import set_integer
from aezip_train.integer_start import convert
from aezip_train.package_weights import read_model
from aezip_train.recipe import Recipe
from aezip_train.train_flagship import FlagshipTraining

SIZES = {"coarse": 16, "latent": 24, "hyper": 8, "feature": 8, "coarse_blocks": 1, "latent_blocks": 1}
FACTS = {"summary": "A test.", "licence": "CC0-1.0"}


@pytest.fixture
def crops(drawn) -> torch.Tensor:
    pictures = np.stack([drawn(128, 128, seed) for seed in range(4)])
    return centre(pictures)


@torch.no_grad()
def speaking(blocks: Iterable[nn.Module], added: float, bias: float = 0.0) -> None:
    """Make blocks do something.  added: how much, of what is usual; bias: of all layers, if any."""
    for block in blocks:
        for layer in block.children():
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            layer.weight.normal_(0, (added if layer is block.expand else 1) / layer.weight[0].numel() ** 0.5)
            if bias:
                layer.bias.normal_(0, bias)


@pytest.fixture
def small(crops) -> Flagship:
    """A classic transform with blocks that do something."""
    torch.manual_seed(1)
    model = Flagship(Config(**SIZES))
    model.start_classic(crops)
    speaking((*model.decoder.latent, *model.decoder.coarse), 0.03)
    return model.eval()


@torch.no_grad()
def psnr_db(model: Flagship, crops: torch.Tensor, quality: float) -> float:
    image = model.eval()(crops, torch.full((len(crops),), quality), noise=False).image
    return float(10 * torch.log10(255**2 / (64 * (image - crops)).square().mean()))


def test_a_converted_model_decodes_as_before(small: Flagship, crops: torch.Tensor) -> None:
    whole = convert(small, Flagship(replace(small.config, integer=1)), lambda: crops)
    set_integer(whole, True)
    for quality in (200.0, 600.0, 900.0):
        assert psnr_db(whole, crops, quality) == pytest.approx(psnr_db(small, crops, quality), abs=0.1)


def learns_and_goes_on(model: Flagship, integer: int, part: str, drawn, folder: Path) -> Flagship:
    """A run that starts from a model learns all of a part, and goes on bit for bit.  Returns its averaged model."""
    network = {**asdict(model.config), "integer": integer}
    recipe = Recipe(network=network, crop=128, batch=2, integer_from=0, warmup_steps=1, threads=1)
    pictures = [drawn(140, 150, seed) for seed in range(3)]
    first = FlagshipTraining(recipe, pictures, weights=model.state_dict())
    start = {name: value.clone() for name, value in getattr(first.model, part).named_parameters()}
    assert np.isfinite(first.train_step()["loss"])
    for name, value in getattr(first.model, part).named_parameters():
        assert not torch.equal(value, start[name]), name
    runs.save_state(first.state(), folder)
    wanted = first.train_step()["loss"]
    state = runs.load_state(folder)
    second = FlagshipTraining(recipe, pictures, weights=state["averaged"])
    second.restore(state)
    assert second.train_step()["loss"] == wanted
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    (trained,) = FlagshipTraining.load(state)
    return trained


def test_a_converted_run_learns_goes_on_and_is_exported(small: Flagship, drawn, tmp_path: Path) -> None:
    model = learns_and_goes_on(small, 1, "decoder", drawn, tmp_path)
    path = tmp_path / "x.aezm"
    flagships.export(model, path, name="x", facts=FACTS, card="")
    codec = Codec(str(path))
    assert codec.package.about.description["exact_pixels"]
    pixels = drawn(70, 90, seed=5)
    assert codec.decode(codec.encode(pixels, 60))[0].shape == pixels.shape


def test_a_learning_rate_means_the_same_to_channels_of_all_sizes(small: Flagship, crops: torch.Tensor) -> None:
    d: Any = convert(small, Flagship(replace(small.config, integer=1)), lambda: crops).decoder
    before = {p: p / unit for p, unit in d.units().items()}
    block = d.coarse[0]
    with torch.no_grad():  # a channel of the trunk at 1/8 in whole numbers that are four times as large
        for layer in (d.stem, block.reduce):
            layer.tops[3] *= 4
            layer.weight[:, 3] /= 4
        for row in range(3, len(d.up.bias), SIZES["coarse"]):
            d.up.weight[row] *= 4
            d.up.bias[row] *= 4
        block.expand.weight[3] *= 4
        block.expand.bias[3] *= 4
    after = {p: p / unit for p, unit in d.units().items()}
    assert set(before) == set(d.parameters())
    assert all(torch.equal(value, after[p]) for p, value in before.items())


def test_a_step_that_breaks_leaves_the_weights(small: Flagship, drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(network={**SIZES, "integer": 1}, crop=128, batch=2, integer_from=0, threads=1)
    run = FlagshipTraining(recipe, [drawn(140, 150, seed) for seed in range(3)], weights=small.state_dict())
    start = {name: value.clone() for name, value in run.model.state_dict().items()}

    def full() -> None:
        raise MemoryError

    monkeypatch.setattr(run.optimisers[0], "step", full)
    with pytest.raises(MemoryError):
        run.train_step()
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, start[name]), name


@pytest.fixture
def to_narrow(crops) -> Flagship:
    """A classic transform with an encoder whose blocks do something."""
    torch.manual_seed(1)
    model = Flagship(Config(**{**SIZES, "coarse_blocks": 2, "latent_blocks": 2}))
    model.start_classic(crops)
    speaking((*model.encoder.latent, *model.encoder.coarse), 0.3, bias=0.1)
    return model.eval()


@torch.no_grad()
def test_a_narrow_encoder_makes_nearly_the_same_latents(to_narrow: Flagship, crops: torch.Tensor, drawn) -> None:
    exact = convert(to_narrow, Flagship(replace(to_narrow.config, integer=1)), lambda: crops)
    whole = narrow_start.convert(exact, Flagship(replace(to_narrow.config, integer=2)), lambda: crops)
    set_integer(whole, True)
    others = centre(np.stack([drawn(128, 128, seed) for seed in range(4, 8)]))
    strided = to_narrow.encoder.down(
        to_narrow.encoder.stem(torch.nn.functional.pad(others, (4, 4, 4, 4), mode="replicate"))
    )
    want = to_narrow.encoder(others)
    of_blocks, error = (want - strided).square().mean(), (whole.encoder(others) - want).square().mean()
    assert error < 0.01 * of_blocks
    assert all(torch.equal(v, whole.state_dict()[k]) for k, v in to_narrow.prior.state_dict(prefix="prior.").items())


def test_a_run_with_a_narrow_encoder_learns_goes_on_and_is_exported(to_narrow: Flagship, drawn, tmp_path: Path) -> None:
    trained = learns_and_goes_on(to_narrow, 2, "encoder", drawn, tmp_path)
    path = tmp_path / "x.aezm"
    flagships.export(trained, path, name="x", facts=FACTS, card="")
    codec = Codec(str(path))
    pixels = drawn(100, 130)
    assert codec.decode(codec.encode(pixels, 60))[0].shape == pixels.shape
    deep = pixels.astype(np.uint16) * 257
    assert codec.decode(codec.encode(deep, 60, depth=16))[0].dtype == np.uint16
    again = package.members_of(read_model(str(path)), "")
    members = {name: codec.package.member(name) for name in codec.package.about.members}
    for name, member in members.items():
        if name not in ("tables.npz", "CARD.md"):
            assert again[name] == member, name
