"""What some kinds of image files carry besides ICC profile, EXIF and XMP, and what of it stays behind.

It becomes sections that a reader may skip (FORMAT.md §1), and goes back into files that have a place for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..format.container import Section
from .picture import EXTRA_NAMES

if TYPE_CHECKING:
    from PIL import Image

    from .kinds.base import Reader

_MOST = 2**24  # bytes of a section


def parts_of(reader: Reader, image: Image.Image, data: bytes) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """The sections of an image, and names of what is not kept.  Call it when the pixels are loaded.

    data: its file, b"" if that is closed or not looked into.
    """
    found = [Section(kind, body) for kind, body in reader.extras(image, data).items() if body]
    kept = tuple(part for part in found if len(part.data) <= _MOST)
    long = (f"{EXTRA_NAMES[kind]} of {len(body):,} B" for kind, body in found if len(body) > _MOST)
    return kept, (*long, *reader.left_behind(image, data, kept))
