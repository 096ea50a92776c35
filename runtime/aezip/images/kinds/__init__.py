"""Kinds of image files: what is particular to each, so that the rest of images/ names none.

base       a reader and a writer as most kinds need them
jpeg       segments: IPTC, comments, extended XMP, gain maps
png        chunks: texts, light, code points, 16 bits
tiff       tags: resolution, IPTC, 16 bits
webp       profiles of RGB alone
jpeg2000   comments; of GIF, too
avif       10 and 12 bits, EXIF, XMP and light, which libraries leave out
jpeg_xl    samples without loss, colours named anew
netpbm     PPM and PAM
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING

from ..formats import Format
from ..headers import NOTHING, Facts

if TYPE_CHECKING:
    from PIL import Image

    from .base import Reader, Writer


def reader_of(image: Image.Image) -> Reader:
    """What reads more of an image's file than Pillow does."""
    from . import avif, base, jpeg, jpeg2000, jpeg_xl, netpbm, png, tiff

    readers: dict[str, type[Reader]] = {
        "AVIF": avif.AvifReader,
        "GIF": jpeg2000.CommentReader,
        "HEIF": avif.HeifReader,
        "JPEG": jpeg.JpegReader,
        "JPEG2000": jpeg2000.Jpeg2000Reader,
        "JXL": jpeg_xl.JpegXlReader,
        "MPO": jpeg.MpoReader,
        "PNG": png.PngReader,
        "PPM": netpbm.PpmReader,
        "PSD": base.FirstReader,
        "TIFF": tiff.TiffReader,
    }
    return readers.get(image.format or "", base.Reader)()


def facts_of(reader: Reader, data: bytes) -> Facts:
    """What the header of a file says, of which `reader` reads more than Pillow.

    A header that cannot be understood says nothing; whether it is damaged is for the decoder to say.
    """
    with contextlib.suppress(struct.error, IndexError, ValueError, StopIteration):
        return reader.facts(data)
    return NOTHING


def writer_of(kind: Format) -> Writer:
    """What writes a kind of files."""
    from . import avif, base, jpeg, jpeg_xl, netpbm, png, tiff, webp

    writers: dict[str, type[Writer]] = {
        "AVIF": avif.Avif,
        "JPEG": jpeg.Jpeg,
        "JXL": jpeg_xl.JpegXl,
        "PAM": netpbm.Pam,
        "PNG": png.Png,
        "PPM": netpbm.Ppm,
        "TIFF": tiff.Tiff,
        "WEBP": webp.WebP,
    }
    return writers.get(kind.pillow, base.Writer)(kind)
