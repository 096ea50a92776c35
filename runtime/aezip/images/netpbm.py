"""Netpbm files ↔ samples of 8 to 16 bits: PGM and PPM in binary, and PAM, which has alpha and Pillow does not know.

Some lines of text, then the samples, high bytes first.
"""

from __future__ import annotations

import re

import numpy as np

from ..arrays import Samples
from ..errors import ImageError
from ..format import depth as depths
from ..format.alpha import fill
from ..format.container import DEEPEST, PLAIN, check_limit
from .picture import Picture

_GAP = rb"\s+(?:#.*\s+)*(\d+)"
_HEAD = re.compile(rb"P([56])" + 3 * _GAP + rb"\s")
_PAM_HEAD = re.compile(rb"P7\n((?:[^\n]*\n){0,99}?)\s*ENDHDR[^\S\n]*\n")
_FIELD = re.compile(rb"^\s*(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,9})\s*$", re.MULTILINE)
_TYPES = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}  # by channels
_KNOWN = re.compile(rb"^\s*TUPLTYPE\s+(?:BLACKANDWHITE|GRAYSCALE|RGB)(?:_ALPHA)?\s*$", re.MULTILINE)


def read(data: bytes) -> tuple[Samples, int]:
    """The samples of a PGM or PPM of more than 8 bits, and how many those are.  Raises ImageError."""
    found = _HEAD.match(data)
    if not found:
        raise ImageError(
            "is a Netpbm file of text or of another kind", "PGM or PPM in binary (P5, P6), or ReadOptions(to_8bit=True)"
        )
    kind, width, height, most = map(int, found.groups())
    return _samples(data, found.end(), (height, width, 1 if kind == 5 else 3), most), _bits_of(most)


def read_pam(data: bytes, max_pixels: int, to_8bit: bool) -> Picture:
    """The picture of a PAM, grey or RGB, perhaps with alpha.  Raises ImageError.

    to_8bit: make samples of any range 8-bit.
    """
    found = _PAM_HEAD.match(data)
    fields = {name: int(number) for name, number in _FIELD.findall(found[1])} if found else {}
    if not found or len(fields) < 4 or 0 in fields.values():
        raise ImageError("is a PAM whose header is not whole", "WIDTH, HEIGHT, DEPTH and MAXVAL, 1 or more, and ENDHDR")
    height, width, channels, most = (fields[name] for name in (b"HEIGHT", b"WIDTH", b"DEPTH", b"MAXVAL"))
    if channels not in _TYPES or (b"TUPLTYPE" in found[1] and not _KNOWN.search(found[1])):
        raise ImageError("is a PAM of other tuples", "grey or RGB, with or without alpha")
    check_limit(width, height, max_pixels)
    if most > depths.top(DEEPEST):
        raise ImageError(f"has samples of up to {most}", "65535 at most")
    deep = most > depths.top(PLAIN)
    bits = _bits_of(most) if deep and not to_8bit else PLAIN
    planes = _samples(data, found.end(), (height, width, channels), most)
    if bits == PLAIN and most != depths.top(PLAIN):
        planes = np.asarray((planes.astype(np.uint32) * 255 + most // 2) // most, np.uint8)
    notes = (f"samples of up to {most} made 8-bit",) if deep and to_8bit else ()
    if channels in (1, 3):
        return Picture(planes, depth=bits, notes=notes)
    alpha = planes[..., -1].copy()
    return Picture(fill(planes[..., :-1].copy(), alpha, bits), alpha=alpha, depth=bits, notes=notes)


def _bits_of(most: int) -> int:
    """How many bits samples up to the largest have.  Raises ImageError if that is not the largest of so many."""
    bits = most.bit_length()
    if most != depths.top(bits):
        raise ImageError(
            f"has samples of up to {most}", f"{depths.top(bits)}, all {bits} bits, or ReadOptions(to_8bit=True)"
        )
    return bits


def _samples(data: bytes, start: int, shape: tuple[int, int, int], most: int) -> Samples:
    kind = np.dtype(">u2" if most > depths.top(PLAIN) else np.uint8)
    count = shape[0] * shape[1] * shape[2]
    if len(data) - start < kind.itemsize * count:
        raise ImageError("the image data is cut short", "a complete image")
    values = np.frombuffer(data, kind, count, start).astype(kind.newbyteorder("=")).reshape(shape)
    return np.asarray(np.minimum(values, values.dtype.type(most)))


def write(picture: Picture) -> bytes:
    """The PGM or PPM file of a picture without alpha."""
    height, width, channels = picture.pixels.shape
    head = f"P{5 if channels == 1 else 6}\n{width} {height}\n{depths.top(picture.depth)}\n"
    return _file(head, picture.pixels)


def write_pam(picture: Picture) -> bytes:
    """The PAM file of a picture."""
    planes = picture.planes()
    height, width, channels = planes.shape
    size = f"WIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {depths.top(picture.depth)}"
    return _file(f"P7\n{size}\nTUPLTYPE {_TYPES[channels]}\nENDHDR\n", planes)


def _file(head: str, planes: Samples) -> bytes:
    return b"".join((head.encode(), np.ascontiguousarray(planes, planes.dtype.newbyteorder(">")).data))
