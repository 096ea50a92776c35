"""Flat areas, such as skies: neighbours share their rounding errors, so that no level drifts away from the original.

A flat area would have one error, which changes where means do: at the borders of tiles, as a seam. There, symbols are
rounded without weighing their bits, and a position of the checkerboard's second half takes on a part of what its four
neighbours of the first are off by (error diffusion: Floyd and Steinberg 1976). Readers know nothing of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine.graphs import INT16

Flat = NDArray[np.bool_]  # [⌈H/16⌉, ⌈W/16⌉]
SHARE = 0.8  # of the neighbours' mean error: 1 leaves least drift, but takes a quarter more bytes at quality 10


def pull(off: INT16) -> INT16:
    """What each position takes over from those above, below, left and right of it, in 1/16 of a step [h, w, C].

    off: by how much latents became larger when they were rounded [h, w, C], 0 where they are not rounded yet.
    """
    each = np.float32(SHARE / 4) * off
    total = np.pad(each[:-1], ((1, 0), (0, 0), (0, 0)))
    total[:-1] += each[1:]
    total[:, 1:] += each[:, :-1]
    total[:, :-1] += each[:, 1:]
    return np.asarray(np.rint(total), np.int16)
