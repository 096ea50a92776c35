"""A decoder in integers makes the same pixels whatever computes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from aezip import Codec
from aezip.bench import doctor
from aezip.engine.library import onnxruntime
from aezip.engine.sessions import Sessions
from aezip.entropy.tables import INDEX_TOP
from aezip_export import flagships, integer_graphs, integer_prior, package
from aezip_train.flagship import Config, Flagship, halves
from aezip_train.integer import IntegerConv2d, set_integer
from aezip_train.package_weights import read_model

LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


@pytest.fixture(scope="module", params=[9, 1])
def model(request: pytest.FixtureRequest) -> Flagship:
    """A small model with weights of every size; one in so many inputs of the step to 1/8 is wide."""
    torch.manual_seed(1)
    model = Flagship(Config(coarse=16, latent=24, coarse_blocks=2, latent_blocks=2, hyper=8, feature=8, integer=1))
    with torch.no_grad():
        for layer in model.decoder.modules():
            if isinstance(layer, IntegerConv2d):
                layer.weight.normal_(0, 2 / layer.weight[0].numel() ** 0.5)
                layer.bias.normal_(0, 20 if layer.rounds else 0)
        for layer in (model.decoder.up, model.decoder.stem):
            assert isinstance(layer, nn.ConvTranspose2d)
            layer.weight.normal_(0, 0.2)
        model.decoder.wide_up[:: request.param] = 1
        model.decoder.wide_stem[:2] = 1
        model.decoder.unit[:] = 2.0 ** torch.arange(24).remainder(5)
    set_integer(model, True)
    return model.eval()


def execute(graph: bytes, level: str, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """One run at one level of optimisation."""
    options = onnxruntime().SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime().GraphOptimizationLevel, level)
    session = onnxruntime().InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return list(session.run(outputs, inputs))


@pytest.mark.parametrize("level", LEVELS)
def test_pixels_are_those_of_torch_in_every_arithmetic(model: Flagship, level: str) -> None:
    rng = np.random.default_rng(2)
    latent = np.rint(rng.standard_t(2, (2, 9, 7, 24)) * 200).clip(-30000, 30000).astype(np.int16)
    inverse = np.exp2(rng.integers(-7, -3, 24)).astype(np.float32) * np.float32(1.3)
    with torch.no_grad():
        scaled = torch.from_numpy(latent.astype(np.float32) * inverse).permute(0, 3, 1, 2)
        expected = {kind: model.decoder.to(kind)(scaled.to(kind)) * 64 + 128 for kind in (torch.float64, torch.float32)}
    assert torch.equal(*(image.double() for image in expected.values()))  # no sum was rounded
    image = expected[torch.float32].round().clamp(0, 255).permute(0, 2, 3, 1).numpy()
    assert image.std() > 20
    inputs = {"latent": latent, "inverse_gain": inverse}
    (got,) = execute(integer_graphs.decoder(model), level, ["image"], inputs)
    np.testing.assert_array_equal(got, image)


def test_a_package_in_integers_codes_pictures(model: Flagship, tmp_path: Path, drawn) -> None:
    facts = {"summary": "A test.", "licence": "CC0-1.0", "training": {"recipe": "none", "steps": 0, "hours": 0.0}}
    flagships.export(model, tmp_path / "x.aezm", name="x", facts=facts, card="A test.")
    codec = Codec(str(tmp_path / "x.aezm"), threads=1)
    data = codec.encode(drawn(130, 100), 60)
    other = Codec(str(tmp_path / "x.aezm"), threads=2)
    np.testing.assert_array_equal(other.decode(data)[0], codec.decode(data)[0])
    said = codec.package.about.description
    assert said["exact_pixels"]
    assert said["pixels_digest"] == doctor.pixels_digest(Sessions(codec.package, optimisation="basic"))
    again = package.members_of(read_model(str(tmp_path / "x.aezm")), "A test.")
    for name, member in package.members_of(model, "A test.").items():
        assert again[name] == member, name


@pytest.mark.parametrize("level", LEVELS)
def test_the_prior_says_what_torch_says(model: Flagship, level: str) -> None:
    rng = np.random.default_rng(3)
    c = model.config
    with torch.no_grad():
        for layer in (*model.prior.modules(), *model.context.modules()):
            if isinstance(layer, IntegerConv2d):
                layer.weight.normal_(0, 1.5 / layer.weight[0].numel() ** 0.5)
                layer.bias.normal_(0, 0.3)
        hyper = rng.integers(-9, 10, (1, 3, 2, c.hyper)).astype(np.int16)
        z = torch.from_numpy(hyper.astype(np.float32) * 32).permute(0, 3, 1, 2).clamp(-255, 255) / 32
        features, mean, scale = model.prior(z)
        known = rng.integers(-300, 300, (2, 6, 4, c.latent)).astype(np.int16)
        near = np.floor(known / 2 + 0.5).clip(-127, 127).astype(np.float32)
        later, *means_and_scales = (halves(x)[1] for x in (features, mean, scale))
        more = model.context(later, torch.from_numpy(near).permute(0, 3, 1, 2) / 16)
    gains = {"mean_gain": np.full(c.latent, 0.5, np.float32), "shift": np.full(c.latent, 40, np.float32)}
    names = ["mean", "index", "features", "raw_mean", "raw_scale"]
    first = dict(
        zip(
            names,
            execute(
                integer_prior.prior(model),
                level,
                names,
                {
                    "hyper": hyper,
                    "hyper_inverse": np.full(c.hyper, 32, np.float32),
                    "hyper_offset": np.zeros(c.hyper, np.float32),
                    **gains,
                },
            ),
            strict=True,
        )
    )
    for name, value in (("raw_mean", means_and_scales[0] * 64), ("raw_scale", means_and_scales[1] * 8)):
        np.testing.assert_array_equal(first[name], value.numpy(), err_msg=name)
    np.testing.assert_array_equal(first["features"], later.numpy() * 32)
    carried = {name: first[name] for name in names[2:]}
    means, indices = execute(
        integer_prior.context(model),
        level,
        names[:2],
        {
            **carried,
            "known": known,
            "context_gain": np.ones(c.latent, np.float32),
            **gains,
        },
    )
    total = [(a + b).permute(0, 2, 3, 1).numpy() for a, b in zip(means_and_scales, more, strict=True)]
    np.testing.assert_array_equal(means, np.floor(total[0] * 64 * 0.5 + 0.5))
    np.testing.assert_array_equal(indices, (total[1] * 8 + 40).clip(0, INDEX_TOP))
    assert np.ptp(means) > 100
    assert np.ptp(indices) > 20
