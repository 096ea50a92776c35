"""Bars on a terminal: of one large picture, part by part; nothing of it in a pipe."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aezip.cli import main
from aezip.coding import encoder, windows
from aezip.engine import progress
from aezip.engine.graphs import INT16, Graphs
from aezip.errors import FormatError


class Terminal(io.StringIO):
    """What is written to it, of somebody who watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def place(tmp_path: Path, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of 12 tiles and as many windows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEZIP_MODELS", str(golden))
    monkeypatch.setattr(windows, "WINDOW", 4)
    monkeypatch.setattr(encoder, "TILED_FROM", 0)
    monkeypatch.setattr(encoder, "TILE", 1)
    Image.radial_gradient("L").resize((256, 192)).convert("RGB").save("large.png")
    Image.radial_gradient("L").resize((60, 50)).save("small.png")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def run(*args: str, stream: type[io.StringIO] = Terminal) -> str:
        shown = stream()
        monkeypatch.setattr(sys, "stderr", shown)
        main(list(args), prog_name="aezip", standalone_mode=False)
        return shown.getvalue()

    return run


def test_parts_are_told_of(run: Callable[..., str]) -> None:
    told: list[tuple[str, int, int]] = []
    with progress.watched_by(lambda *part: told.append(part)):
        run("compress", "large.png", "-m", "tiny", "--quiet")
        run("verify", "large.lat", "--quiet")
        run("decompress", "large.lat", "-o", "again.png", "--quiet")
    steps = [(doing, n, 12) for doing in ("encode", "decode", "check", "decode") for n in range(13)]
    assert told == steps
    run("decompress", "large.lat", "-o", "third.png", "--quiet")
    assert told == steps


def test_a_large_picture_has_a_bar(run: Callable[..., str]) -> None:
    shown = run("compress", "large.png", "-m", "tiny")
    assert "encode   0%|" in shown
    assert "decode   0%|" in shown
    assert shown.split("\r")[-1].startswith("large.png -> large.lat  ")
    assert "decode   0%|" in run("decompress", "large.lat", "-o", "again.png")


def test_who_sees_none(run: Callable[..., str]) -> None:
    assert "%|" not in run("compress", "large.png", "-m", "tiny", "-o", "a.lat", stream=io.StringIO)
    assert run("compress", "large.png", "-m", "tiny", "-o", "b.lat", "--quiet") == ""
    assert "%|" not in run("compress", "small.png", "-m", "tiny")
    several = run("compress", "large.png", "small.png", "-m", "tiny", "-o", "several/")
    assert "encode" not in several
    assert "/2 files" in several


def test_what_fit_does_after_it_has_read_the_pictures(run: Callable[..., str]) -> None:
    Path("good").mkdir()
    for seed in range(6):
        Image.effect_noise((64, 64), 20 + seed).save(f"good/{seed}.png")
    shown = run("anomaly", "fit", "good", "-o", "a.profile", "-m", "tiny")
    assert "fit:   0%|" in shown
    compared = [shown.index("compare   0%|"), shown.rindex("compare   0%|")]
    assert compared[0] < shown.index("encode   0%|") < compared[1]
    assert shown.split("\r")[-1].startswith("a.profile  6 pictures")


def test_an_error_has_its_own_line(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    run("compress", "large.png", "-m", "tiny", "--quiet")
    made: list[Graphs] = []

    def fails_once(graphs: Graphs, latent: INT16, scale: int, **how: bool) -> Any:
        made.append(graphs)
        if len(made) == 2:
            raise FormatError("broken in the middle")
        return decoder(graphs, latent, scale, **how)

    decoder = Graphs.decoder
    monkeypatch.setattr(Graphs, "decoder", fails_once)
    shown = run("decompress", "large.lat", "-o", "again.png")
    assert "decode   0%|" in shown
    assert shown.split("\r")[-1] == "aezip: error: large.lat: broken in the middle\n"
