"""The families vanilla, conv and vae: networks, losses, tables, and runs from the command."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from aezip.quality import metrics
from aezip_train import histograms, loop, objective, runs, vae
from aezip_train.autoencoder import Density
from aezip_train.cli import main
from aezip_train.corrupt import KINDS, corrupted
from aezip_train.data import centre
from aezip_train.recipe import build, read
from aezip_train.train_autoencoder import BITS_PER_ERROR, AutoencoderTraining

NETWORKS = {
    "vanilla": {"wide": 24, "latent": 16, "blocks": 1},
    "conv": {"coarse": 12, "latent": 16, "coarse_blocks": 1, "latent_blocks": 1},
    "vae": {"coarse": 12, "latent": 16, "coarse_blocks": 1, "latent_blocks": 1, "reach": 1},
}


def training(family: str, drawn, channels: int = 3, **values: object) -> AutoencoderTraining:
    plan = {"crop": 64, "batch": 2, "warmup_steps": 1, "channels": channels, "network": NETWORKS[family], **values}
    return AutoencoderTraining(build({"family": family, **plan}), [drawn(96, 96, n, channels) for n in range(6)])


@pytest.mark.parametrize("family", NETWORKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_untrained_network_is_a_transform(family: str, channels: int, drawn) -> None:
    model = training(family, drawn, channels).model.eval()
    clean = centre(drawn(64, 80, 9, channels)[None])
    u = model.encode(clean)
    assert u.shape == (1, 16, 4, 5)
    out = model(clean, torch.tensor([900.0]), noise=False)
    assert out.image.shape == clean.shape
    if family != "vae":  # whose filters need pictures larger than these
        assert (out.image - clean).square().mean() < 0.2 * clean.var()
    assert out.bpp.shape == (1,)
    assert out.bpp.item() > 0


@pytest.mark.parametrize("family", NETWORKS)
def test_grey_networks_of_the_recipes_own_size_start(family: str, drawn) -> None:
    plan = {**asdict(read(family)), "channels": 1, "crop": 64, "batch": 2}
    run = AutoencoderTraining(build(plan), [drawn(96, 96, n, 1) for n in range(4)])
    assert run.check[0].shape[2] == 1


def test_the_density_is_one() -> None:
    density = Density(3)
    torch.nn.init.normal_(density.share)
    for log_gain in (-1.0, 0.0, 3.0):
        symbols = torch.arange(-400.0, 401)[None, None, None].expand(1, 3, 1, -1)
        mass = torch.exp2(-density.bits(symbols, torch.full((1, 3, 1, 1), log_gain)))
        assert (mass.sum(3) - 1).abs().max() < 0.002


def test_distortions_are_near_the_mean_square(drawn) -> None:
    clean = centre(drawn(64, 64)[None]) * 0.2
    moved = clean + 0.02 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    square = objective.distortion("mse", moved, clean)
    assert objective.distortion("bce", moved, clean) == pytest.approx(square, rel=0.4)
    for kind in ("mse", "bce", "ms-ssim"):
        assert objective.distortion(kind, clean, clean).item() == pytest.approx(0, abs=0.01)


def test_similarity_is_the_runtimes(drawn) -> None:
    one, other = drawn(190, 200, 1), drawn(190, 200, 1) // 2 + 40
    x, y = (torch.from_numpy(p).permute(2, 0, 1)[None].double() for p in (one, other))
    assert objective.ms_ssim(x, y).item() == pytest.approx(metrics.ms_ssim(one, other), abs=1e-4)


@pytest.mark.parametrize("kind", ["l1", "kl"])
def test_sparsity_knows_no_scale_and_likes_few(kind: str) -> None:
    dense = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    few = dense * (dense.abs() > 1.7)
    assert objective.sparsity(kind, 100 * dense).item() == pytest.approx(objective.sparsity(kind, dense).item(), 1e-3)
    assert objective.sparsity(kind, few) < objective.sparsity(kind, dense)
    assert objective.silent(few) > 0.8 > 0.2 > objective.silent(dense)


def test_inputs_are_damaged_and_most_of_all_by_what_was_asked(drawn) -> None:
    clean = centre(np.stack([drawn(64, 64, n) for n in range(12)]))
    for kind in KINDS:
        given = corrupted(clean, [kind], np.random.default_rng(1))
        changed = (given != clean).flatten(1).any(1)
        assert 6 <= int(changed.sum()) <= 11
        assert (given - clean).abs().mean() < 0.5


def test_filters_whiten_and_colour() -> None:
    rng = torch.Generator().manual_seed(3)
    field = torch.nn.functional.avg_pool2d(torch.randn(8, 2, 66, 66, generator=rng), 3, 1)
    field /= field.std((0, 2, 3), keepdim=True)
    white, colour = vae.filters(field, 4)
    latent = torch.nn.functional.conv2d(field, white, groups=2)
    near = (latent[..., 1:] * latent[..., :-1]).mean() / latent.square().mean()
    assert near.abs() < 0.15 < 0.6 < (field[..., 1:] * field[..., :-1]).mean()
    made = torch.nn.functional.conv2d(torch.randn(8, 2, 64, 64, generator=rng), colour, groups=2)
    assert (made[..., 1:] * made[..., :-1]).mean() / made.square().mean() > 0.5


def test_sharing_tables_costs_less_than_a_hundredth() -> None:
    spread = np.exp2(np.linspace(-3, 5, histograms.NODES * 8))
    far = np.arange(-600, 601)
    mass = np.exp(-np.abs(far) / spread[:, None])
    counts = np.floor(1e5 * mass / mass.sum(1, keepdims=True)).astype(np.int64)
    tables, chosen = histograms.merged(counts)
    tables.check()
    own = counts / counts.sum(1, keepdims=True)
    ideal = -(own * np.log2(np.maximum(own, 1e-30))).sum(1)
    cost = tables.cost[tables.entries(chosen[:, None], far[None])]
    assert ((own * cost).sum(1) / ideal).mean() < 1.01


@pytest.mark.parametrize("family", NETWORKS)
def test_tables_are_whole_and_near_the_latents(family: str, drawn) -> None:
    run = training(family, drawn)
    run.settle()
    model, static = AutoencoderTraining.load(run.state())
    static.tables.check()
    assert static.table.shape == (histograms.NODES, 16)
    assert run.excess < 15  # as there are few latents; below 1 with a training set
    bpp, pixels = histograms.Coder(model, static, BITS_PER_ERROR).decoded(run.check[0], 700)
    assert bpp > 0
    assert pixels.shape == run.check[0].shape


def test_training_stops_early_and_keeps_the_best(tmp_path: Path, drawn) -> None:
    run = training("conv", drawn, learning_rate=0.5, checks=50, patience=3)  # a rate that ruins everything
    reason = loop.train(run, tmp_path / "run", minutes=5, max_steps=100, tensorboard=False, progress=False)
    assert reason == "stopped early, 3 validations without a better one"
    assert "report.html" in run.summary()
    assert run.step < 50
    best = min(h["val_loss"] for h in run.history)
    assert run.best_error == pytest.approx(best, abs=1e-4) == pytest.approx(run.history[0]["val_loss"], abs=1e-4)
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("<svg") == 3
    assert page.count("<figure>") == 4
    assert "value of the latent" in page
    assert "positions" in page


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "bce"},
        {"loss": "ms-ssim"},
        {"sparsity": "l1", "sparsity_weight": 1.0},
        {"dropout": 0.2},
        {"sparsity": "kl", "sparsity_weight": 1.0},
        {"weight_l1": 1e-5, "weight_l2": 1e-5},
        {"corrupt": ["noise", "jpeg"]},
        {"augment": False},
    ],
)
def test_every_setting_trains(settings: dict[str, object], drawn) -> None:
    for family in NETWORKS:
        run = training(family, drawn, **settings)
        assert all(np.isfinite(run.train_step()["loss"]) for _ in range(2))
        assert run.skipped == 0


def test_a_run_goes_on_and_starts_another(tmp_path: Path, drawn) -> None:
    (tmp_path / "pictures").mkdir()
    for n in range(3):
        Image.fromarray(drawn(96, 96, n)).save(tmp_path / "pictures" / f"{n}.png")
    network = json.dumps(NETWORKS["conv"])
    base = ["--data", str(tmp_path / "pictures"), "--max-steps", "4", f"--set=network={network}", "--set=crop=64"]
    for _ in range(2):
        result = CliRunner().invoke(main, ["conv", "-o", str(tmp_path / "run"), *base])
        assert result.exit_code == 0, result.output
    assert runs.load_state(tmp_path / "run")["step"] == 8
    sparse = ["sparse", "-o", str(tmp_path / "sparse"), *base[:-2], "--init", str(tmp_path / "run"), "--set=crop=64"]
    assert CliRunner().invoke(main, sparse).exit_code == 0
    assert runs.load_state(tmp_path / "sparse")["recipe"]["sparsity"] == "l1"
    for other, family in (("vae", "vae"), ("denoise", "restorer"), ("photo", "flagship")):
        result = CliRunner().invoke(main, [other, "-o", str(tmp_path / "run"), *base])
        assert result.exit_code == 1
        assert f"is a run of the family conv; expected one of {family}" in result.output


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        (["family=resnet"], "family is 'resnet'; expected flagship or restorer"),
        (["loss=ssim"], "loss is 'ssim'; expected mse or bce or ms-ssim"),
        (["channels=2"], "channels is '2'"),
        (['corrupt=["rain"]'], "corrupt has 'rain'"),
        (['network={"depth": 3}'], "depth"),
        (["dropout=2"], "dropout is 2; expected 0 to 0.95"),
        (["patience=-1"], "patience is -1; expected 1 to"),
        (["batch=0"], "batch is 0; expected 1 to"),
        (["checks=0"], "checks is 0; expected 1 to"),
    ],
)
def test_what_cannot_be_trained_is_told(settings: list[str], finding: str, tmp_path: Path, drawn) -> None:
    Image.fromarray(drawn(96, 96)).save(tmp_path / "0.png")
    arguments = ["conv", "--data", str(tmp_path), "-o", str(tmp_path / "run"), "--set=crop=64"]
    result = CliRunner().invoke(main, [*arguments, *(f"--set={s}" for s in settings)])
    assert result.exit_code == 1
    assert finding in result.output
    assert not (tmp_path / "run").exists()


def test_what_a_run_cannot_start_from_is_told(tmp_path: Path, drawn) -> None:
    Image.fromarray(drawn(96, 96)).save(tmp_path / "0.png")
    package = tmp_path / "mine.aezm"
    package.write_bytes(b"PK")
    for init in ("photo", str(package), str(tmp_path)):
        base = ["--data", str(tmp_path), "-o", str(tmp_path / "run"), "--init", init]
        result = CliRunner().invoke(main, ["conv", *base])
        assert result.exit_code == 1
        assert result.output.startswith(f"Error: --init {init}: no run of aezip-train is there; expected one of the")
        assert result.output.count("\n") == 1
    runs.save_state({"recipe": {"family": "conv"}}, tmp_path / "conv")
    base[-1] = str(tmp_path / "conv")
    for family, recipe in (("vae", "vae"), ("flagship", "photo")):
        result = CliRunner().invoke(main, [recipe, *base])
        assert result.exit_code == 1
        assert f"{tmp_path / 'conv'} is a run of the family conv; expected one of {family}\n" in result.output
    result = CliRunner().invoke(main, ["photo", *base[:-1], "photo", "--set", 'network={"latent":512}'])
    assert result.exit_code == 1
    assert "--init photo: has 384 latents; expected the 512 of the recipe, or --set 'network={" in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("recipe", ["conv", "denoise"])
def test_small_families_are_the_cpus(recipe: str, tmp_path: Path, drawn, monkeypatch) -> None:
    Image.fromarray(drawn(96, 96)).save(tmp_path / "0.png")
    base = [recipe, "--data", str(tmp_path), "-o", str(tmp_path / "run")]
    result = CliRunner().invoke(main, [*base, "--device", "cuda"])
    assert result.exit_code == 1
    assert f"--device cuda: {recipe} is trained only on the CPU; expected cpu or auto\n" in result.output
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = CliRunner().invoke(main, base)
    assert result.exit_code == 1
    assert f"2 processes: {recipe} is trained by one; expected" in result.output
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["vanilla", "--data", str(tmp_path), "-o", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert "no picture of at least 64×64 pixels found" in result.output
