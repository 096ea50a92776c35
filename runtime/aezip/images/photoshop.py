"""Photoshop's resources, in which JPEGs and PNGs hold IPTC."""

from __future__ import annotations

import struct
from typing import Any

_RESOURCE, _IPTC = b"8BIM", 0x0404
_PATHS = range(2000, 2999)  # clipping paths


def iptc_of(resources: Any) -> bytes | None:
    """IPTC among those that Pillow has read."""
    found = resources.get(_IPTC) if isinstance(resources, dict) else None
    return found if isinstance(found, bytes) else None


def has_paths(resources: Any) -> bool:
    """Whether there are clipping paths among those that Pillow has read."""
    return isinstance(resources, dict) and any(code in _PATHS for code in resources)


def iptc_in(body: bytes) -> bytes | None:
    """IPTC among resources.  Raises struct.error where they are cut."""
    at = 0
    while body[at : at + 4] == _RESOURCE:
        code, name = struct.unpack_from(">HB", body, at + 4)
        at += 7 + name + (1 - name % 2)
        size = struct.unpack_from(">I", body, at)[0]
        if code == _IPTC:
            return body[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return None


def with_iptc(iptc: bytes) -> bytes:
    """The resource of IPTC."""
    return _RESOURCE + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
