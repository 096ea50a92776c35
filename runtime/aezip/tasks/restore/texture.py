"""Wide holes in texture: pieces of the surroundings, put together, where what is smooth would be a smear.

A copy so small that the hole is a few patches wide is filled first, from the hole's border inwards: the patch of which
most is known, and most to see, is completed by the known patch that is most like it (Criminisi et al. 2004). From there
every missing pixel has a source, a known pixel, whose value it has in each larger copy, too. Then each patch takes the
best of its neighbours' sources, and overlapping patches vote (Wexler et al. 2007; Barnes et al. 2009).
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...arrays import Image8, Mask, grey
from ..features.vectors import halved as smaller
from .holes import Index, deep, halved, opened

Places = NDArray[np.intp]  # [..., 2], rows and columns
PEEL, VOTE = 4, 2  # radii of patches that complete the border, and of those that vote
GRID, AROUND = 16, 48  # pixels: the grid on which holes touch, and how far around a hole pieces are taken from
LITTLE, RICH = 0.4, 5.0  # the share of pieces where there is no detail, and levels of detail from which on it is 1
DEPTH, MOST = 16, 4096  # pixels: deeper holes, or more missing pixels, are completed in a smaller copy …
LEAST = 32  # … if its short side is not less than this
PATCHES = 1 << 14  # of a dictionary, at most
ROUNDS, SPREAD = 2, 0.8  # votes in each copy; the standard deviation of a patch's weight, in pixels
GUESS = 0.5  # what the mean of the guess counts against known pixels
FLAT = 5.0  # levels of contrast added to a patch's own, so that flat ones have their turn
TRUST = 0.2  # least weight of a pixel that was made up
UNSURE = 1e9  # added to the distance of patches that are not known


def textured(image: Image8, mask: Mask) -> Image8:
    """A picture with pieces of its surroundings in wide holes, the more of them the more detail is around.

    image: its missing pixels hold a smooth guess; mask: where they are.
    """
    wide = opened(mask)
    image = image.copy()
    for part in parts(wide):
        hole, guess = wide[part], image[part]
        if hole.any() and not hole.all():
            share = LITTLE + (1 - LITTLE) * min(detail(guess, mask[part]) / RICH, 1)
            made = completed(guess, hole)[0]
            both = np.floor(guess + share * (made.astype(np.float32) - guess) + 0.5).astype(np.uint8)
            image[part] = np.where(hole[:, :, None], both, guess)
            wide[part] = False
    return image


def parts(wide: Mask) -> list[tuple[slice, slice]]:
    """Boxes around the holes of a mask, with what is around them; holes that touch are one."""
    cells = set(map(tuple, np.unique(np.argwhere(wide) // GRID, axis=0).tolist()))
    boxes = []
    while cells:
        group, found = [min(cells)], []
        cells.discard(group[0])
        while group:
            found.append(group.pop())
            near = cells & set(product(*((n - 1, n, n + 1) for n in found[-1])))
            cells -= near
            group += sorted(near)
        first, last = np.min(found, 0) * GRID - AROUND, np.max(found, 0) * GRID + GRID + AROUND
        boxes.append((slice(max(0, int(first[0])), int(last[0])), slice(max(0, int(first[1])), int(last[1]))))
    return boxes


def detail(image: Image8, mask: Mask) -> float:
    """How far known pixels are from the mean of their neighbours, in levels: the median of cells of 8×8 pixels."""
    luma = np.pad(grey(image), 1, "edge")
    known = np.pad(~mask, 1, "edge")
    beside = (np.s_[:-2, 1:-1], np.s_[2:, 1:-1], np.s_[1:-1, :-2], np.s_[1:-1, 2:])
    apart = np.abs(luma[1:-1, 1:-1] - sum(luma[b] for b in beside) / 4)
    sure: Mask = np.all([known[1:-1, 1:-1], *(known[b] for b in beside)], 0)
    height, width = (n // 8 * 8 for n in mask.shape)

    def cells(a: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(a[:height, :width].reshape(height // 8, 8, width // 8, 8).sum((1, 3)), np.float32)

    count = cells(sure.astype(np.float32))
    values = (cells(apart * sure) / np.maximum(count, 1))[count >= 32]
    return float(np.median(values)) if len(values) else 0.0


def completed(image: Image8, mask: Mask) -> tuple[Image8, Places]:
    """A picture whose missing pixels hold a guess → with pixels of its known parts instead, and their places."""
    if min(mask.shape) < 2 * LEAST or not (deep(mask, DEPTH).any() or mask.sum() > MOST):
        return voted(*peeled(image, mask), mask)
    known, missing = halved(image, mask)
    half = np.where(missing[:, :, None], smaller(image), known)
    source = completed(half, missing)[1]
    y, x = np.indices(mask.shape)
    source = np.minimum(2 * source[y // 2, x // 2] + np.stack((y % 2, x % 2), 2), np.array(mask.shape) - 1)
    source = np.where(mask[:, :, None], source, np.stack((y, x), 2))
    return voted(image[source[..., 0], source[..., 1]], source, mask)


class Dictionary(NamedTuple):
    """All patches of a picture in which every pixel is known."""

    places: Places  # [N, 2], of their first pixels
    values: NDArray[np.float32]  # [N, 3, P]
    squares: NDArray[np.float32]  # [N, P], summed over channels

    @classmethod
    def of(cls, image: Image8, mask: Mask, radius: int) -> Dictionary:
        side = 2 * radius + 1
        places = np.argwhere(~sliding_window_view(mask, (side, side)).any((2, 3)))
        places = places[:: -(-len(places) // PATCHES) or 1]
        patches = sliding_window_view(image, (side, side), (0, 1))[places[:, 0], places[:, 1]]
        values = patches.reshape(len(places), 3, side * side).astype(np.float32)
        return cls(places, values, np.square(values).sum(1))

    def nearest(self, patch: NDArray[np.float32], weight: NDArray[np.float32], guess: NDArray[np.float32]) -> int:
        """The patch most like `patch` [3, P] where weight [P] is not 0, and like the mean of `guess` elsewhere."""
        apart = self.squares @ weight - 2 * (self.values.reshape(len(self.values), -1) @ (weight * patch).ravel())
        missing = (weight == 0).astype(np.float32)
        count = missing.sum()
        mean = (self.values @ missing - guess @ missing) / count
        return int((apart + GUESS * count * np.square(mean).sum(1)).argmin())


def peeled(image: Image8, mask: Mask) -> tuple[Image8, Places]:
    """As `completed`, patch by patch from the border of the holes inwards."""
    r, side = PEEL, 2 * PEEL + 1
    known = Dictionary.of(image, mask, r)
    y, x = np.indices(mask.shape)
    source = np.stack((y, x), 2)
    if len(known.places) == 0:
        return image, source
    frame = ((r, r), (r, r))
    shown = np.pad(image, (*frame, (0, 0)), "edge").astype(np.float32)
    guess, left, within = shown.copy(), np.pad(mask, frame), np.moveaxis(np.indices((side, side)), 0, 2)
    trust = np.pad(~mask, frame).astype(np.float32)
    source = np.pad(source, (*frame, (0, 0)), "edge")
    while left.any():
        row, column = _next(shown, left, trust)
        here = np.s_[row - r : row + r + 1, column - r : column + r + 1]
        missing = left[here]
        weight = np.where(missing | (trust[here] == 0), 0, np.maximum(trust[here], TRUST)).ravel()
        patch, hope = (np.moveaxis(a[here], 2, 0).reshape(3, -1) for a in (shown, guess))
        found = known.nearest(patch, weight.astype(np.float32), hope)
        shown[here][missing] = known.values[found].T.reshape(side, side, 3)[missing]
        source[here][missing] = (known.places[found] + within)[missing]
        trust[here][missing] = trust[here].mean()
        left[here] = False
    inner = np.s_[r:-r, r:-r]
    return shown[inner].astype(np.uint8), source[inner]


def _next(shown: NDArray[np.float32], left: Mask, trust: NDArray[np.float32]) -> tuple[int, int]:
    """The missing pixel beside a known one around which most is known, and most to see."""
    r, side = PEEL, 2 * PEEL + 1
    shut = left[:-2, 1:-1] & left[2:, 1:-1] & left[1:-1, :-2] & left[1:-1, 2:]
    places = np.argwhere(left[1:-1, 1:-1] & ~shut) + 1
    first = places - r
    sure, luma = (sliding_window_view(a, (side, side))[first[:, 0], first[:, 1]] for a in (trust, grey(shown)))
    seen = (sure > 0) & ~sliding_window_view(left, (side, side))[first[:, 0], first[:, 1]]
    count = np.maximum(seen.sum((1, 2)), 1)
    mean = (luma * seen).sum((1, 2)) / count
    contrast = np.sqrt((np.square(luma - mean[:, None, None]) * seen).sum((1, 2)) / count)
    row, column = places[(sure.mean((1, 2)) * (contrast + FLAT)).argmax()]
    return int(row), int(column)


def voted(image: Image8, source: Places, mask: Mask) -> tuple[Image8, Places]:
    """A completed picture without its seams.  source: the place of each missing pixel's known pixel, [H, W, 2]"""
    r = VOTE
    frame = ((r, r), (r, r))
    side = 2 * r + 1
    weights = np.exp(-np.square(np.arange(-r, r + 1)) / (2 * SPREAD**2)).astype(np.float32)
    sure = np.asarray(sliding_window_view(np.pad(~mask, frame), (side, side)).all((2, 3)))
    y, x = np.nonzero(mask)
    for _ in range(ROUNDS):
        patches = sliding_window_view(np.pad(image, (*frame, (0, 0)), "edge"), (side, side), (0, 1))
        source = _improved(patches, source, sure, y, x)
        taken = patches[source[y, x, 0], source[y, x, 1]]
        total = np.zeros((mask.shape[0] + 2 * r, mask.shape[1] + 2 * r, 4), np.float32)
        for (dy, wy), (dx, wx) in product(enumerate(weights), repeat=2):
            total[y + dy, x + dx, :3] += wy * wx * taken[:, :, dy, dx]
            total[y + dy, x + dx, 3] += wy * wx
        made = total[r:-r, r:-r][y, x]
        image = image.copy()
        image[y, x] = np.floor(made[:, :3] / made[:, 3:] + 0.5).astype(np.uint8)
    return image, source


def _improved(patches: Image8, source: Places, sure: Mask, y: Index, x: Index) -> Places:
    """For each missing pixel the best of its own source and those that its eight neighbours' sources say.

    patches: [H, W, 3, P, P], around each pixel; sure: those of which all is known; y, x: the missing pixels.
    """
    limit = np.array(sure.shape) - 1
    wanted = patches[y, x].astype(np.float32)
    best, least = source[y, x], np.full(len(y), np.inf, np.float32)
    for step in product((0, -1, 1), repeat=2):
        near = np.clip(np.stack((y, x), 1) + step, 0, limit)
        tried = np.clip(source[near[:, 0], near[:, 1]] - step, 0, limit)
        cost = np.square(patches[tried[:, 0], tried[:, 1]] - wanted).sum((1, 2, 3))
        cost[~sure[tried[:, 0], tried[:, 1]]] += UNSURE
        better = cost < least
        best, least = np.where(better[:, None], tried, best), np.where(better, cost, least)
    source = source.copy()
    source[y, x] = best
    return source
