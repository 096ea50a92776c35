"""Rate and distortion of a model in training, estimated by the network itself.

Real bytes come from `aezip bench`; this is the quick look between two steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aezip.bench.peers import classic
from aezip.quality.metrics import bd_rate, bits_per_pixel, psnr_db

from . import ssimulacra2
from .data import Picture, centre
from .flagship import Flagship

QUALITIES = (50, 200, 350, 500, 650, 800, 950)


class Curve(NamedTuple):
    """Averages over pictures, one entry a quality."""

    bpp: NDArray[np.float64]
    psnr_db: NDArray[np.float64]
    score: NDArray[np.float64]  # SSIMULACRA2
    hyper_bpp: NDArray[np.float64]


def crops_of(pictures: list[Picture], side: int = 384, limit: int = 12) -> list[Picture]:
    """The middle `side`×`side` pixels of up to `limit` pictures, evenly spaced in the list."""
    fit = [p for p in pictures if min(p.shape[:2]) >= side]
    chosen = [fit[i] for i in np.linspace(0, len(fit) - 1, min(limit, len(fit))).round().astype(int)] if fit else []
    out = []
    for p in chosen:
        top, left = (p.shape[0] - side) // 2, (p.shape[1] - side) // 2
        out.append(p[top : top + side, left : left + side])
    return out


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """A decoded batch as pixels.  [N, 3, H, W] centred → [N, H, W, 3] uint8"""
    return (image * 64 + 128.5).floor().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


class Decoded(NamedTuple):
    """What the network makes of one picture at one quality."""

    bpp: float
    psnr_db: float
    score: float
    hyper_bpp: float
    pixels: Picture


@torch.no_grad()
def decoded(model: Flagship, picture: Picture, quality: int) -> Decoded:
    """One picture, sides multiples of 64, at a quality of 0 … 1000; the rate is estimated."""
    device = model.gain.device
    out = model(centre(picture[None]).to(device), torch.tensor([float(quality)], device=device), noise=False)
    pixels = to_bytes(out.image)[0]
    return Decoded(
        out.bpp.item(), psnr_db(picture, pixels), score_of(picture, pixels), out.hyper_bpp.item(), pixels
    )


@torch.no_grad()
def score_of(picture: Picture, other: Picture) -> float:
    """SSIMULACRA2 of a picture against the original."""
    return ssimulacra2.score(ssimulacra2.error(centre(other[None]), centre(picture[None]))).item()


def curve(model: Flagship, pictures: list[Picture], qualities: tuple[int, ...] = QUALITIES) -> Curve:
    """Estimated rate–distortion curve over equally sized pictures (sides multiples of 64)."""
    rows = [np.mean([decoded(model, picture, quality)[:4] for picture in pictures], 0) for quality in qualities]
    return Curve(*np.array(rows).T)


def peer_curve(name: str, pictures: list[Picture]) -> Curve | None:
    """A classic codec of `aezip bench` on the same pictures, real bytes; None where it is not installed."""
    for peer in classic([name]):
        rows = []
        for setting in peer.settings:
            files = [peer.encode(picture, setting) for picture in pictures]
            out = [peer.decode(file) for file in files]
            rows.append(np.mean([
                (bits_per_pixel(len(f), p), psnr_db(p, o), score_of(p, o), 0)
                for f, p, o in zip(files, pictures, out, strict=True)
            ], 0))
        return Curve(*np.array(rows).T)
    return None


def against(reference: Curve, ours: Curve, by: str = "psnr_db") -> float:
    """BD-rate in percent at equal PSNR, or `by` another field; negative: ours needs fewer bits."""
    return bd_rate(reference.bpp, getattr(reference, by), ours.bpp, getattr(ours, by))
