"""`Picture` → Pillow images and image files, with all that the format holds.

Alpha that a format cannot hold is rejected, unless it is opaque everywhere; metadata that it cannot hold is left out
and named.
"""

from __future__ import annotations

import importlib
import io
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import OutputError
from ..format.container import DEEPEST, GAIN_MAP, IPTC, PLAIN
from ..storage.files import atomic_write
from . import extras, gain_map, jxl, profiles, signalling
from .formats import ALL, FORMATS, METADATA, Format, format_of, kind_of
from .headers import png_chunk
from .metadata import keep_text
from .picture import Metadata, Picture
from .reading import upright
from .tiff import STORAGE, Tag

if TYPE_CHECKING:
    from PIL import Image

_LARGE = 2**26  # samples from which libjpeg does not optimise: for that it holds all coefficients, two bytes each
_JPEG_SIDE = 65500  # pixels: libjpeg's limit
# what Pillow raises where it cannot write a picture; the last three where a TIFF should hold damaged Exif
_REFUSALS = (OSError, ValueError, RuntimeError, OverflowError, SyntaxError, TypeError, struct.error)


def to_pillow(picture: Picture) -> Image.Image:
    """The Pillow image, mode L, LA, RGB or RGBA, with the metadata in `.info`.

    Of more than 8 bits grey is I;16, scaled to 16 bits, and the rest made 8-bit: Pillow has no such modes.
    """
    import numpy as np
    from PIL import Image

    if picture.depth > PLAIN and picture.alpha is None and picture.pixels.shape[2] == 1:
        from ..format import depth as depths

        picture = replace(picture, pixels=depths.scaled(picture.pixels, picture.depth, DEEPEST))
    else:
        picture = signalling.in_8_bits(picture)
    picture = signalling.profiled(picture) if picture.cicp else picture
    picture = replace(picture, xmp=gain_map.without_names(picture.xmp))
    planes = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
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


def write(
    path: str | os.PathLike[str], picture: Picture, format: str | None = None, *, force: bool = False
) -> tuple[str, ...]:
    """Write an image file in `format`, or in that of the path's suffix.

    Returns the names of the metadata that the format cannot carry.  Raises UsageError for an unknown format,
    OutputExists, and OutputError.
    """
    try:
        data, lost = build(picture, format_of(path, format))
    except OutputError as e:
        e.file = os.fspath(path)
        raise
    atomic_write(path, data, force=force)
    return lost


