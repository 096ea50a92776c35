"""Latents ↔ streams, and pictures ↔ latents.

    pictures       pixels ↔ streams, window by window
    tiles          latents ↔ the streams of their tiles
    hyperprior     the latents of a tile ↔ its stream, under a prior that is a network
    static_tables  the same under tables that the quality chooses
    quantisation   latents → symbols
    flat           flat areas share their rounding errors
    cells          how far a decoded picture may be from its original
    encoder        pixels → a file with latents, whose pixels may be looked at
    lossy          a file with latents → its pixels
    exact_pixels   pixels ↔ a file without loss
    windows        how pictures and latents are cut into windows
    arguments      what a codec accepts, and what it says of the rest

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
