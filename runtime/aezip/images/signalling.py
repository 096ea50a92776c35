"""How a picture's colours are named: by code points of H.273, and by ICC profiles where a file has no place for those.

Code points are above a profile, as in PNG; in AVIF and HEIF a profile is above them (ISO 23000-22). A PNG gets both, so
that older viewers show it well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ..format.colour import Cicp, ContentLight
from ..format.container import CONTENT_LIGHT, GAIN_MAP, MASTERING, PLAIN
from . import profiles, tone
from .headers import Facts
from .picture import LIGHT_SIZES, Metadata, Picture, without

if TYPE_CHECKING:
    from PIL import Image

Losses = tuple[str, ...]  # names of what a kind of files has no place for
_ICC = "an ICC profile beside code points (H.273)"


class Signalling(NamedTuple):
    """What an image's file says of its colours; nothing: they are sRGB."""

    icc: bytes | None = None
    cicp: Cicp | None = None
    note: str = ""


NOTHING = Signalling()


def of_image(image: Image.Image, facts: Facts, channels: int) -> Signalling:
    """What the file of an image, whose header says `facts`, names its colours."""
    info = image.info
    icc, cicp = info.get("icc_profile") or facts.icc or None, facts.cicp
    icc = bytes(icc) if icc and not (cicp and image.format == "JXL") else None  # libjxl makes one for code points
    if cicp and (cicp.silent or (icc and image.format != "PNG")):
        cicp = None
    if icc and not cicp:
        found = profiles.code_points(icc)
        # as libjxl does of samples that it coded as XYB
        if found and (image.format == "JXL" or icc == profiles.of_cicp(found, channels).icc):
            icc, cicp = None, found
    if icc and cicp and icc == profiles.of_cicp(cicp, channels).icc:
        icc = None
    if icc or cicp:
        return Signalling(icc, cicp if icc or not (cicp and cicp.srgb) else None)
    if "srgb" in info or not ("gamma" in info or "chromaticity" in info):
        return NOTHING
    made = profiles.of_chunks(info.get("gamma"), info.get("chromaticity"), channels)
    return Signalling(made.icc, None, made.note)


def profile_of(said: Metadata, channels: int) -> bytes | None:
    """The ICC profile of colours: one made of their code points, or their own."""
    return profiles.of_cicp(said.cicp, channels).icc if said.cicp else said.icc


def profiled(picture: Picture) -> Picture:
    """The picture with a profile in place of code points."""
    return replace(_of_full_range(picture), icc=profile_of(picture, picture.pixels.shape[2]), cicp=None)


def with_profile(picture: Picture, has_profiles: bool) -> tuple[Picture, Losses]:
    """The picture for a file that may hold an ICC profile, but no code points, and names of what that loses."""
    cicp, lost = picture.cicp, (_ICC,) if picture.icc else ()
    if cicp is None:
        return picture, ()
    if not has_profiles:
        return replace(_of_full_range(picture), icc=None, cicp=None), (*lost, f"code points of {cicp}")
    note = profiles.of_cicp(cicp, picture.pixels.shape[2]).note
    return profiled(picture), (*lost, *((f"code points of {note}",) if note else ()))


def with_code_points(picture: Picture) -> tuple[Picture, Losses]:
    """The picture for a file that names colours by code points or by a profile, and names of what that loses."""
    if picture.cicp is None:
        return picture, ()
    lost = (_ICC,) if picture.icc else ()
    return replace(_of_full_range(picture), icc=None), lost


def with_profile_of(picture: Picture, wanted: bytes) -> tuple[Picture, Losses]:
    """The picture with an ICC profile of these colours alone, and names of what that loses.

    wanted: b"GRAY" or b"RGB ".
    """
    icc, grey = picture.icc, picture.pixels.shape[2] == 1
    if not icc or icc[16:20] == wanted:
        return picture, ()
    made = None
    if grey and icc[16:20] in (b"RGB ", b"GRAY"):
        made = profiles.for_grey(icc) if wanted == b"GRAY" else profiles.for_rgb(icc)
    space = icc[16:20].decode("latin-1").strip("\0 ") or "unknown colours"
    return replace(picture, icc=made), () if made else (f"an ICC profile of {space} in this picture",)


def hdr_of(said: Metadata) -> Cicp | None:
    """The code points of high dynamic range, those that are named or those in a profile."""
    cicp = said.cicp or profiles.code_points(said.icc)
    return cicp if cicp and cicp.hdr else None


def in_srgb(picture: Picture) -> tuple[Picture, str]:
    """The picture in sRGB and of standard range, and what was done to it."""
    cicp, note = hdr_of(picture) or picture.cicp, ""
    pixels = picture.pixels
    if cicp and profiles.specified(cicp):
        light = [data for kind, data in picture.extras if kind == CONTENT_LIGHT and len(data) == LIGHT_SIZES[kind]]
        peak = ContentLight.unpack(light[0]).largest if light else 0.0
        pixels = tone.to_srgb(pixels, cicp, picture.depth, peak)
        note = f"colours ({cicp}) {'tone mapped to' if cicp.hdr else 'made'} sRGB"
    elif cicp:
        note = f"colours ({cicp}) are not known and taken as sRGB"
    elif picture.icc:
        try:
            pixels = profiles.to_srgb(pixels, picture.icc, picture.depth)
            note = "" if pixels is picture.pixels else "colours made sRGB through the ICC profile that is dropped"
        except ValueError as e:
            if picture.depth > PLAIN:
                return picture, f"the ICC profile stays, as it cannot be used for {picture.depth} bits ({e})"
            note = f"the ICC profile cannot be used and is dropped ({e})"
    return replace(picture, pixels=pixels, icc=None, cicp=None), note


def tone_mapped(picture: Picture) -> Picture:
    """The picture in sRGB, without what makes it one of high dynamic range, and with notes of it."""
    left = "left behind: a gain map (HDR)" if any(kind == GAIN_MAP for kind, _ in picture.extras) else ""
    mapped, note = in_srgb(picture)
    kept = without(picture.extras, CONTENT_LIGHT, MASTERING, GAIN_MAP)
    return replace(mapped, extras=kept, notes=(*picture.notes, *filter(None, (note, left))))


def in_8_bits(picture: Picture) -> Picture:
    """The picture with samples of 8 bits, and of full range if they had more."""
    if picture.depth == PLAIN:
        return picture
    from ..format import depth as depths

    picture = _of_full_range(picture)
    alpha = None if picture.alpha is None else depths.scaled(picture.alpha, picture.depth, PLAIN)
    pixels = depths.scaled(picture.pixels, picture.depth, PLAIN)
    return replace(picture, pixels=pixels, alpha=alpha, depth=PLAIN)


def for_8_bits(picture: Picture) -> Picture:
    """The picture for what works on 8 bits alone, with a note if it has more."""
    if picture.depth == PLAIN:
        return picture
    from ..format.depth import is_narrow

    note = f"{picture.depth}-bit samples are used in 8 bits"
    if is_narrow(picture.pixels, picture.depth):
        note += ", which leaves little of their range; of grey, ReadOptions(stretch=True) takes the range that is found"
    return replace(in_8_bits(picture), notes=(*picture.notes, note))


def _of_full_range(picture: Picture) -> Picture:
    """The picture with samples of full range."""
    if picture.cicp is None or picture.cicp.full_range:
        return picture
    return replace(
        picture, pixels=tone.full_range(picture.pixels, picture.depth), cicp=picture.cicp._replace(full_range=True)
    )
