"""A detector's graph answers as the network does, and `aezip anomaly fit --train` makes one."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aezip.model import onnx_check
from aezip.model.kinds import GraphName
from aezip.tasks.anomaly.detector import save, standard
from aezip_export import detectors
from aezip_export.proofs import ProofFailed
from aezip_train.detector import Detector, Normal


def aezip(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aezip", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def plate(seed: int, holes: int = 4) -> np.ndarray:
    """A grey plate with a hole in each corner, under uneven light."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :160] - rng.integers(-1, 2, 2)[:, None, None]
    image = 150 + 20 * x / 160 + rng.normal(0, 3, (128, 160))
    for top, left in [(24, 24), (24, 136), (104, 24), (104, 136)][:holes]:
        image = np.where(np.hypot(y - top, x - left) < 7, 40 + rng.normal(0, 3, (128, 160)), image)
    return np.clip(image, 0, 255).astype(np.uint8)


def test_the_graph_answers_as_the_network_does(golden: Path, tmp_path: Path) -> None:
    pictures, files = [plate(seed)[:, :, None] for seed in range(5)], [tmp_path / f"{seed}.npy" for seed in range(5)]
    for file, picture in zip(files, pictures, strict=True):
        save(file, picture)
    model: Detector = runpy.run_path(str(golden / "detectors.py"))["drawn"]()
    normal = Normal.of(pictures, standard(files, alike=True))
    data = detectors.graph(model)
    onnx_check.check(GraphName("detector"), data)
    detectors.prove(model, data, normal)
    model.logit.weight.data += 0.5
    with pytest.raises(ProofFailed, match="logits differ by"):
        detectors.prove(model, data, normal)


def test_a_profile_with_a_network(tiny: str, tmp_path: Path) -> None:
    for seed in range(14):
        folder = tmp_path / ("good" if seed < 12 else "today")
        folder.mkdir(exist_ok=True)
        Image.fromarray(plate(seed)).save(folder / f"{seed}.png")
    broken = plate(14)
    broken[60:70, 70:100] = 90
    Image.fromarray(broken).save(tmp_path / "today" / "broken.png")
    fit = ("anomaly", "fit", "good", "-o", "p.profile", "-m", tiny, "--train", "--steps")
    done = aezip(*fit, "40", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    score = aezip("anomaly", "score", "p.profile", "today", "-m", tiny, "--json", "--heat", "maps", cwd=tmp_path)
    rows = {Path(row["file"]).name: row for row in json.loads(score.stdout)}
    assert rows["broken.png"]["trained_score"] > 3 + max(rows[f"{n}.png"]["trained_score"] for n in (12, 13))
    assert rows["broken.png"]["anomalous"]
    assert max(abs(rows["broken.png"]["x"] - 85), abs(rows["broken.png"]["y"] - 65)) <= 24
    assert (tmp_path / "maps" / "broken.png").exists()
    assert "trained_score" in aezip("anomaly", "score", "p.profile", "today", "-m", tiny, "--csv", cwd=tmp_path).stdout
    without = aezip("anomaly", "fit", "good", "-o", "q.profile", "-m", tiny, "--steps", "3", cwd=tmp_path)
    assert without.returncode == 2
    assert "--steps needs --train" in without.stderr


def fit_by(code: str, tiny: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`aezip anomaly fit --train` after some code."""
    (folder / "good").mkdir()
    for seed in range(5):
        Image.fromarray(plate(seed)).save(folder / "good" / f"{seed}.png")
    started = f"{code}\nfrom aezip.__main__ import run; run()"
    command = [sys.executable, "-c", started, "anomaly", "fit", "good", "-o", "p.profile", "-m", tiny, "--train"]
    return subprocess.run([*command, "--steps", "2"], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("from aezip.cli import training; training.PROGRAM = 'aezip_export.no'", "training ended with exit code 1"),
        ("from aezip.cli import training; training.STARTED = 'import os; os.kill(os.getpid(), 9)'", "by signal 9"),
        ("import sys; sys.modules['onnx'] = None", "--train needs onnx"),
    ],
)
def test_a_training_that_fails_leaves_nothing(code: str, message: str, tiny: str, tmp_path: Path) -> None:
    done = fit_by(code, tiny, tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "p.profile").exists()


def test_modules_in_the_current_folder_are_not_used(tiny: str, tmp_path: Path) -> None:
    for name in ("onnx", "torch", "queue", "aezip_export"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('found')")
    done = fit_by("import sys; sys.path[:] = filter(None, sys.path)", tiny, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p.profile").exists()
