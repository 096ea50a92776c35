"""Sizes of smaller pictures, which are 2, 4, 8 or 16 times smaller in each direction, their sides rounded up."""

from __future__ import annotations

Area = tuple[int, int, int, int]  # x, y, width, height

SCALES = (1, 2, 4, 8, 16)


def scale_for(longer: int, side: int) -> int:
    """The scale of the smallest picture whose longer side still has `side` pixels, if the whole one has."""
    return max(scale for scale in SCALES if scale == 1 or -(-longer // scale) >= side)


def reduced(area: Area, scale: int) -> Area:
    """What an area in pixels touches in a picture that is `scale` times smaller."""
    x, y, width, height = area
    left, top = x // scale, y // scale
    return left, top, -(-(x + width) // scale) - left, -(-(y + height) // scale) - top


def covered(area: Area, scale: int, width: int, height: int) -> Area:
    """An area in pixels of a picture of this size, grown to whole squares of `scale` as far as the picture goes."""
    x, y, w, h = (scale * side for side in reduced(area, scale))
    return x, y, min(w, width - x), min(h, height - y)
