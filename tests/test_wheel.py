"""What is in the wheel, and that the codec in it works alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
WHOLE = 20_000_000  # bytes; the README says how many
MODELS = 15_000_000
CODE = 482_000  # of Python and recipes, compressed
ALONE = """
import sys
for name in ("torch", "onnx", "aezip_train", "aezip_export"):
    sys.modules[name] = None
from aezip.__main__ import run
run()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    skipped = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info", "node_modules", "build")
    for name in ("runtime", "train", "export"):
        shutil.copytree(ROOT / name, source / name, ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    environment = {**os.environ, "CC": "false", "PYTHONPATH": ""}  # its compiled coder is tested elsewhere
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=source, env=environment, check=True, capture_output=True
    )
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_has_what_is_needed_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {item.filename: item.compress_size for item in archive.infolist()}
        about = next(name for name in sizes if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(about).decode())
        points = archive.read(about.replace("METADATA", "entry_points.txt")).decode()
    runtime = {
        f"aezip/{path.relative_to(ROOT / 'runtime/aezip').as_posix()}"
        for path in (ROOT / "runtime/aezip").rglob("*")
        if path.is_file() and path.suffix not in (".so", ".pyd", ".pyc")
    }
    assert runtime <= set(sizes)
    data, desktop = about.split("/")[0].replace("dist-info", "data"), (ROOT / "runtime/desktop").iterdir()
    assert {name.split("/")[0] for name in sizes} == {"aezip", "aezip_train", "aezip_export", about.split("/")[0], data}
    assert {Path(name).name for name in sizes if name.startswith(data)} == {file.name for file in desktop}
    assert not [name for name in sizes if "test" in name or name.endswith((".c", ".h", ".lat", ".pt"))]
    assert sum(sizes.values()) < WHOLE
    assert sum(size for name, size in sizes.items() if name.startswith("aezip/weights/")) < MODELS
    assert sum(size for name, size in sizes.items() if name.endswith((".py", ".toml"))) < CODE
    needs = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in needs) == ["click", "numpy", "onnxruntime", "pillow", "tqdm"]
    assert "aezip = aezip.__main__:run" in points


def test_the_codec_in_it_needs_nothing_of_training(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site, [n for n in archive.namelist() if n.startswith("aezip/")])
    sample = site / "aezip/samples/sample.png"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    for args in (["compress", str(sample), "-o", "a.lat"], ["decompress", "a.lat", "-o", "b.png"]):
        done = subprocess.run(
            [sys.executable, "-c", ALONE, *args], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.png").stat().st_size > 10_000
