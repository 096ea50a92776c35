"""Damage that a decoder passes over: what libtiff prints to stderr, and a JPEG without its end.

Pillow reads such a picture as if it were whole. libtiff prints its complaints to file descriptor 2, without the file's
name; they are caught there, one decoder at a time. libjpeg's are lost in Pillow, so the end of a JPEG is looked for.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_STDERR = 2
_lock = Lock()
# libtiff's lines: a function's name, or a file's, and what it says; what it warns of while it reads tags is no damage
_COMPLAINT = re.compile(r"^(?:TIFF\w*|\w*(?:Decode|Setup|Fax|LZW|Zip|JPEG|Pixar|LogLuv|ZSTD|LERC)\w*|tempfile\.tif): ")
_HARMLESS = re.compile(r"Warning, (?!Line length|Premature|.*(?:bad|invalid|short|not enough))|Unknown field")


@contextlib.contextmanager
def complaints(image: Image.Image, data: bytes) -> Iterator[list[str]]:
    """A list that holds, when the block ends in which an image is decoded, a sentence if its data are damaged.

    data: its file, b"" if that is closed.
    """
    found: list[str] = []
    if image.format in ("JPEG", "MPO"):
        if end_of_jpeg(data) < 0:
            found.append("the image data is damaged: the JPEG has no end (EOI), and part of the picture may be missing")
        yield found
    elif image.format == "TIFF" and any(tile[0] == "libtiff" for tile in getattr(image, "tile", ())):
        lines: list[str] = []
        with _lock, _caught(lines):
            yield found
        said = list(dict.fromkeys(line for line in lines if not _HARMLESS.search(line)))
        if said:
            more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
            found.append(f"the image data is damaged: {said[0].rstrip('.')}{more}")
    else:
        yield found


@contextlib.contextmanager
def _caught(lines: list[str]) -> Iterator[None]:
    """Take libtiff's lines from file descriptor 2; what else is printed there meanwhile is printed afterwards."""
    import tempfile

    with contextlib.ExitStack() as stack:
        try:
            if sys.stderr is not None:
                sys.stderr.flush()
            file = stack.enter_context(tempfile.TemporaryFile())
            before = os.dup(_STDERR)
        except (OSError, ValueError):  # there is no such descriptor, or no place for a file
            file = None
        if file is None:
            yield
            return
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
            file.seek(0)
            for raw in file.read().splitlines(keepends=True):
                line = raw.decode(errors="replace").strip()
                if _COMPLAINT.match(line):
                    lines.append(line)
                else:
                    os.write(_STDERR, raw)


def end_of_jpeg(data: bytes) -> int:
    """Where a JPEG's first picture ends, -1 if it has no end, 0 if it is none: a walk over its markers."""
    if not data.startswith(b"\xff\xd8"):
        return 0
    at = 2
    while at + 1 < len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD7:
            at = data.find(b"\xff", at + (1 if data[at] != 0xFF or marker == 0xFF else 2))
            if at < 0:
                return -1
            continue
        if marker == 0xD9:
            return at + 2
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return -1
