"""The margin is exactly what a transform sees: no less (a proof of each export), and no more."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aezip.engine.library import onnxruntime
from aezip_export import graphs, reach
from aezip_export.builder import Graph
from aezip_train.flagship import Config, Flagship


@pytest.mark.parametrize(("coarse_blocks", "latent_blocks", "margin"), [(0, 0, 1), (1, 1, 2), (4, 4, 7), (6, 1, 5)])
def test_margins_follow_the_blocks(coarse_blocks: int, latent_blocks: int, margin: int) -> None:
    sizes = {"coarse": 16, "latent": 16, "hyper": 8, "feature": 8}
    torch.manual_seed(1)
    model = Flagship(Config(**sizes, coarse_blocks=coarse_blocks, latent_blocks=latent_blocks)).eval()
    for name, value in model.named_parameters():
        if "expand" in name:
            torch.nn.init.normal_(value)
    assert reach.margin(graphs.encoder(model)) == margin
    assert reach.margin(graphs.decoder(model)) == margin

    # one latent changed: pixels change as far as the margin says, and not farther
    session = onnxruntime().InferenceSession(graphs.decoder(model, "float32"))
    side = 2 * margin + 5
    latent = np.random.default_rng(1).integers(-9, 9, (1, side, 3, 16)).astype(np.int16)
    changed = latent.copy()
    changed[:, margin + 2] += 300
    gain = np.full(16, 1 / 64, np.float32)
    images = [session.run(None, {"latent": v, "inverse_gain": gain})[0].astype(int) for v in (latent, changed)]
    rows = np.flatnonzero(np.abs(images[0] - images[1]).max((0, 2, 3))) // 16
    assert rows.min() >= 2
    assert rows.max() <= side - 3
    if margin <= 2:  # beyond, what the ends of the field add is below a level
        assert (rows.min(), rows.max()) == (2, side - 3)


def test_an_unknown_operator_is_an_error() -> None:
    g = Graph("decoder")
    x = g.input("latent", "float32", [1, 4, "h", "w"])
    shape = g.constant(np.array([1, 1, -1, 4], np.int64))
    g.output("image", g.node("Reshape", x, shape), "float32", [1, 1, "H", "W"])
    with pytest.raises(ValueError, match="receptive field of Reshape"):
        reach.margin(g.build())
