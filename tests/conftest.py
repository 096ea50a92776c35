"""Pictures drawn by code, and the small model that golden files were written with."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

GOLDEN = Path(__file__).parent / "golden"
Draw = Callable[..., NDArray[np.uint8]]

collect_ignore = [] if importlib.util.find_spec("torch") else ["train", "export"]


def draw(height: int, width: int, seed: int = 0, channels: int = 3) -> NDArray[np.uint8]:
    """Gradients, soft noise and a hard edge.  [height, width, channels]"""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width][..., None] / max(height, width)
    picture = 120 + 90 * np.sin(rng.uniform(2, 6, channels) * x + rng.uniform(2, 6, channels) * y)
    picture += 40 * ((x * 7 + y * 3).astype(int) % 2) + rng.normal(0, 4, (height, width, channels))
    return np.asarray(np.clip(picture, 0, 255).round(), np.uint8)


def weave(height: int, width: int) -> NDArray[np.uint8]:
    """A fine weave, in colours.  [height, width, 3]"""
    y, x = np.mgrid[:height, :width]
    wave = np.sin((2 * x + y) / 2.1) + 0.6 * np.sin((x - 2 * y) / 2.7)
    return np.stack([128 + a * wave for a in (60, 45, -30)], 2).astype(np.uint8)


def _no_bounds(classes: NDArray[np.int64], *_: object) -> NDArray[np.float32]:
    return np.full(classes.shape, np.inf, np.float32)


@pytest.fixture(autouse=True)
def _no_repairs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The golden models are so small that every file would be patched or stored exactly: most tests want latents."""
    if not request.node.get_closest_marker("repairs"):
        monkeypatch.setattr("aezip.coding.cells.bounds", _no_bounds)
        monkeypatch.setattr("aezip.format.exact.estimate", lambda _: np.inf)


@pytest.fixture(scope="session", autouse=True)
def _nobodys_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees what is installed in the home of who runs it."""
    before = os.environ.get("XDG_DATA_HOME")
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))
    yield
    if before is None:
        del os.environ["XDG_DATA_HOME"]
    else:
        os.environ["XDG_DATA_HOME"] = before


@pytest.fixture(scope="session")
def drawn() -> Draw:
    return draw


@pytest.fixture(scope="session")
def cloth() -> Draw:
    return weave


@pytest.fixture(scope="session")
def formats() -> tuple[str, ...]:
    """The kinds of image files that can be written with what is installed."""
    from aezip.images import FORMATS

    return tuple(name for name, kind in FORMATS.items() if not kind.plugin or importlib.util.find_spec(kind.plugin))


@pytest.fixture(scope="session")
def golden() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def tiny() -> str:
    """Path of the golden model's package."""
    return str(GOLDEN / "tiny.aezm")
