from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aezip.tasks.anomaly.detector import PLANES, save, standard
from aezip_train import detector
from aezip_train.detector import BATCH, SIDE, Detector, Normal, batch, loss, rate, trained


def parts(height: int = 140, width: int = 150, channels: int = 3) -> list[np.ndarray]:
    out = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        picture = np.full((height, width, channels), 90.0)
        picture[30:60, 20:80] = 200
        out.append(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8))
    return out


def normal_of(folder: Path, pictures: list[np.ndarray], alike: bool = True) -> Normal:
    files = [folder / f"{number}.npy" for number in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        save(file, picture)
    return Normal.of(pictures, standard(files, alike))


def test_logits_are_of_4_by_4_pixels() -> None:
    model = Detector(4, 4, 8, 8).eval()
    assert model(torch.zeros(2, PLANES, 48, 80)).shape == (2, 1, 12, 20)
    assert float(torch.sigmoid(model(torch.zeros(1, PLANES, 32, 32))).detach().mean()) < 0.2  # defects are rare


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize(("height", "width", "channels"), [(140, 150, 3), (40, 200, 1), (33, 35, 3)])
def test_samples_are_of_one_size(height: int, width: int, channels: int, alike: bool, tmp_path: Path) -> None:
    normal = normal_of(tmp_path, parts(height, width, channels), alike)
    seen, where = batch(normal.sample, 1, 0)
    assert seen.shape == (BATCH, PLANES, SIDE, SIDE)
    assert where.shape == (BATCH, 1, SIDE, SIDE)
    assert seen.dtype == where.dtype == np.float32
    assert np.isfinite(seen).all()
    assert bool(seen[:, 3].any()) is alike
    clean = ~where.any((1, 2, 3))
    assert 0 < clean.sum() < BATCH / 2
    if alike and (height, width) == (140, 150):  # whose middle is what is usual there
        assert np.abs(seen[clean, 3]).mean() < 0.7 < np.abs(seen[~clean][:, 3][where[~clean][:, 0] > 0]).mean()


def test_a_batch_is_known_by_its_number(tmp_path: Path) -> None:
    normal = normal_of(tmp_path, parts())
    one, same, other = batch(normal.sample, 1, 5)[0], batch(normal.sample, 1, 5)[0], batch(normal.sample, 1, 6)[0]
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize("processes", [1, 2])
def test_processes_make_the_same_batches(processes: int, tmp_path: Path) -> None:
    normal = normal_of(tmp_path, parts())
    alone, made = (list(detector._batches(normal.sample, 3, n, seed=1)) for n in (0, processes))
    for (seen, where), (expected, there) in zip(made, alone, strict=True):
        np.testing.assert_array_equal(seen, expected)
        np.testing.assert_array_equal(where, there)


def test_training_finds_defects_and_can_be_repeated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(detector, "BATCH", 8)
    before = torch.get_num_threads()
    normal, steps = normal_of(tmp_path, parts()), 40
    try:
        *_, model = trained(normal.sample, steps, threads=1)
        *_, again = trained(normal.sample, steps, threads=1)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert not model.training
    seen, where = batch(normal.sample, 2, 0)
    with torch.no_grad():
        found = torch.nn.functional.interpolate(model(torch.from_numpy(seen)), scale_factor=4).numpy()
    assert found[where > 0].mean() > found[where == 0].mean() + 0.3


def test_the_loss_knows_defects_and_leaves_out_what_is_not_clear() -> None:
    where = torch.zeros(1, 1, 16, 16)
    where[:, :, 4:12, 4:12] = 1
    right = 9 * (2 * torch.nn.functional.avg_pool2d(where, 4) - 1)
    assert float(loss(right, where)) < 0.02
    assert float(loss(-right, where)) > 5
    where[:, :, 0, 0] = 1  # a sixteenth of an answer's pixels
    unclear = right.clone()
    unclear[0, 0, 0, 0] = -0.1
    assert float(loss(unclear, where)) == pytest.approx(float(loss(right, where)), abs=0.05)


def test_the_rate_rises_and_falls() -> None:
    rates = [rate(step, 200) for step in range(200)]
    assert max(rates) == rates[detector.WARMUP - 1] or max(rates) < detector.LEARNING_RATE
    assert rates[0] < rates[10] < rates[19]
    assert rates[19] > rates[100] > rates[199] > 0
