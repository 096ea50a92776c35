"""Raw camera files → `Picture`: developed by LibRaw (module rawpy) to sRGB of 16 bits.

White balance and exposure are the camera's: nothing is brightened, so that highlights stay. LibRaw turns the picture
upright. EXIF and XMP are those of the TIFF that most raw files are. Files are told by their signature or tags, never by
their names: LibRaw gets nothing else.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Mapping
from typing import Any

from ..errors import ImageError, require
from ..format.container import DEEPEST, check_limit
from . import metadata, tiff
from .picture import Picture
from .tiff import Tag

SUFFIXES = """
    .3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .gpr .iiq .kdc .mef .mrw .nef .nrw .orf .pef .raf .rw2 .rwl .sr2 .srw .x3f
"""
_SIGNATURES = (
    (0, b"FUJIFILMCCD-RAW"),  # RAF
    (0, b"IIRO"),  # ORF of Olympus
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),  # RW2 of Panasonic
    (0, b"\0MRM"),  # MRW of Minolta
    (0, b"FOVb"),  # X3F of Sigma
    (4, b"ftypcrx "),  # CR3 of Canon
    (6, b"HEAPCCDR"),  # CRW
)
_IN_TIFF = b"CR\2", b"IIII", b"MMMM"  # behind the header: CR2, and IIQ of Phase One
_TIFF = b"II*\0", b"MM\0*"
_LIKE_TIFF = {b"IIRO": b"II*\0", b"IIRS": b"II*\0", b"MMOR": b"MM\0*", b"IIU\0": b"II*\0"}  # but for the signature
_SENSOR = 32803, 34892  # photometric interpretations: a filter of colours, and linear raw
_SRGB = 2.4, 12.92  # exponent, and slope at black


def is_raw(data: bytes) -> bool:
    """Whether a file holds what a sensor saw, of which other readers find the preview at most."""
    if data[:4] in _TIFF:
        return data.startswith(_IN_TIFF, 8) or are_of_sensor(_tags(data))
    return any(data.startswith(signature, at) for at, signature in _SIGNATURES)


def are_of_sensor(tags: Mapping[int, Any]) -> bool:
    """Whether a TIFF's first directory is of a raw file: samples of a sensor, or a preview of what lies deeper."""
    preview = bool(tags.get(Tag.NEW_SUBFILE_TYPE, 0) & 1) and Tag.SUB_IFDS in tags
    return preview or Tag.DNG_VERSION in tags or tags.get(Tag.PHOTOMETRIC) in _SENSOR


def _tags(data: bytes) -> dict[int, int]:
    """The tags of a TIFF's first directory, and their values if they are one number of 16 or 32 bits."""
    tags = dict[int, int]()
    with contextlib.suppress(struct.error):
        first = tiff.directory(data)
        for entry in tiff.entries(data, first):
            tags[entry.tag] = tiff.number_of(data, first.order, entry)
    return tags


def developed(data: bytes, max_pixels: int, bits: int = DEEPEST) -> Picture:
    """The picture of a raw camera file, in 16 bits or 8.  Raises ImageError, DependencyMissing."""
    rawpy = require("rawpy", "is a raw camera file", "a developed picture")
    how = {"use_camera_wb": True, "no_auto_bright": True, "output_color": rawpy.ColorSpace.sRGB, "gamma": _SRGB}
    try:
        with rawpy.imread(io.BytesIO(data)) as file:
            check_limit(file.sizes.width, file.sizes.height, max_pixels)
            pixels = file.postprocess(output_bps=bits, **how)
    except (rawpy.LibRawError, rawpy.NotSupportedError, OSError) as e:
        why = e.args[0].decode("utf-8", "replace") if e.args and isinstance(e.args[0], bytes) else str(e)
        raise ImageError(f"is a raw camera file that LibRaw does not read ({why})", "a developed picture") from e
    if not pixels.any():  # LibRaw takes samples that are not there for black ones
        raise ImageError("is a raw camera file whose samples are missing, or all black", "a complete file")
    exif, xmp = _metadata_of(data)
    notes = [f"raw samples developed to sRGB of {bits} bits, with the white balance of the camera"]
    notes += [] if exif else ["left behind: EXIF, which is not read from raw files of this kind"]
    return Picture(pixels.reshape(*pixels.shape[:2], -1), exif=exif, xmp=xmp, depth=bits, notes=tuple(notes))


def _metadata_of(data: bytes) -> tuple[bytes | None, bytes | None]:
    """EXIF, upright, and XMP of a file that is a TIFF, or one but for its signature; damaged ones count as none."""
    from PIL.Image import Exif

    head = _LIKE_TIFF.get(data[:4])
    data = head + data[4:] if head else data
    if data[:4] in _TIFF:
        with contextlib.suppress(Exception):  # Pillow raises nearly any class over damaged data
            found = Exif()
            found.load(data)
            xmp = metadata.bytes_of(found.get(Tag.XMP))
            exif = metadata.described(found)
            return metadata.reset_orientation(exif, xmp)
    return None, None
