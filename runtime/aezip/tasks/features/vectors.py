"""What a model's encoder sees in a picture: latents, one vector for each 16×16 pixels, and one for all of them.

In: pixels. Out: float32 arrays. Pooled vectors of pictures can be compared: `nearest` finds the most similar.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import Image8
from ...coding.arguments import check_settings
from ...coding.pictures import transform
from ...coding.windows import windows
from ...engine.graphs import Graphs
from ...engine.sessions import Sessions
from ...errors import ImageError, ModelUnfit
from ...format.geometry import grid
from ...model.store import find_codec

Array = NDArray[np.float32]
FINE = 800  # the quality at which latents are taken: their steps of 1/16 are small against noise in photographs
SMALLEST = 16  # pixels a side
FLOOR = 0.03  # added to a square before its logarithm: below it there is nothing but rounding


class Latents:
    """Latents by one model.

    model: a name or path; provider, threads: as of Codec.
    Raises ModelNotFound, ModelUnfit, PackageDamaged, ProviderError, UsageError.
    """

    def __init__(self, model: str = "photo", provider: str = "cpu", threads: int | None = None) -> None:
        check_settings(provider, threads)
        self.graphs = Graphs.at(Sessions(find_codec(model), provider, threads), FINE)
        self.rung = self.graphs.rung

    @property
    def name(self) -> str:
        """Of the model."""
        return self.graphs.package.about.name

    @property
    def digest(self) -> str:
        """Of the encoder, in hexadecimal: latents of two packages can be compared if it is the same."""
        return str(self.graphs.package.about.description["digests"]["encoder.onnx"])

    def require(self, digest: str, model: str, file: str | None = None) -> None:
        """Raise ModelUnfit for a file that was made with another encoder, of the model it names."""
        if digest != self.digest:
            finding = f"made with another encoder than that of the model '{self.name}'"
            raise ModelUnfit(finding, f"the model '{model}', as it was then", file=file)

    def of(self, pixels: Image8) -> Array:
        """[H, W, C] → [H // 16, W // 16, channels]; what does not fill a cell is left out.  Raises ImageError."""
        height, width = pixels.shape[:2]
        if min(height, width) < SMALLEST:
            raise ImageError(f"{width}×{height} pixels", f"at least {SMALLEST} a side")
        h, w = grid((height, width))
        out = np.empty((h, w, len(self.rung.gain)), np.float32)
        for area in windows(slice(0, h), slice(0, w), 4):
            out[area] = transform(self.graphs, pixels, area)
        return out[: height // 16, : width // 16] / (16 * self.rung.gain.astype(np.float32))


def pooled(latents: Array) -> Array:
    """One vector for a picture: mean of each channel, and log of its mean square.  [h, w, C] → [2·C]"""
    return np.concatenate((latents.reshape(-1, latents.shape[-1]).mean(0), energies(latents)))


def energies(latents: Array) -> Array:
    """Log of each channel's mean square.  [h, w, C] → [C]"""
    energy: Array = np.log(np.square(latents.reshape(-1, latents.shape[-1])).mean(0) + FLOOR)
    return energy


def nearest(query: Array, among: Array, count: int) -> list[tuple[int, float]]:
    """The vectors most like a query: their indices in `among` [N, D] and distances, nearest first.

    Coordinates count by how far they spread in `among`; the distance is the root mean square over them.
    """
    spread = among.std(0) if len(among) > 1 else np.ones(among.shape[1], np.float32)
    scale = np.maximum(spread, max(1e-3 * float(spread.max()), 1e-6))
    distance = np.sqrt(np.square((among - query) / scale).mean(1))
    order = np.argsort(distance, kind="stable")[:count]
    return [(int(i), float(distance[i])) for i in order]


def halved(pixels: Image8) -> Image8:
    """Half the size by averaging 2×2 pixels; an odd last row or column is left out."""
    h, w = (n // 2 * 2 for n in pixels.shape[:2])
    return ((summed(pixels[:h, :w]) + 2) // 4).astype(np.uint8)


def summed(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Sums of 2×2.  [2h, 2w, C] → [h, w, C]"""
    parts: list[NDArray[np.uint16]] = [values[i::2, j::2].astype(np.uint16) for i in (0, 1) for j in (0, 1)]
    return sum(parts[1:], parts[0])
