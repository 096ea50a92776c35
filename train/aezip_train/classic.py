"""The classic start: colour × lapped 8-point × Hadamard, as convolution weights.

A network of strided linear layers is a transform codec when its weights are a transform: the lapped orthogonal one of
Malvar & Staelin (1989) has 16 taps a side, 8 apart, and no block edges. Behind it a 2×2 Hadamard
halves the resolution again. Of both stages' components those of the largest variance are kept.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

COLOUR = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
LEAST = 1e-3  # deviation, in units of 64 levels: flat pictures have none, and it is divided by
HADAMARD = np.array([[1, 1], [1, -1]]) / math.sqrt(2)


def dct(size: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II, one basis function a row.  [size, size]"""
    n, k = np.arange(size), np.arange(size)[:, None]
    rows = np.cos(np.pi * (n + 0.5) * k / size) * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows


def lapped() -> NDArray[np.float64]:
    """Lapped orthogonal transform, one basis function a row.  [8, 16]"""
    rows = dct(8)
    even, odd = rows[0::2], rows[1::2]
    first = np.hstack([even - odd, (even - odd)[:, ::-1]])
    second = np.hstack([even - odd, -(even - odd)[:, ::-1]])
    rotation = np.eye(4)
    for i, angle in enumerate((0.13 * np.pi, 0.16 * np.pi, 0.13 * np.pi)):
        turn = np.eye(4)
        turn[i : i + 2, i : i + 2] = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        rotation = rotation @ turn
    out = np.empty((8, 16))
    out[0::2] = first / 2
    out[1::2] = rotation.T @ second / 2
    return out


def image_basis(channels: int = 3) -> Tensor:
    """All components of an 8×8 cell.  [64 · channels, channels, 16, 16], rows orthonormal with their shifts by 8."""
    rows = lapped()
    colour = COLOUR if channels == 3 else np.eye(channels)
    basis = np.einsum("ac,ku,lv->aklcuv", colour, rows, rows)
    return torch.from_numpy(basis.reshape(64 * channels, channels, 16, 16)).float()


def pair_basis(channels: int) -> Tensor:
    """2×2 Hadamard of every channel.  [4·channels, channels, 2, 2]"""
    cell = torch.from_numpy(np.einsum("ku,lv->kluv", HADAMARD, HADAMARD).reshape(4, 2, 2)).float()
    return torch.einsum("ab,kuv->akbuv", torch.eye(channels), cell).reshape(4 * channels, channels, 2, 2)


@torch.no_grad()
def measure(images: Tensor, coarse: int, fine: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Choose and scale both stages' components on `images` ([N, 3 or 1, H, W], centred, H and W multiples of 16).

    Returns (basis8 [coarse, 3, 16, 16], std8 [coarse], basis16 [fine, coarse, 2, 2], std16 [fine]): basis16 acts
    on coarse components that were divided by std8, and both stages come out with unit variance once divided.
    """
    basis = image_basis(images.shape[1])
    cells = F.conv2d(F.pad(images, (4, 4, 4, 4), mode="replicate"), basis, stride=8)
    keep = cells.square().mean((0, 2, 3)).argsort(descending=True)[:coarse].sort().values
    basis, cells = basis[keep], cells[:, keep]
    std8 = cells.std((0, 2, 3)).clamp_min(LEAST)
    pairs = pair_basis(coarse)
    blocks = F.conv2d(cells, pairs, stride=2)
    keep = blocks.square().mean((0, 2, 3)).argsort(descending=True)[:fine].sort().values
    return basis, std8, pairs[keep], blocks[:, keep].std((0, 2, 3)).clamp_min(LEAST)
