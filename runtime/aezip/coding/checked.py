"""Pixels → a file that was decoded and found good.

The encoder looks at what a reader will show. Cells of 16 × 16 pixels that are further from the original than
photographs' cells ever are (`cells`) are first coded without leaving out latents, then patched with exact pixels.
"""

from __future__ import annotations

import numpy as np

from ..engine import timing
from ..engine.sessions import Sessions
from ..format import container, patches
from ..format.container import ALL_CODED, EARLY, PLAIN, Header, Lat, Section
from ..format.geometry import CELL_SIZE
from . import Coding, at, cells, pictures, tiles
from .windows import Pixels

TILED_FROM = container.MAX_TILE_PIXELS
TILE = 16  # in units of 64 pixels
STILL = 0.5  # part of flat cells from which no latent is left out: those that are cannot share errors (`flat`)
LOST = 16 * 8  # how far a latent that is left out may be off, in 1/16 of a step: photographs hardly ever are


def encode(
    sessions: Sessions,
    pixels: Pixels,
    level: int,
    sections: tuple[Section, ...] = (),
    effort: int = 1,
    flags: int = EARLY,
    classes: cells.Classes | None = None,
    depth: int = PLAIN,
) -> Lat:
    """Pixels [H, W, C] of a depth at a quality of 0 … 1000 → a file that nobody has looked at.  Raises ModelUnfit.

    Nothing is left out where that would lose a latent that lies far from its mean. classes: of the pixels' activity,
    None: they are found here.
    """
    h, w, channels = pixels.shape
    tile = TILE if container.padded_pixels(w, h) > TILED_FROM else 0
    coding, flat = at(sessions, level, flags), None
    if effort and coding.skips:
        classes = cells.activity(pixels, depth) if classes is None else classes
        flat = np.asarray(classes == cells.FLAT)
        if flat.mean() > STILL:
            coding, flags = at(sessions, level, flags | ALL_CODED), flags | ALL_CODED
    streams, lost = pictures.encode(coding, pixels, tile, effort, flat, depth)
    if lost > LOST:
        return encode(sessions, pixels, level, sections, effort, flags | ALL_CODED, classes, depth)
    header = Header(w, h, channels, level, sessions.package.fingerprint, tile, flags=flags)
    body = tiles.pack_streams(streams, tiles.slices_of(flags))
    return Lat(header, (*container.depth_sections(depth), *sections, Section(container.LATENTS, body)))


def checked(
    sessions: Sessions,
    pixels: Pixels,
    level: int,
    sections: tuple[Section, ...] = (),
    effort: int = 1,
    cell_error: float = np.inf,
    depth: int = PLAIN,
) -> bytes:
    """The same, decoded and repaired: no cell has a larger error than photographs have, or than `cell_error`."""
    classes = cells.activity(pixels, depth)
    limit = np.minimum(cells.bounds(classes, sessions.package, level), cell_error)
    made: list[bytes] = []
    for flags in (EARLY, EARLY | ALL_CODED):
        lat = encode(sessions, pixels, level, sections, effort, flags, classes, depth)
        coding = at(sessions, level, lat.header.flags)
        wrong = _wrong(coding, lat, pixels, limit)
        with timing.stage("container"):
            made.append(container.pack(_patched(lat, pixels, wrong) if wrong.any() else lat))
        if lat.header.flags & ALL_CODED or not coding.skips or not wrong.any():
            break
    return min(made, key=len)


def _wrong(coding: Coding, lat: Lat, pixels: Pixels, limit: cells.Cells) -> patches.Cells:
    """The cells that a reader will see with a larger error than their limit, window by window."""
    wrong = np.zeros(limit.shape, bool)
    whole, depth = (slice(0, len(pixels)), slice(0, pixels.shape[1])), lat.depth
    for part, shown in pictures.parts(coding, lat, whole, depth=depth):
        rows, columns = (slice(side.start // CELL_SIZE, -(-side.stop // CELL_SIZE)) for side in part)
        wrong[rows, columns] = cells.errors(pixels[part], shown, depth) > limit[rows, columns]
    return wrong


def _patched(lat: Lat, pixels: Pixels, wrong: patches.Cells) -> Lat:
    patch = Section(container.PATCHES, patches.encode(pixels, wrong))
    return lat._replace(sections=(*lat.sections[:-1], patch, lat.sections[-1]))
