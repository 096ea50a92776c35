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
from aezip_export import flagships, integer_graphs, package
from aezip_train.flagship import Config, Flagship
from aezip_train.graph_steps import steps
from aezip_train.integer import IntegerConv2d, set_integer
from aezip_train.integer_lapped import IntegerResidual
from aezip_train.package_weights import read_model

FACTS = {"summary": "A test.", "licence": "CC0-1.0", "training": {"recipe": "none", "steps": 0, "hours": 0.0}}
LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


@pytest.fixture(scope="module")
def model() -> Flagship:
    return drawn_model()


def drawn_model(inner: int = 12) -> Flagship:
    """A small model with weights of every size."""
    torch.manual_seed(1)
    sizes = {"coarse": 16, "latent": 24, "coarse_blocks": 2, "latent_blocks": 2, "latent_inner": inner}
    model = Flagship(Config(**sizes, hyper=8, feature=8, integer=1))
    with torch.no_grad():
        for layer in model.decoder.modules():
            if isinstance(layer, IntegerConv2d):
                layer.weight.normal_(0, 2 / layer.weight[0].numel() ** 0.5)
                if isinstance(layer.bias, nn.Parameter):
                    layer.bias.normal_(0, 20 if layer.rounds else 5)
                if layer.tops is not None:
                    layer.tops.copy_(2.0 ** torch.randint(5, 15, layer.tops.shape) - 1)
            if isinstance(layer, IntegerResidual):
                layer.gain.copy_(2.0 ** torch.randint(-4, 1, layer.gain.shape))
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
    assert_as_in_torch(model, integer_graphs.decoder(model), level)


def assert_as_in_torch(model: Flagship, graph: bytes, level: str) -> None:
    rng = np.random.default_rng(2)
    latent = np.rint(rng.standard_t(2, (2, 9, 7, 24)) * 200).clip(-30000, 30000).astype(np.int16)
    inverse = np.exp2(rng.integers(-7, -3, 24)).astype(np.float32) * np.float32(1.3)
    with torch.no_grad():
        scaled = torch.from_numpy(latent.astype(np.float32) * inverse).permute(0, 3, 1, 2)
        levels = (model.decoder(scaled) * 64 + 128).round()
    image = levels.clamp(0, 255).permute(0, 2, 3, 1).numpy()
    assert image.std() > 20
    inputs = {"latent": latent, "inverse_gain": inverse}
    (got,) = execute(graph, level, ["image"], inputs)
    np.testing.assert_array_equal(got, image)


def test_channels_that_add_nothing_are_left_out(tmp_path: Path) -> None:
    """Up to a multiple of 16; what is read again makes the same pixels, and can learn to use them."""
    model = drawn_model(inner=40)
    with torch.no_grad():
        for block, used in zip(model.decoder.latent, (10, 17), strict=True):
            block.expand.weight[:, torch.randperm(40)[used:]] = 0
    full = integer_graphs.decoder(model)
    assert [len(step.value) for step in steps(full) if step.operator == "MatMul"] == [16, 32]
    flagships.export(model, tmp_path / "x.aezm", name="x", facts=FACTS, card="A test.")
    again = read_model(str(tmp_path / "x.aezm")).eval()
    set_integer(again, True)
    assert integer_graphs.decoder(again) == full
    for one in (model, again):
        assert_as_in_torch(one, full, "ORT_ENABLE_ALL")
    for block in again.decoder.latent:
        assert block.spatial.weight.abs().amax((1, 2, 3)).min() > 0


def test_a_package_in_integers_codes_pictures(model: Flagship, tmp_path: Path, drawn) -> None:
    flagships.export(model, tmp_path / "x.aezm", name="x", facts=FACTS, card="A test.")
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
