from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from aezip.cli import main
from aezip.errors import ImageError, ModelUnfit
from aezip.quality.metrics import psnr_db
from aezip.tasks import sampling
from aezip.tasks.features.vectors import Latents


@pytest.fixture
def vae(tiny: str, tmp_path: Path) -> str:
    """The small model, called a variational autoencoder."""
    path = tmp_path / "vae.aezm"
    with zipfile.ZipFile(tiny) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "model.json":
                data = json.dumps({**json.loads(data), "family": "vae", "name": "vae"}).encode()
            target.writestr(name, data)
    return str(path)


def test_a_seed_gives_the_same_pictures(vae: str) -> None:
    latents = Latents(vae)
    one, other = (sampling.drawn(latents, 20, 40, 3) for _ in range(2))
    first, second = next(one), next(one)
    assert first.shape == (20, 40, 3)
    np.testing.assert_array_equal(next(other), first)
    assert (first != second).any()
    calm = next(sampling.drawn(latents, 20, 40, 3, spread=0.0))
    assert calm.std() < first.std()


def test_the_way_begins_and_ends_at_the_pictures(tiny: str, drawn) -> None:
    latents, pictures = Latents(tiny), [drawn(33, 50, seed=n) for n in (1, 2)]
    way = list(sampling.between(latents, *pictures, 5))
    assert len(way) == 5
    for picture, near, far in ((pictures[0], way[0], way[4]), (pictures[1], way[4], way[0])):
        assert psnr_db(picture, near) > psnr_db(picture, way[2]) > psnr_db(picture, far)
    assert next(sampling.between(latents, drawn(20, 20, channels=1), drawn(20, 20, channels=1), 2)).shape[2] == 1


def test_what_cannot_be_drawn_is_told(tiny: str, drawn) -> None:
    latents = Latents(tiny)
    with pytest.raises(ModelUnfit, match="has no prior to draw from"):
        next(sampling.drawn(latents, 16, 16, 1))
    with pytest.raises(ImageError, match=r"21×20×3 .*; expected those of the other picture, 20×20×3"):
        next(sampling.between(latents, drawn(20, 20), drawn(20, 21), 3))


def test_grids_are_nearly_square() -> None:
    for count, down, across in ((1, 1, 1), (4, 2, 2), (5, 2, 3), (16, 4, 4), (2, 1, 2), (7, 3, 3)):
        made = sampling.grid([np.zeros((10, 8, 3), np.uint8)] * count)
        assert made.shape == (down * 12 - 2, across * 10 - 2, 3)


def test_the_command_writes_a_grid_or_files(vae: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> int:
        result = CliRunner().invoke(main, ["sample", "-m", vae, "--size", "32x16", *args], prog_name="aezip")
        assert "Traceback" not in result.output
        return result.exit_code

    def size(name: str) -> tuple[int, int]:
        with Image.open(name) as image:
            return image.size

    assert run("-o", "grid.png", "-n", "4") == 0
    assert size("grid.png") == (66, 34)
    assert run("-o", "grid.png") == 1
    assert run("-o", "new/", "-n", "3") == 0
    assert sorted(p.name for p in Path("new").iterdir()) == ["0000.png", "0001.png", "0002.png"]
    for n in (1, 2):
        Image.fromarray(drawn(20, 30, seed=n)).save(f"{n}.png")
    assert run("--between", "1.png", "2.png", "-n", "3", "-o", "way.png") == 0
    assert size("way.png") == (62, 42)
    assert run("--between", "1.png", "none.png", "-o", "other.png") == 1
    assert run("-o", "other.png", "--size", "9") == 2
    assert not Path("other.png").exists()
