"""Kinds of image files: what is particular to each, so that the rest of images/ names none.

`base` is a reader and a writer as most kinds need them.
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
    """What the header of a file says: nothing if it cannot be understood, as damage is for the decoder to find."""
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
