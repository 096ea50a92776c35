from __future__ import annotations

import numpy as np
import pytest
import torch

from aezip.codec import Codec
from aezip.coding import hyperprior, quantisation
from aezip.entropy.tables import INDEX_TOP, mixture_masses, mixture_tables
from aezip_export import flagships
from aezip_train import flagship
from aezip_train.data import centre, to_bytes
from aezip_train.integer import set_integer
from aezip_train.package_weights import read_model
from aezip_train.recipe import build
from aezip_train.train_flagship import FlagshipTraining


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


def test_gradients_pass_the_steps(drawn) -> None:
    """In whole numbers, too, and from a start where all steps are the quality's."""
    torch.manual_seed(0)
    model = flagship.Flagship(flagship.Config(16, 24, 1, 1, 8, 16, local_steps=1))
    set_integer(model, True)
    image = torch.tensor(drawn(128, 128)).permute(2, 0, 1)[None].float().sub(128).div(64)
    said = model(image, torch.tensor([600.0]))
    (said.bpp.sum() + (said.image - image).square().mean()).backward()
    for part in (model.prior.first.step, model.context.second.step):
        assert part.weight.grad.abs().sum() > 0


def test_steps_are_as_large_as_they_say() -> None:
    model = flagship.Flagship(flagship.Config(16, 24, 1, 1, 8, 16, local_steps=1))
    y, mean, index = torch.randn(3, 1, 24, 4, 4).mul(9).round().div(16)
    for on in (False, True):
        set_integer(model, on)
        for k, size in ((-2, 9), (-1, 12), (0, 16), (1, 21)):
            found, _ = model._quantise(y, mean, index + 30, False, 0.0, torch.full_like(y, k))
            assert (found - y).abs().max() <= size / 32 + (0 if on else 0.02)
            whole = (found - mean) * 16 / size
            assert not on or torch.allclose(whole, whole.round(), atol=1e-4)


def test_the_runtime_takes_the_same_steps(golden, drawn) -> None:
    pixels, model = drawn(128, 128, seed=3), read_model(str(golden / "tiny-halves.aezm")).eval()
    set_integer(model, True)
    codec = Codec(str(golden / "tiny-halves.aezm"))
    shown, _ = codec.decode(codec.encode(pixels, 70, effort=0))
    with torch.no_grad():
        said = model(centre(pixels[None]), torch.tensor([700.0]), noise=False)
    # latents that lie half way between two symbols may go either way
    assert np.abs(to_bytes(said.image)[0].astype(int) - shown).mean() < 0.6


def test_a_package_gets_steps_that_change_nothing_yet(drawn, tmp_path) -> None:
    path = str(tmp_path / "x.aezm")
    small = flagship.Flagship(flagship.Config(16, 24, 1, 1, hyper=8, feature=8))
    facts = {"summary": "A test.", "licence": "CC0-1.0", "training": {"recipe": "none", "steps": 0, "hours": 0.0}}
    flagships.export(small, tmp_path / "x.aezm", name="x", facts=facts, card="A test.")
    recipe = build({"network": {"local_steps": 1, "latent": 24}})
    plan, weights = FlagshipTraining.start_from(path, recipe)
    model, before = FlagshipTraining.with_weights(plan, weights), read_model(path).eval()
    image, quality = centre(drawn(128, 128)[None]), torch.tensor([500.0])
    with torch.no_grad():
        assert torch.equal(model(image, quality, noise=False).image, before(image, quality, noise=False).image)
    assert model.config.local_steps == 1


def test_odd_numbers_of_channels_are_refused() -> None:
    for size in ({"hidden": 19}, {"feature": 13}):
        with pytest.raises(ValueError, match="expected even numbers"):
            flagship.Flagship(flagship.Config(16, 24, 1, 1, hyper=8, **size))


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
