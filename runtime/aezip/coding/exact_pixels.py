"""Pixels ↔ a file that holds all of them without loss, and needs no model."""

from __future__ import annotations

from ..arrays import Region
from ..engine import timing
from ..format import alpha, averages, container, exact, scales
from ..format import depth as depths
from ..format.container import PLAIN, Header, Lat, Section
from .windows import Pixels

WORTH = 2.0  # how much larger than the lossy file the estimate of exact pixels may be for these to be tried
DOUBTFUL = 4.0  # up to which a second estimate decides


def encode(pixels: Pixels, sections: tuple[Section, ...] = (), depth: int = PLAIN) -> bytes:
    """Pixels [H, W, C] of a depth → a `.lat` file that holds all of them without loss, and needs no model."""
    h, w, channels = pixels.shape
    header = Header(w, h, channels, container.QUALITY_TOP, container.NO_MODEL)
    with timing.stage("container"):
        body = Section(container.PIXELS, exact.encode(pixels))
        return container.pack(Lat(header, (*container.depth_sections(depth), *sections, body)))


def shorter(data: bytes, pixels: Pixels, sections: tuple[Section, ...] = (), depth: int = PLAIN) -> bytes:
    """A file with latents, or the one with exact pixels [H, W, C] where that is worth trying and shorter."""
    rough = exact.estimate(pixels) / len(data)
    if rough < WORTH or (rough < DOUBTFUL and exact.estimate_of_band(pixels) < WORTH * len(data)):
        return min(data, encode(pixels, sections, depth), key=len)
    return data


def decode(lat: Lat, region: Region | None = None, scale: int = 1, to_8bit: bool = False) -> Pixels:
    """The pixels of such a file, or a region of them; smaller ones weigh by their alpha.  Raises SectionDamaged.

    to_8bit: as samples of 8 bits, whatever the file has.
    """
    h, w, channels = lat.header.height, lat.header.width, lat.header.channels
    region = scales.covered(region or (0, 0, w, h), scale, w, h)
    with timing.stage("container"):
        pixels = exact.decode(lat.body, h, w, channels, region, lat.depth)
        opacity = lat.section(container.ALPHA) if scale > 1 else None
        weight = None if opacity is None else alpha.decode(opacity, h, w, region, lat.depth)
        pixels = averages.averaged(pixels, scale, weight)
        return depths.scaled(pixels, lat.depth, PLAIN) if to_8bit else pixels
