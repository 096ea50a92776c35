"""Pixels → a file with latents; if wanted, one whose pixels were looked at.  What reads it: `lossy`.

A file is one of two attempts. The first leaves out latents that are next to their means. That is no use where much of
the picture is flat, or where a latent is lost that lies far from its mean; the second leaves out none.

An encoder that verifies looks at what a reader will show. If cells are further from the original than photographs'
ever are (`cells`), it makes the second attempt, too, patches what is wrong with exact pixels, and takes the shorter.
Without `cell_error` a small decoder looks first, and the full one at what frames cells of which that is `UNSURE`. What
the small one makes a `MESS` of is patched, too, if that costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..engine import timing
from ..engine.graphs import INT16
from ..engine.sessions import Sessions
from ..format import container, patches
from ..format.container import NO_SKIP, PLAIN, PROGRESSIVE, Header, Lat, Section
from ..format.geometry import CELL_SIZE, grid
from . import Coding, at, cells, pictures, tiles
from .windows import Area, Pixels, common, in_pixels, touched, windows

TILED_FROM = container.MAX_TILE_PIXELS
TILE = 16  # in units of 64 pixels
STILL = 0.5  # part of flat cells from which no latent is left out: those that are cannot share errors (`flat`)
UNSURE, MESS = 0.6, 4.0  # errors of a small decoder, as shares of a cell's limit
DEARER = 1.05  # how many times larger a file may be whose patches are for that one, too
LOST = 16 * 8  # how far a latent that is left out may be off, in 1/16 of a step: photographs hardly ever are


@dataclass(frozen=True)
class Encoder:
    """Codes pictures with a model at one quality.

    level: the quality, 0 … 1000; effort: as of `quantised`; flags: that all files have.
    """

    sessions: Sessions
    level: int
    effort: int = 1
    flags: int = PROGRESSIVE

    def encode(self, pixels: Pixels, sections: tuple[Section, ...] = (), depth: int = PLAIN) -> Lat:
        """Pixels [H, W, C] of a depth → the first good attempt, which nobody has looked at.  Raises ModelUnfit."""
        return next(self._attempts(pixels, sections, depth))[0]

    def encode_verified(
        self, pixels: Pixels, sections: tuple[Section, ...] = (), depth: int = PLAIN, cell_error: float = np.inf
    ) -> bytes:
        """The same, looked at and repaired: no cell is worse than photographs' are, or than `cell_error`."""
        classes = cells.activity(pixels, depth)
        limit = np.minimum(cells.bounds(classes, self.sessions.package, self.level), cell_error)
        whole = slice(0, len(pixels)), slice(0, pixels.shape[1])
        # Of cells so thin the small decoder says little.
        thin = any(n <= CELL_SIZE or (n - 1) % CELL_SIZE < 2 for n in pixels.shape[:2])
        quick = self.sessions.package.small and cell_error == np.inf and not thin
        files: list[bytes] = []
        for lat, latent in self._attempts(pixels, sections, depth, classes):
            areas, messy = [whole], np.zeros(limit.shape, bool)
            if quick:
                error = self._errors(lat, latent, pixels, areas, small=True)
                areas, messy = _frames(error > UNSURE * limit, whole), error > MESS * limit
            wrong = self._errors(lat, latent, pixels, areas) > limit
            with timing.stage("container"):
                data = _packed(lat, pixels, wrong)
                both = _packed(lat, pixels, wrong | messy) if messy.any() else data
                files.append(both if len(both) <= DEARER * len(data) else data)
            if not wrong.any():
                break
            del latent
        return min(files, key=len)

    def _attempts(
        self, pixels: Pixels, sections: tuple[Section, ...], depth: int, classes: cells.Classes | None = None
    ) -> Iterator[tuple[Lat, INT16 | None]]:
        """Files that lose no latent far from its mean, each made when it is asked for.  At least one.

        classes: of the pixels' activity, of files that are looked at: with each the latents that it holds, as of
        `pictures.encode`. None: nobody looks.
        """
        h, w, channels = pixels.shape
        tile = TILE if container.padded_pixels(w, h) > TILED_FROM else 0
        attempts, flat, coding = [self.flags], None, self._at(self.flags)
        if coding.skips:
            attempts.append(self.flags | NO_SKIP)
            if self.effort:
                flat = np.asarray((cells.activity(pixels, depth) if classes is None else classes) == cells.FLAT)
                if flat.mean() > STILL:
                    del attempts[0]
        for flags in dict.fromkeys(attempts):
            latent = None  # the first attempt's
            streams, latent, lost = pictures.encode(
                replace(coding, flags=flags), pixels, tile, self.effort, flat, depth, keep=classes is not None
            )
            if lost <= LOST:
                header = Header(w, h, channels, self.level, self.sessions.package.fingerprint, tile, flags=flags)
                body = Section(container.LATENTS, tiles.pack_streams(streams, tiles.slices_of(flags)))
                yield Lat(header, (*container.depth_sections(depth), *sections, body)), latent

    def _errors(
        self, lat: Lat, latent: INT16 | None, pixels: Pixels, areas: Sequence[Area], small: bool = False
    ) -> cells.Cells:
        """Errors of the cells that a reader will see in areas of pixels; 0 elsewhere."""
        errors, depth = np.zeros(grid(pixels.shape, CELL_SIZE), np.float32), lat.depth
        coding = self._at(lat.header.flags)
        for area, shown in pictures.parts(coding, lat, areas, depth=depth, latent=latent, small=small):
            errors[touched(area)] = cells.errors(pixels[area], shown, depth)
        return errors

    def _at(self, flags: int) -> Coding:
        return at(self.sessions, self.level, flags)


def _frames(marked: patches.Cells, whole: Area) -> list[Area]:
    """Rectangles of pixels around marked cells, one in each window."""
    frames, (rows, columns) = [], (slice(0, n) for n in marked.shape)
    for area in windows(rows, columns, 1):
        if marked[area].any():
            ends = zip(area, marked[area].nonzero(), strict=True)
            down, across = (slice(a.start + int(n.min()), a.start + int(n.max()) + 1) for a, n in ends)
            frames.append(common(in_pixels((down, across)), whole))
    return frames


def _packed(lat: Lat, pixels: Pixels, marked: patches.Cells) -> bytes:
    """The file with the marked cells as patches."""
    if marked.any():
        patch = Section(container.PATCHES, patches.encode(pixels, marked))
        lat = lat._replace(sections=(*lat.sections[:-1], patch, lat.sections[-1]))
    return container.pack(lat)
