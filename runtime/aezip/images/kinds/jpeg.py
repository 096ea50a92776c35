"""JPEG: segments of IPTC, comments and extended XMP, a gain map behind the picture, the resolution in JFIF's units."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ...format.container import COMMENT, EXTENDED_XMP, GAIN_MAP, IPTC, Section
from .. import gain_map
from ..headers import end_of_jpeg, has_paths, iptc_of, jpeg_segment, jpeg_segments, with_iptc
from ..picture import EXTRA_NAMES, Picture
from ..signalling import Losses
from .base import VIDEO, VIDEOS, Reader, Writer, bytes_in

if TYPE_CHECKING:
    from PIL import Image

_EXTENSION, _PHOTOSHOP = b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0"
_EXIF = b"Exif\0\0"
_KNOWN = (  # kept, about the coding, or named for themselves
    *(b"JFIF\0", b"JFXX\0", _EXIF[:5], b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"MPF\0"),
    *(gain_map.ISO, b"Adobe", b"Ducky", _EXTENSION, _PHOTOSHOP),
)
_NO_END = "the image data is damaged: the JPEG has no end (EOI), and part of the picture may be missing"
_FURTHER = "further pictures (MPO)"
_APP1, _APP13, _COM = 0xE1, 0xED, 0xFE
_SEGMENT = 65533  # bytes of a segment
_LARGE = 2**26  # samples from which libjpeg does not optimise: for that it holds all coefficients, two bytes each
_SIDE = 65500  # pixels: libjpeg's limit


class JpegReader(Reader):
    """Segments, a second picture that is a gain map, and what else may lie behind the first."""

    looked_into = True

    def complaints(self, image: Image.Image, data: bytes, strict: bool) -> AbstractContextManager[list[str]]:
        return nullcontext([_NO_END] if end_of_jpeg(data) < 0 else [])  # of which libjpeg tells Pillow nothing

    def extras(self, image: Image.Image, data: bytes) -> dict[bytes, bytes | None]:
        segments = getattr(image, "applist", ())
        return {
            IPTC: iptc_of(image.info.get("photoshop")),
            EXTENDED_XMP: _extended([body for name, body in segments if name == "APP1"]),
            COMMENT: b"\n".join(body for name, body in segments if name == "COM"),
            GAIN_MAP: gain_map.found_in(data, end_of_jpeg(data)),
        }

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        segments, xmp = getattr(image, "applist", ()), bytes_in(image, "xmp")
        kinds = {section.type for section in kept}
        if any(body.startswith(_EXTENSION) for _, body in segments) and EXTENDED_XMP not in kinds:
            yield "extended XMP, which is not whole"
        others = dict.fromkeys(name for name, body in segments if name != "COM" and not body.startswith(_KNOWN))
        if others:
            yield f"data of applications ({', '.join(others)})"
        if has_paths(image.info.get("photoshop")):
            yield "clipping paths"
        if GAIN_MAP in kinds:
            if getattr(image, "n_frames", 1) > 2:
                yield _FURTHER
        elif gain_map.is_named_in(*(body[:64] for _, body in segments), xmp):
            yield gain_map.NAME
        elif self.one_picture:
            yield _FURTHER
        end = end_of_jpeg(data)
        tail = data[end:] if end > 0 else b""
        if tail[4:8] == b"ftyp" or any(mark in part for mark in VIDEOS for part in (tail, xmp)):
            yield VIDEO


class MpoReader(JpegReader):
    """Several pictures in one file."""

    one_picture = True


class Jpeg(Writer):
    """Segments go in front of what is not of an application."""

    shows_gain_maps = True

    def metadata(self, picture: Picture) -> dict[str, Any]:
        if max(picture.pixels.shape[:2]) > _SIDE:
            raise ValueError(f"a side of more than {_SIDE} pixels")  # libjpeg would print it, without the file's name
        options = super().metadata(picture)
        if picture.exif:
            options["exif"] = _EXIF + picture.exif.removeprefix(_EXIF)
        if picture.pixels.size > _LARGE:
            options["optimize"] = False
        return options

    def finished(self, data: bytes, picture: Picture) -> bytes:
        return _with_resolution(data, picture) if picture.resolution else data

    def completed(self, data: bytes, picture: Picture) -> tuple[bytes, Losses]:
        segments = {kind: _segments(kind, body) for kind, body in picture.extras if kind != GAIN_MAP}
        lost = [EXTRA_NAMES[kind] for kind, made in segments.items() if made is None]
        if behind := b"".join(made or b"" for made in segments.values()):
            at = _behind_applications(data)
            data = data[:at] + behind + data[at:]
        for second in (body for kind, body in picture.extras if kind == GAIN_MAP):
            both = gain_map.put_behind(data, second)
            lost += [] if both else [EXTRA_NAMES[GAIN_MAP]]
            data = both or data
        return data, tuple(lost)


def _with_resolution(data: bytes, picture: Picture) -> bytes:
    """With the numbers themselves in the JFIF header, if they are whole.  Pillow knows no unit but the inch."""
    r = picture.resolution
    assert r is not None
    whole = all(v.denominator == 1 and v < 2**16 for v in (r.x, r.y))
    if data[6:11] != b"JFIF\0" or r.unit > 2 or not whole:
        return data
    return data[:13] + struct.pack(">BHH", r.unit, int(r.x), int(r.y)) + data[18:]


def _extended(segments: list[bytes]) -> bytes | None:
    """Name (32 letters) and text of extended XMP, if all of it is there."""
    parts: dict[int, bytes] = {}
    name, length = b"", 0
    for body in segments:
        if body.startswith(_EXTENSION) and len(body) >= len(_EXTENSION) + 40:
            name, length, at = struct.unpack_from(">32sII", body, len(_EXTENSION))
            parts[at] = body[len(_EXTENSION) + 40 :]
    text = b"".join(parts[at] for at in sorted(parts))
    return name + text if parts and len(text) == length else None


def _segments(kind: bytes, body: bytes) -> bytes | None:
    """A section as segments of a JPEG, None if it does not fit into some."""
    if kind == EXTENDED_XMP and len(body) > 32:
        name, text, size = body[:32], body[32:], 65400
        heads = ((at, _EXTENSION + name + struct.pack(">II", len(text), at)) for at in range(0, len(text), size))
        return b"".join(jpeg_segment(_APP1, head + text[at : at + size]) for at, head in heads)
    if kind == IPTC:
        body = _PHOTOSHOP + with_iptc(body)
    if kind not in (IPTC, COMMENT) or len(body) > _SEGMENT:
        return None
    return jpeg_segment(_APP13 if kind == IPTC else _COM, body)


def _behind_applications(data: bytes) -> int:
    """Where the first segment of a JPEG begins that is not of an application."""
    return next((start for marker, start, _, _ in jpeg_segments(data) if not 0xE0 <= marker <= 0xEF), 2)
