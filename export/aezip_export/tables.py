"""Frequency tables counted in photographs, in place of the mixtures that a network was trained with.

    python -m aezip_export.tables MODEL --pictures FOLDER -o NAME.aezm

The package, whose prior is a network, gets another fingerprint. What is counted takes 1 to 2 % fewer bits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aezip.coding import at, pictures
from aezip.coding.flat import Flat
from aezip.coding.hyperprior import Hyperprior
from aezip.coding.quantisation import Coded
from aezip.engine.graphs import INT16
from aezip.engine.sessions import Sessions
from aezip.entropy import tables
from aezip.entropy.tables import Tables
from aezip.format.container import NO_SKIP
from aezip.model import kinds, packages
from aezip.model.packages import Package
from aezip_train.data import Picture, read_folder

from . import package

SIDE = 512  # pixels of a picture that are looked at
LEVELS = range(0, 1001, 125)  # qualities
ROUNDS = 2  # what is counted depends on the tables: the encoder's search asks what symbols cost
PRIOR = 8  # symbols for each entry of a table that the mixture has seen already
MIXTURES = tables.mixture_tables()
Counts = NDArray[np.int64]  # of each entry of these


def add_to(path: Path, folder: Path, output: Path | None = None) -> int:
    """Write a package with counted tables, in its own place or another.  Returns how many pictures were counted.

    Raises ValueError where the model's prior is no network: its tables are counted in training.
    """
    about = packages.describe(path)
    if about.kind is not kinds.HYPERPRIOR:
        raise ValueError("its tables were counted in training already")
    found = read_folder(folder, channels=about.channels)
    add(path, found, output or path)
    return len(found)


def add(path: Path, found: list[Picture], output: Path, measure: bool = True) -> None:
    """The same for pictures that were read.  measure: as of `package.amend`."""
    with tempfile.TemporaryDirectory() as place:
        trial = Path(place) / path.name
        for target in (*[trial] * (ROUNDS - 1), output):
            before = Package(packages.describe(path))
            made = package.tables_file(fitted(counted(Sessions(before), found)), before.ladder, before.skip)
            package.amend(path, target, {"tables.npz": made}, measure=measure and target is output)
            path = target


def fitted(counts: Counts) -> Tables:
    """Tables of what was counted, both signs alike; what was hardly seen stays as the mixtures say."""
    start, masses = 0, []
    for mass in tables.mixture_masses():
        n = counts[start : start + len(mass)]
        start += len(mass)
        masses.append(n + np.append(n[-2::-1], n[-1]) + PRIOR * len(n) * mass)
    return tables.tables_of(masses)


def counted(sessions: Sessions, found: Iterable[Picture]) -> Counts:
    """How often each entry of the mixtures' tables would have been coded, at all qualities.  [entries]"""
    counts = np.zeros(len(MIXTURES.frequency), np.int64)
    for picture in found:
        for level in LEVELS:
            coding = Counting(at(sessions, level).graphs, NO_SKIP, counts)
            pictures.encode(coding, np.ascontiguousarray(picture[:SIDE, :SIDE]), 0)
    return counts


@dataclass(frozen=True)
class Counting(Hyperprior):
    """A coding that counts entries of the mixtures' tables instead of writing a stream."""

    counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))

    def encode(self, latent: INT16, h: int, w: int, effort: int = 1, flat: Flat | None = None) -> Coded:
        phases, decoded, lost = self.symbols(latent, h, w, self.graphs.hyper(latent), effort, flat)
        for index, symbol in phases:
            self.counts[:] += np.bincount(MIXTURES.entries(index, symbol), minlength=len(self.counts))
        return b"", decoded, lost


if __name__ == "__main__":
    package.on_pictures(str(__doc__), add_to, "frequency tables, counted in")
