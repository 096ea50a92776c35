from __future__ import annotations

import numpy as np
import pytest
import torch

from aezip_train import classic
from aezip_train.flagship import Config, Flagship


def test_the_lapped_transform_is_orthonormal_with_its_shifts() -> None:
    rows = classic.lapped()
    np.testing.assert_allclose(rows @ rows.T, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(rows[:, :8] @ rows[:, 8:].T, 0, atol=1e-12)


def test_the_start_is_a_transform_codec() -> None:
    """With all components kept, decoder and encoder invert each other at step 0 but for the picture's edge."""
    torch.manual_seed(0)
    images = torch.randn(4, 3, 64, 64).cumsum(2).cumsum(3) / 20
    model = Flagship(Config(coarse=192, latent=768, hyper=8, feature=8, coarse_blocks=1, latent_blocks=1))
    model.start_classic(images)
    with torch.no_grad():
        u = model.encoder(images)
        inside = (model.decoder(u) - images)[:, :, 8:-8, 8:-8]
    assert inside.abs().max() < 1e-3
    assert u.std((0, 2, 3)).numpy() == pytest.approx(np.ones(768), abs=0.05)


def test_flat_pictures_have_a_start() -> None:
    for scale in classic.measure(torch.full((2, 3, 64, 64), 0.5), 32, 48)[1::2]:
        assert (scale > 0).all()
