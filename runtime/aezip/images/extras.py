"""What some kinds of image files carry besides ICC profile, EXIF and XMP, and what of it stays behind.

IPTC, extended XMP, comments and the texts of PNGs become sections that a reader may skip (FORMAT.md §1), and go back
into files that have a place for them. Gain maps, further pictures and videos are named in a note.
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..format import facts
from ..format.colour import ContentLight, Mastering
from ..format.container import (
    COMMENT,
    CONTENT_LIGHT,
    EXTENDED_XMP,
    GAIN_MAP,
    IPTC,
    MASTERING,
    TEXTS,
    Section,
)
from . import avif, gain_map
from .boxes import boxes
from .headers import jpeg_segment, jpeg_segments, png_chunk, png_chunks
from .picture import EXTRAS
from .tiff import ABOUT_PIXELS, DESCRIPTIVE, IFDS, Tag, tags_of

if TYPE_CHECKING:
    from PIL import Image

NAMES = {kind: facts.NAMES[kind] for kind in EXTRAS} | {GAIN_MAP: "gain map (HDR)"}
LIGHT_SIZES = {CONTENT_LIGHT: 8, MASTERING: 24}  # bytes of sections that are PNG's chunks
_MOST = 2**24  # bytes of a section
_HEAD = 2**16  # bytes of an AVIF or HEIF that name its items
_SEGMENT = 65533  # bytes of a JPEG's segment
_EXTENSION, _PHOTOSHOP = b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0"
_RESOURCE, _IPTC_RESOURCE = b"8BIM", 0x0404
_PROFILE = re.compile(rb"Raw profile type (\w+)\0")
_ELSEWHERE = (b"exif", b"xmp")  # raw profiles that metadata.py reads
_GAIN_ITEMS: tuple[bytes, ...] = (b"urn:iso:std:iso:ts:21496", b"HDRGainMap", b"hdrgainmap", b"tmap")
_ADOBE = b"hdrgm:"
_WITH_MORE = ("JPEG", "MPO", "AVIF", "HEIF")  # formats that have places for them; in others XMP tells of another file
_PACKED = {b"Exif": "EXIF", b"xml ": "XMP"}  # boxes of a JPEG XL
_VIDEOS = (b"MotionPhoto", b"MicroVideo")
_BY_OPENJPEG = b"Created by OpenJPEG"  # a comment that says nothing of the picture
_PATHS = range(2000, 2999)  # Photoshop's resources
_KNOWN_SEGMENTS = (  # of JPEGs: kept, about the coding, or named for themselves
    *(b"JFIF\0", b"JFXX\0", b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"MPF\0"),
    *(b"urn:iso:std:iso:ts:21496", b"Adobe", b"Ducky", _EXTENSION, _PHOTOSHOP),
)
# of a TIFF: kept, and what it is coded by
_TAGS = {*DESCRIPTIVE, *IFDS, *ABOUT_PIXELS, Tag.IPTC, Tag.XMP}


def extras_of(image: Image.Image, data: bytes, end: int = 0) -> tuple[Section, ...]:
    """The sections of an image.  Call it when the pixels are loaded.

    data: its file, b"" if that is closed; end: where the first picture ends in a JPEG, 0 if it is none.
    """
    return tuple(part for part in _parts_of(image, data, end) if len(part.data) <= _MOST)


def _parts_of(image: Image.Image, data: bytes, end: int) -> tuple[Section, ...]:
    """The same, with those that are too long."""
    found: dict[bytes, bytes | None] = {}
    if image.format in ("JPEG", "MPO"):
        segments = getattr(image, "applist", ())
        found[IPTC] = _of_photoshop(image.info.get("photoshop"))
        found[EXTENDED_XMP] = _extended([body for name, body in segments if name == "APP1"])
        found[COMMENT] = b"\n".join(body for name, body in segments if name == "COM")
        found[GAIN_MAP] = gain_map.found_in(data, end)
    elif image.format in ("GIF", "JPEG2000"):
        comment = bytes_in(image.info.get("comment"))
        found[COMMENT] = None if comment.startswith(_BY_OPENJPEG) else comment
    elif image.format == "PNG":
        found[IPTC], found[TEXTS] = _of_png(data)
    elif tags_of(image):
        found[IPTC] = _of_tiff(image)
    return tuple(Section(kind, body) for kind, body in found.items() if body)


def left_behind(image: Image.Image, data: bytes, end: int, kept: tuple[Section, ...]) -> tuple[str, ...]:
    """Names of what is not kept.  end: as of `extras_of`, which gave what is kept."""
    names = [f"{NAMES[kind]} of {len(body):,} B" for kind, body in _parts_of(image, data, end) if len(body) > _MOST]
    names += _not_looked_into(image, data, kept)
    xmp = bytes_in(image.info.get("xmp")) if image.format in _WITH_MORE else b""
    if image.format in ("AVIF", "HEIF"):  # whose items say it; XMP may be of the file that this was made from
        parts, marks = [data[:_HEAD]], _GAIN_ITEMS
    else:
        parts, marks = [*(body[:64] for _, body in getattr(image, "applist", ())), xmp], (_ADOBE, *_GAIN_ITEMS)
    if image.format == "JXL":
        file = bytes_in(getattr(image, "fc", b""))
        packed = [file[start : start + 4] for kind, start, _ in boxes(file) if kind == b"brob"]
        names += [f"{_PACKED.get(kind, 'metadata')} (compressed with Brotli)" for kind in dict.fromkeys(packed)]
    if any(section.type == GAIN_MAP for section in kept):
        if getattr(image, "n_frames", 1) > 2:
            names.append("further pictures (MPO)")
    elif any(mark in part for mark in marks for part in parts):
        names.append("a gain map (HDR)")
    elif image.format == "MPO":
        names.append("further pictures (MPO)")
    tail = data[end:] if end > 0 else b""
    if tail[4:8] == b"ftyp" or any(mark in part for mark in _VIDEOS for part in (tail, xmp)):
        names.append("a video (motion photo)")
    return tuple(names)


def _not_looked_into(image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
    """Names of metadata that aezip has no section for."""
    segments = getattr(image, "applist", ())
    if any(body.startswith(_EXTENSION) for _, body in segments) and all(x.type != EXTENDED_XMP for x in kept):
        yield "extended XMP, which is not whole"
    others = dict.fromkeys(name for name, body in segments if name != "COM" and not body.startswith(_KNOWN_SEGMENTS))
    if others:
        yield f"data of applications ({', '.join(others)})"
    resources = image.info.get("photoshop")
    if isinstance(resources, dict) and any(code in _PATHS for code in resources):
        yield "clipping paths"
    found = boxes(data) if image.format == "JPEG2000" else ()
    if kinds := sorted({kind.decode().strip() for kind, _, _ in found if kind in (b"uuid", b"xml ")}):
        yield f"metadata ({', '.join(kinds)})"
    if tags := sorted(set(tags_of(image)) - _TAGS):
        yield f"TIFF tags {', '.join(map(str, tags))}"
    if image.info.get("depth_images"):
        yield "a depth map"


def bytes_in(value: object) -> bytes:
    """Bytes, or none of another kind of value."""
    return value if isinstance(value, bytes) else b""


def add(data: bytes, format: str, extras: tuple[Section, ...]) -> tuple[bytes, tuple[str, ...]]:
    """The file of one of Pillow's formats with all that it has a place for, and the names of the rest."""
    lost = []
    behind, second = b"", b""
    if format == "AVIF":
        data, extras = _in_avif(data, extras)
    for kind, body in extras:
        parts: bytes | None = None
        if format == "JPEG" and kind == GAIN_MAP:
            parts, second = b"", body
        elif format == "JPEG":
            parts = _segments(kind, body)
        elif format == "PNG":
            parts = _chunks(kind, body)
        elif format == "TIFF" and kind == IPTC:
            parts = b""  # among its tags
        if parts is None:
            lost.append(NAMES[kind])
        behind += parts or b""
    if behind:
        at = 33 if format == "PNG" else _behind_applications(data)
        data = data[:at] + behind + data[at:]
    both = gain_map.put_behind(data, second) if second else data
    if both is None:
        lost.append(NAMES[GAIN_MAP])
    return both or data, tuple(lost)


