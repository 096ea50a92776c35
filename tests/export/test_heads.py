"""Decoders of small pictures: fitted to what the whole decoder makes, near its averages, optional everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aezip.codec import Codec
from aezip.format.averages import averaged
from aezip.model import kinds, packages, store
from aezip.quality import metrics
from aezip_export import heads, reach


def test_a_linear_decoder_is_found_again() -> None:
    rng = np.random.default_rng(1)
    mix = rng.normal(0, 20, (5, 3))
    pairs = []
    for _ in range(4):
        latent = rng.normal(0, 1, (20, 24, 5)).astype(np.float32)
        colours = np.clip(latent @ mix + 128, 0, 255).round().astype(np.uint8)  # one colour a latent
        pairs.append((latent, colours.repeat(16, 0).repeat(16, 1)))
    made = heads.fitted(pairs, 5, 3)
    assert {scale: weight.shape for scale, (weight, _) in made.items()} == {8: (12, 5, 3, 3), 4: (48, 5, 3, 3)}
    for weight, bias in made.values():
        centre = weight[:, :, 1, 1].reshape(-1, 3, 5).mean(0).T * 64
        np.testing.assert_allclose(centre, mix, atol=1.5)
        assert np.abs(weight - weight * (np.arange(9) == 4).reshape(3, 3)).max() < 0.05
        assert np.abs(bias).max() < 0.05


def test_small_pictures_are_near_averages(tiny, drawn, tmp_path) -> None:
    for seed in range(8):
        Image.fromarray(drawn(128, 96, seed)).save(tmp_path / f"{seed}.png")
    output = tmp_path / "small.aezm"
    assert heads.add_to(store.find(tiny).path, tmp_path, output) == 8
    packages.check(packages.describe(output))
    package = store.find_codec(str(output))
    assert package.fingerprint == store.find(tiny).fingerprint
    codec = Codec(str(output))
    data = codec.encode(drawn(96, 128, seed=30), 60)
    whole = codec.decode(data)[0]
    for scale, name in kinds.REDUCED.items():
        assert reach.margin(package.member(f"{name}.onnx"), scale) == package.margin(name) == 1
        assert metrics.psnr_db(averaged(whole, scale), codec.decode(data, scale=scale)[0]) > 32


@pytest.mark.parametrize("name", ["static", "static-grey"])
def test_models_without_a_hyperprior(golden, drawn, tmp_path, name) -> None:
    channels = 1 if name.endswith("grey") else 3
    for seed in range(6):
        Image.fromarray(drawn(128, 96, seed, channels).squeeze()).save(tmp_path / f"{seed}.png")
    output = tmp_path / "small.aezm"
    heads.add_to(golden / f"tiny-{name}.aezm", tmp_path, output)
    codec = Codec(str(output))
    data = codec.encode(drawn(64, 64, seed=30, channels=channels), 60)
    assert metrics.psnr_db(averaged(codec.decode(data)[0], 8), codec.decode(data, scale=8)[0]) > 28
