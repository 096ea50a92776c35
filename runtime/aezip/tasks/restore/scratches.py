"""Scratches and dust: missing pixels predicted from those around them, by how pixels of the picture go together.

For each patch with missing pixels the known patches around that are most like it are found. Their covariance, shrunk
towards that of all known patches, makes the linear prediction with least squared error (non-local Bayes, Lebrun et al.
2013; for holes as Yu et al. 2012). Predictions of overlapping patches are averaged. They count the more, the more alike
patches were found; the rest is the network's guess.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...arrays import Image8, Mask
from .holes import Index, deep, opened

Floats = NDArray[np.float32]
RADIUS, SEARCH = 4, 16  # pixels: of patches, and how far around similar ones are looked for
DEPTH = 3  # pixels from known ones up to which pixels are predicted
GRID = 3  # pixels a side of cells; in each the patch around one missing pixel is predicted
SIMILAR = 100  # patches
LIKE, LIKELY = 20.0, 0.5  # squared levels, and shares of a patch's variance, at which a patch counts 1/e of the best
SHRUNK = 40.0  # samples that the covariance of the whole picture counts as
NOISE, MISSING = 2.0, 1e7  # squared levels, of known pixels and of those that say nothing
PATCHES = 4096  # of the whole picture, at most
SHARE = 0.2  # of the prediction, at least; all where patches are equal
ALIKE, UNLIKE = 10, 0.3  # trust falls to 1/e where the tenth best patch is as far away as this share of a variance
TILE = 256  # pixels a side, done one after the other: memory stays small
BATCH = 32  # patches at once: about 40 MB
FAR = np.float32(1e9)
SIDE = 2 * RADIUS + 1
FRAME = RADIUS + SEARCH
NEAR = np.exp(-((np.indices((SIDE, SIDE)) - RADIUS) ** 2).sum(0).ravel() / (0.98 * RADIUS**2)).astype(np.float32)


class Field(NamedTuple):
    """A picture with a frame of FRAME pixels, its pixels in one row."""

    colours: Floats  # [N, 3]
    grey: Floats  # [N]
    missing: Mask  # [N]
    sure: Mask  # [N], all of the patch around is known
    patch: Index  # [P], steps to a patch's pixels
    search: Index  # [S], steps to the patches around
    usual: Floats  # [P, P], covariance of all known patches

    @classmethod
    def of(cls, image: Image8, mask: Mask) -> Field:
        """image: its missing pixels hold a guess.  Some patch must be known."""
        framed = np.pad(mask, FRAME, constant_values=True)
        sure = np.zeros_like(framed)
        sure[RADIUS:-RADIUS, RADIUS:-RADIUS] = ~sliding_window_view(framed, (SIDE, SIDE)).any((2, 3))
        frame = ((FRAME, FRAME), (FRAME, FRAME), (0, 0))
        colours = np.pad(image, frame, "symmetric").reshape(-1, 3).astype(np.float32)
        patch, search = (
            (y * framed.shape[1] + x).ravel() for y, x in (np.mgrid[-r : r + 1, -r : r + 1] for r in (RADIUS, SEARCH))
        )
        known = np.flatnonzero(sure)
        some = colours[known[:: -(-len(known) // PATCHES) or 1, None] + patch]
        some = np.moveaxis(some - some.mean(1, keepdims=True), 1, 2).reshape(-1, SIDE * SIDE)
        usual = some.T @ some / max(len(some), 1)
        return cls(colours, colours.mean(1), framed.ravel(), sure.ravel(), patch, search, usual)


def predicted(image: Image8, mask: Mask) -> Image8:
    """A picture whose missing pixels hold a guess → with those of scratches and dust predicted."""
    thin = mask & ~opened(mask) & ~deep(mask, DEPTH)
    out: Image8 = image.copy()
    for top, left in product(*(range(0, n, TILE) for n in mask.shape)):
        tile = np.s_[top : top + TILE, left : left + TILE]
        if thin[tile].any():
            around = np.s_[max(0, top - FRAME) : top + TILE + FRAME, max(0, left - FRAME) : left + TILE + FRAME]
            wanted = np.zeros_like(thin)
            wanted[tile] = thin[tile]
            out[wanted] = _within(image[around], mask[around], wanted[around])
    return out


def _within(image: Image8, mask: Mask, wanted: Mask) -> Image8:
    """The wanted ones of the missing pixels, [N, 3]."""
    guess: Image8 = image[wanted]
    field = Field.of(image, mask)
    if not field.sure.any():
        return guess
    y, x = np.nonzero(wanted)
    cells = np.unique(y // GRID * mask.shape[1] + x // GRID, return_index=True)[1]
    centres = (y[cells] + FRAME) * (mask.shape[1] + 2 * FRAME) + x[cells] + FRAME
    total = np.zeros((len(field.grey), 5), np.float32)
    for start in range(0, len(centres), BATCH):
        places = centres[start : start + BATCH, None] + field.patch  # [B, P]
        made = np.ones((*places.shape, 5), np.float32)
        made[:, :, :3], made[:, :, 3] = _estimates(field, places)
        np.add.at(total, places, made * NEAR[:, None])
    found = total.reshape(mask.shape[0] + 2 * FRAME, -1, 5)[FRAME:-FRAME, FRAME:-FRAME][wanted]
    found = found[:, :4] / found[:, 4:]
    both = guess + found[:, 3:] * (found[:, :3] - guess)
    return np.asarray(np.floor(np.clip(both, 0, 255) + 0.5), np.uint8)


def _estimates(field: Field, places: Index) -> tuple[Floats, Floats]:
    """Patches [B, P] predicted from their known pixels: [B, P, 3], and the share that is trusted, [B, 1]"""
    known = ~field.missing[places]
    weight = known * NEAR
    weight /= weight.sum(1, keepdims=True)
    like, worth, share = _similar(field, places, weight)
    shown = field.colours[places]  # [B, P, 3]
    mean = np.einsum("bp,bpc->bc", weight, shown)[:, None]
    shown = shown - mean
    samples = field.colours[like]  # [B, K, P, 3]
    samples -= np.einsum("bp,bkpc->bkc", weight, samples)[:, :, None]
    samples *= np.sqrt(worth)[:, :, None, None]
    samples = np.moveaxis(samples, 3, 2).reshape(len(places), -1, SIDE * SIDE)
    contrast = np.einsum("bp,bpc->b", weight, shown**2) / 3
    usual = contrast / np.maximum(weight @ np.diagonal(field.usual), 1e-6)
    covariance = samples.transpose(0, 2, 1) @ samples + SHRUNK * usual[:, None, None] * field.usual
    covariance /= (3 * worth.sum(1) + SHRUNK)[:, None, None]
    noisy = covariance.copy()
    diagonal = np.arange(SIDE * SIDE)
    noisy[:, diagonal, diagonal] += np.where(known, np.float32(NOISE), np.float32(MISSING))
    return np.asarray(covariance @ np.linalg.solve(noisy, shown * known[:, :, None]) + mean, np.float32), share


def _similar(field: Field, places: Index, weight: Floats) -> tuple[Index, Floats, Floats]:
    """The known patches around that are most like patches [B, P] in their known pixels, and what they count for.

    weight: of the pixels, float32 [B, P]. Returns places [B, K, P]; what they count for, float32 [B, K], up to 1;
    and the share of what is made of them, float32 [B, 1].
    """
    centres = places[:, SIDE * SIDE // 2, None] + field.search  # [B, S]
    around = field.grey[centres[:, :, None] + field.patch]
    around -= around @ weight[:, :, None]
    shown = field.grey[places]
    shown = shown - (shown * weight).sum(1, keepdims=True)
    variance = (weight * shown**2).sum(1)
    apart = (np.square(around) @ weight[:, :, None] - 2 * (around @ (weight * shown)[:, :, None]))[:, :, 0]
    apart = np.where(field.sure[centres], apart + variance[:, None], FAR)
    best = np.argpartition(apart, SIMILAR, 1)[:, :SIMILAR]
    apart = np.take_along_axis(apart, best, 1)
    worth = np.exp((apart.min(1, keepdims=True) - apart) / (LIKE + LIKELY * variance)[:, None])
    worth[apart == FAR] = 0
    unlike = np.partition(apart, ALIKE - 1, 1)[:, ALIKE - 1] / (LIKE + variance)
    share = SHARE + (1 - SHARE) * np.exp(-unlike / UNLIKE)
    return np.take_along_axis(centres, best, 1)[:, :, None] + field.patch, worth, share[:, None]
