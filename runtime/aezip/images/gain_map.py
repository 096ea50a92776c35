"""Gain maps: the second, small picture of an Ultra HDR JPEG, kept byte for byte, and back behind a first picture.

Readers find a map by the index of the multi-picture format (CIPA DC-007), by the directory in XMP (Ultra HDR 1.1), and
by the segment of ISO 21496-1. The map's own metadata say which of the last two are written.
"""

from __future__ import annotations

import re
import struct

from .headers import end_of_jpeg, jpeg_segment, jpeg_segments

_START = b"\xff\xd8\xff"
_ADOBE = b"hdrgm:"
_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_APPLE = b"urn:com:apple:photo:2020:aux:hdrgainmap"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_APP1, _APP2 = 0xE1, 0xE2
_ITEM = re.compile(rb"<[^<>]*Semantic\s*=\s*[\"']GainMap[\"'][^<>]*>")
_ENTRY = re.compile(rb"\s*<rdf:li\b[^<>]*>\s*" + _ITEM.pattern + rb"\s*(?:</Container:Item>\s*)?</rdf:li>")
_NAMED_VERSION = re.compile(rb"\s+hdrgm:Version\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*')")
_LENGTH = re.compile(rb"(Length\s*=\s*[\"'])\d*")
NAME = "a gain map (HDR)"
ISO = b"urn:iso:std:iso:ts:21496"  # and a part of the standard
ITEMS = (ISO, b"HDRGainMap", b"hdrgainmap", b"tmap")  # what says that a file has one
_PADDING = re.compile(rb"(Item:Padding\s*=\s*[\"'])\d*")
_VERSION = re.compile(rb"hdrgm:Version\s*=\s*[\"']([^\"'<>]*)[\"']")
_DIRECTORY = b"""<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="%b">
<Container:Directory><rdf:Seq>
<rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>
<rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="%d"/></rdf:li>
</rdf:Seq></Container:Directory>
</rdf:Description>"""
_PACKET = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
</rdf:RDF></x:xmpmeta>"""
_INDEX = 90  # bytes of the index's segment


def found_in(data: bytes, end: int) -> bytes | None:
    """The first JPEG behind the end of another that says it is a gain map."""
    at = end if end > 0 else len(data)
    while (at := data.find(_START, at)) >= 0:
        size = end_of_jpeg(data[at:])
        if size <= 0:
            return None
        picture = data[at : at + size]
        if _is_one(picture):
            return picture
        at += size
    return None


def put_behind(data: bytes, gain_map: bytes) -> bytes | None:
    """A JPEG with a gain map, None if that is none, or if the JPEG's XMP has no room for the directory."""
    if not _is_one(gain_map) or end_of_jpeg(gain_map) != len(gain_map):
        return None
    metadata = [body for marker, _, _, body in jpeg_segments(gain_map) if marker in (_APP1, _APP2)]
    version = next((found[1] for body in metadata if (found := _VERSION.search(body))), None)
    named = _with_directory(data, version, len(gain_map))
    if named is None:
        return None
    iso = next((body for body in metadata if body.startswith(_ISO)), b"")[: len(_ISO) + 4]  # and its two versions
    head = jpeg_segment(_APP2, iso) if iso else b""
    at = max((stop for marker, _, stop, _ in jpeg_segments(named) if 0xE0 <= marker <= 0xEF), default=2)
    size = len(named) + len(head) + _INDEX
    head += _index(size, len(gain_map), size - (at + len(head) + 8))
    return named[:at] + head + named[at:] + gain_map


def without_names(xmp: bytes | None) -> bytes | None:
    """The XMP of a picture without what says that a gain map is behind it; of others the same bytes."""
    if not xmp or not _ITEM.search(xmp):
        return xmp
    return _NAMED_VERSION.sub(b"", _ITEM.sub(b"", _ENTRY.sub(b"", xmp)))


def is_named_in(*parts: bytes) -> bool:
    """Whether segments or XMP of a JPEG say that there is one."""
    return any(mark in part for mark in (_ADOBE, *ITEMS) for part in parts)


def _is_one(picture: bytes) -> bool:
    """Whether a JPEG's segments say that it is a gain map."""
    return any(
        (marker == _APP1 and (_ADOBE in body or _APPLE in body)) or (marker == _APP2 and body.startswith(_ISO))
        for marker, _, _, body in jpeg_segments(picture)
    )


def _with_directory(data: bytes, version: bytes | None, size: int) -> bytes | None:
    """A JPEG whose XMP names a gain map of so many bytes: with a version, or if it did before."""
    places = [
        (start, stop, body[len(_XMP) :])
        for marker, start, stop, body in jpeg_segments(data)
        if marker == _APP1 and body.startswith(_XMP)
    ]
    start, stop, packet = places[0] if places else (_behind_exif(data), _behind_exif(data), b"")
    if _ITEM.search(packet):
        packet = _PADDING.sub(rb"\g<1>0", packet)
        packet = _ITEM.sub(lambda item: _LENGTH.sub(rb"\g<1>%d" % size, item[0]), packet)
    elif version is not None:
        packet = packet if b"</rdf:RDF>" in packet else _PACKET
        packet = packet.replace(b"</rdf:RDF>", _DIRECTORY % (version, size) + b"\n</rdf:RDF>", 1)
    else:
        return data
    body = _XMP + packet
    return data[:start] + jpeg_segment(_APP1, body) + data[stop:] if len(body) <= 65533 else None


def _behind_exif(data: bytes) -> int:
    """Where a JPEG may have its XMP: behind JFIF and Exif."""
    heads = (b"JFIF\0", b"Exif\0")
    return max((stop for _, _, stop, body in jpeg_segments(data) if body[:5] in heads), default=2)


def _index(first: int, second: int, offset: int) -> bytes:
    """The segment of the multi-picture format's index: two pictures' sizes, and where the second begins."""
    entries = struct.pack(">3I2H3I2H", 0x030000, first, 0, 0, 0, 0, second, offset, 0, 0)
    head = struct.pack(">2sHIH", b"MM", 42, 8, 3)
    tags = struct.pack(">HHI4s2HI I2HI I", 0xB000, 7, 4, b"0100", 0xB001, 4, 1, 2, 0xB002, 7, 32, 50)
    return jpeg_segment(_APP2, b"MPF\0" + head + tags + bytes(4) + entries)
