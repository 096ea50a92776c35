"""Image files of 9 to 16 bits a sample, past Pillow, which has no such colours: files → uint16.

Pillow decodes their colours to the high byte of each sample. Told that bytes lie the other way round, it decodes to the
low one, so that two runs of its decoders give all of PNG and TIFF. AVIF, JPEG 2000 and JPEG XL are for imagecodecs,
HEIC for pillow-heif. Which of these reads a kind of files is said in its module in kinds/.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, require
from ..format import depth as depths
from ..format.container import DEEPEST

if TYPE_CHECKING:
    from PIL import Image


Planes = NDArray[np.uint16]  # [H, W, C], C 1 or 3, or with alpha 2 or 4
Change = Callable[[str], str]  # of one of Pillow's raw modes
_ORDERS = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # at the ends of raw modes, and others
_COLOURS = re.compile(r"(RGBX?|RGBA|LA);16[BLN]")  # raw modes that are read


def by_pillow(image: Image.Image, data: bytes) -> tuple[Planes, int]:
    """All samples of an image that Pillow decodes, and how many bits they have.  data: its file.  Raises ImageError."""
    if is_grey(image):
        return grey_of(image)
    raw = str(_raw_mode(image))
    if not data or not _COLOURS.fullmatch(raw):
        raise ImageError(
            f"has samples of more than 8 bits of a kind ({raw}) that is not read so deep", "ReadOptions(to_8bit=True)"
        )
    if raw.startswith("LA"):  # Pillow makes it RGBA, which has as many bytes
        pairs = _decoded(image, data, lambda _: "RGBA", "RGBA")
        planes = pairs[..., ::2] << np.uint16(8) | pairs[..., 1::2]
    else:
        planes = np.asarray(image).astype(np.uint16) << np.uint16(8) | _decoded(image, data, _swapped)
    image.load()
    return planes, DEEPEST


def is_grey(image: Image.Image) -> bool:
    """Whether an image is grey of 16 bits in Pillow, too."""
    return image.mode.startswith("I;16")


def grey_of(image: Image.Image) -> tuple[Planes, int]:
    """Grey, which Pillow has in 16 bits, and how many of them the file's samples have."""
    bits = 12 if _raw_mode(image) == "I;12" else DEEPEST
    return np.asarray(image).astype(np.uint16)[:, :, None], bits


def _raw_mode(image: Image.Image) -> str | None:
    """How the file's samples lie, in Pillow's words, of an image that is not loaded yet."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else None
    return arguments[0] if isinstance(arguments, tuple) else arguments


def _swapped(raw: str) -> str:
    """The raw mode that gives the low byte of each sample where another gives the high one."""
    return raw[:-1] + _ORDERS[raw[-1]]


def _decoded(image: Image.Image, data: bytes, change: Change, mode: str = "") -> Planes:
    """What Pillow makes of the same frame under another raw mode, and in another mode or its own."""
    from PIL import Image as images

    again: Any = images.open(io.BytesIO(data), formats=[str(image.format)])
    if image.tell():
        again.seek(image.tell())
    tiles = []
    for tile in again.tile:
        arguments = tile[3]
        changed = (change(arguments[0]), *arguments[1:]) if isinstance(arguments, tuple) else change(arguments)
        tiles.append(tile._replace(args=changed))
    again._mode = mode or again.mode
    again.tile = tiles
    return np.asarray(again).astype(np.uint16)


def by_imagecodecs(image: Image.Image, data: bytes, function: str, bits: int) -> Planes:
    """What a function of imagecodecs makes of an image's file, of the frame that it stands at.  Raises ImageError."""
    codecs = require("imagecodecs", f"has {bits}-bit samples", "ReadOptions(to_8bit=True)")
    decode = getattr(codecs, function)
    try:
        planes = np.asarray(decode(data))  # all frames: to ask for one crashes in avif_decode
    except Exception as error:  # it has a class of its own for each library
        raise ImageError(f"cannot be decoded ({error})", "a complete image") from error
    size = image.height, image.width
    if planes.shape[:2] != size == planes.shape[1:3]:  # several frames
        planes = planes[image.tell()]
    planes = planes.reshape(*planes.shape[:2], -1)
    if planes.dtype != np.uint16 or planes.shape[2] > 4:
        raise ImageError(
            f"has {bits}-bit samples that are decoded to {planes.dtype}", "grey or RGB, or ReadOptions(to_8bit=True)"
        )
    full = int(planes.max()) > depths.top(bits)
    return depths.scaled(planes, DEEPEST, bits) if full else planes


def has_codecs() -> bool:
    """Whether imagecodecs is installed."""
    return importlib.util.find_spec("imagecodecs") is not None
