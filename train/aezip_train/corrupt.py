"""Damage for denoising autoencoders: noise, blur, JPEG artefacts, each at a random strength (Vincent et al. 2008)."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .data import centre, image_of, to_bytes
from .objective import blurred

KINDS = ("noise", "blur", "jpeg")
SIGMA = (3.0, 30.0)  # grey levels of noise
BLUR = (0.5, 2.0)  # pixels, standard deviation
QUALITY = (10, 60)  # of JPEG
CLEAN = 0.25  # share of the crops that stay as they are


def corrupted(clean: Tensor, kinds: list[str], rng: np.random.Generator) -> Tensor:
    """Crops, most of them damaged in one of those ways.  [N, C, H, W], in units of 64 grey levels around 128"""
    out = clean.clone()
    for n in range(len(clean)):
        if rng.random() < CLEAN:
            continue
        kind = kinds[int(rng.integers(len(kinds)))]
        if kind == "noise":
            noise = rng.normal(0, rng.uniform(*SIGMA), tuple(clean[n].shape)).astype(np.float32)
            out[n] = clean[n] + torch.from_numpy(noise) / 64
        elif kind == "blur":
            sigma = rng.uniform(*BLUR)
            radius = int(np.ceil(3 * sigma))
            out[n] = blurred(F.pad(clean[n, None], (radius,) * 4, mode="replicate"), sigma, radius)[0]
        else:
            out[n] = through_jpeg(clean[n], int(rng.integers(*QUALITY)))
    return out.clamp(-2, 127 / 64)


def through_jpeg(image: Tensor, quality: int) -> Tensor:
    """[C, H, W] coded and decoded."""
    pixels = to_bytes(image[None])[0]
    file = io.BytesIO()
    image_of(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as decoded:
        return centre(np.asarray(decoded).reshape(1, *pixels.shape))[0]