def _in_avif(data: bytes, extras: tuple[Section, ...]) -> tuple[bytes, tuple[Section, ...]]:
    """An AVIF with what it has a property for, and the rest."""
    properties = dict[Section, bytes]()
    for section in extras:
        if LIGHT_SIZES.get(section.type) == len(section.data):
            if section.type == MASTERING:
                properties[section] = avif.mastering(Mastering.unpack(section.data))
            elif made := avif.content_light(ContentLight.unpack(section.data)):
                properties[section] = made
    whole = avif.with_more(data, (), list(properties.values())) if properties else None
    return (whole, tuple(section for section in extras if section not in properties)) if whole else (data, extras)


def _of_photoshop(resources: Any) -> bytes | None:
    found = resources.get(_IPTC_RESOURCE) if isinstance(resources, dict) else None
    return found if isinstance(found, bytes) else None


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


def _of_png(data: bytes) -> tuple[bytes | None, bytes | None]:
    """IPTC, and the chunks of text as length, type and data each."""
    iptc, texts = None, b""
    with contextlib.suppress(struct.error):
        for kind, body in png_chunks(data):
            if kind not in (b"tEXt", b"zTXt", b"iTXt") or body.startswith(b"XML:com.adobe.xmp\0"):
                continue
            profile = _PROFILE.match(body)
            if profile and profile[1] in _ELSEWHERE:
                continue
            if profile and profile[1] in (b"iptc", b"8bim"):
                iptc = _of_text(kind, body[profile.end() :])
                if iptc:
                    continue
            texts += struct.pack(">I4s", len(body), kind) + body
    return iptc, texts or None


