"""`Picture` → image files, with all that the format holds.

Alpha that a format cannot hold is rejected, unless it is opaque everywhere; metadata that it cannot hold is left out
and named.
"""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, about
from ..format.container import GAIN_MAP, PLAIN
from ..storage.files import atomic_write
from . import gain_map
from .formats import ALL, FORMATS, METADATA, format_of, kind_of
from .kinds import writer_of
from .picture import Picture
from .reading import upright
from .signalling import Losses

if TYPE_CHECKING:
    from .kinds.base import Writer

# what Pillow raises where it cannot write a picture; the last four where a TIFF should hold damaged Exif
_REFUSALS = (OSError, ValueError, RuntimeError, OverflowError, SyntaxError, TypeError, AttributeError, struct.error)


def write(
    path: str | os.PathLike[str], picture: Picture, format: str | None = None, *, force: bool = False
) -> tuple[str, ...]:
    """Write an image file in `format`, or in that of the path's suffix.

    Returns the names of the metadata that the format cannot carry.  Raises UsageError for an unknown format,
    OutputExists, and OutputError.
    """
    with about(os.fspath(path)):
        data, lost = build(picture, format_of(path, format))
    atomic_write(path, data, force=force)
    return lost


def build(
    picture: Picture, format: str, quality: int | None = None, subsampling: str | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of an image file of a kind in FORMATS, and the names of what it cannot carry.

    quality, subsampling: as of `kind_of`; None: the kind's own.  Raises OutputError, UsageError.
    """
    kind = kind_of(format, quality, subsampling)
    writer, shallow = writer_of(kind), Losses()
    if picture.depth > PLAIN:
        picture, shallow = writer.with_depth(picture)
    if not (writer.shows_gain_maps and any(section.type == GAIN_MAP for section in picture.extras)):
        picture = replace(picture, xmp=gain_map.without_names(picture.xmp))
    if not writer.says_orientation(picture):
        picture = upright(picture)
    if picture.alpha is not None and not kind.alpha:
        picture = _opaque(picture, format)
    picture, unnamed = writer.coloured(picture)
    data, unfit = _encode_what_fits(picture, writer)
    data, homeless = writer.completed(data, picture)
    unheld = [METADATA[name] for name in ALL if getattr(picture, name) and name not in kind.carries]
    if picture.alpha is not None and writer.loses_alpha(picture):
        unheld.append("alpha without loss")
    return data, (*shallow, *unheld, *unnamed, *homeless, *unfit)


def _opaque(picture: Picture, format: str) -> Picture:
    """The picture without alpha.  Raises OutputError if that is not opaque everywhere."""
    if picture.alpha is not None and picture.alpha.min() < 2**picture.depth - 1:
        able = ", ".join(name for name, known in FORMATS.items() if known.alpha)
        raise OutputError(f"the picture is partly transparent, which {format} cannot hold", f"one of {able}")
    return replace(picture, alpha=None)


def _encode_what_fits(picture: Picture, writer: Writer) -> tuple[bytes, Losses]:
    """The bytes of an image file, and the metadata without which alone it could be written."""
    kind, refusal = writer.kind, None
    there = [name for name in ("exif", "xmp", "resolution") if getattr(picture, name) and name in kind.carries]
    for names in dict.fromkeys([(), *((name,) for name in there), tuple(there)]):
        absent: dict[str, Any] = dict.fromkeys(names)
        try:
            return writer.encoded(replace(picture, **absent)), tuple(f"this {METADATA[name]}" for name in names)
        except _REFUSALS as e:
            refusal = refusal or e
    raise OutputError(f"{kind.pillow} cannot hold this picture ({refusal})", "another format") from refusal


def lost_note(format: str, lost: tuple[str, ...]) -> tuple[str, ...]:
    """What the user should know of metadata that `build` could not write: one note, or none."""
    return (f"{format} cannot carry {', '.join(lost)}",) if lost else ()
