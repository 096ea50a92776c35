"""AVIF files (ISO 23008-12) with what the libraries that write them leave out: EXIF, XMP, an ICC profile, light.

EXIF and XMP are items of the file, which describe its picture; a profile and light are properties of the picture.
libavif writes the boxes that hold these in one version, which is known here; others are left alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from ..format.colour import ContentLight, Mastering
from .boxes import boxes

_FULL = 4  # version and flags of a full box, 0 in those that are known
_SIZES = b"\x44\0"  # of offsets and lengths in the box of places, 4 bytes each, and none of what both are counted from
_MOST = 127  # properties
_HEAD = 8  # bytes of a box's size and type
_ORDER = b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp"


class Item(NamedTuple):
    """A piece of metadata."""

    kind: bytes
    body: bytes
    form: bytes = b""  # its media type


def exif(data: bytes) -> Item:
    """EXIF with where its TIFF header begins."""
    return Item(b"Exif", bytes(4) + data.removeprefix(b"Exif\0\0"))


def xmp(data: bytes) -> Item:
    """An XMP packet."""
    return Item(b"mime", data, b"application/rdf+xml\0")


def profile(icc: bytes) -> bytes:
    """The property of an ICC profile."""
    return _box(b"colr", b"prof" + icc)


def content_light(light: ContentLight) -> bytes | None:
    """The property of the content's light, None if it is not of whole cd/m², as it has to be."""
    if any(value % 1 or value > 65535 for value in light):
        return None
    return _box(b"clli", struct.pack(">HH", *map(int, light)))


def mastering(display: Mastering) -> bytes:
    """The property of the display, which has green first."""
    points = display.chromaticity
    return _box(b"mdcv", struct.pack(">8H2I", *points[2:6], *points[:2], *points[6:], *display[1:]))


def with_more(data: bytes, items: Sequence[Item], properties: Sequence[bytes]) -> bytes | None:
    """A file with further metadata and properties of its picture, None if its boxes are not known here."""
    start, stop = next(((start, stop) for kind, start, stop in boxes(data) if kind == b"meta"), (0, 0))
    parts = {kind: data[begin:end] for kind, begin, end in boxes(data, start + _FULL, stop)}
    if not _are_known(parts, len(properties)):
        return None
    moved = len(_meta(parts, items, properties, 0, 0)) - (stop - start - _FULL)  # what lies behind
    meta = data[start : start + _FULL] + _meta(parts, items, properties, moved, len(data) + moved + _HEAD)
    tail = _box(b"mdat", b"".join(item.body for item in items)) if items else b""
    return data[: start - _HEAD] + _box(b"meta", meta) + data[stop:] + tail


def _are_known(parts: dict[bytes, bytes], more: int) -> bool:
    """Whether boxes of metadata are those that libavif writes, with room for so many properties more."""
    parts = {b"iref": bytes(_FULL), **parts}
    inner = {kind: parts[b"iprp"][start:stop] for kind, start, stop in boxes(parts.get(b"iprp", b""))}
    if set(parts) != set(_ORDER) or list(inner) != [b"ipco", b"ipma"]:
        return False
    full = (inner[b"ipma"], *(parts[kind] for kind in (b"pitm", b"iloc", b"iinf", b"iref")))
    room = len(list(boxes(inner[b"ipco"]))) + more <= _MOST
    return room and parts[b"iloc"].startswith(_SIZES, _FULL) and all(part[:_FULL] == bytes(_FULL) for part in full)


def _meta(parts: dict[bytes, bytes], items: Sequence[Item], properties: Sequence[bytes], moved: int, end: int) -> bytes:
    """The boxes of metadata.  moved: by how much places change; end: where the bodies of items begin."""
    primary = struct.unpack_from(">H", parts[b"pitm"], _FULL)[0]
    places, first = _placed(parts[b"iloc"], items, moved, end)
    numbers = range(first, first + len(items))
    count = struct.unpack_from(">H", parts[b"iinf"], _FULL)[0] + len(items)
    entries = b"".join(
        _box(b"infe", struct.pack(">IHH4sx", 2 << 24, number, 0, item.kind) + item.form)
        for number, item in zip(numbers, items, strict=True)
    )
    of_picture = b"".join(_box(b"cdsc", struct.pack(">HHH", number, 1, primary)) for number in numbers)
    changed = {
        **parts,
        b"iloc": places,
        b"iinf": parts[b"iinf"][:_FULL] + struct.pack(">H", count) + parts[b"iinf"][_FULL + 2 :] + entries,
        b"iprp": _described(parts[b"iprp"], properties, primary),
    }
    if of_picture:
        changed[b"iref"] = parts.get(b"iref", bytes(_FULL)) + of_picture
    return b"".join(_box(kind, changed[kind]) for kind in _ORDER if kind in changed)


def _placed(box: bytes, items: Sequence[Item], moved: int, end: int) -> tuple[bytes, int]:
    """The box of places with those of further items, and the number of the first of these."""
    count, at, last = struct.unpack_from(">H", box, _FULL + 2)[0], _FULL + 4, 0
    out = bytearray(box)
    for _ in range(count):
        number, _, extents = struct.unpack_from(">HHH", box, at)
        at, last = at + 6, max(last, number)
        for _ in range(extents):
            struct.pack_into(">I", out, at, struct.unpack_from(">I", box, at)[0] + moved)
            at += 8
    struct.pack_into(">H", out, _FULL + 2, count + len(items))
    for number, item in enumerate(items, last + 1):
        out += struct.pack(">HHHII", number, 0, 1, end, len(item.body))
        end += len(item.body)
    return bytes(out), last + 1


def _described(box: bytes, properties: Sequence[bytes], primary: int) -> bytes:
    """The box of properties with further ones of the picture."""
    (_, start, stop), (_, begin, end) = boxes(box)
    known = len(list(boxes(box, start, stop)))
    numbers = bytes(range(known + 1, known + 1 + len(properties)))
    at, out = begin + _FULL + 4, box[begin : begin + _FULL + 4]
    while at < end:
        number, count = struct.unpack_from(">HB", box, at)
        mine = numbers if number == primary else b""
        out += struct.pack(">HB", number, count + len(mine)) + box[at + 3 : at + 3 + count] + mine
        at += 3 + count
    return _box(b"ipco", box[start:stop] + b"".join(properties)) + _box(b"ipma", out)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", _HEAD + len(body), kind) + body
