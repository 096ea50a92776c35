"""Pictures of other sizes: a good resize, colours weighed by their alpha."""

from __future__ import annotations

from .picture import Picture


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
    planes = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    image = Image.fromarray(planes[:, :, 0] if planes.shape[2] == 1 else planes)
    small = np.asarray(image.resize(size, Image.Resampling.LANCZOS)).reshape(size[1], size[0], -1)
    ratio = Fraction(size[0], width), Fraction(size[1], height)
    return picture._replace(
        pixels=np.ascontiguousarray(small[:, :, :channels]),
        alpha=None if picture.alpha is None else np.ascontiguousarray(small[:, :, channels]),
        resolution=picture.resolution and picture.resolution.times(*ratio),
    )
