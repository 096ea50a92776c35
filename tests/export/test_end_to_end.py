"""train → export → runtime, on a model trained in seconds."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import aezip
from aezip.model.onnx_check import OPERATORS
from aezip.quality.metrics import psnr_db
from aezip_export import flagships, graphs, prior_graphs, proofs
from aezip_export.builder import Graph
from aezip_export.cli import main as export_command
from aezip_train import runs
from aezip_train.cli import main as train_command
from aezip_train.flagship import Config, Flagship
from aezip_train.integer import IntegerConv2d
from aezip_train.train_flagship import FlagshipTraining

SMALL = '{"coarse": 32, "latent": 48, "hyper": 8, "feature": 16, "coarse_blocks": 1, "latent_blocks": 1}'
FACTS = {"summary": "A test.", "licence": "CC0-1.0", "training": {"recipe": "none", "steps": 0, "hours": 0.0}}


def export(model: Flagship, path: Path) -> None:
    flagships.export(model, path, name="x", facts=FACTS, card="A test.")


def trained(run: Path) -> Flagship:
    return FlagshipTraining.load(runs.load_state(run))[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, drawn) -> Path:
    folder = tmp_path_factory.mktemp("end")
    (folder / "pictures").mkdir()
    for n in range(4):
        Image.fromarray(drawn(160, 160, seed=n)).save(folder / "pictures" / f"{n}.png")
    settings = ["crop=64", "batch=4", "integer_from=30", f"network={SMALL}"]
    arguments = ["photo", "--data", str(folder / "pictures"), "-o", str(folder / "run"), "--max-steps", "60"]
    result = CliRunner().invoke(train_command, [*arguments, *(f"--set={s}" for s in settings)])
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_trained_model_compresses(run: Path, tmp_path: Path, drawn) -> None:
    package = tmp_path / "mine.aezm"
    result = CliRunner().invoke(export_command, [str(run), "-o", str(package), "--summary", "Mine."])
    assert result.exit_code == 0, result.output
    pixels = drawn(130, 100, seed=9)
    codec = aezip.Codec(str(package))
    data = codec.compress(pixels, quality=80)
    assert psnr_db(pixels, codec.decode(data)[0]) > 25
    assert len(data) < pixels.size / 3

    again = CliRunner().invoke(export_command, [str(run), "-o", str(package)])
    assert again.exit_code == 1
    assert "--force" in again.output
    second = tmp_path / "again" / "mine.aezm"
    second.parent.mkdir()
    CliRunner().invoke(export_command, [str(run), "-o", str(second), "--summary", "Mine."])
    assert second.read_bytes() == package.read_bytes()


def test_graphs_use_listed_operators_and_hold_their_weights(run: Path, tmp_path: Path) -> None:
    export(trained(run), tmp_path / "x.aezm")
    with zipfile.ZipFile(tmp_path / "x.aezm") as package:
        for name in ("encoder", "hyper", "prior", "context", "decoder"):
            graph = onnx.load_from_string(package.read(f"{name}.onnx")).graph
            assert {node.op_type for node in graph.node} <= OPERATORS
            assert not any(c.external_data for c in graph.initializer)


def test_a_broken_bound_writes_nothing(tmp_path: Path, monkeypatch) -> None:
    model = Flagship(Config(coarse=16, latent=16, hyper=8, feature=8, coarse_blocks=1, latent_blocks=1))
    monkeypatch.setattr(proofs, "SUM_LIMIT", 1000)
    with pytest.raises(proofs.ProofFailed, match="can reach"):
        export(model, tmp_path / "x.aezm")
    assert not list(tmp_path.iterdir())


def test_a_prior_that_differs_writes_nothing(run: Path, tmp_path: Path, monkeypatch) -> None:
    rounded = prior_graphs.rounded

    def off(g: Graph, sums: str, layer: IntegerConv2d) -> str:
        return rounded(g, g.node("Add", sums, g.scalar(0.01)), layer)

    monkeypatch.setattr(prior_graphs, "rounded", off)
    with pytest.raises(proofs.ProofFailed, match="differ"):
        export(trained(run), tmp_path / "x.aezm")
    assert not list(tmp_path.iterdir())


def test_transforms_that_differ_write_nothing(run: Path, tmp_path: Path, monkeypatch) -> None:
    model = trained(run)
    monkeypatch.setattr(proofs, "stored_weights", lambda model: model)
    real = graphs.decoder

    def other(model: Flagship) -> bytes:
        with torch.no_grad():
            model.decoder.stem.bias.add_(0.1)
        try:
            return real(model)
        finally:
            with torch.no_grad():
                model.decoder.stem.bias.sub_(0.1)

    monkeypatch.setattr(graphs, "decoder", other)
    with pytest.raises(proofs.ProofFailed, match="levels apart"):
        export(model, tmp_path / "x.aezm")


def test_the_decoder_graph_is_the_decoder(drawn) -> None:
    """Convolution and shuffle against transposed convolution, on random weights."""
    from aezip.engine.library import onnxruntime

    torch.manual_seed(2)
    model = Flagship(Config(coarse=16, latent=24, hyper=8, feature=8, coarse_blocks=1, latent_blocks=1)).eval()
    latent = np.random.default_rng(1).integers(-40, 40, (1, 3, 5, 24)).astype(np.int16)
    session = onnxruntime().InferenceSession(graphs.decoder(model, "float32"))
    got = session.run(None, {"latent": latent, "inverse_gain": np.full(24, 1 / 16, np.float32)})[0]
    with torch.no_grad():
        want = model.decoder(torch.from_numpy(latent).permute(0, 3, 1, 2) / 16)
    want = (want * 64 + 128.5).floor().clamp(0, 255).permute(0, 2, 3, 1).numpy()
    assert np.abs(got - want).max() <= 1
