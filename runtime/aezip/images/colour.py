"""Every mode that Pillow has → grey or RGB of 8 bits, and alpha.

The result is grey or RGB as the image is, with or without alpha. Bits (mode 1) are grey; a palette is grey if all
colours in use are and no RGB profile says otherwise. CMYK and Lab become sRGB through their profile. Samples of more
than 8 bits are rejected, or made 8-bit if the caller asks for it: from the whole range that they can have, or from
the range that is found ("stretch").
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ImageError
from . import tiff
from .headers import NOTHING, Facts, file_of
from .kinds import reader_of
from .tiff import Tag, in_planes

if TYPE_CHECKING:
    from PIL import Image

    from ..arrays import Samples

_GREY, _PALETTE = ("1", "L", "LA", "La"), ("P", "PA")
_RGB = ("RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "HSV")
_PROFILED = {"CMYK": "CMYK", "LAB": "Lab"}
_EIGHT_BITS = "8-bit samples, or ReadOptions(to_8bit=True)"
_WHOLE = "whole numbers of 8 to 16 bits, or ReadOptions(to_8bit=True)"
_HIGH_COLOUR = ("RGB;16", "BGR;16")  # raw modes of 5, 6 and 5 bits
_PACKED = {"L;2": 85, "L;4": 17}  # grey PNGs of 2 and 4 bits: by what Pillow multiplies samples, but not the key


class Colours(NamedTuple):
    """What the pixels are."""

    pixels: Samples  # [H, W, C], C 1 or 3
    alpha: Samples | None  # [H, W]
    note: str = ""  # what was done to them
    srgb: bool = False  # they are sRGB now, whatever the profile says
    depth: int = 8  # bits of a sample


def separate(
    image: Image.Image, to_8bit: bool, stretch: bool = False, facts: Facts = NOTHING, plain_cmyk: bool = False
) -> Colours:
    """Colours and alpha of a Pillow image of any mode.  facts: what its header says.  Raises ImageError.

    plain_cmyk: take CMYK without a profile as plain arithmetic has it.
    """
    from .pillow_image import array_of

    deep = depth_of(image, facts.bits)
    if deep and not (to_8bit or stretch):
        raise ImageError(f"has {deep} samples", _EIGHT_BITS)
    note = f"{deep} samples made 8-bit" if deep else ""
    if deep and stretch:
        note += ", but not stretched, which is for grey only"
    if deep and _is_made_of_all_bits(image):
        return _in_8_bits(as_they_are(image, deep, facts), note)
    packed = _packed(image)
    if image.mode == "1" and image.info.get("transparency") == 1:  # Pillow before 12.1; its white is 255
        image.info["transparency"] = 255
    if deep and image.format == "JPEG2000" and image.mode in ("LA", "RGB", "RGBA"):
        from .kinds import jpeg2000

        image = jpeg2000.in_8_bits(file_of(image))
    image.load()
    if image.mode[0] in "IF":
        return _from_deep(image, deep, stretch)
    if image.mode == "CMYK" and plain_cmyk and not image.info.get("icc_profile"):
        note = "CMYK colours without an ICC profile made RGB by plain arithmetic"
        return Colours(array_of(image, "RGB"), None, note, srgb=True)
    if image.mode in _PROFILED:
        return _from_profiled(image)
    if image.mode not in (*_GREY, *_PALETTE, *_RGB):
        raise ImageError(f"has mode {image.mode}", "grey, RGB or CMYK")
    if packed:
        pixels = array_of(image, "L")
        transparent = pixels[:, :, 0] == packed * image.info["transparency"]
        return Colours(pixels, (255 * ~transparent).astype("uint8"))
    alpha = None
    if image.mode in _PALETTE and _grey_palette(image):
        image = image.convert("LA" if image.has_transparency_data else "L")
    if image.has_transparency_data:
        premultiplied = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
        image = image.convert(premultiplied or ("LA" if image.mode in _GREY else "RGBA"))
        alpha = array_of(image.getchannel("A"), "L")[:, :, 0]
    return Colours(array_of(image, "L" if image.mode in _GREY else "RGB"), alpha, note)


def _is_made_of_all_bits(image: Image.Image) -> bool:
    """Whether Pillow's 8 bits are not what is wanted: a transparent colour is named in all, and planes it misreads."""
    from .deep import has_codecs

    if isinstance(image.info.get("transparency"), tuple):
        return True
    return in_planes(image) and (has_codecs() or _is_misread(image))


def _is_misread(image: Image.Image) -> bool:
    """Whether Pillow takes planes of more bits for such of 8: where they are not compressed."""
    return in_planes(image) and "raw" in next(iter(getattr(image, "tile", ())), ())


