"""What travels with the pixels: resolution, orientation, and where Pillow keeps the rest.

ICC profile, EXIF and XMP are bytes that nobody looks into, but for the orientation.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..format.resolution import UNITS, Resolution
from . import tiff
from .headers import boxes
from .tiff import Directory, Entry, Tag, tags_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from .picture import Picture

_WHOLE_PER_METRE = {"PNG": 1 / 0.0254, "BMP": 39.3701}  # by what Pillow divides
_IN_XMP = re.compile(rb'(tiff:Orientation(?:\s*=\s*["\']|\s*>\s*))([1-8])')
_UNITS = {1: 0, 3: 2}  # of a TIFF's resolution, but for inches


def resolution_of(image: Image.Image) -> Resolution | None:
    """What an image's file says, as its own numbers, or what `.info` says."""
    info, tags = image.info, tags_of(image)
    if tags:
        numbers = tags.get(Tag.X_RESOLUTION), tags.get(Tag.Y_RESOLUTION)
        return fractions_of(numbers, _UNITS.get(tags.get(Tag.RESOLUTION_UNIT, 2), 1))
    if "jfif_density" in info:
        found = fractions_of(info["jfif_density"], info.get("jfif_unit", 0))
        return found if found and (found.unit or found.x != found.y) else None
    if "aspect" in info and image.format == "PNG":
        return fractions_of(tuple(info["aspect"]), 0)
    dpi = info.get("dpi")
    if not isinstance(dpi, (tuple, list)) or len(dpi) != 2:
        return None
    if image.format in _WHOLE_PER_METRE:  # Pillow made inches of them
        return fractions_of(tuple(round(float(v) * _WHOLE_PER_METRE[image.format]) for v in dpi), 3)
    return fractions_of(dpi, 1)


def fractions_of(pair: Sequence[Any], unit: int) -> Resolution | None:
    """The fractions, if they are some; those that 32 bits do not hold are rounded."""
    from fractions import Fraction

    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        numbers = [Fraction(v.numerator, v.denominator) if hasattr(v, "numerator") else Fraction(v) for v in pair]
        numbers = [v if v.denominator < 2**16 else v.limit_denominator(10**4) for v in numbers]
        if all(0 < v.numerator < 2**32 for v in numbers) and 0 <= unit < len(UNITS):
            return Resolution(numbers[0], numbers[1], unit)
    return None


def exif_of(image: Image.Image) -> bytes | None:
    """The EXIF bytes of an image's file; of a TIFF its descriptive tags.  Call it before the pixels are loaded.

    What the caller has changed by `image.getexif()` is in them.
    """
    raw = image.info.get("Raw profile type exif")
    if not tags_of(image) or "exif" in image.info:
        stored = bytes_of(image.info.get("exif"))
        if stored is None and raw is not None:  # text in a PNG, by older ImageMagick
            stored = _from_text(raw)
        return _changed(image, stored)
    return described(image.getexif())


def described(found: Any) -> bytes | None:
    """Of Pillow's Exif of a whole TIFF the tags that are not about how it stores its pixels, as EXIF."""
    from PIL.Image import Exif

    exif = Exif()
    keep_text(found)
    for tag in tiff.DESCRIPTIVE:
        if tag in found:
            exif[tag] = found[tag]
    for ifd in tiff.IFDS:
        if entries := found.get_ifd(ifd):
            exif[ifd] = dict(entries)
            if Tag.INTEROPERABILITY in entries:
                exif[ifd][Tag.INTEROPERABILITY] = found.get_ifd(Tag.INTEROPERABILITY)
    return bytes_of(exif.tobytes()) if len(exif) else None


class _Latin(str):
    """Text that Pillow read as Latin-1 and would write as ASCII with question marks: the bytes that it was."""

    __slots__ = ()

    def encode(self, encoding: str = "latin-1", errors: str = "strict") -> bytes:
        return str.encode(self, "latin-1", "replace")


def keep_text(exif: Any) -> None:
    """Have Pillow write the text of its Exif byte for byte."""
    for entries in (exif, *(exif.get_ifd(ifd) for ifd in tiff.IFDS)):
        for tag in list(entries):
            if isinstance(value := entries[tag], str):
                entries[tag] = _Latin(value)


def _changed(image: Image.Image, stored: bytes | None) -> bytes | None:
    """The bytes that are stored, or those of `image.getexif()` if that has been changed."""
    mine = getattr(image, "_exif", None)
    if mine is None:
        return stored
    from PIL.Image import Exif

    with contextlib.suppress(Exception):  # damaged EXIF cannot be written, and so has not been changed
        theirs = Exif()
        theirs.load(stored or b"")
        lies = mine.get(Tag.ORIENTATION)
        if lies is not None and Tag.ORIENTATION not in theirs and lies == orientation_of(None, xmp_of(image)):
            theirs[Tag.ORIENTATION] = lies  # Pillow has it from the XMP packet
        if mine.tobytes() != theirs.tobytes():
            return bytes(mine.tobytes()) if len(mine) else None
    return stored


def xmp_of(image: Image.Image) -> bytes | None:
    """The XMP packet."""
    if image.format == "JXL":  # whose plugin reads EXIF alone
        data = bytes_of(getattr(image, "fc", None)) or b""
        return next((data[start:end] for kind, start, end in boxes(data) if kind == b"xml "), None)
    raw = image.info.get("Raw profile type xmp")
    return bytes_of(image.info.get("xmp")) or (_from_text(raw) if raw is not None else None)


