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

from ...errors import ImageError
from ...model.packages import UNREADABLE
from ...storage.files import atomic_write, read_bytes
from .vectors import Array, pooled

SUFFIX = ".npz"


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
