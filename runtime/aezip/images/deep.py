"""Image files of 9 to 16 bits a sample, past Pillow, which has no such colours: files ↔ uint16.

Pillow decodes their colours to the high byte of each sample. Told that bytes lie the other way round, it decodes to the
low one, so that two runs of its decoders give all of PNG and TIFF. AVIF, JPEG 2000 and JPEG XL are
for imagecodecs, HEIC for pillow-heif. PNG and TIFF are written here: samples of fewer bits scaled to 16, of which PNG
says so (sBIT).
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
import struct
import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, OutputError, missing, require
from ..format import depth as depths
from ..format.container import DEEPEST, PLAIN
from . import avif as avifs
from . import jxl, metadata, netpbm, tiff
from .headers import file_of, png_chunk, png_chunks
from .tiff import TOGETHER, Tag

if TYPE_CHECKING:
    from PIL import Image

    from .picture import Picture

Planes = NDArray[np.uint16]  # [H, W, C], C 1 or 3, or with alpha 2 or 4
Change = Callable[[str], str]  # of one of Pillow's raw modes
_ORDERS = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # at the ends of raw modes, and others
_COLOURS = re.compile(r"(RGBX?|RGBA|LA);16[BLN]")  # raw modes that are read
_CODECS = {"AVIF": "avif_decode", "JPEG2000": "jpeg2k_decode", "JXL": "jpegxl_decode"}
_SRGB, _UNSPECIFIED = (1, 13), (2, 2)  # primaries and transfer of H.273
_PNG_KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels → type of colour
_PNG_LEVEL = 4  # of zlib, as for 8 bits


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


def sixteen(picture: Picture) -> Planes:
    """Pixels, and alpha if there is some, scaled to 16 bits.  [H, W, C]"""
    planes = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    return np.asarray(depths.scaled(planes, picture.depth, DEEPEST), np.uint16)


def png(like: bytes, picture: Picture) -> bytes:
    """The PNG of a picture with the metadata of another PNG of 8 bits, whose pixels are dropped."""
    planes = sixteen(picture)
    height, width, channels = planes.shape
    head = struct.pack(">IIBBBBB", width, height, DEEPEST, _PNG_KINDS[channels], 0, 0, 0)
    parts = [like[:8], png_chunk(b"IHDR" + head)]
    if picture.depth < DEEPEST:
        parts.append(png_chunk(b"sBIT" + bytes((picture.depth,)) * channels))
    at = len(like[:8]) + 25
    while at < len(like):
        length, kind = struct.unpack_from(">I4s", like, at)
        if kind != b"IDAT":
            parts.append(like[at : at + 12 + length])
        else:
            parts.append(png_chunk(b"IDAT" + zlib.compress(_filtered(planes), _PNG_LEVEL)))
        at += 12 + length
    return b"".join(parts)


def _filtered(planes: Planes) -> bytes:
    """Rows behind the filters of PNG, Sub or Up, whichever leaves less."""
    rows = planes.astype(">u2").reshape(len(planes), -1).view(np.uint8)
    step = 2 * planes.shape[2]
    left, up = rows.copy(), rows.copy()
    left[:, step:] -= rows[:, :-step]
    up[1:] -= rows[:-1]
    sizes = [np.minimum(way, -way).sum(1, dtype=np.int64) for way in (left, up)]
    ups = sizes[1] < sizes[0]
    return np.column_stack((1 + ups.astype(np.uint8), np.where(ups[:, None], up, left))).tobytes()


def has_codecs() -> bool:
    """Whether imagecodecs is installed."""
    return importlib.util.find_spec("imagecodecs") is not None


def avif_depth(picture: Picture) -> int:
    """The bits of an AVIF of this picture: 8 without imagecodecs."""
    return (10 if picture.depth <= 10 else 12) if has_codecs() else PLAIN


def avif(picture: Picture, quality: int, subsampling: str) -> bytes:
    """The AVIF of a picture in 10 or 12 bits, with colours, EXIF and XMP.  quality: 1 to 100.  Raises OutputError."""
    codecs: Any = importlib.import_module("imagecodecs")
    bits = avif_depth(picture)
    planes = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    planes = depths.scaled(planes, picture.depth, bits)
    if planes.shape[2] < 3:
        planes = planes[..., 0] if planes.shape[2] == 1 else planes[..., (0, 0, 0, 1)]
    kind = getattr(codecs.AVIF.PIXEL_FORMAT, f"YUV{subsampling.replace(':', '')}" if planes.ndim == 3 else "YUV400")
    primaries, transfer = picture.cicp[:2] if picture.cicp else _UNSPECIFIED if picture.icc else _SRGB
    points = {"primaries": primaries, "transfer": transfer, "matrix": 9 if primaries == 9 else 6}  # BT.2020, BT.601
    data = bytes(codecs.avif_encode(planes, level=quality, bitspersample=bits, pixelformat=kind, **points))
    items = [made(body) for made, body in ((avifs.exif, picture.exif), (avifs.xmp, picture.xmp)) if body]
    whole = avifs.with_more(data, items, [avifs.profile(picture.icc)] if picture.icc else [])
    if whole is None:
        raise OutputError("this version of imagecodecs writes an AVIF whose boxes are not known", "another format")
    return whole


def jpeg_xl(picture: Picture) -> bytes:
    """The JPEG XL of a picture without loss, with EXIF and XMP, but colours that are yet to be named."""
    codecs: Any = importlib.import_module("imagecodecs")
    planes = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    planes = np.ascontiguousarray(planes[..., 0] if planes.shape[2] == 1 else planes)
    data = codecs.jpegxl_encode(planes, lossless=True, bitspersample=picture.depth, usecontainer=True)
    return jxl.with_metadata(bytes(data), picture.exif, picture.xmp)


def tiff_bytes(picture: Picture) -> tuple[Image.Image, Callable[[bytes], bytes]]:
    """The samples of a TIFF as an image of grey bytes; and what makes the file of that which Pillow writes of it."""
    from PIL import Image as images

    planes = sixteen(picture)
    height, width, channels = planes.shape
    if channels == 2:  # which Pillow would not read
        planes, channels = planes[..., (0, 0, 0, 1)], 4
    image = images.fromarray(planes.astype("<u2").reshape(height, -1).view(np.uint8))
    tags: dict[int, tuple[int, ...]] = {
        Tag.WIDTH: (width,),
        Tag.BITS_PER_SAMPLE: (DEEPEST,) * channels,
        Tag.PHOTOMETRIC: (tiff.RGB if channels > 1 else tiff.BLACK_IS_ZERO,),
    }
    return image, partial(_retagged, tags=tags)


def tiff_tags(picture: Picture) -> dict[int, int]:
    """What else a TIFF of such bytes has to say."""
    if picture.depth == PLAIN:
        return {}
    if picture.alpha is not None:
        return {Tag.SAMPLES_PER_PIXEL: 4, Tag.EXTRA_SAMPLES: tiff.UNASSOCIATED}
    return {Tag.SAMPLES_PER_PIXEL: picture.pixels.shape[2]}


def _retagged(data: bytes, tags: dict[int, tuple[int, ...]]) -> bytes:
    """A little-endian TIFF with other numbers in tags that it has: of one number in 32 bits, of several in 16."""
    out = bytearray(data)
    for entry in tiff.entries(data, tiff.directory(data)):
        numbers = tags.get(entry.tag)
        if not numbers:
            continue
        kind = tiff.LONG if len(numbers) == 1 else tiff.SHORT
        value = struct.pack(f"<{len(numbers)}{tiff.FORMS[kind]}", *numbers)
        struct.pack_into("<HI", out, entry.place + 2, kind, len(numbers))
        if len(value) > 4:
            value, place = struct.pack("<I", len(out) + len(out) % 2), value
            out += bytes(len(out) % 2) + place
        out[entry.value : entry.value + 4] = value.ljust(4, b"\0")
    return bytes(out)
