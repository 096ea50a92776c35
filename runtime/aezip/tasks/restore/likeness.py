"""Colours for a grey picture out of one that is like it (Welsh, Ashikhmin and Mueller 2002).

Places of both are compared by their brightness, how that varies around them at two sizes, and, a little, by where they
are: skies are above, floors below. The colour of the most alike is a hint, the weaker, the less alike they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...arrays import Image8, around
from ..features.vectors import halved
from .chroma import Plane
from .hints import Known, chroma_of, luma_of, texture

SIDE = 256  # a short side from which on smaller copies are compared
APART = 4  # pixels between places, each way
NEAREST = 12  # places of the other picture whose mean colour is taken
WIDE = (2, 8)  # pixels on either side, over which brightness varies
SCALES = np.array([25, 12, 12, 0.5], np.float32)  # of brightness, its variations, the height (a share): half as alike
FIRM = 0.02  # how firmly the most alike holds, where a hint by hand holds by 1
ROWS = 512  # places compared at a time


class Places(NamedTuple):
    """What is known of places of a picture."""

    features: Plane  # [places, features]
    chroma: Plane  # [places, 2], zeros of a grey picture


def hints_like(grey: Image8, reference: Image8) -> Known:
    """Hints for a grey picture.

    Args:
        grey: uint8 [H, W, 1].
        reference: uint8 [h, w, 3], of any size, with the colours that are wanted.

    Returns:
        float [H, W, 2], Cb and Cr, and float [H, W], how firmly they are known: 0 between the places.
    """
    while min(reference.shape[:2]) >= 2 * SIDE:
        reference = halved(reference)
    known, asked = _places(luma_of(reference), chroma_of(reference)), _places(grey[:, :, 0].astype(np.float32))
    chroma, near = np.empty_like(asked.chroma), np.empty(len(asked.features), np.float32)
    norms = np.square(known.features).sum(1)
    for start in range(0, len(near), ROWS):
        mine = asked.features[start : start + ROWS]
        far = norms - 2 * mine @ known.features.T + np.square(mine).sum(1)[:, None]
        best = np.argpartition(far, min(NEAREST, len(norms)) - 1, 1)[:, :NEAREST]
        chroma[start : start + ROWS] = np.median(known.chroma[best], 1)
        near[start : start + ROWS] = np.maximum(np.take_along_axis(far, best, 1).mean(1), 0)
    out, held = np.zeros((*grey.shape[:2], 2), np.float32), np.zeros(grey.shape[:2], np.float32)
    shape = held[::APART, ::APART].shape
    out[::APART, ::APART], held[::APART, ::APART] = chroma.reshape(*shape, 2), FIRM / (1 + near.reshape(shape))
    return out, held


def _places(luma: Plane, chroma: Plane | None = None) -> Places:
    """Every few pixels.  luma: [H, W]"""
    features = texture(luma, WIDE)
    features.append(np.broadcast_to(np.linspace(0, 1, len(luma), dtype=np.float32)[:, None], luma.shape))
    seen = np.stack([f[::APART, ::APART] for f in features], -1).reshape(-1, len(features)) / SCALES
    colours = np.zeros((len(seen), 2), np.float32)
    if chroma is not None:
        colours = around(chroma)[::APART, ::APART].reshape(-1, 2)
    return Places(seen.astype(np.float32), colours)
