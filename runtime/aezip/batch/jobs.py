"""What is done with one file: bytes in, bytes out.

A job holds the coding options of its command, the same for every file. To add one: a field here with its
default, its use in `run`, and a click option of the same name in cli/compress.py or cli/decompress.py.
Jobs are pickled to other processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .. import images
from ..container import DEFAULT_MAX_PIXELS, MAX_SIDE, Lat, unpack

if TYPE_CHECKING:
    from ..codec import Codec


@dataclass(frozen=True)
class Made:
    """What a job made of one file."""

    data: bytes
    lat: Lat
    coded: int  # bytes of the .lat file
    notes: tuple[str, ...] = ()  # what the user should know
    figures: dict[str, Any] = field(default_factory=dict)  # what was measured besides


class Job(Protocol):
    """One file's bytes → another's."""

    def run(self, codec: Codec, data: bytes, target: str) -> Made:
        """`target` is the output's name, which may say its format.  Raises AezipError without the file's name."""


@dataclass(frozen=True)
class Compression:
    """An image file → a `.lat` file."""

    quality: float = 60
    effort: int = 1
    max_pixels: int = DEFAULT_MAX_PIXELS

    def run(self, codec: Codec, data: bytes, target: str) -> Made:
        picture = images.parse(data, self.max_pixels)
        sections = images.sections_of(picture)
        lat = codec.encode(
            picture.pixels, self.quality, sections, effort=self.effort, max_pixels=self.max_pixels
        )
        return Made(lat, unpack(lat, MAX_SIDE**2), len(lat))


@dataclass(frozen=True)
class Decompression:
    """A `.lat` file → an image file."""

    format: str | None = None  # a key of images.FORMATS; None: by the target's suffix
    region: tuple[int, int, int, int] | None = None  # x, y, width, height in pixels; None: all
    max_pixels: int = DEFAULT_MAX_PIXELS

    def run(self, codec: Codec, data: bytes, target: str) -> Made:
        pixels, lat = codec.decode(data, self.max_pixels, region=self.region)
        format = images.format_of(target, self.format)
        image, lost = images.build(images.picture_of(pixels, lat), format)
        notes = (f"{format} cannot carry {', '.join(name.upper() for name in lost)}",) if lost else ()
        return Made(image, lat, len(data), notes)
