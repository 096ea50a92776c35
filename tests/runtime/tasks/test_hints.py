from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aezip.errors import ImageError
from aezip.tasks.restore import hints, likeness
from aezip.tasks.restore.restorer import Restorer, grey_of


def two_halves(height: int = 40, width: int = 61) -> np.ndarray:
    """Dark reddish to the left, light bluish to the right, a little uneven."""
    pixels = np.empty((height, width, 3))
    pixels[:, : width // 2], pixels[:, width // 2 :] = (120, 70, 70), (150, 150, 200)
    return (pixels + np.random.default_rng(1).integers(-3, 4, (height, width, 1))).astype(np.uint8)


def dots(pixels: np.ndarray, *places: tuple[int, int]) -> np.ndarray:
    """Hints of the true colours at places."""
    out = np.zeros((*pixels.shape[:2], 4), np.uint8)
    for y, x in places:
        out[y, x, :3], out[y, x, 3] = pixels[y, x], 255
    return out


def dense(grey: np.ndarray, chroma: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The same equations, solved at once."""
    height, width = held.shape
    left = np.diag(hints.HELD * held.ravel().astype(float))
    y = grey[:, :, 0].astype(float)
    for down, along in hints.WAYS:
        for i in range(height - down):
            for j in range(max(0, -along), width - max(0, along)):
                one, other = i * width + j, (i + down) * width + j + along
                weight = np.hypot(down, along) ** -1 / (1 + abs(y[i, j] - y[i + down, j + along]) ** hints.POWER)
                left[[one, other], [one, other]] += weight
                left[[one, other], [other, one]] -= weight
    right = hints.HELD * (held[:, :, None] * chroma).reshape(-1, 2)
    return np.linalg.solve(left, right).reshape(height, width, 2)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (13, 18), (16, 16)])
def test_the_equations_are_solved(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "STEPS", 200)
    monkeypatch.setattr(hints, "PRECISION", 1e-5)
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 60, (height, width, 1)).astype(np.uint8)
    held = (rng.random((height, width)) < 0.1).astype(np.float32)
    held[0, 0] = 1
    chroma = rng.uniform(-60, 60, (height, width, 2)).astype(np.float32)
    np.testing.assert_allclose(hints.spread(grey, chroma, held), dense(grey, chroma, held), atol=0.1)


def test_two_dots_colour_two_things(golden: Path) -> None:
    clean = two_halves()
    restorer = Restorer("colorize", str(golden / "tiny-colorize.aezm"))
    made = restorer.colorize(grey_of(clean), dots(clean, (20, 10), (5, 50)))
    assert np.abs(made.astype(int) - clean).mean() < 8
    assert np.abs(grey_of(made).astype(int) - grey_of(clean)).max() <= 1


def test_large_pictures_are_coloured_by_a_smaller_copy(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aezip.tasks.restore.restorer.HINTED", 20)
    clean = two_halves(50, 81)
    restorer = Restorer("colorize", str(golden / "tiny-colorize.aezm"))
    made = restorer.colorize(grey_of(clean), dots(clean, (20, 10), (5, 70)))
    assert np.abs(made.astype(int) - clean).mean() < 8


def test_grey_values_stay_under_colours_too_strong_for_them(golden: Path) -> None:
    grey = np.linspace(0, 255, 32).astype(np.uint8)[None, :, None].repeat(8, 0)
    hinted = np.zeros((8, 32, 4), np.uint8)
    hinted[2, 3] = 255, 0, 0, 255
    made = Restorer("colorize", str(golden / "tiny-colorize.aezm")).colorize(grey, hinted)
    assert np.abs(grey_of(made).astype(int) - grey).max() <= 1
    assert (made[:, 16, 0].astype(int) - made[:, 16, 1]).min() > 100


def test_no_hints_are_the_automatic_colours(golden: Path, drawn) -> None:
    restorer, grey = Restorer("colorize", str(golden / "tiny-colorize.aezm")), drawn(20, 30, channels=1)
    np.testing.assert_array_equal(restorer.colorize(grey, np.zeros((20, 30, 4), np.uint8)), restorer.colorize(grey))
    with pytest.raises(ImageError, match="the hints have 30×21 pixels; expected those of the picture, 30×20"):
        restorer.colorize(grey, np.zeros((21, 30, 4), np.uint8))


def test_colours_of_a_picture_like_it(golden: Path) -> None:
    clean, other = two_halves(64, 64), two_halves(90, 71)[:, ::-1]
    made = Restorer("colorize", str(golden / "tiny-colorize.aezm")).colorize(grey_of(clean), like=other)
    assert np.abs(made.astype(int) - clean).mean() < 8
    chroma, held = likeness.hints_like(grey_of(clean), other)
    assert chroma.shape == (64, 64, 2)
    assert 0 < held.max() <= likeness.FIRM
    tiny = likeness.hints_like(np.zeros((1, 3, 1), np.uint8), np.full((1, 1, 3), 9, np.uint8))
    assert np.isfinite(tiny[0]).all()
