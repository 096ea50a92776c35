"""AVIF and HEIF files (ISO 23008-12): what their properties say, and what the libraries that write AVIF leave out.

That is EXIF, XMP, an ICC profile and light.
EXIF and XMP are items of the file, which describe its picture; a profile and light are properties of the picture.
libavif writes the boxes that hold these in one version, which is known here; others are left alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from ..format.colour import Cicp, ContentLight, Mastering
from ..format.container import CONTENT_LIGHT, MASTERING, Section
from .headers import Facts, box, boxes, exif_body

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
    """EXIF."""
    return Item(b"Exif", exif_body(data))


def xmp(data: bytes) -> Item:
    """An XMP packet."""
    return Item(b"mime", data, b"application/rdf+xml\0")


def profile(icc: bytes) -> bytes:
    """The property of an ICC profile."""
    return box(b"colr", b"prof" + icc)


def content_light(light: ContentLight) -> bytes | None:
    """The property of the content's light, None if it is not of whole cd/m², as it has to be."""
    if any(value % 1 or value > 65535 for value in light):
        return None
    return box(b"clli", struct.pack(">HH", *map(int, light)))


def mastering(display: Mastering) -> bytes:
    """The property of the display, which has green first."""
    points = display.chromaticity
    return box(b"mdcv", struct.pack(">8H2I", *points[2:6], *points[:2], *points[6:], *display[1:]))


def with_more(data: bytes, items: Sequence[Item], properties: Sequence[bytes]) -> bytes | None:
    """A file with further metadata and properties of its picture, None if its boxes are not known here."""
    start, stop = next(((start, stop) for kind, start, stop in boxes(data) if kind == b"meta"), (0, 0))
    parts = {kind: data[begin:end] for kind, begin, end in boxes(data, start + _FULL, stop)}
    if not _are_known(parts, len(properties)):
        return None
    moved = len(_meta(parts, items, properties, 0, 0)) - (stop - start - _FULL)  # what lies behind
    meta = data[start : start + _FULL] + _meta(parts, items, properties, moved, len(data) + moved + _HEAD)
    tail = box(b"mdat", b"".join(item.body for item in items)) if items else b""
    return data[: start - _HEAD] + box(b"meta", meta) + data[stop:] + tail


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
        box(b"infe", struct.pack(">IHH4sx", 2 << 24, number, 0, item.kind) + item.form)
        for number, item in zip(numbers, items, strict=True)
    )
    of_picture = b"".join(box(b"cdsc", struct.pack(">HHH", number, 1, primary)) for number in numbers)
    changed = {
        **parts,
        b"iloc": places,
        b"iinf": parts[b"iinf"][:_FULL] + struct.pack(">H", count) + parts[b"iinf"][_FULL + 2 :] + entries,
        b"iprp": _described(parts[b"iprp"], properties, primary),
    }
    if of_picture:
        changed[b"iref"] = parts.get(b"iref", bytes(_FULL)) + of_picture
    return b"".join(box(kind, changed[kind]) for kind in _ORDER if kind in changed)


def _placed(data: bytes, items: Sequence[Item], moved: int, end: int) -> tuple[bytes, int]:
    """The box of places with those of further items, and the number of the first of these."""
    count, at, last = struct.unpack_from(">H", data, _FULL + 2)[0], _FULL + 4, 0
    out = bytearray(data)
    for _ in range(count):
        number, _, extents = struct.unpack_from(">HHH", data, at)
        at, last = at + 6, max(last, number)
        for _ in range(extents):
            struct.pack_into(">I", out, at, struct.unpack_from(">I", data, at)[0] + moved)
            at += 8
    struct.pack_into(">H", out, _FULL + 2, count + len(items))
    for number, item in enumerate(items, last + 1):
        out += struct.pack(">HHHII", number, 0, 1, end, len(item.body))
        end += len(item.body)
    return bytes(out), last + 1