def bytes_of(value: object) -> bytes | None:
    """One entry of Pillow's `.info`."""
    if isinstance(value, str):
        return value.encode() or None
    return bytes(value) or None if isinstance(value, (bytes, bytearray)) else None


def replaced(picture: Picture, given: Mapping[str, Any]) -> Picture:
    """A picture with other metadata.  given: Pillow's options of saving: icc_profile, exif, xmp; empty ones drop it.

    Raises UsageError if it is of another type.
    """
    changes: dict[str, Any] = {}
    for option, field in (("icc_profile", "icc"), ("exif", "exif"), ("xmp", "xmp")):
        if option in given:
            value = given[option]
            value = value.tobytes() if hasattr(value, "tobytes") else value  # Pillow's Exif
            if not isinstance(value, (bytes, bytearray, str, NoneType)):
                raise UsageError(f"{option} is a {type(value).__name__}", "bytes")
            changes[field] = bytes_of(value)
            if field == "icc":
                changes["cicp"] = None
    return replace(picture, **changes)


def orientation_of(exif: bytes | None, xmp: bytes | None) -> int:
    """1 … 8 as EXIF counts; 1, upright, if nothing says otherwise."""
    place, form = _find_orientation(exif or b"")
    if place:
        return int(struct.unpack_from(form, exif or b"", place)[0])
    match = _IN_XMP.search(xmp or b"")
    return int(match[2]) if match else 1


def reset_orientation(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """The same bytes, but for an orientation of 1, and without a thumbnail, which lies as the picture did."""
    place, form = _find_orientation(exif or b"")
    if exif and place:
        exif = exif[:place] + struct.pack(form, 1) + exif[place + struct.calcsize(form) :]
    return _without_thumbnail(exif) if exif else exif, _IN_XMP.sub(rb"\g<1>1", xmp) if xmp else xmp


def turn(plane: NDArray[Any], orientation: int) -> NDArray[Any]:
    """[H, W, …] upright, if it lies as `orientation` says."""
    import numpy as np

    if orientation in (2, 5, 7, 4):
        plane = plane[:, ::-1] if orientation == 2 else plane[::-1] if orientation == 4 else plane.swapaxes(0, 1)
        return np.ascontiguousarray(plane[::-1, ::-1] if orientation == 7 else plane)
    return np.ascontiguousarray(np.rot90(plane, {3: 2, 6: 3, 8: 1}.get(orientation, 0)))


def _first(exif: bytes) -> tuple[Directory, list[Entry]]:
    """The first directory and its entries.  Raises struct.error if it is not whole."""
    found = tiff.directory(exif)
    return found, list(tiff.entries(exif, found))


def _find_orientation(exif: bytes) -> tuple[int, str]:
    """Where the value stands, and its form, SHORT or LONG; 0 if there is none from 1 to 8."""
    with contextlib.suppress(struct.error):
        found, entries = _first(exif)
        for entry in entries:
            if entry.tag == Tag.ORIENTATION and entry.kind in tiff.FORMS and entry.size == 1:
                right = 1 <= tiff.number_of(exif, found.order, entry) <= 8
                return (entry.value, found.order + tiff.FORMS[entry.kind]) if right else (0, "")
    return 0, ""


def without_places(exif: bytes) -> bytes:
    """The same EXIF without GeoTIFF's tags, which hold for the whole picture as it lies."""
    with contextlib.suppress(struct.error):
        found, entries = _first(exif)
        if not any(entry.tag in tiff.GEO for entry in entries):
            return exif
        kept = [exif[e.place : e.place + tiff.ENTRY] for e in entries if e.tag not in tiff.GEO]
        body = struct.pack(found.order + "H", len(kept)) + b"".join(kept) + exif[found.end : found.end + 4]
        behind = found.end + 4
        return exif[: found.start] + body.ljust(behind - found.start, b"\0") + exif[behind:]
    return exif


def has_places(exif: bytes | None) -> bool:
    """Whether there are GeoTIFF's tags."""
    with contextlib.suppress(struct.error):
        return any(entry.tag in tiff.GEO for entry in _first(exif or b"")[1])
    return False


def _without_thumbnail(exif: bytes) -> bytes:
    """The same EXIF with nothing linked to its first directory; the thumbnail is cut off, or blank if more follows."""
    with contextlib.suppress(struct.error):
        found, _ = _first(exif)
        offset = struct.unpack_from(found.order + "I", exif, found.end)[0]
        if not offset:
            return exif
        values = {}
        with contextlib.suppress(struct.error):
            for entry in list(tiff.entries(exif, tiff.directory(exif, offset))):
                if entry.kind in tiff.FORMS:
                    values[entry.tag] = tiff.number_of(exif, found.order, entry)
        exif = exif[: found.end] + bytes(4) + exif[found.end + 4 :]
        at, size = found.base + values.get(Tag.JPEG_OFFSET, 0), values.get(Tag.JPEG_BYTE_COUNT, 0)
        if found.base < at < at + size <= len(exif) and exif[at : at + 2] == b"\xff\xd8":
            exif = exif[:at] + (bytes(size) + exif[at + size :] if at + size < len(exif) else b"")
    return exif


def _from_text(raw: object) -> bytes | None:
    """A profile in hexadecimal, after a line each for nothing, its name and its length."""
    with contextlib.suppress(ValueError):
        text = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
        return bytes.fromhex("".join(text.split("\n")[3:])) or None
    return None
