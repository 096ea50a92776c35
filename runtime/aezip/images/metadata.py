"""What travels with the pixels: resolution, orientation, and where Pillow keeps the rest.

ICC profile, EXIF and XMP are bytes that nobody looks into, but for the orientation.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..format.resolution import UNITS, Resolution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_WHOLE_PER_METRE = {"PNG": 1 / 0.0254, "BMP": 39.3701}  # by what Pillow divides
_PREFIX = b"Exif\0\0"
_IN_XMP = re.compile(rb'(tiff:Orientation(?:\s*=\s*["\']|\s*>\s*))([1-8])')
# a TIFF file is its own EXIF; these of its tags are not about how it stores the pixels
_DESCRIPTIVE = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 33550, 40091, 40092, 40093, 40094, 40095)
_IFDS = (34665, 34853)  # Exif, GPS


def resolution_of(image: Image.Image) -> Resolution | None:
    """What an image's file says, as its own numbers, or what `.info` says."""
    info, tags = image.info, getattr(image, "tag_v2", None)
    if tags is not None:
        return fractions_of((tags.get(282), tags.get(283)), {1: 0, 3: 2}.get(tags.get(296), 1))
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
    """The EXIF bytes of an image's file; of a TIFF its descriptive tags.  Call it before the pixels are loaded."""
    raw = image.info.get("Raw profile type exif")
    tags = getattr(image, "tag_v2", None)
    if "exif" in image.info or (tags is None and raw is None):
        return bytes_of(image.info.get("exif"))
    if raw is not None:  # text in a PNG, by older ImageMagick
        return _from_text(raw)
    from PIL.Image import Exif

    found, exif = image.getexif(), Exif()
    for tag in _DESCRIPTIVE:
        if tag in found:
            exif[tag] = found[tag]
    for ifd in _IFDS:
        if entries := found.get_ifd(ifd):
            exif[ifd] = dict(entries)
    return bytes_of(exif.tobytes()) if len(exif) else None


def xmp_of(image: Image.Image) -> bytes | None:
    """The XMP packet."""
    raw = image.info.get("Raw profile type xmp")
    return bytes_of(image.info.get("xmp")) or (_from_text(raw) if raw is not None else None)


def bytes_of(value: object) -> bytes | None:
    """One entry of Pillow's `.info`."""
    if isinstance(value, str):
        return value.encode() or None
    return bytes(value) or None if isinstance(value, (bytes, bytearray)) else None


def orientation_of(exif: bytes | None, xmp: bytes | None) -> int:
    """1 … 8 as EXIF counts; 1, upright, if nothing says otherwise."""
    at = _find_orientation(exif or b"")
    if at:
        place, order = at
        return int(struct.unpack_from(order + "H", exif or b"", place)[0])
    match = _IN_XMP.search(xmp or b"")
    return int(match[2]) if match else 1


def reset_orientation(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """The same bytes, but for an orientation of 1."""
    at = _find_orientation(exif or b"")
    if exif and at:
        place, order = at
        exif = exif[:place] + struct.pack(order + "H", 1) + exif[place + 2 :]
    return exif, _IN_XMP.sub(rb"\g<1>1", xmp) if xmp else xmp


def turn(plane: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """[H, W, …] upright, if it lies as `orientation` says."""
    import numpy as np

    if orientation in (2, 5, 7, 4):
        plane = plane[:, ::-1] if orientation == 2 else plane[::-1] if orientation == 4 else plane.swapaxes(0, 1)
        return np.ascontiguousarray(plane[::-1, ::-1] if orientation == 7 else plane)
    return np.ascontiguousarray(np.rot90(plane, {3: 2, 6: 3, 8: 1}.get(orientation, 0)))


def _find_orientation(exif: bytes) -> tuple[int, str] | None:
    """Where the value stands, and the byte order; None if there is none from 1 to 8."""
    start = len(_PREFIX) if exif.startswith(_PREFIX) else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    with contextlib.suppress(struct.error):
        if order:
            directory = start + struct.unpack_from(order + "I", exif, start + 4)[0]
            for entry in range(struct.unpack_from(order + "H", exif, directory)[0]):
                place = directory + 2 + 12 * entry
                tag, kind, count, value = struct.unpack_from(order + "HHIH", exif, place)
                if (tag, kind, count) == (0x0112, 3, 1):
                    return (place + 8, order) if 1 <= value <= 8 else None
    return None


def _from_text(raw: object) -> bytes | None:
    """A profile in hexadecimal, after a line each for nothing, its name and its length."""
    with contextlib.suppress(ValueError):
        text = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
        return bytes.fromhex("".join(text.split("\n")[3:])) or None
    return None
