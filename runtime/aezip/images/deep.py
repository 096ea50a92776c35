"""Image files of 9 to 16 bits a sample, past Pillow, which has no such colours: files → uint16.

Pillow decodes their colours to the high byte of each sample. Told that bytes lie the other way round, it decodes to the
low one, so that two runs of its decoders give all of PNG and TIFF. AVIF, JPEG 2000 and JPEG XL are
for imagecodecs, HEIC for pillow-heif.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, missing, require
from ..format import depth as depths
from ..format.container import DEEPEST, PLAIN
from . import metadata, netpbm, tiff
from .headers import file_of, png_chunks
from .tiff import TOGETHER, Tag

if TYPE_CHECKING:
    from PIL import Image


Planes = NDArray[np.uint16]  # [H, W, C], C 1 or 3, or with alpha 2 or 4
Change = Callable[[str], str]  # of one of Pillow's raw modes
_ORDERS = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # at the ends of raw modes, and others
_COLOURS = re.compile(r"(RGBX?|RGBA|LA);16[BLN]")  # raw modes that are read
_CODECS = {"AVIF": "avif_decode", "JPEG2000": "jpeg2k_decode", "JXL": "jpegxl_decode"}


def planes_of(image: Image.Image, bits: int) -> tuple[Planes, int]:
    """All samples of an image, and how many bits they have.  bits: what its header says, or 8.

    Raises ImageError where nothing here reads them so deep.
    """
    data, format = file_of(image), image.format
    if format == "PPM":
        return netpbm.read(data)
    if format == "HEIF":
        return _by_pillow_heif(data, bits), bits
    if image.mode.startswith("I;16"):
        return _from_grey(image, data, bits)
    if format in _CODECS:
        return _by_imagecodecs(data, _CODECS[format], bits, (image.height, image.width), image.tell()), bits
    raw = str(_raw_mode(image))
    if tiff.in_planes(image):  # of which libtiff gives Pillow the high bytes alone
        return _from_planes(image, data)
    if not data or not _COLOURS.fullmatch(raw):
        raise ImageError(
            f"has samples of more than 8 bits of a kind ({raw}) that is not read so deep", "ReadOptions(to_8bit=True)"
        )
    if raw.startswith("LA"):  # Pillow makes it RGBA, which has as many bytes
        pairs = _decoded(image, data, lambda _: "RGBA", "RGBA")
        planes = pairs[..., ::2] << np.uint16(8) | pairs[..., 1::2]
    else:
        planes = np.asarray(image).astype(np.uint16) << np.uint16(8) | _decoded(image, data, _swapped)
    image.load()
    return _as_said(planes, data) if format == "PNG" else (planes, DEEPEST)


def _from_grey(image: Image.Image, data: bytes, bits: int) -> tuple[Planes, int]:
    """Grey, which Pillow has in 16 bits."""
    raw = _raw_mode(image)
    values = np.asarray(image).astype(np.uint16)[:, :, None]
    if raw == "I;12":
        return values, 12
    if tiff.tags_of(image).get(Tag.PHOTOMETRIC) == tiff.WHITE_IS_ZERO:  # of fewer bits Pillow does it
        values = np.asarray(depths.top(DEEPEST) - values, np.uint16)
    if image.format == "PNG":
        return _as_said(values, data)
    if not PLAIN < bits < DEEPEST:
        return values, DEEPEST
    # of JPEG 2000 Pillow has shifted samples, of JPEG XL its plug-in has scaled them
    return values >> np.uint16(DEEPEST - bits) if image.format == "JPEG2000" else depths.scaled(
        values, DEEPEST, bits
    ), bits


def _raw_mode(image: Image.Image) -> str | None:
    """How the file's samples lie, in Pillow's words, of an image that is not loaded yet."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else None
    return arguments[0] if isinstance(arguments, tuple) else arguments


def _swapped(raw: str) -> str:
    """The raw mode that gives the low byte of each sample where another gives the high one."""
    return raw[:-1] + _ORDERS[raw[-1]]


