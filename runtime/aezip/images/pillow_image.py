"""`Picture` → Pillow images, and their pixels → arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..format.container import DEEPEST, PLAIN
from . import gain_map, signalling
from .picture import Metadata, Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

STRIP = 128  # rows


def to_pillow(picture: Picture) -> Image.Image:
    """The Pillow image, mode L, LA, RGB or RGBA, with the metadata in `.info`.

    Of more than 8 bits grey is I;16, scaled to 16 bits, and the rest made 8-bit: Pillow has no such modes.
    """
    from PIL import Image

    if picture.depth > PLAIN and picture.alpha is None and picture.pixels.shape[2] == 1:
        from ..format import depth as depths

        picture = replace(picture, pixels=depths.scaled(picture.pixels, picture.depth, DEEPEST))
    else:
        picture = signalling.in_8_bits(picture)
    picture = signalling.profiled(picture) if picture.cicp else picture
    picture = replace(picture, xmp=gain_map.without_names(picture.xmp))
    planes = picture.planes()
    image = Image.fromarray(planes[:, :, 0] if planes.shape[2] == 1 else planes)
    image.info.update(info_of(picture, picture.pixels.shape[2]))
    return image


def info_of(said: Metadata, channels: int) -> dict[str, Any]:
    """The metadata there is, under Pillow's names."""
    icc = signalling.profile_of(said, channels)
    pairs: dict[str, Any] = {"icc_profile": icc, "exif": said.exif, "xmp": said.xmp}
    if said.resolution and said.resolution.unit:
        pairs["dpi"] = tuple(map(float, said.resolution.per(1)))
    return {key: value for key, value in pairs.items() if value}


def array_of(image: Image.Image, mode: str) -> NDArray[np.uint8]:
    """The pixels of an image in another mode, or its own.  [H, W, C]  A strip at a time, as Pillow makes copies."""
    import numpy as np

    out = np.empty((image.height, image.width, {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]), np.uint8)
    for top in range(0, image.height, STRIP):
        strip = image.crop((0, top, image.width, min(top + STRIP, image.height)))
        strip = strip if strip.mode == mode else strip.convert(mode)
        out[top : top + strip.height] = np.asarray(strip).reshape(strip.height, strip.width, -1)
    return out
