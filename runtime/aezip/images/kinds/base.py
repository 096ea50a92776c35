"""Readers and writers of image files as most kinds need them.

A picture is fitted to the kind, coded by Pillow, and completed with what that does not write. Each step names what it
loses.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...format.container import Section
from .. import deep, signalling
from ..formats import Format
from ..headers import NOTHING, Facts, file_of
from ..picture import EXTRA_NAMES, Picture
from ..pillow_image import info_of, to_pillow
from ..signalling import Losses

if TYPE_CHECKING:
    from PIL import Image

    from ..deep import Planes

VIDEO = "a video (motion photo)"
VIDEOS = (b"MotionPhoto", b"MicroVideo")  # what XMP says of one
_FIELDS = {"icc_profile": "icc", "dpi": "resolution"}  # of Picture, by Pillow's options, where they differ


class Reader:
    """A kind of files, opened by Pillow."""

    looked_into = False  # the bytes of a file say more than Pillow does
    one_picture = False  # of several frames the first is the picture, and the others belong to it

    def facts(self, data: bytes) -> Facts:
        """What a header says.  Raises struct.error, IndexError, ValueError or StopIteration if that is not clear."""
        return NOTHING

    def complaints(self, image: Image.Image, data: bytes, strict: bool) -> AbstractContextManager[list[str]]:
        """A list that holds, when the block ends in which an image is decoded, a sentence if its data are damaged.

        data: as of `extras`; strict: as of `complaints.printed`.
        """
        return nullcontext([])

    def planes(self, image: Image.Image, bits: int) -> tuple[Planes, int]:
        """All samples of an image of more than 8 bits, and how many they have.  bits: what its header says, or 8.

        Raises ImageError where nothing here reads them so deep.
        """
        return deep.by_pillow(image, file_of(image))

    def extras(self, image: Image.Image, data: bytes) -> dict[bytes, bytes | None]:
        """Sections of a loaded image, if they are there.  data: its file, b"" if that is closed or not looked into."""
        return {}

    def left_behind(self, image: Image.Image, data: bytes, kept: tuple[Section, ...]) -> Iterator[str]:
        """Names of what has no section.  kept: the extras that are kept."""
        yield from ()


class FirstReader(Reader):
    """Photoshop's files, whose other frames are layers."""

    one_picture = True


def bytes_in(image: Image.Image, name: str) -> bytes:
    """Bytes in Pillow's `.info`, or none of another kind of value."""
    value = image.info.get(name)
    return value if isinstance(value, bytes) else b""


class Writer:
    """A kind of files, with the options that it is written with."""

    shows_gain_maps = False  # so that XMP may say that there is one

    def __init__(self, kind: Format) -> None:
        self.kind = kind

    def with_depth(self, picture: Picture) -> tuple[Picture, Losses]:
        """The picture, of more than 8 bits, with samples that the file can hold."""
        return signalling.in_8_bits(picture), (f"{picture.depth}-bit samples",)

    def says_orientation(self, picture: Picture) -> bool:
        """Whether viewers of the file are told how the picture lies."""
        return "exif" in self.kind.carries

    def coloured(self, picture: Picture) -> tuple[Picture, Losses]:
        """The picture with its colours named as in such a file."""
        return signalling.with_profile(picture, "icc" in self.kind.carries)

    def loses_alpha(self, picture: Picture) -> bool:
        """Whether alpha is coded with loss."""
        return False

    def encoded(self, picture: Picture) -> bytes:
        """The file, but for what `completed` adds.  Raises what Pillow raises."""
        picture = replace(picture, cicp=None)  # which Pillow does not write
        image = self.image_of(picture)
        image.info.clear()
        stream = io.BytesIO()
        if self.kind.plugin:
            importlib.import_module(self.kind.plugin)
        # by its suffix, of which Pillow loads the one plugin; by its format it would load five
        stream.name = f"image{self.kind.suffixes[0]}"
        image.save(stream, **{**self.kind.options, **self.metadata(picture)})
        return self.finished(stream.getvalue(), picture)

    def image_of(self, picture: Picture) -> Image.Image:
        """What Pillow is given."""
        return to_pillow(picture)

    def metadata(self, picture: Picture) -> dict[str, Any]:
        """Pillow's options for what belongs to the pixels."""
        said = info_of(picture, picture.pixels.shape[2]).items()
        return {option: value for option, value in said if _FIELDS.get(option, option) in self.kind.carries}

    def finished(self, data: bytes, picture: Picture) -> bytes:
        """The file of what Pillow has made."""
        return data

    def completed(self, data: bytes, picture: Picture) -> tuple[bytes, Losses]:
        """The file with code points and extras, as far as it has a place for them."""
        return data, tuple(EXTRA_NAMES[kind] for kind, _ in picture.extras)


def to_be_scaled(picture: Picture, bits: int) -> tuple[Picture, Losses]:
    """The picture for a file of so many bits in place of its own, and without grey beside alpha."""
    lost = [f"{picture.depth}-bit samples other than scaled to {bits}"] if picture.depth != bits else []
    if picture.alpha is not None and picture.pixels.shape[2] == 1:
        lost.append("such grey beside alpha, and has RGB")
    return picture, tuple(lost)
