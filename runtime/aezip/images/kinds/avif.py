"""AVIF, and HEIF, which is not written: more than 8 bits by imagecodecs, which writes no EXIF, XMP and profiles; light.

In AVIF a profile is above code points (ISO 23000-22), so that a file gets one of them.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import OutputError
from ...format import depth as depths
from ...format.colour import ContentLight, Mastering
from ...format.container import DEEPEST, MASTERING, PLAIN, Section
from .. import avif, deep, gain_map, signalling
from ..headers import Facts, file_of
from ..picture import EXTRA_NAMES, LIGHT_SIZES, Picture
from ..signalling import Losses
from .base import VIDEO, VIDEOS, Reader, Writer, bytes_in, to_be_scaled

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes

_HEAD = 2**16  # bytes that name the items of a file
_SRGB, _UNSPECIFIED = (1, 13), (2, 2)  # primaries and transfer of H.273
_BT2020 = 9  # primaries, and the matrix
_BT601 = 6  # a matrix


class HeifReader(Reader):
    """Items and boxes."""

    looked_into = True

    def facts(self, data: bytes) -> Facts:
        return avif.facts_in(data)

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        plugin: Any = importlib.import_module("pillow_heif")
        planes = np.asarray(plugin.open_heif(file_of(image), convert_hdr_to_8bit=False))  # shifted to 16 bits
        return np.asarray(planes.reshape(*planes.shape[:2], -1) >> (DEEPEST - bits), np.uint16), bits

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        if image.info.get("depth_images"):
            yield "a depth map"
        if any(mark in data[:_HEAD] for mark in gain_map.ITEMS):  # XMP may be of the file that this was made from
            yield gain_map.NAME
        if any(mark in bytes_in(image, "xmp") for mark in VIDEOS):
            yield VIDEO


class AvifReader(HeifReader):
    """By imagecodecs."""

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        return deep.by_imagecodecs(image, file_of(image), "avif_decode", bits), bits


class Avif(Writer):
    """8 bits by Pillow, more by imagecodecs."""

    def with_depth(self, picture: Picture) -> tuple[Picture, Losses]:
        return to_be_scaled(picture, _bits_of(picture)) if deep.has_codecs() else super().with_depth(picture)

    def says_orientation(self, picture: Picture) -> bool:
        return picture.depth == PLAIN

    def coloured(self, picture: Picture) -> tuple[Picture, Losses]:
        return signalling.with_code_points(picture)

    def loses_alpha(self, picture: Picture) -> bool:
        return True

    def encoded(self, picture: Picture) -> bytes:
        return super().encoded(picture) if picture.depth == PLAIN else self._deep(picture)

    def completed(self, data: bytes, picture: Picture) -> tuple[bytes, Losses]:
        at = avif.code_points_at(data) if picture.cicp else 0
        if picture.cicp and at:
            data = data[:at] + struct.pack(">HH", *picture.cicp[:2]) + data[at + 4 :]
        described = {section: made for section in picture.extras if (made := _light(section))}
        whole = avif.with_more(data, (), list(described.values())) if described else None
        lost = tuple(EXTRA_NAMES[section.type] for section in picture.extras if not whole or section not in described)
        return whole or data, lost

    def _deep(self, picture: Picture) -> bytes:
        """The file of 10 or 12 bits, with colours, EXIF and XMP.  Raises OutputError."""
        codecs: Any = importlib.import_module("imagecodecs")
        bits, planes = _bits_of(picture), depths.scaled(picture.planes(), picture.depth, _bits_of(picture))
        if planes.shape[2] < 3:
            planes = planes[..., 0] if planes.shape[2] == 1 else planes[..., (0, 0, 0, 1)]
        subsampling = self.kind.options["subsampling"].replace(":", "")
        kind = getattr(codecs.AVIF.PIXEL_FORMAT, f"YUV{subsampling}" if planes.ndim == 3 else "YUV400")
        primaries, transfer = picture.cicp[:2] if picture.cicp else _UNSPECIFIED if picture.icc else _SRGB
        points = {"primaries": primaries, "transfer": transfer, "matrix": _BT2020 if primaries == _BT2020 else _BT601}
        level = self.kind.options["quality"]
        data = bytes(codecs.avif_encode(planes, level=level, bitspersample=bits, pixelformat=kind, **points))
        items = [made(body) for made, body in ((avif.exif, picture.exif), (avif.xmp, picture.xmp)) if body]
        whole = avif.with_more(data, items, [avif.profile(picture.icc)] if picture.icc else [])
        if whole is None:
            raise OutputError("this version of imagecodecs writes an AVIF whose boxes are not known", "another format")
        return whole


def _bits_of(picture: Picture) -> int:
    """Those of the file."""
    return 10 if picture.depth <= 10 else 12


def _light(section: Section) -> bytes | None:
    """The property of a section, if there is one."""
    if LIGHT_SIZES.get(section.type) != len(section.data):
        return None
    if section.type == MASTERING:
        return avif.mastering(Mastering.unpack(section.data))
    return avif.content_light(ContentLight.unpack(section.data))