def _packed(image: Image.Image) -> int:
    """The factor between the transparent grey and the samples, 0 if there is none or they agree."""
    if isinstance(image.info.get("transparency"), int) and image.format == "PNG":
        return next((_PACKED[tile[3]] for tile in getattr(image, "tile", ()) if tile[3] in _PACKED), 0)
    return 0


def depth_of(image: Image.Image, bits: int) -> str:
    """The kind of an image's samples if they have more than 8 bits, else "".  bits: what the header says."""
    if _is_misread(image):
        return "16-bit"
    if image.mode == "F":
        return "floating-point"
    if image.mode == "I":
        return "32-bit integer"
    if bits > 8:
        return f"{bits}-bit"
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        netpbm = tile[0] in ("ppm", "ppm_plain") and isinstance(arguments[-1], int) and arguments[-1] > 255
        if netpbm or any(isinstance(a, str) and ";16" in a and a not in _HIGH_COLOUR for a in arguments):
            return "16-bit"
        if "I;12" in arguments:
            return "12-bit"
    wide = isinstance(image.info.get("bit_depth"), int) and image.info["bit_depth"] > 8
    return f"{image.info['bit_depth']}-bit" if wide else "16-bit" if image.mode.startswith("I;16") else ""


def as_they_are(image: Image.Image, deep: str, facts: Facts) -> Colours:
    """Samples of 9 to 16 bits as they are.  Raises ImageError."""
    from ..format import depth as depths

    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        raise ImageError(f"has {deep} samples", _WHOLE)
    key = image.info.get("transparency")
    planes, depth = reader_of(image).planes(image, facts.bits)
    channels = planes.shape[2]
    alpha = planes[:, :, -1].copy() if channels in (2, 4) else None
    pixels = planes[:, :, : channels - 1].copy() if alpha is not None else planes
    if alpha is None and isinstance(key, int | tuple):  # of a PNG, in its 16 bits
        where = (depths.scaled(pixels, depth, 16) == key).all(2)
        alpha = (depths.top(depth) * ~where).astype("uint16")
    return Colours(pixels, alpha, depth=depth)


def _in_8_bits(colours: Colours, note: str) -> Colours:
    from ..format import depth as depths

    alpha = None if colours.alpha is None else depths.scaled(colours.alpha, colours.depth, 8)
    return Colours(depths.scaled(colours.pixels, colours.depth, 8), alpha, note)


def _from_deep(image: Image.Image, deep: str, stretch: bool) -> Colours:
    """Grey of 12 to 32 bits, or floating-point, by the range that its values can have, or are in."""
    import numpy as np

    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if stretch and np.isfinite((low, high)).all():
        bottom, top, how = low, high, "found and stretched"
    elif not (low >= 0 and high <= 65535):  # NaN, too
        expected = "0 to 1 (floating-point), to 255 or to 65535, or ReadOptions(stretch=True)"
        raise ImageError(f"has {deep} samples from {low:g} to {high:g}", expected)
    else:
        bottom, top, how = 0.0, (1 if high <= 1 else 255) if image.mode == "F" and high <= 255 else 65535, ""
        if image.format == "TIFF" and deep == "12-bit":
            top = 4095
    key = image.info.get("transparency")
    alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    shifted = values - np.float64(bottom) if bottom else values
    scaled = shifted * np.float32(255 / (top - bottom or 1))
    pixels = np.floor(scaled + np.float32(0.5)).astype(np.uint8)
    if tiff.tags_of(image).get(Tag.PHOTOMETRIC) == tiff.WHITE_IS_ZERO and image.mode.startswith("I;16"):
        pixels = 255 - pixels  # of fewer bits Pillow does it
    note = f"{deep} samples of {bottom:g} to {top:g}{how and f', as {how},'} made 8-bit"
    if not stretch and high < top / 16:
        note += f"; none is above {high:g}, and ReadOptions(stretch=True) takes the range that is found"
    return Colours(pixels[:, :, None], alpha, note)


def _from_profiled(image: Image.Image) -> Colours:
    """CMYK through the profile that comes with it, Lab through its definition (D50), to sRGB."""
    from PIL import ImageCms

    from .pillow_image import array_of

    name, icc = _PROFILED[image.mode], image.info.get("icc_profile")
    source: Any
    try:
        if image.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        elif icc:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        else:
            raise ImageError(
                "has CMYK colours and no ICC profile that says which", "ReadOptions(plain_cmyk=True), or RGB"
            )
        rgb = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
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
