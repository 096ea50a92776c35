"""How far a decoded picture may be from its original: the error of every cell of 16 × 16 pixels, and its bound.

A package says what photographs' cells have (`cell_errors` in model.json: mean squared errors at 9 evenly spaced
qualities for 8 classes of activity): a flat sky has to come back flat, a meadow may lose its blades.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..format import depth as depths
from ..format.averages import lengths
from ..format.container import PLAIN, QUALITY_TOP
from ..format.geometry import CELL_SIZE, grid
from ..model.description import CELL_ERRORS
from ..model.packages import Package
from .windows import Pixels

Cells = NDArray[np.float32]  # [⌈H/16⌉, ⌈W/16⌉]
Classes = NDArray[np.int64]  # [⌈H/16⌉, ⌈W/16⌉]
FLAT = 0  # the class of cells in which, and around which, hardly anything happens

NODES, CLASSES = CELL_ERRORS
BAND = 16  # cells of rows that are looked at together
# Where a package says nothing: of flat cells at quality 0, for each class so many times more, at quality 100 so many
# times less.
UNKNOWN, RISES, FALLS = 600.0, 1.7, 22.0


def errors(original: Pixels, decoded: Pixels, depth: int = PLAIN) -> Cells:
    """Mean squared error of each cell, over what the picture has of it, in grey levels.  Both [H, W, C] of a depth"""

    def squares(rows: slice) -> NDArray[np.float32]:
        difference = depths.levels(original[rows], depth) - depths.levels(decoded[rows], depth)
        return np.asarray(difference * difference)

    return np.asarray(_means(original.shape, squares).mean(2))


def bounds(classes: Classes, package: Package, level: int) -> Cells:
    """The largest error that each cell may have, by its class of activity, at a quality of 0 … 1000."""
    place, said = level / QUALITY_TOP, package.cell_errors
    if said is None:
        row = UNKNOWN * RISES ** np.arange(CLASSES) / FALLS**place
    else:
        table, node = np.log(said), place * (NODES - 1)
        row = np.exp([np.interp(node, range(NODES), values) for values in table.T])
    return np.asarray(row[classes], np.float32)


def activity(original: Pixels, depth: int = PLAIN) -> Classes:
    """The class of each cell, FLAT … 7: by the largest variance among it and its eight neighbours."""
    values = _means(original.shape, lambda rows: depths.levels(original[rows], depth))
    squares = _means(original.shape, lambda rows: depths.levels(original[rows], depth) ** 2)
    variance = np.maximum(squares - values**2, 0).mean(2)
    around = np.pad(variance, 1, mode="edge")
    h, w = variance.shape
    most = np.max([around[i : i + h, j : j + w] for i in range(3) for j in range(3)], 0)
    return np.asarray(np.clip(np.log2(most + 1) / 2, 0, CLASSES - 1), np.int64)


def _means(shape: tuple[int, ...], values: Callable[[slice], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Means of values over the cells of a picture of this shape [H, W, C]; what `values` has for some of its rows.

    Cells that the picture's right and lower end cut off are means of what they have.
    """
    height, width, channels = shape
    count = np.multiply.outer(lengths(height, CELL_SIZE), lengths(width, CELL_SIZE)).astype(np.float32)
    out = np.empty((*grid((height, width), CELL_SIZE), channels), np.float32)
    for top in range(0, height, BAND * CELL_SIZE):
        part = values(slice(top, min(top + BAND * CELL_SIZE, height)))
        if len(part) % CELL_SIZE or width % CELL_SIZE:
            part = np.pad(part, ((0, -len(part) % CELL_SIZE), (0, -width % CELL_SIZE), (0, 0)))
        # first down each column, where numbers lie side by side
        rows = np.add.reduce(part.reshape(len(part) // CELL_SIZE, CELL_SIZE, -1), axis=1)
        rows = np.add.reduce(rows.reshape(len(rows), -1, CELL_SIZE, channels), axis=2)
        out[top // CELL_SIZE : top // CELL_SIZE + len(rows)] = rows
    return out / count[:, :, None]
