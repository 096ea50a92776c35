"""`Picture` → Pillow images, and their pixels → arrays; a smaller picture: a good resize, colours weighed by alpha."""

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


def fit(picture: Picture, side: int) -> Picture:
    """The picture with sides of at most `side` pixels, its shape kept; the picture as it is, if it is not larger.

    Lanczos's filter (Pillow's LANCZOS). Its resolution changes with it.
    """
    from fractions import Fraction

    import numpy as np
    from PIL import Image

    height, width, channels = picture.pixels.shape
    if max(height, width) <= side:
        return picture
    size = tuple(max(1, round(n * side / max(height, width))) for n in (width, height))
    planes = picture.planes()
    if picture.depth == PLAIN:
        image = Image.fromarray(planes[:, :, 0] if planes.shape[2] == 1 else planes)
        small = np.asarray(image.resize(size, Image.Resampling.LANCZOS)).reshape(size[1], size[0], -1)
    else:
        small = _fit_deep(planes.astype(np.float32), size, picture.depth)
    ratio = Fraction(size[0], width), Fraction(size[1], height)
    return replace(
        picture,
        pixels=np.ascontiguousarray(small[:, :, :channels]),
        alpha=None if picture.alpha is None else np.ascontiguousarray(small[:, :, channels]),
        resolution=picture.resolution and picture.resolution.times(*ratio),
    )


def _fit_deep(planes: NDArray[np.float32], size: tuple[int, ...], depth: int) -> NDArray[np.uint16]:
    """Samples of more than 8 bits, plane by plane, colours times their alpha meanwhile.  [H, W, C] → [h, w, C]"""
    import numpy as np
    from PIL import Image

    def smaller(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(Image.fromarray(plane).resize((size[0], size[1]), Image.Resampling.LANCZOS))

    count = planes.shape[2]
    if count in (1, 3):
        small = [smaller(planes[:, :, c]) for c in range(count)]
    else:
        alpha = smaller(planes[:, :, -1])
        covered = np.maximum(alpha, np.float32(1))
        small = [np.asarray(smaller(planes[:, :, c] * planes[:, :, -1]) / covered) for c in range(count - 1)]
        small.append(alpha)
    return np.asarray(np.rint(np.stack(small, 2)).clip(0, 2**depth - 1), np.uint16)