def _described(data: bytes, properties: Sequence[bytes], primary: int) -> bytes:
    """The box of properties with further ones of the picture."""
    (_, start, stop), (_, begin, end) = boxes(data)
    known = len(list(boxes(data, start, stop)))
    numbers = bytes(range(known + 1, known + 1 + len(properties)))
    at, out = begin + _FULL + 4, data[begin : begin + _FULL + 4]
    while at < end:
        number, count = struct.unpack_from(">HB", data, at)
        mine = numbers if number == primary else b""
        out += struct.pack(">HB", number, count + len(mine)) + data[at + 3 : at + 3 + count] + mine
        at += 3 + count
    return box(b"ipco", data[start:stop] + b"".join(properties)) + box(b"ipma", out)


def facts_in(data: bytes) -> Facts:
    """Of the properties of the primary item; of a sequence without one, of its first configuration."""
    bits, cicp, light = 0, None, list[Section]()
    for kind, start, stop in _properties(data):
        if kind == b"pixi":
            bits = max((bits, *data[start + _FULL + 1 : stop]))
        elif kind in (b"av1C", b"hvcC"):
            bits = bits or _configured(data, kind, start)
        elif _names_colours(data, kind, start, stop):
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
            cicp = Cicp(primaries, transfer) if max(primaries, transfer) < 256 else None
        elif kind == b"clli" and stop - start >= 4:
            light.append(Section(CONTENT_LIGHT, ContentLight(*struct.unpack_from(">HH", data, start)).pack()))
        elif kind == b"mdcv" and stop - start >= 24:
            green, blue, red, white, brightest, darkest = (data[start + at : start + at + 4] for at in range(0, 24, 4))
            light.append(Section(MASTERING, red + green + blue + white + brightest + darkest))
    for kind in (b"av1C", b"hvcC"):
        if not bits and kind in data:
            bits = _configured(data, kind, data.index(kind) + 4)
    return Facts(bits or 8, cicp, light=tuple(light))


def _names_colours(data: bytes, kind: bytes, start: int, stop: int) -> bool:
    """Whether a box holds code points."""
    return kind == b"colr" and data[start : start + 4] == b"nclx" and stop - start >= 11


def code_points_at(data: bytes) -> int:
    """Where an AVIF or HEIF has the code points of its picture's primaries and transfer, 2 bytes each; 0: nowhere."""
    return next((start + 4 for kind, start, stop in _properties(data) if _names_colours(data, kind, start, stop)), 0)


def _configured(data: bytes, kind: bytes, start: int) -> int:
    """Bits per sample by a decoder's configuration."""
    if kind == b"hvcC":
        return 8 + (data[start + 17] & 7)
    return (12 if data[start + 2] & 0x20 else 10) if data[start + 2] & 0x40 else 8


def _properties(data: bytes) -> list[tuple[bytes, int, int]]:
    """The boxes that describe the primary item."""
    meta = next((found for found in boxes(data) if found[0] == b"meta"), None)
    if meta is None:
        return []
    found = {kind: (start, stop) for kind, start, stop in boxes(data, meta[1] + _FULL, meta[2])}
    start = found[b"pitm"][0] if b"pitm" in found else -1
    primary = struct.unpack_from(">I" if data[start] else ">H", data, start + _FULL)[0] if start >= 0 else 1
    known: list[tuple[bytes, int, int]] = []
    indices: list[int] = []
    for kind, begin, end in boxes(data, *found.get(b"iprp", (0, 0))):
        if kind == b"ipco":
            known = list(boxes(data, begin, end))
        elif kind == b"ipma":
            indices += _associated(data, begin, primary)
    return [known[i - 1] for i in indices if 0 < i <= len(known)]


def _associated(data: bytes, at: int, item: int) -> list[int]:
    """The numbers, from 1, of an item's properties."""
    wide, long = data[at + 3] & 1, data[at] > 0
    count = struct.unpack_from(">I", data, at + 4)[0]
    at += 8
    for _ in range(count):
        found = struct.unpack_from(">I" if long else ">H", data, at)[0]
        at += 4 if long else 2
        size = data[at]
        numbers = struct.unpack_from(f">{size}{'H' if wide else 'B'}", data, at + 1)
        at += 1 + size * (2 if wide else 1)
        if found == item:
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]
    return []
