"""PNG (third edition): chunks of text, IPTC, light, resolution and code points; samples of 16 bits.

Pillow has no colours of more than 8 bits. Such PNGs are written here: samples of fewer bits scaled to 16, of which the
file says so (sBIT).
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...format import depth as depths
from ...format.colour import Cicp
from ...format.container import COMMENT, DEEPEST, IPTC, PLAIN, TEXTS, Section
from .. import deep, signalling
from ..headers import Facts, file_of, iptc_in, png_chunk, png_chunks, with_iptc
from ..picture import EXTRA_NAMES, LIGHT_SIZES, Picture
from ..pillow_image import to_pillow
from ..signalling import Losses
from .base import Reader, Writer

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes

_HEAD = 33  # bytes of the signature and the first chunk
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels → type of colour
_LEVEL = 4  # of zlib, as for 8 bits
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_MOST = 2**24  # bytes of an unpacked profile
_PROFILE = re.compile(rb"Raw profile type (\w+)\0")
_ELSEWHERE = (b"exif", b"xmp")  # raw profiles that metadata.py reads
_XMP = b"XML:com.adobe.xmp"


class PngReader(Reader):
    """Chunks."""

    looked_into = True

    def facts(self, data: bytes) -> Facts:
        cicp, light = None, dict[bytes, bytes]()
        for kind, body in png_chunks(data):
            if kind == b"IDAT":
                break
            if kind == b"cICP" and len(body) == 4:
                cicp = Cicp(body[0], body[1], bool(body[3]))
            elif LIGHT_SIZES.get(kind) == len(body):
                light[kind] = body
        return Facts(cicp=cicp, light=tuple(map(Section._make, light.items())))

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        data = file_of(image)
        return _as_said(deep.by_pillow(image, data)[0], data)

    def extras(self, image: Image.Image, data: bytes) -> dict[bytes, bytes | None]:
        iptc, texts = _texts_in(data)
        return {IPTC: iptc, TEXTS: texts}


class Png(Writer):
    """Any depth, both code points and the profile of them, and all extras but those of JPEGs."""

    def with_depth(self, picture: Picture) -> tuple[Picture, Losses]:
        return picture, ()

    def coloured(self, picture: Picture) -> tuple[Picture, Losses]:
        if picture.cicp and not picture.icc:
            picture = replace(picture, icc=signalling.profile_of(picture, picture.pixels.shape[2]))
        return signalling.with_profile_of(picture, b"GRAY" if picture.pixels.shape[2] == 1 else b"RGB ")

    def image_of(self, picture: Picture) -> Image.Image:
        if picture.depth == PLAIN:
            return to_pillow(picture)
        alpha = None if picture.alpha is None else picture.alpha[:1, :1]
        return to_pillow(signalling.in_8_bits(replace(picture, pixels=picture.pixels[:1, :1], alpha=alpha)))

    def metadata(self, picture: Picture) -> dict[str, Any]:
        options = super().metadata(picture)
        options.pop("dpi", None)
        if picture.xmp:
            from PIL.PngImagePlugin import PngInfo

            options["pnginfo"] = PngInfo()
            options["pnginfo"].add(b"iTXt", _XMP + bytes(5) + picture.xmp)
        return options

    def finished(self, data: bytes, picture: Picture) -> bytes:
        data = data if picture.depth == PLAIN else _of_all_bits(data, picture)
        return _with(data, _resolution(picture)) if picture.resolution else data

    def completed(self, data: bytes, picture: Picture) -> tuple[bytes, Losses]:
        cicp = picture.cicp or signalling.hdr_of(picture)
        data = _with(data, png_chunk(b"cICP" + cicp.pack())) if cicp else data
        chunks = {kind: _chunks(kind, body) for kind, body in picture.extras}
        lost = tuple(EXTRA_NAMES[kind] for kind, made in chunks.items() if made is None)
        return _with(data, b"".join(made or b"" for made in chunks.values())), lost


def _with(data: bytes, chunks: bytes) -> bytes:
    """A file with further chunks behind the first."""
    return data[:_HEAD] + chunks + data[_HEAD:]


def _of_all_bits(like: bytes, picture: Picture) -> bytes:
    """The PNG of a picture with the metadata of another PNG of 8 bits, whose pixels are dropped."""
    planes = depths.scaled(picture.planes(), picture.depth, DEEPEST)
    height, width, channels = planes.shape
    head = struct.pack(">IIBBBBB", width, height, DEEPEST, _COLOURS[channels], 0, 0, 0)
    parts = [like[:8], png_chunk(b"IHDR" + head)]
    if picture.depth < DEEPEST:
        parts.append(png_chunk(b"sBIT" + bytes((picture.depth,)) * channels))
    at = _HEAD
    while at < len(like):
        length, kind = struct.unpack_from(">I4s", like, at)
        if kind != b"IDAT":
            parts.append(like[at : at + 12 + length])
        else:
            parts.append(png_chunk(b"IDAT" + zlib.compress(_filtered(planes), _LEVEL)))
        at += 12 + length
    return b"".join(parts)


def _as_said(planes: Planes, data: bytes) -> tuple[Planes, int]:
    """Samples of a PNG in the bits that it says are significant, if that loses nothing."""
    said = next((body for kind, body in png_chunks(data) if kind == b"sBIT"), b"")
    bits = max(said, default=DEEPEST)
    if PLAIN < bits < DEEPEST:
        found = depths.scaled(planes, DEEPEST, bits)
        if (depths.scaled(found, bits, DEEPEST) == planes).all():
            return found, bits
    return planes, DEEPEST


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


def _resolution(picture: Picture) -> bytes:
    """The chunk pHYs: whole pixels per metre, or an aspect ratio.  Pillow knows no ratio."""
    r = picture.resolution
    assert r is not None
    x, y = (r.x, r.y) if r.unit == 0 else r.per(3)
    if r.unit == 0:
        x, y = x * y.denominator * x.denominator, y * y.denominator * x.denominator
    if round(max(x, y)) >= 2**32:
        raise ValueError(f"a resolution of {round(max(x, y))} pixels a metre")
    return png_chunk(b"pHYs" + struct.pack(">IIB", round(x), round(y), r.unit > 0))


def _texts_in(data: bytes) -> tuple[bytes | None, bytes | None]:
    """IPTC, and the chunks of text as length, type and data each."""
    iptc, texts = None, b""
    with contextlib.suppress(struct.error):
        for kind, body in png_chunks(data):
            if kind not in _TEXT or body.startswith(_XMP + b"\0"):
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
        return iptc_in(bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:])))
    return None


def _chunks(kind: bytes, body: bytes) -> bytes | None:
    """A section as chunks of a PNG, None if it has none."""
    if kind in LIGHT_SIZES:
        return png_chunk(kind + body) if len(body) == LIGHT_SIZES[kind] else None
    if kind == TEXTS:
        return b"".join(png_chunk(name + text) for name, text in _texts(body))
    if kind == IPTC:
        resources = with_iptc(body).hex()
        lines = "\n".join(resources[i : i + 72] for i in range(0, len(resources), 72))
        profile = f"\niptc\n{len(resources) // 2:8}\n{lines}\n".encode()
        return png_chunk(b"zTXtRaw profile type iptc\0\0" + zlib.compress(profile))
    return png_chunk(b"tEXtComment\0" + body) if kind == COMMENT and b"\0" not in body else None


def _texts(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of the chunks in a section; what is damaged is left out."""
    at = 0
    while at + 8 <= len(body):
        length, name = struct.unpack_from(">I4s", body, at)
        if name in _TEXT and at + 8 + length <= len(body):
            yield name, body[at + 8 : at + 8 + length]
        at += 8 + length
