"""README's commands run as they are typed, block after block, in one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
# What trains, measures for long, needs a network or waits for somebody.
ELSEWHERE = re.compile(r"aezip-|python |s3://|aezip (view|bench)|pip install|^npm|(mine|fine|classic)\.aezm")
COLOURS = """
    photo.png a.jpg b.jpg drawing.png pictures/a.png pictures/sub/b.png night.jpg portrait.png
    today/a.png sunset.jpg good-parts/1.png good-parts/2.png good-parts/3.png good-parts/4.png good-parts/5.png
"""


@pytest.mark.repairs  # other processes do
@pytest.mark.skipif(os.name == "nt", reason="a shell")
def test_readme_runs_as_typed(tmp_path: Path) -> None:
    sample = Image.open(ROOT / "runtime/aezip/samples/sample.png").convert("RGB")
    for i, name in enumerate(COLOURS.split()):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        sample.crop((16 * i, 96, 16 * i + 192, 256)).save(tmp_path / name)
    (tmp_path / "old").mkdir()
    sample.crop((0, 0, 64, 64)).convert("L").save(tmp_path / "old/a.png")
    mask = np.zeros((160, 192), np.uint8)
    mask[40:60, 40:60] = 255
    Image.fromarray(mask).save(tmp_path / "scratches.png")
    # README decodes a part of a large map
    commands = [line for block in BLOCKS for line in block.splitlines() if line and not ELSEWHERE.search(line)]
    commands = [line.replace("4000,3000,512,512", "40,30,51,51") for line in commands]
    (tmp_path / "aezip").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m aezip \"$@\"\n")
    (tmp_path / "aezip").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    sample.crop((0, 0, 192, 160)).save(tmp_path / "map.png")
    subprocess.run(["./aezip", "compress", "map.png"], cwd=tmp_path, check=True)
    assert len(commands) > 20
    script = "set -e\n" + "\n".join(f"echo '+ {line}' >&2\n{line}" for line in commands)
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "error" not in done.stderr, done.stderr


def test_no_command_replaces_files() -> None:
    assert not [line for block in BLOCKS for line in block.splitlines() if re.search(r" (-f|--force)\b", line)]
