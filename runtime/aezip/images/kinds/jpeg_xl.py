"""JPEG XL: more than 8 bits by imagecodecs, which calls them linear; code points in files without loss.

The libraries that write JPEG XL write no profiles.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...format import depth as depths
from ...format.colour import BT709, SRGB, Cicp
from ...format.container import DEEPEST, PLAIN, Section
from .. import deep, jxl, signalling
from ..headers import Facts, boxes, exif_body, file_of
from ..metadata import bytes_of
from ..picture import Picture
from ..signalling import Losses
from .base import Reader, Writer

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes

_PACKED = {b"Exif": "EXIF", b"xml ": "XMP"}  # boxes, and what they hold


class JpegXlReader(Reader):
    """Boxes; grey that the plug-in has scaled to 16 bits."""

    looked_into = True

    def facts(self, data: bytes) -> Facts:
        head = jxl.head_of(jxl.codestream_of(data))
        return Facts(head.bits, head.cicp, animated=head.animated)

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        if not deep.is_grey(image):
            return deep.by_imagecodecs(image, file_of(image), "jpegxl_decode", bits), bits
        values, most = deep.grey_of(image)
        return (depths.scaled(values, DEEPEST, bits), bits) if PLAIN < bits < DEEPEST else (values, most)

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        file = bytes_of(getattr(image, "fc", None)) or b""
        packed = [file[start : start + 4] for kind, start, _ in boxes(file) if kind == b"brob"]
        for kind in dict.fromkeys(packed):
            yield f"{_PACKED.get(kind, 'metadata')} (compressed with Brotli)"


class JpegXl(Writer):
    """8 bits, and all with loss, by pillow-jxl."""

    @property
    def _lossless(self) -> bool:
        return bool(self.kind.options.get("lossless"))

    def with_depth(self, picture: Picture) -> tuple[Picture, Losses]:
        return (picture, ()) if self._lossless and deep.has_codecs() else super().with_depth(picture)

    def coloured(self, picture: Picture) -> tuple[Picture, Losses]:
        if self._lossless and picture.cicp and jxl.can_name(picture.cicp):
            return signalling.with_code_points(picture)
        picture, done = signalling.in_srgb(picture)
        return picture, (f"a colour space ({done})",) if done else ()

    def loses_alpha(self, picture: Picture) -> bool:
        return not self._lossless

    def encoded(self, picture: Picture) -> bytes:
        if picture.depth == PLAIN:
            return super().encoded(picture)
        codecs: Any = importlib.import_module("imagecodecs")
        planes = picture.planes()
        planes = np.ascontiguousarray(planes[..., 0] if planes.shape[2] == 1 else planes)
        data = codecs.jpegxl_encode(planes, lossless=True, bitspersample=picture.depth, usecontainer=True)
        return jxl.with_metadata(bytes(data), picture.exif, picture.xmp)

    def metadata(self, picture: Picture) -> dict[str, Any]:
        options = super().metadata(picture)
        if picture.exif:
            options["exif"] = exif_body(picture.exif)  # the plugin leaves out where the TIFF header begins
        return options

    def completed(self, data: bytes, picture: Picture) -> tuple[bytes, Losses]:
        cicp = picture.cicp or (Cicp(BT709, SRGB) if picture.depth > PLAIN else None)
        return super().completed(jxl.with_code_points(data, cicp) if cicp else data, picture)
