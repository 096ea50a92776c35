"""The quality ladder: λ, and vectors that are linear in the quality between nodes.

`quality` is 0 … 1000. λ of the loss `bpp + λ·MSE₂₅₅` is log-spaced over it, from LAMBDA_MIN to the recipe's
`lambda_max`. A parameter holds log₂ gains at NODES evenly spaced qualities (gained VAE, Cui et al. 2021).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aezip.format.container import QUALITY_TOP
from aezip.model import ladder

LAMBDA_MIN, LAMBDA_MAX = 0.0005, 0.25  # the largest is a recipe's default
NODES, TOP = ladder.NODES, QUALITY_TOP
STEP = 64 / 5.1  # gain of a component of standard deviation 1 (64 grey levels) at λ = 1: the uniform quantiser's own


def lambda_of(quality: Tensor, largest: float = LAMBDA_MAX) -> Tensor:
    """λ of each quality.  quality: [N] in 0 … 1000  →  [N]."""
    return LAMBDA_MIN * (largest / LAMBDA_MIN) ** (quality / TOP)


def steps(largest: float = LAMBDA_MAX) -> Tensor:
    """The gains of such a component at the nodes: the uniform quantiser's optimum at high rate.  [NODES]"""
    return STEP * lambda_of(torch.linspace(0, TOP, NODES), largest).sqrt()


def stretched(nodes: Tensor, largest: float, wanted: float) -> Tensor:
    """A ladder up to λ `largest` as one up to `wanted`: the same numbers at the same λ, straight lines beyond.

    nodes: [NODES, C] → [NODES, C]
    """
    place = torch.linspace(0, 1, NODES) * (math.log(wanted / LAMBDA_MIN) / math.log(largest / LAMBDA_MIN)) * (NODES - 1)
    return _between(nodes, place)


def at(nodes: Tensor, quality: Tensor) -> Tensor:
    """Interpolate.  nodes: [NODES, C], quality: [N]  →  [N, C, 1, 1]."""
    return _between(nodes, quality * ((NODES - 1) / TOP))[:, :, None, None]


def _between(nodes: Tensor, place: Tensor) -> Tensor:
    """Straight lines between nodes, and beyond the last.  nodes: [NODES, C], place: [N] → [N, C]"""
    low = place.floor().clamp(0, NODES - 2).long()
    part = (place - low)[:, None]
    return nodes[low] * (1 - part) + nodes[low + 1] * part
