"""Decoders of small pictures: one convolution from the latents, fitted to what the whole decoder makes.

    python -m aezip_export.heads MODEL --pictures FOLDER -o NAME.aezm

The package gets `decoder.8.onnx` and `decoder.4.onnx`, which make pictures 8 and 4 times smaller; its fingerprint
stays. A decoder is nearly linear once pixels are averaged: 3×3 convolutions on the latents, fitted by ridge
regression, come to 45 to 50 dB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aezip.coding import encoder, lossy
from aezip.engine.graphs import Graphs
from aezip.engine.sessions import Sessions
from aezip.format.averages import averaged
from aezip.format.geometry import LATENT_STRIDE
from aezip.model import kinds, packages
from aezip.model.packages import Package
from aezip_train.data import Picture, read_folder

from . import package
from .builder import Graph
from .graphs import of_decoder, pixels_of

SIDE = 1024  # pixels of a picture that are looked at
RIDGE = 1e-4  # of a latent's variance, about 1, in the decoder's units
QUALITIES = (600, 150, 300, 450, 750, 900, 50)  # of 1000; each picture at the first and at one of the others
CENTRE, UNIT = 128.0, 64.0  # grey levels
Array = NDArray[np.float32]


def add(found: Package, pictures: list[Picture]) -> dict[str, bytes]:
    """The graphs for a package's small pictures, by their members' names."""
    sessions = Sessions(found)
    channels = found.about.channels
    weights = fitted(samples(sessions, pictures), len(found.ladder.gain[0]), channels)
    return {f"{kinds.REDUCED[scale]}.onnx": graph(scale, *weights[scale], channels) for scale in kinds.REDUCED}


def samples(sessions: Sessions, pictures: Iterable[Picture]) -> Iterator[tuple[Array, NDArray[np.uint8]]]:
    """Latents as the decoder scales them [h, w, C], and the picture [16h, 16w, 3 or 1] that it makes of them."""
    for number, whole in enumerate(pictures):
        h, w = (min(size, SIDE) // LATENT_STRIDE * LATENT_STRIDE for size in whole.shape[:2])
        if not h or not w:
            continue
        for level in (QUALITIES[0], QUALITIES[1 + number % (len(QUALITIES) - 1)]):
            lat = encoder.Encoder(sessions, level).encode(np.ascontiguousarray(whole[:h, :w]))
            latent, rung = lossy.decode_latents(sessions, lat)
            yield latent * rung.inverse_gain, Graphs(sessions, rung).decoder(latent)


def fitted(
    pairs: Iterable[tuple[Array, NDArray[np.uint8]]], latents: int, channels: int
) -> dict[int, tuple[Array, Array]]:
    """Weights [outputs, latents, 3, 3] and biases [outputs] of each scale: the least squares of what `samples` gives.

    Outputs are the pixels of a latent's place, row by row, each with its channels.
    """
    size = 9 * latents + 1
    left = np.zeros((size, size), np.float64)
    right = {scale: np.zeros((size, (LATENT_STRIDE // scale) ** 2 * channels)) for scale in kinds.REDUCED}
    count = 0
    for latent, image in pairs:
        seen = _around(latent)
        left += seen.T @ seen
        count += len(seen)
        for scale, sums in right.items():
            sums += seen.T @ _targets(image, scale)
    left[np.diag_indices(size - 1)] += RIDGE * count
    made = {}
    for scale, sums in right.items():
        found = np.linalg.solve(left, sums)
        weight = found[:-1].reshape(3, 3, latents, -1).transpose(3, 2, 0, 1)
        made[scale] = np.float32(weight), np.float32(found[-1])
    return made


def _around(latent: Array) -> Array:
    """Each position's 3×3 latents, beyond the picture its outermost ones, and a 1.  [h, w, C] → [h·w, 9·C + 1]"""
    h, w, _ = latent.shape
    wide = np.pad(latent, ((1, 1), (1, 1), (0, 0)), mode="edge")
    parts = [wide[y : y + h, x : x + w] for y in range(3) for x in range(3)]
    return np.concatenate([*parts, np.ones((h, w, 1), np.float32)], 2, dtype=np.float32).reshape(h * w, -1)


def _targets(image: NDArray[np.uint8], scale: int) -> Array:
    """The smaller picture's pixels of each position, in the decoder's units.  [h·w, (16 / scale)² · channels]"""
    small, side = averaged(image, scale), LATENT_STRIDE // scale
    h, w, channels = (n // d for n, d in zip(small.shape, (side, side, 1), strict=True))
    cells = small.reshape(h, side, w, side, channels).transpose(0, 2, 1, 3, 4).reshape(h * w, -1)
    return (cells - np.float32(CENTRE)) / np.float32(UNIT)


def graph(scale: int, weight: Array, bias: Array, channels: int) -> bytes:
    """latent i16 [N, h, w, C], inverse_gain [C] → image u8 [N, 16h / scale, 16w / scale, channels]"""
    g = Graph(kinds.REDUCED[scale])
    x = g.conv(
        g.pad_edge(of_decoder(g, weight.shape[1]), 1),
        g.stored(weight * UNIT),
        g.constant(bias * UNIT + CENTRE),
    )
    g.output("image", pixels_of(g, x, LATENT_STRIDE // scale), "uint8", ["N", "H", "W", channels])
    return g.build()


def add_to(path: Path, folder: Path, output: Path | None = None) -> int:
    """Write a package with the graphs for small pictures, in its own place or another.

    Returns how many pictures they were fitted to.
    """
    about = packages.describe(path)
    found, pictures = Package(about), read_folder(folder, channels=about.channels)
    package.amend(path, output or path, add(found, pictures))
    return len(pictures)


if __name__ == "__main__":
    package.on_pictures(str(__doc__), add_to, "decoders of small pictures, fitted to")
