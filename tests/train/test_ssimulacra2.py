"""SSIMULACRA2 in torch against the published metric."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from aezip.quality.ssimulacra2 import score, ssimulacra2
from aezip_train import lambda_ladder
from aezip_train.data import centre
from aezip_train.ssimulacra2 import error, weight_of


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        return np.asarray(image)


def score_of(picture: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return score(error(centre(other[None]), centre(picture[None])).item())


@pytest.mark.parametrize("quality", [20, 60, 95])
@pytest.mark.parametrize("size", [(256, 256), (190, 301)])
def test_scores_are_the_published_ones(quality: int, size: tuple[int, int], drawn, tmp_path) -> None:
    published = pytest.importorskip("ssimulacra2")
    picture = drawn(*size, seed=quality)
    other = jpeg(picture, quality)
    for name, pixels in (("a", picture), ("b", other)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    want = published.compute_ssimulacra2(str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    assert score_of(picture, other) == pytest.approx(want, abs=0.1)


@pytest.mark.parametrize("size", [(256, 256), (190, 301), (64, 64), (8, 9), (23, 64)])
def test_scores_are_the_runtimes(size: tuple[int, int], drawn) -> None:
    picture = drawn(*size)
    other = jpeg(picture, 50)
    assert score_of(picture, other) == pytest.approx(ssimulacra2(picture, other), abs=0.05)
    assert 97 < score_of(picture, picture) <= 100  # less than 100 for the floor under a root, for its gradient


@pytest.mark.parametrize("size", [(64, 64), (8, 8), (5, 70)])
@pytest.mark.parametrize("fade", [False, True])
def test_gradients_are_finite(size: tuple[int, int], fade: bool, drawn) -> None:
    wanted = centre(drawn(*size)[None].repeat(2, 0))
    image = wanted.clone()  # one is equal, and one has samples beyond black and white
    image[1] = 3 * image[1] + 0.1
    image.requires_grad_()
    found = error(image, wanted, fade)
    assert found.shape == (2,)
    if min(size) >= 8:
        assert found[1] > found[0] >= 0
        found.sum().backward()
        assert image.grad is not None
        assert image.grad.isfinite().all()
        assert image.grad[1].any()
    else:
        assert not found.any()  # too small for any scale


def test_weights_grow_with_the_quality() -> None:
    lam = lambda_ladder.lambda_of(torch.tensor([0.0, 500.0, 1000.0]))
    weight = weight_of(lam)
    assert (weight.diff() > 0).all()
    assert weight[0] == pytest.approx(0.0018)
