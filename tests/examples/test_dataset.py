"""The Dataset of `.lat` files, in worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import aezip

EXAMPLE = Path(__file__).parents[2] / "examples" / "dataset.py"


def test_crops_of_a_folder(tiny: str, drawn, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    codec = aezip.Codec(tiny)
    for seed, (height, width, channels) in enumerate([(80, 70, 3), (64, 64, 1), (63, 200, 3)]):
        (tmp_path / f"{seed}.lat").write_bytes(codec.encode(drawn(height, width, seed=seed, channels=channels)))
    environment = {**os.environ, "AEZIP_MODELS": os.path.dirname(tiny), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(EXAMPLE), str(tmp_path), "--side", "64", "--batch", "2", "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(2, 3, 64, 64)")  # the third is too small
    assert "2 crops" in done.stdout
