"""Rate and distortion of a model in training, estimated by the network itself.

Real bytes come from `aezip bench`; this is the quick look between two steps.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from aezip.quality.metrics import bd_rate, bits_per_pixel, psnr_db
from aezip.quality.ssimulacra2 import ssimulacra2

from .data import Picture, centre, to_bytes
from .flagship import Flagship

QUALITIES = (50, 200, 350, 500, 650, 800, 950)
PEERS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {  # Pillow's encoders: qualities and options
    "jpeg": (
        (5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 82, 88, 92, 95),
        {"optimize": True, "progressive": True, "subsampling": "4:2:0"},
    ),
    "avif": ((15, 20, 25, 30, 40, 50, 60, 70, 80, 88, 94), {"speed": 6, "subsampling": "4:4:4"}),
}


class RateDistortion(NamedTuple):
    """Averages over pictures, one entry a quality."""

    bpp: NDArray[np.float64]
    psnr_db: NDArray[np.float64]
    score: NDArray[np.float64]  # SSIMULACRA2
    hyper_bpp: NDArray[np.float64]


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
    score = ssimulacra2(picture, pixels)
    return Decoded(out.bpp.item(), psnr_db(picture, pixels), score, out.hyper_bpp.item(), pixels)


def curve(model: Flagship, pictures: list[Picture], qualities: tuple[int, ...] = QUALITIES) -> RateDistortion:
    """Estimated, over equally sized pictures (sides multiples of 64)."""
    rows = [np.mean([decoded(model, picture, quality)[:4] for picture in pictures], 0) for quality in qualities]
    return RateDistortion(*np.array(rows).T)


def peer_curve(name: str, pictures: list[Picture]) -> RateDistortion | None:
    """One of PEERS on the same pictures, real bytes; None where Pillow cannot write it."""
    Image.init()
    if name.upper() not in Image.SAVE:
        return None
    qualities, options = PEERS[name]
    rows = []
    for quality in qualities:
        figures = []
        for picture in pictures:
            file = io.BytesIO()
            Image.fromarray(picture).save(file, name, quality=quality, **options)
            with Image.open(file) as image:
                pixels = np.asarray(image.convert("RGB"))
            bpp = bits_per_pixel(len(file.getvalue()), picture)
            figures.append((bpp, psnr_db(picture, pixels), ssimulacra2(picture, pixels), 0.0))
        rows.append(np.mean(figures, 0))
    return RateDistortion(*np.array(rows).T)


def against(reference: RateDistortion, ours: RateDistortion, by: str = "psnr_db") -> float:
    """BD-rate in percent at equal PSNR, or `by` another field; negative: ours needs fewer bits."""
    return bd_rate(reference.bpp, getattr(reference, by), ours.bpp, getattr(ours, by))
