"""Pictures of other sizes: a good resize, colours weighed by their alpha."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..format.container import PLAIN
from .picture import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
