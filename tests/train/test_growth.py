"""More latents from a trained model: old files at first, and less lost."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from aezip_train import runs
from aezip_train.flagship import Config, Flagship
from aezip_train.growth import grown
from aezip_train.recipe import Recipe
from aezip_train.train_flagship import FlagshipTraining


def test_more_latents_lose_less() -> None:
    torch.manual_seed(1)
    config = Config(coarse=16, latent=16, coarse_blocks=1, latent_blocks=1, latent_inner=8, hyper=8, feature=8)
    images = torch.randn(4, 3, 16, 16).repeat_interleave(8, 2).repeat_interleave(8, 3)
    images = images + 0.3 * torch.randn_like(images)
    small = Flagship(config)
    small.start_classic(images)
    large = grown(small, Flagship(replace(config, latent=32)), lambda: images)
    quality = torch.full((4,), 1000.0)
    with torch.no_grad():
        before, after = (m.eval()(images, quality, noise=False) for m in (small, large))
    assert (after.image - images).square().mean() < 0.97 * (before.image - images).square().mean()
    torch.testing.assert_close(large.encoder.down.weight[:16], small.encoder.down.weight)
    assert large.gain.shape == (9, 32)


@pytest.mark.parametrize(("integer", "finding"), [(0, "at once; expected a run with"), (1, "integers does not grow")])
def test_decoders_in_integers_do_not_grow(integer: int, finding: str, tmp_path: Path) -> None:
    """Neither one that is, nor one that is to become."""
    sizes = {"coarse": 16, "latent": 16, "coarse_blocks": 1, "latent_blocks": 1, "hyper": 8, "feature": 8}
    recipe = Recipe(network={**sizes, "integer": integer})
    weights = FlagshipTraining.network(recipe).state_dict()
    runs.save_state({"recipe": asdict(recipe), "averaged": weights, "step": 0}, tmp_path)
    same, _ = FlagshipTraining.start_from(str(tmp_path), replace(recipe, network={"integer": 1}))
    assert (same.network["latent"], same.network["integer"]) == (16, 1)
    for wanted in ({"latent": 32, "integer": 1}, *([{"latent": 32}] if integer else [])):
        with pytest.raises(ValueError, match=finding):
            FlagshipTraining.start_from(str(tmp_path), replace(recipe, network=wanted))
