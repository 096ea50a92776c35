"""What a model's encoder sees in a picture: latents, one vector for each 16×16 pixels, and one for all of them.

`nearest` finds the most similar pooled vectors. They are kept in an .npz file that numpy reads without aezip:

    files     [N] text      names as they were given
    pooled    [N, 2·C] f32  mean and log energy of each latent channel
    model     text          name and encoder's digest, two of them
    latents_i [h, w, C] f16 of picture i, if they were asked for
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
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
from ...format.geometry import LATENT_STRIDE, grid
from ...model.packages import UNREADABLE
from ...model.store import find_codec
from ...storage.files import atomic_write, read_bytes

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


def colours(pixels: Image8, h: int, w: int) -> Array:
    """Mean of the pixels of each cell.  [H, W, C] → [h, w, 3]"""
    side = LATENT_STRIDE
    rows = pixels[: side * h, : side * w].reshape(h, side, side * w, -1).sum(1, dtype=np.uint32)
    means = rows.reshape(h, w, side, -1).sum(2).astype(np.float32) / side**2
    return np.ascontiguousarray(np.broadcast_to(means, (h, w, 3)))


def squares(cells: Array) -> Array:
    """Of each 2×2 cells, on average: what is odd in one cell alone is often the grid.  [h, w, …] → [h − 1, w − 1, …]"""
    return np.asarray((cells[:-1, :-1] + cells[1:, :-1] + cells[:-1, 1:] + cells[1:, 1:]) / 4)


@dataclass
class Vectors:
    """Of some pictures, by one encoder."""

    model: str
    digest: str
    full: bool = False  # whether latents are kept
    files: list[str] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)  # each [2·C]
    latents: list[NDArray[np.float16]] = field(default_factory=list)  # each [h, w, C]

    @property
    def pooled(self) -> Array:
        """[N, 2·C]"""
        return np.stack(self.rows)

    def add(self, file: str, latents: Array) -> None:
        """One picture more.  latents: [h, w, C]"""
        self.rows.append(pooled(latents))
        if self.full:
            self.latents.append(latents.astype(np.float16))
        self.files.append(file)


def write(path: str, vectors: Vectors, *, force: bool = False) -> int:
    """Write the file whole; its size.  Raises OutputError, OutputExists."""
    arrays: dict[str, NDArray[Any]] = {
        "files": np.array(vectors.files),
        "pooled": vectors.pooled,
        "model": np.array([vectors.model, vectors.digest]),
        **{f"latents_{i}": latents for i, latents in enumerate(vectors.latents)},
    }
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    atomic_write(path, file.getvalue(), force=force)
    return file.tell()


def read(path: str) -> Vectors:
    """Files and pooled vectors of such a file.  Raises ImageError."""
    data = read_bytes(path, ImageError)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            files, vectors, model = file["files"], file["pooled"], file["model"]
        if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(files) or not len(files):
            raise ValueError("not vectors")
        return Vectors(str(model[0]), str(model[1]), files=list(map(str, files)), rows=list(vectors))
    except (OSError, IndexError, *UNREADABLE):
        raise ImageError("no vectors of pictures", "an .npz file written by aezip features", file=path) from None
