"""Pictures drawn by code, as crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aezip_train import drawn
from aezip_train.data import Crops


@pytest.mark.parametrize("kind", sorted({kind.__name__ for kind in drawn.KINDS}))
@pytest.mark.parametrize("side", [64, 100])
def test_every_kind_is_a_picture_of_its_generator(kind: str, side: int) -> None:
    draw = getattr(drawn, kind)
    for seed in range(6):
        picture = draw(np.random.default_rng(seed), side)
        assert picture.shape == (side, side, 3)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, draw(np.random.default_rng(seed), side))


def test_letters_are_drawn_on_what_is_there() -> None:
    ground = np.full((96, 96, 3), 120, np.uint8)
    made = [drawn.draw(np.random.default_rng(seed), 96, ground) for seed in range(60)]
    assert {p.shape for p in made} == {(96, 96, 3)}
    assert any(0.3 < (p == ground).mean() < 1 for p in made)
    assert (ground == 120).all()


def test_upright_crops_are_drawn_without_colours() -> None:
    crops = Crops([np.full((96, 96, 3), (200, 90, 40), np.uint8)], 64, 24, least_part=0.5, drawn=1.0)
    batch = crops.draw(np.random.default_rng(4))
    assert torch.equal(batch, crops.draw(np.random.default_rng(4)))
    assert torch.equal(batch[:, :1].expand_as(batch), batch)
    spreads = batch[:, 0].flatten(1).std(1)
    assert (spreads == 0).any()
    assert (spreads > 0.3).any()
    few = Crops(crops.pictures, 64, 24, least_part=0.5, drawn=0.2).draw(np.random.default_rng(4))
    assert 0 < sum(torch.equal(c[0], c[2]) for c in few) < 12


def test_all_crops_may_be_drawn() -> None:
    crops = Crops([np.full((90, 90, 3), 120, np.uint8)], 64, 12, drawn=1.0)
    batch = crops.draw(np.random.default_rng(2))
    assert batch.shape == (12, 3, 64, 64)
    assert torch.equal(batch, crops.draw(np.random.default_rng(2)))
    assert (batch.flatten(1).std(1) > 0).sum() >= 9
    part = crops.draw(np.random.default_rng(2), slice(4, 8))
    assert torch.equal(part, batch[4:8])