def _of_text(kind: bytes, text: bytes) -> bytes | None:
    """IPTC from Photoshop's resources in hexadecimal."""
    with contextlib.suppress(ValueError, zlib.error, struct.error):
        text = zlib.decompressobj().decompress(text[1:], _MOST) if kind == b"zTXt" else text
        return _in_resources(bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:])))
    return None


def _in_resources(body: bytes) -> bytes | None:
    """IPTC among Photoshop's resources."""
    at = 0
    while body[at : at + 4] == _RESOURCE:
        code, name = struct.unpack_from(">HB", body, at + 4)
        at += 7 + name + (1 - name % 2)
        size = struct.unpack_from(">I", body, at)[0]
        if code == _IPTC_RESOURCE:
            return body[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return None


def _of_tiff(image: Image.Image) -> bytes | None:
    """The tag of IPTC, byte for byte: Adobe writes it as whole numbers, of which Pillow gives the first."""
    found = getattr(tags_of(image), "_tagdata", {}).get(Tag.IPTC)
    return bytes(found) if isinstance(found, bytes) else None


def _resources(iptc: bytes) -> bytes:
    """Photoshop's resource of IPTC."""
    return _RESOURCE + struct.pack(">HHI", _IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)


def _segments(kind: bytes, body: bytes) -> bytes | None:
    """A section as segments of a JPEG, None if it does not fit into some."""
    if kind == EXTENDED_XMP and len(body) > 32:
        name, text, size = body[:32], body[32:], 65400
        heads = ((at, _EXTENSION + name + struct.pack(">II", len(text), at)) for at in range(0, len(text), size))
        return b"".join(jpeg_segment(0xE1, head + text[at : at + size]) for at, head in heads)
    if kind == IPTC:
        body = _PHOTOSHOP + _resources(body)
    if kind not in (IPTC, COMMENT) or len(body) > _SEGMENT:
        return None
    return jpeg_segment(0xED if kind == IPTC else 0xFE, body)


def _chunks(kind: bytes, body: bytes) -> bytes | None:
    """A section as chunks of a PNG, None if it has none."""
    if kind in LIGHT_SIZES:
        return png_chunk(kind + body) if len(body) == LIGHT_SIZES[kind] else None
    if kind == TEXTS:
        return b"".join(png_chunk(name + text) for name, text in _texts(body))
    if kind == IPTC:
        resources = _resources(body).hex()
        lines = "\n".join(resources[i : i + 72] for i in range(0, len(resources), 72))
        profile = f"\niptc\n{len(resources) // 2:8}\n{lines}\n".encode()
        return png_chunk(b"zTXtRaw profile type iptc\0\0" + zlib.compress(profile))
    return png_chunk(b"tEXtComment\0" + body) if kind == COMMENT and b"\0" not in body else None


def _texts(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of the chunks in a section; what is damaged is left out."""
    at = 0
    while at + 8 <= len(body):
        length, name = struct.unpack_from(">I4s", body, at)
        if name in (b"tEXt", b"zTXt", b"iTXt") and at + 8 + length <= len(body):
            yield name, body[at + 8 : at + 8 + length]
        at += 8 + length


def _behind_applications(data: bytes) -> int:
    """Where the first segment of a JPEG begins that is not of an application."""
    return next((start for marker, start, _, _ in jpeg_segments(data) if not 0xE0 <= marker <= 0xEF), 2)
