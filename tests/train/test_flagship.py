from __future__ import annotations

import numpy as np
import pytest
import torch

from aezip.coding import hyperprior, quantisation
from aezip.entropy.tables import INDEX_TOP, mixture_masses, mixture_tables
from aezip_train import flagship


def test_the_search_is_the_runtimes() -> None:
    """Both quantisers choose alike wherever the choice is not a matter of the tables' own rounding."""
    rng = np.random.default_rng(4)
    off = rng.integers(-16 * 4, 16 * 4, 5000).astype(np.int32)  # in 1/16 of a step
    symbol = (off + 8) >> 4
    off, symbol = off[symbol != 0], symbol[symbol != 0]
    index = rng.integers(20, 64, len(symbol)).astype(np.uint8)
    theirs = quantisation.towards_zero(off, symbol, index, mixture_tables(), 12.0)
    ours = flagship.towards_zero(*(torch.tensor(a, dtype=torch.float32) for a in (off / 16, symbol, index)), 12.0)
    assert (theirs != symbol).mean() > 0.02
    assert (ours.numpy() == theirs).mean() > 0.98


def test_the_search_lowers_the_rate(drawn) -> None:
    torch.manual_seed(0)
    model = flagship.Flagship(flagship.Config(16, 24, 1, 1, 8, 16)).eval()
    image = torch.tensor(drawn(128, 128)).permute(2, 0, 1)[None].float().sub(128).div(64)
    quality = torch.tensor([600.0])
    with torch.no_grad():
        rounded = model(image, quality, noise=False)
        model.bits_per_error = 12.0
        searched = model(image, quality, noise=False)
    assert 0 < searched.bpp < rounded.bpp


def test_gradients_pass_the_search(drawn) -> None:
    """Every part learns: encoder and decoder through the symbols, the prior through their rate."""
    torch.manual_seed(0)
    model = flagship.Flagship(flagship.Config(16, 24, 1, 1, 8, 16))
    model.bits_per_error = 12.0
    image = torch.tensor(drawn(128, 128)).permute(2, 0, 1)[None].float().sub(128).div(64)
    said = model(image, torch.tensor([600.0]))
    (said.bpp.sum() + (said.image - image).square().mean()).backward()
    for part in (model.encoder.stem, model.decoder.stem, model.prior.first.scale, model.context.second.mean):
        gradient = part.weight.grad
        assert gradient is not None
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0


def test_halves_are_the_runtimes() -> None:
    """Both lay out the checkerboard alike; neighbours are those of the whole."""
    latent = np.arange(8 * 12 * 2, dtype=np.int16).reshape(8, 12, 2)
    x = torch.tensor(latent.astype(np.float32)).permute(2, 0, 1)[None]
    first, second = flagship.halves(x)
    assert torch.equal(flagship.whole(first, second), x)
    for ours, theirs in zip((first, second), hyperprior.halves(latent), strict=True):
        np.testing.assert_array_equal(ours.permute(0, 2, 3, 1).numpy(), theirs)
    around = torch.nn.functional.pad(x, (1, 1, 1, 1))
    four = torch.cat([around[..., :-2, 1:-1], around[..., 2:, 1:-1], around[..., 1:-1, :-2], around[..., 1:-1, 2:]], 1)
    assert torch.equal(flagship.neighbours(first), flagship.halves(four)[1])


@pytest.mark.parametrize("index", range(INDEX_TOP + 1))
def test_bits_in_training_are_those_of_the_mixtures(index: int) -> None:
    mass = mixture_masses()[index][:-1]
    radius = len(mass) // 2
    symbol = torch.arange(-radius, radius + 1).float()
    found = flagship.bits_of(symbol, torch.full_like(symbol, index)).numpy()
    usual = mass > 2.0**-28
    assert usual.sum() >= 3
    np.testing.assert_allclose(found[usual], -np.log2(mass[usual]), atol=0.01)
