"""JPEG 2000, of which comments are kept, and GIF, which has them too; neither is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...format.container import COMMENT, Section
from ..boxes import boxes
from .base import Reader, bytes_in

if TYPE_CHECKING:
    from PIL import Image

_OPENJPEG = b"Created by OpenJPEG"  # a comment that says nothing of the picture


class CommentReader(Reader):
    """A comment."""

    def extras(self, image: Image.Image, data: bytes) -> dict[bytes, bytes | None]:
        comment = bytes_in(image, "comment")
        return {COMMENT: None if comment.startswith(_OPENJPEG) else comment}


class Jpeg2000Reader(CommentReader):
    """Boxes."""

    looked_into = True

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        found = {kind.decode().strip() for kind, _, _ in boxes(data) if kind in (b"uuid", b"xml ")}
        if found:
            yield f"metadata ({', '.join(sorted(found))})"
