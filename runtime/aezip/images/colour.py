"""Every mode that Pillow has → grey or RGB of 8 bits, and alpha.

The result is grey or RGB as the image is, with or without alpha. Bits (mode 1) are grey; a palette is grey if all
colours in use are and no RGB profile says otherwise. CMYK and Lab become sRGB through their profile. Samples of more
than 8 bits are rejected, or made 8-bit if the caller asks for it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_GREY, _PALETTE = ("1", "L", "LA", "La"), ("P", "PA")
_RGB = ("RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "HSV")
_PROFILED = {"CMYK": "CMYK", "LAB": "Lab"}
_EIGHT_BITS = "8-bit samples, or to_8bit=True"


class Colours(NamedTuple):
    """What the pixels are."""

    pixels: NDArray[np.uint8]  # [H, W, C], C 1 or 3
    alpha: NDArray[np.uint8] | None  # [H, W]
    note: str = ""  # what was done to them
    srgb: bool = False  # they are sRGB now, whatever the profile says


def separate(image: Image.Image, to_8bit: bool) -> Colours:
    """Colours and alpha of a Pillow image of any mode.  Raises ImageError."""
    from .arrays import array_of

    deep = _depth(image)
    if deep and not to_8bit:
        raise ImageError(f"has {deep} samples", _EIGHT_BITS)
    image.load()
    if image.mode[0] in "IF":
        return _from_deep(image, deep)
    if image.mode in _PROFILED:
        return _from_profiled(image)
    if image.mode not in (*_GREY, *_PALETTE, *_RGB):
        raise ImageError(f"has mode {image.mode}", "grey, RGB or CMYK")
    if deep and "transparency" in image.info:
        raise ImageError(f"has {deep} samples and a transparent colour", "an alpha channel, or 8-bit samples")
    note = f"{deep} samples made 8-bit" if deep else ""
    alpha = None
    if image.mode in _PALETTE and _grey_palette(image):
        image = image.convert("LA" if image.has_transparency_data else "L")
    if image.has_transparency_data:
        premultiplied = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
        image = image.convert(premultiplied or ("LA" if image.mode in _GREY else "RGBA"))
        alpha = array_of(image.getchannel("A"), "L")[:, :, 0]
    return Colours(array_of(image, "L" if image.mode in _GREY else "RGB"), alpha, note)


def _depth(image: Image.Image) -> str:
    """The kind of samples with more than 8 bits, "" if they have not."""
    if image.mode == "F":
        return "floating-point"
    if image.mode == "I":
        return "32-bit integer"
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        netpbm = tile[0] in ("ppm", "ppm_plain") and isinstance(arguments[-1], int) and arguments[-1] > 255
        if netpbm or any(isinstance(a, str) and ";16" in a for a in arguments):
            return "16-bit"
    wide = isinstance(image.info.get("bit_depth"), int) and image.info["bit_depth"] > 8
    return f"{image.info['bit_depth']}-bit" if wide else "16-bit" if image.mode.startswith("I;16") else ""


def _from_deep(image: Image.Image, deep: str) -> Colours:
    """Grey of 16 or 32 bits, or floating-point, by the range that its values are in."""
    import numpy as np

    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 65535):  # NaN, too
        raise ImageError(f"has {deep} samples from {low:g} to {high:g}", "0 to 1 (floating-point), to 255 or to 65535")
    top = (1 if high <= 1 else 255) if image.mode == "F" and high <= 255 else 65535
    key = image.info.get("transparency")
    alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    pixels = np.floor(values * np.float32(255 / top) + np.float32(0.5)).astype(np.uint8)
    return Colours(pixels[:, :, None], alpha, f"{deep} samples of 0 to {top} made 8-bit")


def _from_profiled(image: Image.Image) -> Colours:
    """CMYK through the profile that comes with it, Lab through its definition (D50), to sRGB."""
    from PIL import ImageCms

    from .arrays import array_of

    name, icc = _PROFILED[image.mode], image.info.get("icc_profile")
    source: Any
    try:
        if image.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        elif icc:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        else:
            raise ImageError("has CMYK colours and no ICC profile that says which", "RGB, or CMYK with its profile")
        rgb = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError as e:
        raise ImageError(f"its ICC profile is not one of {name} colours ({e})", f"a whole {name} profile") from e
    assert rgb is not None
    how = "by their definition" if image.mode == "LAB" else "through their ICC profile"
    return Colours(array_of(rgb, "RGB"), None, f"{name} colours made sRGB {how}", srgb=True)


def _grey_palette(image: Image.Image) -> bool:
    """Whether all colours in use are grey, and no profile is for RGB."""
    icc = image.info.get("icc_profile")
    if icc and icc[16:20] != b"GRAY":
        return False
    assert image.palette is not None
    size = len(image.palette.mode)
    indices = image.getchannel("P") if image.mode == "PA" else image
    used = indices.histogram()[:256]
    colours = image.getpalette(image.palette.mode) or []
    return all(len(set(colours[size * i : size * i + 3])) <= 1 for i, count in enumerate(used) if count)
