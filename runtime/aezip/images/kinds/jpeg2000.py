"""JPEG 2000, of which comments are kept, and GIF, which has them too; neither is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...format.container import COMMENT, DEEPEST, PLAIN, Section
from .. import deep
from ..boxes import boxes
from ..headers import Facts, file_of
from ..jpeg2000 import CODESTREAM, depths_of
from .base import Reader, bytes_in

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes

_OPENJPEG = b"Created by OpenJPEG"  # a comment that says nothing of the picture


class CommentReader(Reader):
    """A comment."""

    def extras(self, image: Image.Image, data: bytes) -> dict[bytes, bytes | None]:
        comment = bytes_in(image, "comment")
        return {COMMENT: None if comment.startswith(_OPENJPEG) else comment}


class Jpeg2000Reader(CommentReader):
    """Boxes."""

    looked_into = True

    def facts(self, data: bytes) -> Facts:
        icc, at = None, 0
        if not data.startswith(CODESTREAM):
            for kind, start, stop in boxes(data):
                if kind == b"jp2h":
                    for inner, begin, end in boxes(data, start, stop):
                        if inner == b"colr" and data[begin] in (2, 3):
                            icc = data[begin + 3 : end]
                if kind == b"jp2c":
                    at = start
                    break
        return Facts(max(depths_of(data, at)), icc=icc)

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        if not deep.is_grey(image):
            return deep.by_imagecodecs(image, file_of(image), "jpeg2k_decode", bits), bits
        values, most = deep.grey_of(image)  # shifted to 16 bits
        return (values >> np.uint16(DEEPEST - bits), bits) if PLAIN < bits < DEEPEST else (values, most)

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        found = {kind.decode().strip() for kind, _, _ in boxes(data) if kind in (b"uuid", b"xml ")}
        if found:
            yield f"metadata ({', '.join(sorted(found))})"
