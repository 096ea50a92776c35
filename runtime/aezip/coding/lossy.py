"""A file with latents → its pixels, a region of them, or the latents.  What writes such a file: `encoder`."""

from __future__ import annotations

from ..arrays import Region
from ..engine.graphs import INT16
from ..engine.sessions import Sessions
from ..format import container, patches, scales
from ..format.container import PLAIN, Lat
from ..model.ladder import Rung
from . import Coding, at, pictures, tiles
from .windows import Pixels


def decode(sessions: Sessions, lat: Lat, region: Region | None = None, scale: int = 1, depth: int = PLAIN) -> Pixels:
    """The pixels of a file with latents, or a region of them, patched.  Raises StreamDamaged, SectionDamaged.

    depth: bits of the samples, the file's or 8.
    """
    header = lat.header
    region = scales.reduced(region or (0, 0, header.width, header.height), scale)
    pixels = pictures.decode(_coding(sessions, lat), lat, region, scale, depth)
    patch = lat.section(container.PATCHES)
    if patch is not None:
        patches.lay(pixels, patch, header.height, header.width, region, scale, lat.depth)
    return pixels


def decode_latents(sessions: Sessions, lat: Lat) -> tuple[INT16, Rung]:
    """The latents of a file, in 1/16 of a step [⌈H/16⌉, ⌈W/16⌉, C], and its quality's rung.  Exact everywhere."""
    found = _coding(sessions, lat)
    return tiles.Tiles(found, lat).all(), found.graphs.rung


def check(sessions: Sessions, lat: Lat) -> None:
    """Decode every symbol of a file, and look whether its patches are whole.  Raises StreamDamaged, SectionDamaged."""
    tiles.Tiles(_coding(sessions, lat), lat).check()
    patch = lat.section(container.PATCHES)
    if patch is not None:
        patches.check(patch, lat.header.height, lat.header.width, lat.header.channels, lat.depth)


def _coding(sessions: Sessions, lat: Lat) -> Coding:
    return at(sessions, lat.header.quality_tenths, lat.header.flags)
