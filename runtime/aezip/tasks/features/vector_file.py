"""Vectors of pictures ↔ an .npz file that numpy reads without aezip.

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

from ...errors import ImageError, ModelUnfit
from ...model.packages import UNREADABLE
from ...storage.files import atomic_write, read_bytes
from .vectors import Array, Latents, pooled

SUFFIX = ".npz"


@dataclass(frozen=True)
class Vectors:
    """Of some pictures, by one encoder."""

    files: tuple[str, ...]
    pooled: Array  # [N, 2·C]
    model: str
    digest: str
    latents: tuple[NDArray[np.float16], ...] = ()  # each [h, w, C]


@dataclass
class Making:
    """Vectors, one picture after the other."""

    by: Latents
    full: bool
    files: list[str] = field(default_factory=list)
    _pooled: list[Array] = field(default_factory=list)
    _latents: list[NDArray[np.float16]] = field(default_factory=list)

    def add(self, file: str, latents: Array) -> None:
        """One more.  latents: [h, w, C]"""
        self._pooled.append(pooled(latents))
        if self.full:
            self._latents.append(latents.astype(np.float16))
        self.files.append(file)

    def vectors(self) -> Vectors:
        return Vectors(tuple(self.files), np.stack(self._pooled), self.by.name, self.by.digest, tuple(self._latents))


def write(path: str, vectors: Vectors, *, force: bool = False) -> int:
    """Write the file whole; its size.  Raises OutputError, OutputExists."""
    arrays: dict[str, NDArray[Any]] = {
        "files": np.array(vectors.files), "pooled": vectors.pooled, "model": np.array([vectors.model, vectors.digest]),
        **{f"latents_{i}": latents for i, latents in enumerate(vectors.latents)},
    }
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    atomic_write(path, file.getvalue(), force=force)
    return file.tell()


def read(path: str) -> Vectors:
    """Files and pooled vectors of such a file.  Raises ImageError."""
    try:
        with np.load(io.BytesIO(read_bytes(path, ImageError)), allow_pickle=False) as file:
            files, vectors, model = file["files"], file["pooled"], file["model"]
        if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(files) or not len(files):
            raise ValueError("not vectors")
        return Vectors(tuple(map(str, files)), vectors, str(model[0]), str(model[1]))
    except (OSError, IndexError, *UNREADABLE):
        raise ImageError("no vectors of pictures", "an .npz file written by aezip features", file=path) from None


def check_model(vectors: Vectors, latents: Latents, file: str) -> None:
    """Raise ModelUnfit if the vectors were made by another encoder."""
    if vectors.digest != latents.digest:
        finding = f"its vectors were made by another encoder than that of the model '{latents.name}'"
        raise ModelUnfit(finding, f"the model '{vectors.model}', as it was then", file=file)