def _decoded(image: Image.Image, data: bytes, change: Change, mode: str = "") -> Planes:
    """What Pillow makes of the same frame under another raw mode, and in another mode or its own."""
    from PIL import Image as images

    again: Any = images.open(io.BytesIO(data), formats=[str(image.format)])
    if image.tell():
        again.seek(image.tell())
    tiles = []
    for tile in again.tile:
        arguments = tile[3]
        changed = (change(arguments[0]), *arguments[1:]) if isinstance(arguments, tuple) else change(arguments)
        tiles.append(tile._replace(args=changed))
    again._mode = mode or again.mode
    again.tile = tiles
    return np.asarray(again).astype(np.uint16)


def _as_said(planes: Planes, data: bytes) -> tuple[Planes, int]:
    """Samples of a PNG in the bits that it says are significant, if that loses nothing."""
    said = next((body for kind, body in png_chunks(data) if kind == b"sBIT"), b"")
    bits = max(said, default=DEEPEST)
    if PLAIN < bits < DEEPEST:
        found = depths.scaled(planes, DEEPEST, bits)
        if (depths.scaled(found, bits, DEEPEST) == planes).all():
            return found, bits
    return planes, DEEPEST


def _by_imagecodecs(data: bytes, function: str, bits: int, size: tuple[int, int] = (0, 0), frame: int = 0) -> Planes:
    """size: rows and columns, by which several frames are told from one."""
    codecs = require("imagecodecs", f"has {bits}-bit samples", "ReadOptions(to_8bit=True)")
    decode = getattr(codecs, function)
    try:
        planes = np.asarray(decode(data))  # all frames: to ask for one crashes in avif_decode
    except Exception as error:  # it has a class of its own for each library
        raise ImageError(f"cannot be decoded ({error})", "a complete image") from error
    if planes.shape[:2] != size == planes.shape[1:3]:
        planes = planes[frame]
    planes = planes.reshape(*planes.shape[:2], -1)
    if planes.dtype != np.uint16 or planes.shape[2] > 4:
        raise ImageError(
            f"has {bits}-bit samples that are decoded to {planes.dtype}", "grey or RGB, or ReadOptions(to_8bit=True)"
        )
    full = int(planes.max()) > depths.top(bits)
    return depths.scaled(planes, DEEPEST, bits) if full else planes


def _from_planes(image: Image.Image, data: bytes) -> tuple[Planes, int]:
    """The colours of a TIFF in planes of 16 bits."""
    tags = tiff.tags_of(image)
    if not has_codecs():
        raise missing("imagecodecs", "has colours of more than 8 bits in planes", TOGETHER)
    if tags.get(Tag.PHOTOMETRIC) != tiff.RGB or tiff.ASSOCIATED in tags.get(Tag.EXTRA_SAMPLES, ()):
        raise ImageError("has planes of more than 8 bits that are no RGB or RGBA", TOGETHER)
    planes = np.asarray(importlib.import_module("imagecodecs").tiff_decode(data, index=image.tell()))
    size = tags.get(Tag.HEIGHT), tags.get(Tag.WIDTH)  # which lie as the file does
    if planes.dtype != np.uint16 or planes.shape not in ((3, *size), (4, *size)):
        raise ImageError(f"has planes that are decoded to {planes.shape} {planes.dtype}", TOGETHER)
    return metadata.turn(np.moveaxis(planes, 0, 2), tags.get(Tag.ORIENTATION, 1)), DEEPEST  # as Pillow does


def _by_pillow_heif(data: bytes, bits: int) -> Planes:
    """Which has shifted samples to 16 bits."""
    heif: Any = importlib.import_module("pillow_heif")
    planes = np.asarray(heif.open_heif(data, convert_hdr_to_8bit=False))
    return np.asarray(planes.reshape(*planes.shape[:2], -1) >> (DEEPEST - bits), np.uint16)


def has_codecs() -> bool:
    """Whether imagecodecs is installed."""
    return importlib.util.find_spec("imagecodecs") is not None
