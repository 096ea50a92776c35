"""How far the cells of decoded photographs are from their originals: the bound that the codec keeps.

The runtime (`aezip.coding.cells`) patches cells whose error is above the package's `cell_errors`: for each quality and
class of activity the error that one cell in ten thousand exceeds, plus a margin.
"""

from __future__ import annotations

import numpy as np

from aezip.coding import cells, encoder, lossy
from aezip.engine.sessions import Sessions
from aezip.model.packages import Package
from aezip_train.data import Picture

RARE, ROOM = 1e-4, 1.5  # share of photographs' cells that may be worse than the bound without its room
FEW = 2000  # cells of a class, with fewer of which the next class decides, too
LEAST = 4.0  # mean squared error; no bound is lower
SIDE = 1024  # pixels of a picture that are looked at


def measure(about: Package, found: list[Picture]) -> list[list[float]]:
    """Bounds of the cells' mean squared errors [qualities, classes], as `cell_errors` has them."""
    sessions = Sessions(about)
    levels = np.linspace(0, 1000, cells.NODES).astype(int)
    rows = [_row(sessions, [p[:SIDE, :SIDE] for p in found], int(level)) for level in levels]
    table = np.maximum.accumulate(np.array(rows), 1)  # no busier class has a lower bound,
    table = np.minimum.accumulate(table, 0)  # and no higher quality a higher one
    bounds: list[list[float]] = np.round(np.maximum(ROOM * table, LEAST), 1).tolist()
    return bounds


def _row(sessions: Sessions, found: list[Picture], level: int) -> list[float]:
    """The error that is rarely exceeded, of each class."""
    errors, classes = [], []
    for pixels in found:
        lat = encoder.Encoder(sessions, level).encode(pixels)
        shown = lossy.decode(sessions, lat)
        errors.append(cells.errors(pixels, shown).ravel())
        classes.append(cells.activity(pixels).ravel())
    error, kind = np.concatenate(errors), np.concatenate(classes)
    row = []
    for least in range(cells.CLASSES):
        most = least
        while most < cells.CLASSES - 1 and ((kind >= least) & (kind <= most)).sum() < FEW:
            most += 1
        mine = error[(kind >= least) & (kind <= most)]
        row.append(float(np.quantile(mine, 1 - RARE)) if len(mine) else 0.0)
    return row
