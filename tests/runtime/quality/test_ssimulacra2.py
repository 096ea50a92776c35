"""SSIMULACRA2 against the published metric, and against itself in bands."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aezip.quality import ssimulacra2 as module
from aezip.quality.ssimulacra2 import ssimulacra2, weights_of

KNOWN = [52.167, 63.245, 66.367]


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


@pytest.mark.parametrize("quality", [20, 60, 95])
@pytest.mark.parametrize("size", [(256, 256), (190, 301), (40, 64), (8, 9)])
def test_scores_are_the_published_ones(quality: int, size: tuple[int, int], drawn, tmp_path) -> None:
    published = pytest.importorskip("ssimulacra2")
    picture = drawn(*size, seed=quality)
    other = jpeg(picture, quality)
    for name, pixels in (("a", picture), ("b", other)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    want = published.compute_ssimulacra2(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    assert ssimulacra2(picture, other) == pytest.approx(want, abs=0.02)


def test_known_scores(drawn) -> None:
    """Of the package `ssimulacra2` 0.3, where it is not installed."""
    picture = drawn(190, 301)
    found = [ssimulacra2(picture, jpeg(picture, quality)) for quality in (20, 60, 95)]
    assert found == sorted(found)
    assert found == pytest.approx(KNOWN, abs=1)  # JPEG decoders differ a little


def test_bands_do_not_show(drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = drawn(131, 77)
    other = jpeg(picture, 50)
    whole = ssimulacra2(picture, other)
    monkeypatch.setattr(module, "_AREA", 1)  # 16 rows
    assert ssimulacra2(picture, other) == pytest.approx(whole, abs=1e-3)


def test_equal_grey_and_small_pictures(drawn) -> None:
    picture = drawn(64, 50)
    assert ssimulacra2(picture, picture) == 100
    grey, other = picture[:, :, :1], jpeg(picture, 50)[:, :, :1]
    assert ssimulacra2(grey, other) == pytest.approx(ssimulacra2(grey.repeat(3, 2), other.repeat(3, 2)))
    assert math.isnan(ssimulacra2(picture[:7], picture[:7]))
    with pytest.raises(ValueError, match="one shape"):
        ssimulacra2(picture, picture[:50])


def test_small_pictures_have_fewer_scales() -> None:
    assert [weights_of(side, 1000).shape[1] for side in (8, 14, 15, 40, 256, 4000)] == [1, 1, 2, 3, 6, 6]
