"""Own pictures → run → package → files, for every family without a hyperprior."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from aezip import Codec, images
from aezip.cli import main as aezip
from aezip.coding import cells
from aezip.model.description import CELL_ERRORS
from aezip.model.packages import check, describe
from aezip_export import autoencoders
from aezip_export.cli import main as export
from aezip_export.proofs import ProofFailed
from aezip_export.sample import measured
from aezip_train import runs
from aezip_train.cli import main as train
from aezip_train.recipe import build
from aezip_train.train_autoencoder import AutoencoderTraining

NETWORKS = {
    "vanilla": {"wide": 24, "latent": 16, "blocks": 1},
    "conv": {"coarse": 12, "latent": 16, "coarse_blocks": 1, "latent_blocks": 1},
    "vae": {"coarse": 12, "latent": 16, "coarse_blocks": 1, "latent_blocks": 1, "reach": 1},
}


@pytest.mark.parametrize("family", NETWORKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_three_commands_from_a_folder_to_a_file(family: str, channels: int, tmp_path: Path, drawn) -> None:
    (tmp_path / "pictures").mkdir()
    for n in range(4):
        picture = drawn(96, 96, n, channels)
        images.write(str(tmp_path / "pictures" / f"{n}.png"), images.Picture(picture), images.format_of("a.png"))
    run, package = tmp_path / "run", tmp_path / "mine.aezm"
    arguments = [family, "--data", str(tmp_path / "pictures"), "-o", str(run), "--max-steps", "3", "--set=crop=64"]
    arguments += [f"--set=network={json.dumps(NETWORKS[family])}", f"--set=channels={channels}"]
    for command, given in (
        (train, arguments),
        (export, [str(run), "-o", str(package)]),
        (aezip, ["compress", "-m", str(package), str(tmp_path / "pictures" / "0.png"), "-o", str(tmp_path / "0.lat")]),
    ):
        result = CliRunner().invoke(command, given)
        assert result.exit_code == 0, result.output
    assert (run / "report.html").exists()
    pixels, _ = Codec(str(package)).decode((tmp_path / "0.lat").read_bytes())
    assert pixels.shape == (96, 96, channels)
    first = package.read_bytes()
    assert CliRunner().invoke(export, [str(run), "-o", str(package), "-f"]).exit_code == 0
    assert package.read_bytes() == first


def test_a_graph_that_is_not_the_network_is_not_written(tmp_path: Path, drawn, monkeypatch) -> None:
    plan = build({"family": "conv", "crop": 64, "network": NETWORKS["conv"]})
    fitted = AutoencoderTraining(plan, [drawn(96, 96, n) for n in range(3)])
    fitted.settle()
    net, static = AutoencoderTraining.load(fitted.state())
    graph = autoencoders.encoder

    def other(net, storage="float16"):
        with torch.no_grad():
            net.encoder.down.bias += 0.5
        return graph(net, storage)

    monkeypatch.setattr(autoencoders, "encoder", other)
    before = net.encoder.down.bias.detach().clone()
    monkeypatch.setattr(autoencoders, "prove", lambda net, path: _prove(net, path, before))
    with pytest.raises(ProofFailed, match="encoder: torch and onnxruntime differ"):
        autoencoders.export(net, static, tmp_path / "a.aezm", name="a", facts={}, card="")
    assert not (tmp_path / "a.aezm").exists()


_proved = autoencoders.prove


def _prove(net, path, bias):
    with torch.no_grad():
        net.encoder.down.bias.copy_(bias)
    return _proved(net, path)


def test_what_is_measured_on_pictures_is_in_the_package_or_nothing_is_written(tmp_path: Path, drawn) -> None:
    plan = build({"family": "conv", "crop": 64, "network": NETWORKS["conv"], "channels": 1})
    fitted = AutoencoderTraining(plan, [drawn(96, 96, n, 1) for n in range(3)])
    fitted.settle()
    runs.save_state(fitted.state(), tmp_path / "run")
    package, pictures = tmp_path / "mine.aezm", tmp_path / "pictures"
    pictures.mkdir()
    arguments = [str(tmp_path / "run"), "-o", str(package), "--pictures", str(pictures)]
    result = CliRunner().invoke(export, arguments)
    assert result.exit_code == 1
    assert f"Error: {package} not written: {pictures}: no picture of at least" in result.output
    assert not package.exists()
    for n in range(6):
        Image.fromarray(drawn(96, 96, n, 1)[:, :, 0]).save(pictures / f"{n}.png")
    result = CliRunner().invoke(export, arguments)
    assert result.exit_code == 0, result.output
    assert "frequency tables" not in result.output  # those were counted in training
    found = describe(package)
    check(found)
    assert "decoder.8.onnx" in found.members
    assert np.shape(found.description["cell_errors"]) == CELL_ERRORS
    assert found.description["measured"] == measured(package, (q / 10 for q in autoencoders.QUALITIES))


def test_what_a_young_model_loses_is_patched_and_no_reason_to_write_none(tmp_path: Path, drawn, monkeypatch) -> None:
    plan = build({"family": "conv", "crop": 64, "network": NETWORKS["conv"]})
    fitted = AutoencoderTraining(plan, [drawn(96, 96, n) for n in range(3)])
    fitted.settle()
    net, static = AutoencoderTraining.load(fitted.state())
    monkeypatch.setattr(cells, "bounds", lambda classes, *_: np.zeros(classes.shape, np.float32))  # all are wrong
    autoencoders.export(net, static, tmp_path / "a.aezm", name="a", facts={}, card="")
    assert {found["psnr_db"] for found in describe(tmp_path / "a.aezm").description["measured"].values()} == {99}


def test_a_run_without_tables_is_told(tmp_path: Path, drawn) -> None:
    Image.fromarray(drawn(96, 96)).save(tmp_path / "0.png")
    plan = build({"family": "conv", "crop": 64, "network": NETWORKS["conv"]})
    state = AutoencoderTraining(plan, [drawn(96, 96)]).state()
    (tmp_path / "run").mkdir()
    torch.save(state, tmp_path / "run" / "state.pt")
    assert "static" not in runs.load_state(tmp_path / "run")
    result = CliRunner().invoke(export, [str(tmp_path / "run"), "-o", str(tmp_path / "a.aezm")])
    assert result.exit_code == 1
    assert "has no tables yet" in result.output
