"""Pixels ↔ the streams of a picture's tiles.

Memory is that of the pixels, two windows and a few rows of tiles: while one window is in the network, the next or the
last one is in the entropy coder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..arrays import Region
from ..engine.graphs import INT16, Graphs
from ..engine.progress import Parts
from ..format import depth as depths
from ..format.container import PLAIN, Lat
from ..format.geometry import LATENT_STRIDE, LATENTS_PER_HYPER, grid, padded_grid
from ..format.scales import reduced
from . import Coding
from .flat import Flat
from .tiles import Tiles
from .windows import (
    WINDOW,
    Area,
    Pixels,
    ahead,
    common,
    grown,
    in_channels,
    in_pixels,
    touched,
    window_of,
    windows,
    within,
)

KEPT = 2**17  # latents' positions that an encoder keeps: of 32 megapixels


def encode(
    coding: Coding,
    pixels: Pixels,
    tile: int,
    effort: int = 1,
    flat: Flat | None = None,
    depth: int = PLAIN,
    keep: bool = False,
) -> tuple[list[bytes], INT16 | None, int]:
    """The streams of a picture's tiles, in the file's order; if asked to keep them, up to KEPT decoded latents; `lost`.

    lost: as of `Coding.encode`; tile: as in the header; flat: cells of flat areas, None: none. Raises ModelUnfit.
    """
    graphs, (h, w) = coding.graphs, grid(pixels.shape)
    down, across = padded_grid(pixels.shape)
    side = LATENTS_PER_HYPER * tile or max(down, across)

    def seen_through(area: Area) -> INT16:
        return transform(graphs, pixels, area, depth)

    streams: dict[tuple[int, int], bytes] = {}
    kept = np.empty((h, w, len(graphs.rung.gain)), np.int16) if keep and h * w <= KEPT else None
    most = 0
    seen = windows(slice(0, down), slice(0, across), side)
    progress = Parts("encode", -(-h // side) * -(-w // side))
    for (rows, columns), latent in ahead(seen_through, seen, graphs.sessions.threads):
        for top in range(rows.start, min(rows.stop, h), side):
            for left in range(columns.start, min(columns.stop, w), side):
                part = latent[top - rows.start :, left - columns.start :][:side, :side]
                height, width = min(h - top, part.shape[0]), min(w - left, part.shape[1])
                there = None if flat is None else flat[top : top + height, left : left + width]
                streams[top, left], decoded, lost = coding.encode(part, height, width, effort, there)
                if kept is not None:
                    kept[top : top + height, left : left + width] = decoded
                most = max(most, lost)
                progress.done()
    return [streams[place] for place in sorted(streams)], kept, most


def decode(coding: Coding, lat: Lat, region: Region | None = None, scale: int = 1, depth: int = PLAIN) -> Pixels:
    """The pixels of a region, or of the whole, from the tiles that it and its margin touch.

    scale: how many times smaller, of SCALES; the region then counts pixels of the smaller picture. depth: bits of the
    samples, whatever the file says. Raises StreamDamaged, ModelUnfit.
    """
    x, y, width, height = region or reduced((0, 0, lat.header.width, lat.header.height), scale)
    wanted = slice(y, y + height), slice(x, x + width)
    out: Pixels = np.empty((height, width, lat.header.channels), depths.kind(depth))
    for part, pixels in parts(coding, lat, [wanted], scale, depth):
        out[within(part, wanted)] = pixels
    return out


def parts(
    coding: Coding,
    lat: Lat,
    wanted: Sequence[Area],
    scale: int = 1,
    depth: int = PLAIN,
    latent: INT16 | None = None,
    small: bool = False,
) -> Iterator[tuple[Area, Pixels]]:
    """Areas of the picture in pixels, window by window: where each lies in it, and its pixels [h, w, C].

    Windows begin at multiples of 16 / scale pixels, or where an area does. latent: as of `Tiles`; small: by the small
    decoder, in windows of half the size, for it takes more memory. Raises StreamDamaged, ModelUnfit.
    """
    graphs, header, side = coding.graphs, lat.header, LATENT_STRIDE // scale
    graphs.package.fit(header.channels)
    tiles, margin = Tiles(coding, lat, latent), graphs.package.margin(graphs.package.decoder(scale)[0])
    largest = WINDOW // 2 if small else 0
    areas = [(part, area) for part in wanted for area in windows(*touched(part, side), 1, largest)]

    def taken(item: tuple[Area, Area]) -> tuple[Area, INT16]:
        around = grown(item[1], margin, tiles.grid)
        return around, tiles.take(around)

    progress = Parts("decode", len(areas))
    for (part, area), (around, there) in ahead(taken, areas, graphs.sessions.threads):
        shown = common(in_pixels(area, side), part)
        image = graphs.decoder(there, scale, fine=depth > PLAIN, small=small)
        made = in_channels(image[within(shown, in_pixels(around, side))], header.channels)
        yield shown, depths.of_fine(made, depth) if depth > PLAIN else made
        progress.done()


def transform(graphs: Graphs, pixels: Pixels, area: Area, depth: int = PLAIN) -> INT16:
    """Latents of an area [h, w, C], as those of the whole picture padded to multiples of 64.  Raises ModelUnfit."""
    graphs.package.fit(pixels.shape[2])
    size = padded_grid(pixels.shape)
    around = grown(area, graphs.package.margin("encoder"), size)
    seen = window_of(pixels, around, graphs.package.about.channels)
    latent = graphs.encoder(depths.levels(seen, depth) if depth > PLAIN else seen)
    return latent[within(area, around)]
