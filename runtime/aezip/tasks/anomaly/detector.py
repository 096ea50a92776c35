"""A network that was trained on a category's normal pictures to find defects drawn into them (`aezip_train.detector`).

It sees a picture of up to AREA pixels: its colours against what they are in the middle, and, of parts that lie alike,
how far each grey value is from what normal pictures have there. It answers with a logit for each STRIDE × STRIDE
pixels. These count in units of their spread over normal pictures, each place by itself if parts lie alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...arrays import Image8, around, grey, resized
from ...engine.sessions import open_graph, run_graph
from ...errors import OutputError, PackageDamaged, finding_of
from .gaussian import Array, Moments

AREA = 600_000  # pixels
STRIDE, MULTIPLE = 4, 16  # pixels: of an answer; of what sides are multiples of
PLANES = 4  # of what it sees: red, green, blue, and how far from normal
FARTHEST = 20  # answers, of whose mean a picture's measure is
COLOUR, PLACE = 5.0, 3.0  # where what it sees is cut off
LEAST, NARROWEST = 0.04, 0.01  # deviations of colours and of places, at least, in 0 … 1
SHARED = 0.25  # of the mean variance of answers is added to each place's
THINNEST = 1e-3  # spread of answers
KEPT = "standard.npz"


@dataclass(frozen=True)
class Standard:
    """What is usual of normal pictures' grey values, of 0 … 1."""

    mean: Array  # [h, w], above each picture's median; [0, 0] if parts do not lie alike
    spread: Array  # [h, w]
    deviation: float  # of all of them

    def seen(self, pixels: Image8) -> Array:
        """What the network sees of a picture, mirrored up to multiples of MULTIPLE.  [H, W, C] → [PLANES, H', W']"""
        shape, picture = pixels.shape[:2], np.asarray(pixels / np.float32(255), np.float32)
        seen = planes(picture, middle(pixels), resized(self.mean, shape), resized(self.spread, shape), self)
        below, right = (-n % MULTIPLE for n in shape)
        return np.pad(seen, ((0, 0), (0, below), (0, right)), mode="reflect")

    def save(self, folder: Path) -> None:
        """Raises OutputError."""
        save(folder / KEPT, vars(self))

    @classmethod
    def load(cls, folder: Path) -> Standard:
        """The inverse of `save`."""
        with np.load(folder / KEPT) as arrays:
            return cls(arrays["mean"], arrays["spread"], float(arrays["deviation"]))


def save(file: Path, values: NDArray[Any] | dict[str, Any]) -> None:
    """An array as .npy, or some as .npz.  Raises OutputError."""
    try:
        if isinstance(values, dict):
            np.savez(file, allow_pickle=False, **values)
        else:
            np.save(file, values)
    except OSError as error:
        finding = f"cannot be written ({finding_of(error)})"
        raise OutputError(finding, "room for copies of the pictures; TMPDIR says where", file=str(file)) from None


def planes(picture: Array, light: float, mean: Array, spread: Array, standard: Standard) -> Array:
    """As `Standard.seen`, of a part of a picture of 0 … 1.  light: its middle; mean, spread: of the part's places"""
    colours = np.clip((picture - light) / standard.deviation, -COLOUR, COLOUR)
    colours = np.broadcast_to(colours, (*picture.shape[:2], PLANES - 1)).transpose(2, 0, 1)
    away = np.zeros(picture.shape[:2], np.float32)
    if mean.size:
        away = np.clip((grey(picture) - light - mean) / (2 * spread), -PLACE, PLACE)
    return np.concatenate((colours, away[None]), dtype=np.float32)


def middle(pixels: Image8) -> float:
    """The median, of 0 … 1.  [H, W, C]"""
    return float(np.median(pixels[::2, ::2])) / 255


