"""New pictures: latents from a model's prior, or from between those of two pictures, through its decoder.

The prior of a variational autoencoder is an independent normal distribution for each latent (Kingma and Welling 2014).
Numbers are drawn by numpy's PCG64, so that a seed gives the same latents everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Image8
from ..coding.windows import in_channels, window_of
from ..errors import ImageError, ModelUnfit
from ..format.geometry import LATENT_STRIDE
from ..format.geometry import grid as latent_grid
from .features.vectors import Latents

WITH_PRIOR = ("vae",)  # families whose latents are normal
TOP = 32767  # of a latent in 1/16 of a step
GAP, PAPER = 2, 255  # between the pictures of a grid


def drawn(latents: Latents, height: int, width: int, seed: int, spread: float = 1.0) -> Iterator[Image8]:
    """Pictures from the prior, one after the other.  spread: standard deviation of the latents.  Raises ModelUnfit.

    Each is the middle of one that is larger by the decoder's margin, so that its borders are like its inside.
    """
    about = latents.graphs.package.about
    if about.description.get("family") not in WITH_PRIOR:
        raise ModelUnfit(f"the model '{about.name}' has no prior to draw from", f"one of the family {WITH_PRIOR[0]}")
    rng = np.random.default_rng(seed)
    margin = latents.graphs.package.margin("decoder")
    h, w = (size + 2 * margin for size in latent_grid((height, width)))
    top = LATENT_STRIDE * margin
    while True:
        latent = spread * rng.standard_normal((h, w, len(latents.rung.gain)), np.float32)
        yield decoded(latents, latent)[top : top + height, top : top + width]


def between(latents: Latents, first: Image8, last: Image8, count: int) -> Iterator[Image8]:
    """So many pictures on the straight way from one's latents to the other's, both ends included.

    Raises ImageError if their sizes differ.
    """
    if first.shape != last.shape:
        found, wanted = ("×".join(map(str, (p.shape[1], p.shape[0], p.shape[2]))) for p in (last, first))
        raise ImageError(f"{found} (width, height, channels)", f"those of the other picture, {wanted}")
    height, width, channels = first.shape
    h, w = latent_grid((height, width))
    ends = [latents.of(window_of(p, (slice(0, h), slice(0, w)), channels)) for p in (first, last)]
    for part in np.linspace(0, 1, count):
        made = decoded(latents, (1 - part) * ends[0] + part * ends[1])[:height, :width]
        yield in_channels(made, channels)


def decoded(latents: Latents, values: Any) -> Image8:
    """What the decoder makes of latents as `Latents.of` gives them.  [h, w, channels] → [16·h, 16·w, C]"""
    steps = np.rint(16 * values * latents.rung.gain).clip(-TOP, TOP).astype(np.int16)
    return latents.graphs.decoder(steps)


def grid(pictures: list[Image8]) -> Image8:
    """Pictures of one size in rows, as square as can be."""
    across = math.ceil(math.sqrt(len(pictures)))
    down = -(-len(pictures) // across)
    h, w, c = pictures[0].shape
    out = np.full((down * (h + GAP) - GAP, across * (w + GAP) - GAP, c), PAPER, np.uint8)
    for n, picture in enumerate(pictures):
        top, left = n // across * (h + GAP), n % across * (w + GAP)
        out[top : top + h, left : left + w] = picture
    return out
