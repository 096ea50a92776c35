from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from aezip.entropy.tables import Tables
from aezip.model.ladder import Ladder
from aezip.model.packages import Package
from aezip.model.store import find
from aezip_export import flagships, macs, package
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import IntegerConv2d, in_pairs
from aezip_train.package_weights import products, read_model

FACTS = {"summary": "A test.", "licence": "CC0-1.0", "training": {"recipe": "none", "steps": 0, "hours": 0.0}}


def test_a_package_comes_back_and_exports_alike() -> None:
    """The shipped one: `tiny` was exported before convolutions told their dilations."""
    stored = Package(find("photo"))
    members = package.members_of(read_model("photo"), "")
    for name in ("prior.onnx", "context.onnx", "decoder.onnx", "hyper.onnx"):
        assert members[name] == stored.member(name), name
    again, wanted = (np.load(io.BytesIO(data)) for data in (members["tables.npz"], stored.member("tables.npz")))
    assert set(again.files) == set(wanted.files) == {*Tables.__dataclass_fields__, *Ladder._fields, "skip"}
    for name in (*Ladder._fields, "skip"):
        np.testing.assert_array_equal(again[name], wanted[name], name)


@pytest.mark.parametrize(
    ("steps", "latents", "used", "stored"),
    [
        (0, 24, (48, 48, 24), (48, 48, 24)),
        (1, 24, (48, 48, 24), (48, 48, 24)),
        (1, 40, (17, 33, 18), (32, 48, 32)),
        (0, 40, (48, 5, 3), (48, 16, 16)),
        (1, 41, (3, 0, 18), (16, 16, 41)),
    ],
)
def test_a_prior_comes_back(tmp_path, steps, latents, used, stored) -> None:
    """With local steps and without, weights of every size.

    used: of 48 hidden units of either half, and of the context's channels; stored: of these.
    """
    torch.manual_seed(steps)
    sizes = {"coarse": 16, "coarse_blocks": 1, "latent_blocks": 1, "hyper": 8, "feature": 8, "hidden": 48}
    model = Flagship(Config(latent=latents, local_steps=steps, **sizes))
    with torch.no_grad():
        for layer in (*model.prior.modules(), *model.context.modules()):
            if isinstance(layer, IntegerConv2d):
                layer.weight.normal_(0, 3 / layer.weight[0].numel() ** 0.5)
                layer.bias.normal_()
        for half, count in zip((model.prior.first, model.context.second), used, strict=False):
            for layer in half.says():
                layer.weight[:, count:] = 0
        model.context.look.weight.unflatten(1, (8, latents))[:, :, used[2] :] = 0
    path = tmp_path / "x.aezm"
    flagships.export(model, path, name="x", facts=FACTS, card="A test.")
    made, members = Package(find(str(path))), package.members_of(read_model(str(path)), "")
    for name in ("prior.onnx", "context.onnx"):
        assert members[name] == made.member(name), name
    first, second = (products(made, name, "MatMul") for name in ("prior", "context"))
    assert (len(first[2].value), len(second[2].value), len(second[0].value) // 2) == stored
    for step in (*first, *second):
        rows = torch.from_numpy(step.value.T.astype(np.float32))[..., None, None]
        assert torch.equal(in_pairs(rows), rows)


def test_arithmetic_is_counted_as_by_hand(tiny: str) -> None:
    """Channels 32, 48, 16, 16; one block at each resolution.  A 64×64 picture has 8×8 cells and 4×4 latents."""
    graph = {name: Package(find(tiny)).member(f"{name}.onnx") for name in ("encoder", "hyper", "decoder")}
    coarse = 64 * (32 * 16 + 16 * 16 * 9 + 16 * 32)
    latent = 16 * (48 * 24 + 24 * 24 * 9 + 24 * 48)
    stem, down = 64 * 3 * 256 * 32, 16 * 32 * 4 * 48
    assert macs.macs(graph["encoder"], 64, 64) == stem + coarse + down + latent
    assert macs.macs(graph["hyper"], 64, 64) == 16 * 96 * 16 + 4 * 16 * 9 * 16 + 16 * 9 * 16
    assert macs.macs(graph["decoder"], 64, 64) == latent + 16 * 48 * 128 + coarse + 81 * 32 * 4 * 192
