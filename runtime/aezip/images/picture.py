"""A picture as it goes into a `.lat` file and comes out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import ImageError
from ..format.colour import Cicp, ContentLight, Mastering
from ..format.container import (
    ALPHA,
    CICP,
    COMMENT,
    CONTENT_LIGHT,
    EXIF,
    EXTENDED_XMP,
    GAIN_MAP,
    ICC,
    IPTC,
    MASTERING,
    RESOLUTION,
    TEXTS,
    XMP,
    Lat,
    Section,
)
from ..format.resolution import Resolution

if TYPE_CHECKING:
    from ..format.depth import Samples

EXTRAS = (IPTC, EXTENDED_XMP, COMMENT, TEXTS, CONTENT_LIGHT, MASTERING, GAIN_MAP)  # what only some kinds of files carry


class Picture(NamedTuple):
    """Pixels and what belongs to them."""

    pixels: Samples  # [H, W, C], C 1 or 3
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    alpha: Samples | None = None  # [H, W] as pixels; None: there is no such channel
    resolution: Resolution | None = None
    notes: tuple[str, ...] = ()  # what was changed to read it
    extras: tuple[Section, ...] = ()  # sections of EXTRAS
    cicp: Cicp | None = None  # code points of the colours, above `icc`
    depth: int = 8  # bits of a sample; of more than 8, pixels and alpha are uint16, from 0 to 2^depth − 1


def sections_of(picture: Picture) -> tuple[Section, ...]:
    """Alpha and metadata as sections of a `.lat` file."""
    pairs = [(ICC, picture.icc), (EXIF, picture.exif), (XMP, picture.xmp)]
    if picture.cicp:
        pairs.append((CICP, picture.cicp.pack()))
    if picture.resolution:
        pairs.append((RESOLUTION, picture.resolution.pack()))
    if picture.alpha is not None:
        from ..format import alpha

        pairs.append((ALPHA, alpha.encode(picture.alpha, picture.depth)))
    return (*(Section(kind, data) for kind, data in pairs if data), *picture.extras)


def picture_of(pixels: Samples, lat: Lat, region: tuple[int, int, int, int] | None = None, scale: int = 1) -> Picture:
    """Decoded pixels [H, W, C], of 8 bits or the file's depth, and what else the `.lat` file they are from holds.

    region: x, y, width, height of what was decoded, None for the whole; scale: how many times smaller it is. Raises
    SectionDamaged.
    """
    opacity = lat.section(ALPHA)
    plane, depth = None, 8 if pixels is None or pixels.itemsize == 1 else lat.depth
    if opacity is not None:
        from ..format import alpha, averages, scales
        from ..format import depth as depths

        h, w = lat.header.height, lat.header.width
        area = scales.covered(region or (0, 0, w, h), scale, w, h)
        plane = averages.averaged(alpha.decode(opacity, h, w, area, lat.depth)[..., None], scale)[..., 0]
        plane = depths.scaled(plane, lat.depth, depth)
    packed = lat.section(RESOLUTION)
    resolution = Resolution.unpack(packed) if packed is not None else None
    if resolution and scale > 1:
        from fractions import Fraction

        resolution = resolution.times(Fraction(1, scale), Fraction(1, scale))
    exif = lat.section(EXIF)
    if exif and (region or scale > 1):
        from .metadata import without_places

        exif = without_places(exif)
    kept = {kind: lat.section(kind) for kind in EXTRAS}
    notes: tuple[str, ...] = ()
    if region and kept.pop(GAIN_MAP):
        notes = ("the gain map (HDR) is left out, as it is of the whole picture",)
    extras = tuple(Section(kind, data) for kind, data in kept.items() if data)
    named = lat.section(CICP)
    cicp = Cicp.unpack(named) if named is not None else None
    return Picture(pixels, lat.section(ICC), exif, lat.section(XMP), plane, resolution, notes, extras, cicp, depth)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise ImageError for an image file of more pixels than allowed."""
    if width * height > max_pixels:
        raise ImageError(f"{width}×{height} pixels", f"at most {max_pixels}, or a higher max_pixels")


def check_sections(lat: Lat, original: Picture | None = None) -> None:
    """Decode what a `.lat` file holds besides its pixels, and compare its alpha with that of an original.

    Raises SectionDamaged, and ImageError if the alpha is not the same: no channel is as good as an opaque one.
    """
    import numpy as np

    deep = original.depth > 8 if original else lat.depth > 8
    for named, light in ((CONTENT_LIGHT, ContentLight), (MASTERING, Mastering)):
        if (data := lat.section(named)) is not None:
            light.unpack(data)
    found = picture_of(np.empty((0, 0, lat.header.channels), np.uint16 if deep else np.uint8), lat).alpha
    wanted = original.alpha if original else found
    if found is wanted is None:
        return
    opaque = 2 ** (original.depth if original else lat.depth) - 1
    differ = np.count_nonzero((opaque if found is None else found) != (opaque if wanted is None else wanted))
    if differ:
        raise ImageError(f"alpha differs from the original's in {differ} pixels", "the picture it was made from")
