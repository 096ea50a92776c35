"""TIFF: tags of resolution, XMP and IPTC; samples of 16 bits, which Pillow writes as bytes of grey."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ...complaints import printed
from ...errors import ImageError, missing
from ...format import depth as depths
from ...format.container import DEEPEST, IPTC, PLAIN, Section
from .. import deep, tiff
from ..headers import file_of
from ..metadata import keep_text, turn
from ..picture import EXTRA_NAMES, Picture
from ..pillow_image import to_pillow
from ..signalling import Losses
from ..tiff import TOGETHER, Tag
from .base import Reader, Writer, to_be_scaled

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes


# those that are kept, and those a file is coded by
_KNOWN = {*tiff.DESCRIPTIVE, *tiff.IFDS, *tiff.ABOUT_PIXELS, Tag.IPTC, Tag.XMP}


class TiffReader(Reader):
    """Tags, and samples in planes."""

    def complaints(self, image: Image.Image, data: bytes, strict: bool) -> AbstractContextManager[list[str]]:
        by_libtiff = any(tile[0] == "libtiff" for tile in getattr(image, "tile", ()))
        return printed(strict) if by_libtiff else nullcontext([])

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        if not deep.is_grey(image):  # of planes libtiff gives Pillow the high bytes alone
            return _from_planes(image, file_of(image)) if tiff.in_planes(image) else super().planes(image, bits)
        values, found = deep.grey_of(image)
        inverted = found == DEEPEST and tiff.tags_of(image).get(Tag.PHOTOMETRIC) == tiff.WHITE_IS_ZERO
        return np.asarray(depths.top(DEEPEST) - values, np.uint16) if inverted else values, found

    def extras(self, image: Image.Image, data: bytes) -> dict[bytes, bytes | None]:
        # byte for byte: Adobe writes it as whole numbers, of which Pillow gives the first
        found = getattr(tiff.tags_of(image), "_tagdata", {}).get(Tag.IPTC)
        return {IPTC: bytes(found) if isinstance(found, bytes) else None}

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        if tags := sorted(set(tiff.tags_of(image)) - _KNOWN):
            yield f"TIFF tags {', '.join(map(str, tags))}"


class Tiff(Writer):
    """Samples of 16 bits are told from bytes when Pillow has written the file."""

    def with_depth(self, picture: Picture) -> tuple[Picture, Losses]:
        return to_be_scaled(picture, DEEPEST)

    def image_of(self, picture: Picture) -> Image.Image:
        if picture.depth == PLAIN:
            return to_pillow(picture)
        from PIL import Image as images

        planes = _planes(picture)
        return images.fromarray(planes.astype("<u2").reshape(len(planes), -1).view(np.uint8))

    def metadata(self, picture: Picture) -> dict[str, Any]:
        options = super().metadata(picture)
        options.pop("dpi", None)
        return {**options, "exif": _tags(picture)}

    def finished(self, data: bytes, picture: Picture) -> bytes:
        if picture.depth == PLAIN:
            return data
        channels = _channels(picture)
        tags: dict[int, tuple[int, ...]] = {
            Tag.WIDTH: (picture.pixels.shape[1],),
            Tag.BITS_PER_SAMPLE: (DEEPEST,) * channels,
            Tag.PHOTOMETRIC: (tiff.RGB if channels > 1 else tiff.BLACK_IS_ZERO,),
        }
        return _retagged(data, tags)

    def completed(self, data: bytes, picture: Picture) -> tuple[bytes, Losses]:
        return data, tuple(EXTRA_NAMES[kind] for kind, _ in picture.extras if kind != IPTC)  # which is a tag


def _from_planes(image: Image.Image, data: bytes) -> tuple[Planes, int]:
    """The colours of a TIFF in planes of 16 bits."""
    tags = tiff.tags_of(image)
    if not deep.has_codecs():
        raise missing("imagecodecs", "has colours of more than 8 bits in planes", TOGETHER)
    if tags.get(Tag.PHOTOMETRIC) != tiff.RGB or tiff.ASSOCIATED in tags.get(Tag.EXTRA_SAMPLES, ()):
        raise ImageError("has planes of more than 8 bits that are no RGB or RGBA", TOGETHER)
    planes = np.asarray(importlib.import_module("imagecodecs").tiff_decode(data, index=image.tell()))
    size = tags.get(Tag.HEIGHT), tags.get(Tag.WIDTH)  # which lie as the file does
    if planes.dtype != np.uint16 or planes.shape not in ((3, *size), (4, *size)):
        raise ImageError(f"has planes that are decoded to {planes.shape} {planes.dtype}", TOGETHER)
    return turn(np.moveaxis(planes, 0, 2), tags.get(Tag.ORIENTATION, 1)), DEEPEST  # as Pillow does


def _planes(picture: Picture) -> Planes:
    """Samples of 16 bits.  [H, W, C]"""
    planes = depths.scaled(picture.planes(), picture.depth, DEEPEST)
    return planes[..., (0, 0, 0, 1)] if planes.shape[2] == 2 else planes  # which Pillow would not read


def _channels(picture: Picture) -> int:
    """How many `_planes` has."""
    return picture.pixels.shape[2] if picture.alpha is None else 4


def _tags(picture: Picture) -> Any:
    """Pillow's Exif of all tags that are not of how the pixels are stored by Pillow."""
    from PIL.Image import Exif
    from PIL.TiffImagePlugin import IFDRational

    exif = Exif()
    exif.load(picture.exif or b"")
    for tag in tiff.STORAGE:  # of the file that the Exif is from, though Pillow would write them over those of this one
        exif.pop(tag, None)
    keep_text(exif)
    if picture.xmp:
        exif[Tag.XMP] = picture.xmp
    for kind, data in picture.extras:
        if kind == IPTC:
            exif[Tag.IPTC] = data
    if picture.resolution:
        r = picture.resolution
        x, y = (r.x, r.y) if r.unit < 3 else (v.limit_denominator(10**4) for v in r.per(1))
        exif[Tag.X_RESOLUTION], exif[Tag.Y_RESOLUTION] = (IFDRational(v.numerator, v.denominator) for v in (x, y))
        exif[Tag.RESOLUTION_UNIT] = {0: 1, 2: 3}.get(r.unit, 2)
    if picture.depth > PLAIN:
        exif[Tag.SAMPLES_PER_PIXEL] = _channels(picture)
        if picture.alpha is not None:
            exif[Tag.EXTRA_SAMPLES] = tiff.UNASSOCIATED
    return exif


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
