"""What some kinds of image files carry besides ICC profile, EXIF and XMP, and what of it stays behind.

IPTC, extended XMP, comments and the texts of PNGs become sections that a reader may skip (FORMAT.md §1), and go back
into files that have a place for them. Gain maps, further pictures and videos are named in a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..format.container import Section
from .kinds import reader_of
from .picture import EXTRA_NAMES

if TYPE_CHECKING:
    from PIL import Image

_MOST = 2**24  # bytes of a section


def extras_of(image: Image.Image, data: bytes) -> tuple[Section, ...]:
    """The sections of an image.  Call it when the pixels are loaded.  data: its file, b"" if that is closed."""
    return tuple(part for part in _parts_of(image, data) if len(part.data) <= _MOST)


def left_behind(image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> tuple[str, ...]:
    """Names of what is not kept.  data: as of `extras_of`, which gave what is kept."""
    long = [part for part in _parts_of(image, data) if len(part.data) > _MOST]
    names = [f"{EXTRA_NAMES[kind]} of {len(body):,} B" for kind, body in long]
    return (*names, *reader_of(image).left_behind(image, data, kept))


def _parts_of(image: Image.Image, data: bytes) -> tuple[Section, ...]:
    """The same as `extras_of`, with those that are too long."""
    found = reader_of(image).extras(image, data)
    return tuple(Section(kind, body) for kind, body in found.items() if body)
