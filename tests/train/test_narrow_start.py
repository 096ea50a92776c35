"""An encoder in float becomes one with blocks of 8 bits: near it; a run that learns, goes on and is exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from aezip.codec import Codec
from aezip_export import flagships, package
from aezip_train import integer_start, narrow_start, runs
from aezip_train.data import centre
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import set_integer
from aezip_train.package_weights import read_model
from aezip_train.recipe import Recipe
from aezip_train.train_flagship import FlagshipTraining

SIZES = {"coarse": 16, "latent": 24, "hyper": 8, "feature": 8, "coarse_blocks": 2, "latent_blocks": 2}
FACTS = {"summary": "A test.", "licence": "CC0-1.0"}


@pytest.fixture
def crops(drawn) -> torch.Tensor:
    return centre(np.stack([drawn(128, 128, seed) for seed in range(4)]))


@pytest.fixture
def model(crops) -> Flagship:
    """A classic transform with an encoder whose blocks do something."""
    torch.manual_seed(1)
    model = Flagship(Config(**SIZES))
    model.start_classic(crops)
    with torch.no_grad():
        for block in (*model.encoder.latent, *model.encoder.coarse):
            for layer in block.children():
                assert isinstance(layer, nn.Conv2d)
                layer.weight.normal_(0, (0.3 if layer is block.expand else 1) / layer.weight[0].numel() ** 0.5)
                layer.bias.normal_(0, 0.1)
    return model.eval()


@torch.no_grad()
def test_a_narrow_encoder_makes_nearly_the_same_latents(model: Flagship, crops: torch.Tensor, drawn) -> None:
    exact = integer_start.convert(model, Flagship(replace(model.config, integer=1)), lambda: crops)
    whole = narrow_start.convert(exact, Flagship(replace(model.config, integer=2)), lambda: crops)
    set_integer(whole, True)
    others = centre(np.stack([drawn(128, 128, seed) for seed in range(4, 8)]))
    strided = model.encoder.down(model.encoder.stem(torch.nn.functional.pad(others, (4, 4, 4, 4), mode="replicate")))
    want = model.encoder(others)
    of_blocks, error = (want - strided).square().mean(), (whole.encoder(others) - want).square().mean()
    assert error < 0.01 * of_blocks
    assert all(torch.equal(v, whole.state_dict()[k]) for k, v in model.prior.state_dict(prefix="prior.").items())


def test_a_run_with_a_narrow_encoder_learns_goes_on_and_is_exported(model: Flagship, drawn, tmp_path: Path) -> None:
    recipe = Recipe(network={**SIZES, "integer": 2}, crop=128, batch=2, integer_from=0, warmup_steps=1, threads=1)
    pictures = [drawn(140, 150, seed) for seed in range(3)]
    first = FlagshipTraining(recipe, pictures, weights=model.state_dict())
    start = {name: value.clone() for name, value in first.model.encoder.named_parameters()}
    assert np.isfinite(first.train_step()["loss"])
    for name, value in first.model.encoder.named_parameters():
        assert not torch.equal(value, start[name]), name
    runs.save_state(first.state(), tmp_path)
    wanted = first.train_step()["loss"]
    state = runs.load_state(tmp_path)
    second = FlagshipTraining(recipe, pictures, weights=state["averaged"])
    second.restore(state)
    assert second.train_step()["loss"] == wanted

    (trained,) = FlagshipTraining.load(state)
    path = tmp_path / "x.aezm"
    flagships.export(trained, path, name="x", facts=FACTS, card="")
    codec = Codec(str(path))
    pixels = drawn(100, 130)
    assert codec.decode(codec.encode(pixels, 60))[0].shape == pixels.shape
    deep = pixels.astype(np.uint16) * 257
    assert codec.decode(codec.encode(deep, 60, depth=16))[0].dtype == np.uint16
    again = package.members_of(read_model(str(path)), "")
    for name, member in codec_members(codec).items():
        if name not in ("tables.npz", "CARD.md"):
            assert again[name] == member, name


def codec_members(codec: Codec) -> dict[str, bytes]:
    return {name: codec.package.member(name) for name in codec.package.about.members}
