"""A picture as it goes into a `.lat` file and comes out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..errors import ImageError
from ..format import facts
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
    PLAIN,
    RESOLUTION,
    TEXTS,
    XMP,
    Lat,
    Section,
)
from ..format.resolution import Resolution

if TYPE_CHECKING:
    from ..arrays import Region, Samples

EXTRAS = (IPTC, EXTENDED_XMP, COMMENT, TEXTS, CONTENT_LIGHT, MASTERING, GAIN_MAP)  # what only some kinds of files carry
EXTRA_NAMES = {kind: facts.NAMES[kind] for kind in EXTRAS} | {GAIN_MAP: "gain map (HDR)"}
LIGHT_SIZES = {CONTENT_LIGHT: 8, MASTERING: 24}  # bytes of sections that are PNG's chunks


@dataclass(frozen=True, kw_only=True, eq=False)
class Metadata:
    """What a file says of its picture."""

    icc: bytes | None = None
    cicp: Cicp | None = None  # code points of the colours, above `icc`
    exif: bytes | None = None
    xmp: bytes | None = None
    resolution: Resolution | None = None
    extras: tuple[Section, ...] = ()  # sections of EXTRAS


@dataclass(frozen=True, eq=False)
class Picture(Metadata):
    """Pixels and what belongs to them."""

    pixels: Samples  # [H, W, C], C 1 or 3
    alpha: Samples | None = field(default=None, kw_only=True)  # [H, W] as pixels; None: there is no such channel
    depth: int = field(default=PLAIN, kw_only=True)  # bits of a sample; of more than 8, uint16 from 0 to 2^depth − 1
    notes: tuple[str, ...] = field(default=(), kw_only=True)  # what was changed to read it

    def planes(self) -> Samples:
        """Pixels, and alpha behind them if there is some.  [H, W, C]"""
        if self.alpha is None:
            return self.pixels
        import numpy as np

        return np.dstack((self.pixels, self.alpha))


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


def metadata_of(sections: Iterable[Section]) -> Metadata:
    """The metadata in sections of a `.lat` file.  Raises SectionDamaged."""
    found: dict[bytes, bytes] = {}
    for kind, data in sections:
        found.setdefault(kind, data)
    return Metadata(
        icc=found.get(ICC),
        cicp=Cicp.unpack(found[CICP]) if CICP in found else None,
        exif=found.get(EXIF),
        xmp=found.get(XMP),
        resolution=Resolution.unpack(found[RESOLUTION]) if RESOLUTION in found else None,
        extras=tuple(Section(kind, found[kind]) for kind in EXTRAS if found.get(kind)),
    )


def alpha_of(lat: Lat, region: Region | None = None, scale: int = 1) -> Samples | None:
    """The alpha of a `.lat` file, in its depth.  [H, W]; region, scale: as of `picture_of`.  Raises SectionDamaged."""
    opacity = lat.section(ALPHA)
    if opacity is None:
        return None
    from ..format import alpha, averages, scales

    h, w = lat.header.height, lat.header.width
    area = scales.covered(region or (0, 0, w, h), scale, w, h)
    plane: Samples = averages.averaged(alpha.decode(opacity, h, w, area, lat.depth)[..., None], scale)[..., 0]
    return plane


def picture_of(pixels: Samples, lat: Lat, region: Region | None = None, scale: int = 1) -> Picture:
    """Decoded pixels [H, W, C], of 8 bits or the file's depth, and what else the `.lat` file they are from holds.

    region, scale: of what was decoded, as of `Codec.decode`.  Raises SectionDamaged.
    """
    depth = PLAIN if pixels.itemsize == 1 else lat.depth
    plane, said = alpha_of(lat, region, scale), metadata_of(lat.sections)
    if plane is not None:
        from ..format.depth import scaled

        plane = scaled(plane, lat.depth, depth)
    if said.resolution and scale > 1:
        from fractions import Fraction

        said = replace(said, resolution=said.resolution.times(Fraction(1, scale), Fraction(1, scale)))
    if said.exif and (region is not None or scale > 1):
        from .metadata import without_places

        said = replace(said, exif=without_places(said.exif))
    notes: tuple[str, ...] = ()
    if region is not None and lat.section(GAIN_MAP):
        said = replace(said, extras=without(said.extras, GAIN_MAP))
        notes = ("the gain map (HDR) is left out, as it is of the whole picture",)
    return Picture(pixels, alpha=plane, depth=depth, notes=notes, **vars(said))


def without(extras: tuple[Section, ...], *kinds: bytes) -> tuple[Section, ...]:
    """The sections but those of some types."""
    return tuple(section for section in extras if section.type not in kinds)


def check_sections(lat: Lat, original: Picture | None = None) -> None:
    """Decode what a `.lat` file holds besides its pixels, and compare its alpha with that of an original.

    Raises SectionDamaged, and ImageError if the alpha is not the same: no channel is as good as an opaque one.
    """
    import numpy as np

    from ..format import depth as depths

    metadata_of(lat.sections)
    for named, light in ((CONTENT_LIGHT, ContentLight), (MASTERING, Mastering)):
        if (data := lat.section(named)) is not None:
            light.unpack(data)
    found = alpha_of(lat)
    if found is not None and original and original.depth == PLAIN:
        found = depths.scaled(found, lat.depth, PLAIN)
    wanted = original.alpha if original else found
    if found is wanted is None:
        return
    opaque = 2 ** (original.depth if original else lat.depth) - 1
    differ = np.count_nonzero((opaque if found is None else found) != (opaque if wanted is None else wanted))
    if differ:
        raise ImageError(f"alpha differs from the original's in {differ} pixels", "the picture it was made from")
