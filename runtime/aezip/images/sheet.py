"""A contact sheet: small pictures in rows, their names under them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .picture import Picture
from .pillow_image import to_pillow

if TYPE_CHECKING:
    from PIL import ImageFont

_SHAPE = 1.5  # width to height of a sheet, about
_FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf")
_WHITE, _INK = (255, 255, 255), (64, 64, 64)


def sheet(pictures: Sequence[tuple[str, Picture]], side: int, columns: int | None = None) -> Picture:
    """One picture of many.

    pictures: names and pictures in sRGB, one at least, with sides of at most `side` pixels; columns: None for as many
    as make the sheet a little wider than high.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    across = min(len(pictures), columns or max(1, round(math.sqrt(_SHAPE * len(pictures)))))
    letters = max(10, side // 14)
    gap, font = letters, _font(letters)
    width, height = side + gap, side + 2 * gap + letters // 2
    page = Image.new("RGB", (across * width + gap, -(-len(pictures) // across) * height + gap), _WHITE)
    draw = ImageDraw.Draw(page)
    for place, (name, picture) in enumerate(pictures):
        left, top = gap + place % across * width, gap + place // across * height
        shown = to_pillow(picture).convert("RGBA")
        page.paste(shown, (left + (side - shown.width) // 2, top + (side - shown.height) // 2), shown)
        text = _fitted(name, lambda text: font.getlength(text) <= side)
        draw.text((left + side / 2, top + side + letters // 4), text, _INK, font, "ma")
    return Picture(np.asarray(page))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """One of the system with many letters, or else Pillow's own with few."""
    from PIL import ImageFont

    for name in _FONTS:
        with contextlib.suppress(OSError):
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


def _fitted(name: str, fits: Callable[[str], bool]) -> str:
    """As much of a name as there is room for, its end being what tells pictures of a series apart."""
    text = name
    for kept in range(len(name) - 1, 0, -1):
        if fits(text):
            break
        text = f"{name[: kept // 2]}…{name[len(name) - (kept - kept // 2) :]}"
    return text
