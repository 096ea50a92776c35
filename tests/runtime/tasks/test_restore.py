from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aezip.codec import Codec
from aezip.errors import ImageError, ModelUnfit, UsageError
from aezip.model.kinds import TASKS
from aezip.tasks.features.vectors import halved
from aezip.tasks.restore import holes, noise
from aezip.tasks.restore import restorer as restorers
from aezip.tasks.restore.restorer import Restorer, grey_of, mask_of


def model(golden: Path, task: str) -> Restorer:
    return Restorer(task, str(golden / f"tiny-{task}.aezm"))


@pytest.mark.parametrize("sigma", [0, 5, 15, 50])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_is_found(sigma: float, channels: int) -> None:
    rng = np.random.default_rng(1)
    smooth = np.add.outer(np.linspace(60, 150, 160), np.linspace(0, 40, 160))[:, :, None].repeat(channels, 2)
    smooth[40:90, 50:120] += 60 * (np.arange(70) % 2)[:, None]  # a part with detail
    noisy = np.clip(np.rint(smooth + rng.normal(0, sigma, smooth.shape)), 0, 255).astype(np.uint8)
    assert abs(noise.sigma_of(noisy) - sigma) < 0.6 + 0.1 * sigma


def test_noise_of_what_tells_nothing_is_none() -> None:
    assert noise.sigma_of(np.full((8, 200, 3), 9, np.uint8)) == 0
    assert noise.sigma_of(np.full((64, 64, 1), 255, np.uint8)) == 0
    assert noise.noise_of(np.full((1, 50, 3), 9, np.uint8)).sigma == 0


def ramp(channels: int = 3) -> np.ndarray:
    """Smooth, from 30 to 220."""
    return np.add.outer(np.linspace(30, 190, 240), np.linspace(0, 30, 200))[:, :, None].repeat(channels, 2)


def noisy(clean: np.ndarray, sigma: np.ndarray | float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 1, clean.shape) * sigma
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_is_found_by_brightness(channels: int) -> None:
    clean = ramp(channels)
    found = noise.noise_of(noisy(clean, np.sqrt(2 * clean)))
    assert found.curve is not None
    levels = np.arange(40, 215)
    np.testing.assert_allclose(found.curve[levels], np.sqrt(2 * levels), rtol=0.2)
    assert abs(found.sigma / np.sqrt(2 * clean).mean() - 1) < 0.1
    assert noise.noise_of(noisy(clean, 12)).curve is None


def test_levels_are_bent_until_noise_is_alike_everywhere() -> None:
    clean = ramp()
    even = noise.Stabiliser.of(np.sqrt(2 * np.arange(256.0) + 1))
    assert (np.diff(even.there.astype(int)) >= 0).all()
    assert np.abs(even.back[even.there].astype(int) - np.arange(256)).max() <= 2
    bent = even.there[noisy(clean, np.sqrt(2 * clean + 1))].astype(float)
    spreads = [
        (part - even.there[np.rint(c).astype(int)]).std() for part, c in zip(bent[::40], clean[::40], strict=True)
    ]
    np.testing.assert_allclose(spreads, even.sigma, rtol=0.1)