def build(
    picture: Picture, format: str, quality: int | None = None, subsampling: str | None = None
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of an image file of a kind in FORMATS, and the names of what it cannot carry.

    quality, subsampling: as of `kind_of`; None: the kind's own.  Raises OutputError, UsageError.
    """
    kind = kind_of(format, quality, subsampling)
    picture, shallow = _with_fitting_depth(picture, kind)
    if kind.pillow != "JPEG" or not any(section.type == GAIN_MAP for section in picture.extras):
        picture = replace(picture, xmp=gain_map.without_names(picture.xmp))
    if "exif" not in kind.carries or (kind.pillow == "AVIF" and picture.depth > PLAIN):
        picture = upright(picture)  # for the file does not say how it lies
    if picture.alpha is not None and not kind.alpha:
        if picture.alpha.min() < 2**picture.depth - 1:
            able = ", ".join(name for name, known in FORMATS.items() if known.alpha)
            raise OutputError(f"the picture is partly transparent, which {format} cannot hold", f"one of {able}")
        picture = replace(picture, alpha=None)
    plain: tuple[str, ...] = ()
    named = kind.options.get("lossless") and picture.cicp and jxl.can_name(picture.cicp)
    if kind.pillow == "JXL" and not named:  # whose plugin writes no profile
        picture, done = signalling.in_srgb(picture)
        plain = (f"a colour space ({done})",) if done else ()
    picture, unnamed = signalling.fitted(picture, kind.pillow, "icc" in kind.carries)
    picture, misfit = _with_fitting_profile(picture, kind)
    data, unfit = _encode_what_fits(picture, kind)
    data = signalling.signal(data, kind.pillow, picture)
    data, homeless = extras.add(data, kind.pillow, picture.extras)
    lost = [METADATA[name] for name in ALL if getattr(picture, name) and name not in kind.carries]
    if kind.pillow in ("AVIF", "JXL") and picture.alpha is not None and not kind.options.get("lossless"):
        lost.append("alpha without loss")
    return data, (*shallow, *lost, *plain, *unnamed, *misfit, *homeless, *(f"this {METADATA[name]}" for name in unfit))


def _with_fitting_depth(picture: Picture, kind: Format) -> tuple[Picture, tuple[str, ...]]:
    """A picture with samples that the file can hold, and what is lost of them."""
    if picture.depth == PLAIN or kind.pillow in ("PNG", "PPM", "PAM"):
        return picture, ()
    from . import deep

    bits = f"{picture.depth}-bit samples"
    if kind.pillow == "JXL" and kind.options.get("lossless") and deep.has_codecs():
        return picture, ()
    most = DEEPEST if kind.deep else deep.avif_depth(picture) if kind.pillow == "AVIF" else PLAIN
    if most == PLAIN:
        return signalling.in_8_bits(picture), (bits,)
    lost = [f"{bits} other than scaled to {most}"] if picture.depth != most else []
    if picture.alpha is not None and picture.pixels.shape[2] == 1:
        lost.append("such grey beside alpha, and has RGB")
    return picture, tuple(lost)


def _with_fitting_profile(picture: Picture, kind: Format) -> tuple[Picture, tuple[str, ...]]:
    """A picture whose ICC profile is of the file's colours, as PNG and WebP demand, and what is dropped."""
    icc, grey = picture.icc, picture.pixels.shape[2] == 1
    wanted = b"GRAY" if grey and kind.pillow == "PNG" else b"RGB "  # a WebP has no grey
    if kind.pillow not in ("PNG", "WEBP") or not icc or icc[16:20] == wanted:
        return picture, ()
    made = None
    if grey and icc[16:20] in (b"RGB ", b"GRAY"):
        made = profiles.for_grey(icc) if wanted == b"GRAY" else profiles.for_rgb(icc)
    space = icc[16:20].decode("latin-1").strip("\0 ") or "unknown colours"
    return replace(picture, icc=made), () if made else (f"an ICC profile of {space} in this picture",)


def _encode_what_fits(picture: Picture, kind: Format) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of an image file, and the fields of metadata without which alone it could be written."""
    there = [name for name in ("exif", "xmp", "resolution") if getattr(picture, name) and name in kind.carries]
    without = [(), *((name,) for name in there), tuple(there)]
    refusal: Exception | None = None
    for names in dict.fromkeys(without):
        try:
            return _encode(_without(picture, names), kind), names
        except _REFUSALS as e:
            refusal = refusal or e
    raise OutputError(f"{kind.pillow} cannot hold this picture ({refusal})", "another format") from refusal


def _without(picture: Picture, names: tuple[str, ...]) -> Picture:
    absent: dict[str, Any] = dict.fromkeys(names)
    return replace(picture, **absent)


def lost_note(format: str, lost: tuple[str, ...]) -> tuple[str, ...]:
    """What the user should know of metadata that `build` could not write: one note, or none."""
    return (f"{format} cannot carry {', '.join(lost)}",) if lost else ()


def _image_of(picture: Picture, kind: Format) -> tuple[Image.Image, Callable[[bytes], bytes]]:
    """What Pillow writes of a picture, and what makes its file of that."""
    if picture.depth == PLAIN:
        return to_pillow(picture), bytes
    from . import deep

    if kind.pillow == "TIFF":
        return deep.tiff_bytes(picture)
    alpha = None if picture.alpha is None else picture.alpha[:1, :1]
    small = replace(picture, pixels=picture.pixels[:1, :1], alpha=alpha)
    return to_pillow(signalling.in_8_bits(small)), partial(deep.png, picture=picture)


def _encode(picture: Picture, kind: Format) -> bytes:
    """The bytes of an image file."""
    if kind.pillow in ("PPM", "PAM"):
        from . import netpbm

        return netpbm.write(picture) if kind.pillow == "PPM" else netpbm.write_pam(picture)
    if kind.pillow == "AVIF" and picture.depth > PLAIN:
        from . import deep

        return deep.avif(picture, kind.options["quality"], kind.options["subsampling"])
    if kind.pillow == "JXL" and picture.depth > PLAIN:
        from . import deep

        return deep.jpeg_xl(picture)
    picture = replace(picture, cicp=None)  # which Pillow does not write
    (image, finish), options = _image_of(picture, kind), dict(kind.options)
    image.info.clear()
    for key, value in info_of(picture, picture.pixels.shape[2]).items():
        if {"icc_profile": "icc", "dpi": "resolution"}.get(key, key) in kind.carries:
            options[key] = value
    if kind.pillow == "PNG":
        options.pop("dpi", None)
        if picture.xmp:
            from PIL.PngImagePlugin import PngInfo

            options["pnginfo"] = PngInfo()
            options["pnginfo"].add(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + picture.xmp)
    if kind.pillow == "JPEG" and picture.exif and not picture.exif.startswith(b"Exif\0\0"):
        options["exif"] = b"Exif\0\0" + picture.exif
    if kind.pillow == "JXL" and picture.exif:
        # the plugin leaves out where the TIFF header begins
        options["exif"] = bytes(4) + picture.exif.removeprefix(b"Exif\0\0")
    if kind.pillow == "JPEG" and max(picture.pixels.shape[:2]) > _JPEG_SIDE:
        raise ValueError(f"a side of more than {_JPEG_SIDE} pixels")  # libjpeg would print it, without the file's name
    if picture.pixels.size > _LARGE:
        options.pop("optimize", None)
    stream = io.BytesIO()
    if kind.plugin:
        importlib.import_module(kind.plugin)
    if kind.pillow == "TIFF":
        _set_tiff_tags(picture, options)
    # by its suffix, of which Pillow loads the one plugin; by its format it would load five
    stream.name = f"image{kind.suffixes[0]}"
    image.save(stream, **options)
    data = finish(stream.getvalue())
    patch = {"PNG": _png_resolution, "JPEG": _jfif_resolution}.get(kind.pillow)
    return patch(data, picture) if patch and picture.resolution else data


def _set_tiff_tags(picture: Picture, options: dict[str, Any]) -> None:
    from PIL.Image import Exif

    from . import deep

    exif = Exif()
    exif.load(picture.exif or b"")
    for tag in STORAGE:  # of the file that the Exif is from, though Pillow would write them over those of this one
        exif.pop(tag, None)
    keep_text(exif)
    if picture.xmp:
        exif[Tag.XMP] = picture.xmp
    for kind, data in picture.extras:
        if kind == IPTC:
            exif[Tag.IPTC] = data
    if picture.resolution:
        from PIL.TiffImagePlugin import IFDRational

        options.pop("dpi", None)
        r = picture.resolution
        x, y = (r.x, r.y) if r.unit < 3 else (v.limit_denominator(10**4) for v in r.per(1))
        exif[Tag.X_RESOLUTION], exif[Tag.Y_RESOLUTION] = (IFDRational(v.numerator, v.denominator) for v in (x, y))
        exif[Tag.RESOLUTION_UNIT] = {0: 1, 2: 3}.get(r.unit, 2)
    exif.update(deep.tiff_tags(picture))
    options["exif"] = exif


def _png_resolution(data: bytes, picture: Picture) -> bytes:
    """With a chunk pHYs behind IHDR: whole pixels per metre, or an aspect ratio.  Pillow knows no ratio."""
    r = picture.resolution
    assert r is not None
    x, y = (r.x, r.y) if r.unit == 0 else r.per(3)
    if r.unit == 0:
        x, y = x * y.denominator * x.denominator, y * y.denominator * x.denominator
    if round(max(x, y)) >= 2**32:
        raise ValueError(f"a resolution of {round(max(x, y))} pixels a metre")
    chunk = png_chunk(b"pHYs" + struct.pack(">IIB", round(x), round(y), r.unit > 0))
    return data[:33] + chunk + data[33:]


def _jfif_resolution(data: bytes, picture: Picture) -> bytes:
    """With the numbers themselves in the JFIF header, if they are whole.  Pillow knows no unit but the inch."""
    r = picture.resolution
    assert r is not None
    whole = all(v.denominator == 1 and v < 2**16 for v in (r.x, r.y))
    if data[6:11] != b"JFIF\0" or r.unit > 2 or not whole:
        return data
    return data[:13] + struct.pack(">BHH", r.unit, int(r.x), int(r.y)) + data[18:]
