"""Latents ↔ streams, and pictures ↔ latents.

`at` gives the coding of a model at a quality: nothing else asks which kind it is.
"""

from __future__ import annotations

from ..engine.graphs import Graphs
from ..engine.sessions import Sessions
from ..model.kinds import HYPERPRIOR, STATIC
from .hyperprior import Hyperprior
from .static_tables import StaticTables

Coding = Hyperprior | StaticTables
_CODINGS: dict[str, type[Coding]] = {HYPERPRIOR.name: Hyperprior, STATIC.name: StaticTables}


def at(sessions: Sessions, quality: int, flags: int = 0) -> Coding:
    """How a model codes at a quality, 0 … 1000, in files with these flags.  Raises PackageDamaged."""
    return _CODINGS[sessions.package.about.kind.name](Graphs.at(sessions, quality), flags)