def standard(files: Sequence[Path], alike: bool) -> Standard:
    """Of normal pictures, as `reduced` makes them and `save` keeps them; places are those of the median size."""
    sizes = [np.load(file, mmap_mode="r").shape[:2] for file in files]
    shape = tuple(int(n) for n in np.median(sizes, 0))
    above, squares, all_of, squared = np.zeros(shape), np.zeros(shape), 0.0, 0.0
    for pixels in map(np.load, files):
        luma = grey(pixels) / np.float32(255)
        all_of, squared = all_of + float(luma.mean()), squared + float(np.square(luma).mean())
        if alike:
            here = resized(luma - middle(pixels), shape).astype(np.float64)
            above, squares = above + here, squares + np.square(here)
    count = len(files)
    deviation = max(float(np.sqrt(max(squared / count - (all_of / count) ** 2, 0))), LEAST)
    none = np.zeros((0, 0), np.float32)
    if not alike:
        return Standard(none, none, deviation)
    mean = above / count
    variance = around(np.maximum(squares / count - np.square(mean), 0).astype(np.float32))
    return Standard(_rounded(mean), _rounded(np.sqrt(variance + NARROWEST**2)), deviation)


@dataclass(frozen=True)
class Detector:
    """A trained network, and what it answers for normal pictures."""

    graph: bytes  # ONNX: seen f32 [1, PLANES, H, W] → logit f32 [1, 1, H / STRIDE, W / STRIDE]
    standard: Standard
    mean: Array  # of logits [h, w]; [1, 1] if parts do not lie alike
    spread: Array  # [h, w]

    def away(self, logits: Array) -> Array:
        """A picture's answers in units of normal ones, means of 3×3.  [H, W] → [h, w]"""
        shape = logits.shape if self.mean.size == 1 else self.mean.shape
        return around((resized(logits, shape) - self.mean) / self.spread)


def moments(logits: NDArray[np.floating[Any]], standard: Standard) -> Moments:
    """Of the answers for a picture [H, W]: of each place, or of all of them."""
    if not standard.mean.size:
        x = logits.astype(np.float64)
        return Moments(x.size, x.sum(keepdims=True), np.square(x).sum(keepdims=True))
    x = resized(logits.astype(np.float32), tuple(-(-n // STRIDE) for n in standard.mean.shape)).astype(np.float64)
    return Moments(1, x, np.square(x))


def fitted(graph: bytes, standard: Standard, of: Moments) -> Detector:
    """Of the moments of answers for normal pictures."""
    mean = of.total / of.count
    variance = around(np.maximum(of.outer / of.count - np.square(mean), 0))
    spread = np.maximum(np.sqrt(variance + (SHARED if mean.size > 1 else 0) * variance.mean()), THINNEST)
    return Detector(graph, standard, _rounded(around(mean)), _rounded(spread))


def _rounded(values: NDArray[np.floating[Any]]) -> Array:
    """As files have them."""
    return values.astype(np.float16).astype(np.float32)


def measure(away: Array) -> float:
    """Of a picture: the mean of the FARTHEST."""
    return float(np.sort(away, None)[-FARTHEST:].mean())


def logits(graph: bytes, standard: Standard, pixels: Image8, provider: str, threads: int | None) -> Array:
    """What the network answers for a picture [H, W, C], as `reduced` makes it.  [⌈H / STRIDE⌉, ⌈W / STRIDE⌉]

    Raises PackageDamaged, ProviderError.
    """
    seen = standard.seen(pixels)[None]
    shape = 1, 1, *(n // STRIDE for n in seen.shape[2:])
    made = run_graph(_session(graph, provider, threads), "detector", {"seen": seen}, {"logit": shape})[0]
    if not np.isfinite(made).all():
        raise PackageDamaged("detector.onnx gives what is no number", "a network that was trained")
    h, w = (-(-n // STRIDE) for n in pixels.shape[:2])
    return np.asarray(made[0, 0, :h, :w], np.float32)


@lru_cache(maxsize=2)
def _session(graph: bytes, provider: str, threads: int | None) -> Any:
    return open_graph(graph, "detector", None, provider, threads)


def reduced(pixels: Image8) -> Image8:
    """A copy of about AREA pixels, or the picture itself; of one channel if it is grey."""
    from PIL import Image

    if (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, :1]
    height, width = pixels.shape[:2]
    scale = (AREA / (height * width)) ** 0.5
    if scale >= 1:
        return pixels
    size = max(MULTIPLE, round(scale * width)), max(MULTIPLE, round(scale * height))
    planes = [Image.fromarray(plane).resize(size, Image.Resampling.LANCZOS) for plane in pixels.transpose(2, 0, 1)]
    return np.stack([np.asarray(plane) for plane in planes], 2)
