"""A sample of tools/worst_cells.py: pictures come again, and cells are judged by what is in them alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
import hard_pictures
import worst_cells

FILES = (str(worst_cells.SAMPLE),)


@pytest.mark.parametrize("kind", hard_pictures.kinds(FILES))
def test_every_kind_draws_any_size(kind: str) -> None:
    for side in (48, 97, 176):
        for seed in range(3):
            pixels = hard_pictures.kinds(FILES)[kind](np.random.default_rng(seed), side)
            assert (pixels.shape, pixels.dtype) == ((side, side, 3), np.uint8)


def test_a_number_is_one_picture() -> None:
    one, other = (hard_pictures.draw(7, 20, FILES) for _ in "ab")
    assert one.kind == other.kind
    assert one.shift == divmod(20, 16)
    assert np.array_equal(one.pixels, other.pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_cell_is_judged_alone(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, channels), np.uint8)
    decoded = pixels.copy()
    part = pixels[32:, 16:32].astype(float)  # the lower edge's cells are smaller
    decoded[32:, 16:32] = np.where(part < 128, part + 10, part - 10)
    psnr, mean = worst_cells.cell_psnr(pixels, decoded)
    assert psnr.shape == (3, 4)
    assert psnr[2, 1] == pytest.approx(20 * np.log10(255 / 10))
    assert mean[2, 1] == pytest.approx(10 * np.log10(255**2 / ((part - part.mean((0, 1))) ** 2).mean()))
    psnr[2, 1] = worst_cells.FLAT_DB
    assert psnr == pytest.approx(worst_cells.FLAT_DB)


@pytest.mark.repairs
def test_what_is_promised_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = worst_cells.Judge("photo", None, (40, 60), 7, FILES)
    assert judge.of(3).broken == ()
    kept = judge.decoded

    def damaged(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
        return 255 - pixels if quality == 60 else kept(pixels, quality)

    monkeypatch.setattr(judge, "decoded", damaged)
    assert judge.of(3).broken == (60,)


def test_a_half_makes_the_same_files(tmp_path: Path) -> None:
    from aezip.model import store, writing

    half = tmp_path / "half.aezm"
    half.write_bytes(writing.split(store.find_codec("photo"), "encoder"))
    found = [worst_cells.Judge("photo", file, (40,), 7, FILES).of(3) for file in (None, str(half))]
    assert found[0] == found[1]
