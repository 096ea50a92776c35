"""The ladder of qualities."""

from __future__ import annotations

import pytest
import torch

from aezip_train import lambda_ladder
from aezip_train.flagship import LADDERS, Config, Flagship


@pytest.mark.parametrize("top", [0.1, 0.25, 0.7])
def test_a_stretched_ladder_has_the_same_gains_at_the_same_lambda(top: float) -> None:
    torch.manual_seed(1)
    model = Flagship(Config(8, 12, 1, 1, 8, 8))
    with torch.no_grad():  # a ladder is straight between nodes of its own, so straight lines alone stay exactly
        for name in LADDERS:
            nodes = getattr(model, name)
            nodes.copy_(torch.linspace(0, 1, lambda_ladder.NODES)[:, None] * torch.randn(nodes.shape[1]))
    before = {name: getattr(model, name).detach().clone() for name in LADDERS}
    old = model.lambda_max
    model.stretch(top)
    assert model.lambda_max == top
    lam = torch.logspace(-3.2, -1.1, 7)  # in both ladders
    old_quality, new_quality = (
        lambda_ladder.TOP
        * (lam / lambda_ladder.LAMBDA_MIN).log()
        / torch.tensor(largest / lambda_ladder.LAMBDA_MIN).log()
        for largest in (old, top)
    )
    assert torch.allclose(lambda_ladder.lambda_of(new_quality, top), lam, rtol=1e-4)
    for name in LADDERS:
        now, then = lambda_ladder.at(getattr(model, name), new_quality), lambda_ladder.at(before[name], old_quality)
        assert torch.allclose(now, then, atol=1e-4), name


def test_the_same_top_changes_nothing() -> None:
    nodes = torch.randn(lambda_ladder.NODES, 3)
    assert torch.allclose(lambda_ladder.stretched(nodes, 0.25, 0.25), nodes, atol=1e-6)