def test_noise_that_compression_smoothed_is_found_in_a_smaller_copy() -> None:
    file = io.BytesIO()
    Image.fromarray(noisy(ramp(), 14)).save(file, "JPEG", quality=60)
    pixels = np.asarray(Image.open(file))
    assert noise.sigma_of(pixels) < 5
    assert 7 < noise.noise_of(pixels).sigma < 14


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 70), (16, 200)])
def test_windows_are_the_whole(
    task: str, height: int, width: int, golden: Path, drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    restorer = model(golden, task)
    pixels = drawn(height, width, channels=1 if task == "colorize" else 3)
    mask = np.zeros((height, width), bool)
    mask[: max(0, height - 1), 3:40] = True

    def done() -> np.ndarray:
        if task == "denoise":
            return restorer.denoise(pixels, 25)[0]
        return restorer.colorize(pixels) if task == "colorize" else restorer.inpaint(pixels, mask)

    whole = done()
    monkeypatch.setattr(restorers, "WINDOW", 2)
    parts = done()
    assert whole.shape == (height, width, 3)
    assert whole.dtype == np.uint8
    assert np.abs(whole.astype(int) - parts).max() <= 1
    if min(height, width) > 1:
        assert (whole != pixels).any()


def test_large_pictures_get_the_colours_of_a_small_copy(golden: Path, drawn) -> None:
    restorer = model(golden, "colorize")
    assert restorer.colorize(drawn(60, 90, channels=1)).shape == (60, 90, 3)
    restorer.package.about.description["side"] = 24
    grey = drawn(101, 78, channels=1)
    made = restorer.colorize(grey)
    small = restorer.colorize(halved(halved(halved(grey))))
    assert made.shape == (101, 78, 3)
    inside = (made.min(2) > 0) & (made.max(2) < 255)
    assert np.abs(grey_of(made)[inside].astype(int) - grey[inside]).max() <= 2
    tints = [(m.astype(float) - m[:, :, 1:2]).mean((0, 1)) for m in (made, small)]
    np.testing.assert_allclose(*tints, atol=3)


def test_known_pixels_stay_bit_for_bit(golden: Path, drawn) -> None:
    restorer = model(golden, "inpaint")
    for channels in (1, 3):
        pixels = drawn(50, 61, channels=channels)
        mask = np.random.default_rng(1).random((50, 61)) < 0.3
        mask[10:40, 5:45] = True  # deeper than the model's reach
        made = restorer.inpaint(pixels, mask)
        assert made.shape == pixels.shape
        np.testing.assert_array_equal(made[~mask], pixels[~mask])
        other = np.where(mask[:, :, None], np.uint8(77), pixels)
        np.testing.assert_array_equal(restorer.inpaint(other, mask), made)  # what was under the mask plays no part
        np.testing.assert_array_equal(restorer.inpaint(pixels, np.zeros_like(mask)), pixels)


def test_deep_holes_are_filled_from_smaller_copies(drawn) -> None:
    pixels = np.full((70, 90, 3), 200, np.uint8)
    mask = np.zeros((70, 90), bool)
    mask[5:, 8:80] = True
    deepest = []

    def fill(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
        deepest.append(int(holes.deep(missing, 5).sum()))
        assert (image[~missing] == 200).all()
        return np.where(missing[:, :, None], np.uint8(200), image)

    shown = np.where(mask[:, :, None], np.uint8(0), pixels)
    made = holes.filled(shown, mask, 5, fill)
    assert (made == 200).all()
    assert len(deepest) > 2
    assert not any(deepest)


def test_a_guess_bends_least() -> None:
    y, x = np.mgrid[:60, :80]
    pixels = np.stack((40 + 2 * x, 20 + 3 * y, 200 - x - y), 2).astype(np.uint8)  # plates that do not bend at all
    mask = (np.abs(y - 30 - 8 * np.sin(x / 9)) < 3) | (np.hypot(y - 12, x - 60) < 8)
    shown = np.where(mask[:, :, None], np.uint8(0), pixels)
    made = holes.smooth(shown, mask)
    np.testing.assert_array_equal(made[~mask], pixels[~mask])
    assert np.abs(made.astype(int) - pixels).max() <= 2


def test_halving_and_doubling_are_inverse_on_flats() -> None:
    pixels = np.full((7, 9, 3), 50, np.uint8)
    mask = np.zeros((7, 9), bool)
    mask[2:6, 2:6] = True
    half, missing = holes.halved(pixels, mask)
    assert half.shape == (4, 5, 3)
    assert missing.sum() == 4
    assert (half[~missing] == 50).all()
    np.testing.assert_array_equal(holes.doubled(np.full((4, 5, 3), 50, np.uint8), (7, 9)), pixels)


def test_what_cannot_be_done_is_told(golden: Path, tiny: str, drawn) -> None:
    pixels = drawn(20, 30)
    with pytest.raises(ModelUnfit, match=r"cannot inpaint; it can denoise"):
        Restorer("inpaint", str(golden / "tiny-denoise.aezm"))
    with pytest.raises(ModelUnfit, match=r"cannot denoise; it codes pictures"):
        Restorer("denoise", tiny)
    with pytest.raises(ModelUnfit, match=r"cannot compress pictures; it is for denoise"):
        Codec(str(golden / "tiny-denoise.aezm"))
    with pytest.raises(UsageError, match="threads"):
        Restorer("denoise", str(golden / "tiny-denoise.aezm"), threads=0)
    with pytest.raises(ImageError, match="has colours"):
        model(golden, "colorize").colorize(pixels)
    assert model(golden, "colorize").colorize(grey_of(pixels).repeat(3, 2)).shape == pixels.shape
    inpainter = model(golden, "inpaint")
    with pytest.raises(ImageError, match=r"the mask has 20×20 pixels; expected those of the picture, 30×20"):
        inpainter.inpaint(pixels, np.zeros((20, 20), bool))
    with pytest.raises(ImageError, match="leaves no pixel"):
        inpainter.inpaint(pixels, np.ones((20, 30), bool))
    with pytest.raises(ImageError, match="the mask has colours"):
        mask_of(pixels)
