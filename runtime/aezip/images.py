"""Pictures: the one place of the runtime that knows Pillow.

In: image files and Pillow images. Out: `Picture`, and back: pixels of 8 bits, grey
or RGB, and the metadata that travels with them, byte for byte. The EXIF
orientation is kept, not applied. What cannot be kept (transparency, more than
8 bits, CMYK, several frames) is refused by name. Pillow is loaded at first use.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .container import DEFAULT_MAX_PIXELS, EXIF, ICC, XMP, Lat, Section
from .errors import AezipError, ImageError, OutputError, UsageError
from .files import atomic_write, read_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True)
class Picture:
    """Pixels and the metadata that belongs to them."""

    pixels: NDArray[np.uint8]  # [H, W, C], C 1 or 3
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


@dataclass(frozen=True)
class Format:
    """A kind of image file that can be written."""

    pillow: str  # Pillow's name
    suffixes: tuple[str, ...]
    options: dict[str, Any]
    carries: tuple[str, ...] = ("icc", "exif", "xmp")  # fields of Picture


FORMATS = {
    "png": Format("PNG", (".png",), {}),
    "jpg": Format("JPEG", (".jpg", ".jpeg"), {"quality": 95, "subsampling": 0, "optimize": True}),
    "webp": Format("WEBP", (".webp",), {"lossless": True}),
    "tiff": Format("TIFF", (".tiff", ".tif"), {"compression": "raw"}),  # Pillow's compressed ones lose EXIF
    "bmp": Format("BMP", (".bmp",), {}, ()),
    "ppm": Format("PPM", (".ppm", ".pgm", ".pnm"), {}, ()),
}
_KNOWN = "an image (PNG, JPEG, WebP, TIFF, BMP, …)"
_EIGHT_BITS = "8-bit grey or RGB"
_GREY, _COLOUR = ("1", "L", "LA"), ("P", "PA", "RGB", "RGBA", "RGBX", "YCbCr")
_REFUSED = {
    "CMYK": "has CMYK colours",
    "LAB": "has Lab colours",
    "HSV": "has HSV colours",
    "I": "has 32-bit integer samples",
    "F": "has floating-point samples",
}


def from_pillow(image: Image.Image) -> Picture:
    """Pixels and metadata of a Pillow image.  Raises ImageError if they cannot be kept."""
    from .strips import array_of

    with _pillow_errors():
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # an MPO is a JPEG whose first picture is the photograph
            raise ImageError(f"has {frames} frames or pages", "a single picture")
        if image.mode.startswith("I;16") or any(";16" in str(tile) for tile in getattr(image, "tile", ())):
            raise ImageError("has 16-bit samples", _EIGHT_BITS)
        if image.mode not in _GREY + _COLOUR:
            raise ImageError(_REFUSED.get(image.mode, f"has mode {image.mode}"), _EIGHT_BITS)
        image.load()
        if image.has_transparency_data:
            image, original = image.convert("RGBA"), image
            if image.getchannel("A").getextrema() != (255, 255):
                raise ImageError("has transparency", "an opaque picture")
        else:
            original = image
        pixels = array_of(image, "L" if original.mode in _GREY else "RGB")
    info = original.info
    return Picture(pixels, _bytes(info.get("icc_profile")), _bytes(info.get("exif")), _bytes(info.get("xmp")))


def to_pillow(picture: Picture) -> Image.Image:
    """The Pillow image, mode L or RGB, with the metadata in `.info`."""
    from PIL import Image

    image = Image.fromarray(picture.pixels[:, :, 0] if picture.pixels.shape[2] == 1 else picture.pixels)
    image.info.update(_metadata(picture))
    return image


def read(path: str | os.PathLike[str]) -> Picture:
    """Read an image file.  Raises ImageError, which names the file."""
    try:
        return parse(read_bytes(path, ImageError))
    except ImageError as e:
        e.file = os.fspath(path)
        raise


def parse(data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """The picture of an image file's bytes.  Raises ImageError."""
    if not data:
        raise ImageError("the file is empty", _KNOWN)
    with _limit(max_pixels), _pillow_errors():
        from PIL import Image

        image = Image.open(io.BytesIO(data))
        if image.width * image.height > max_pixels:
            size = f"{image.width}×{image.height} pixels"
            raise ImageError(size, f"at most {max_pixels}, or a higher --max-pixels")
        return from_pillow(image)


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


def build(picture: Picture, format: str) -> tuple[bytes, tuple[str, ...]]:
    """The bytes of an image file of a kind in FORMATS, and the names of the metadata that it cannot carry.

    Raises OutputError.
    """
    kind = FORMATS[format]
    try:
        data = _encode(picture, kind)
    except (OSError, ValueError, RuntimeError, OverflowError) as e:
        raise OutputError(f"{kind.pillow} cannot hold this picture ({e})", "another format") from e
    return data, tuple(name for name in ("icc", "exif", "xmp") if getattr(picture, name) and name not in kind.carries)


def format_of(path: str | os.PathLike[str], format: str | None = None) -> str:
    """The key in FORMATS of `format`, or else of the path's suffix.  Raises UsageError."""
    suffix = f".{format.lower()}" if format else Path(path).suffix.lower()
    name = next((name for name, known in FORMATS.items() if suffix in known.suffixes), None)
    if name is None:
        finding = f"unknown image format '{suffix.lstrip('.')}'" if suffix else "no suffix that names an image format"
        raise UsageError(finding, "one of " + ", ".join(FORMATS), file=None if format else os.fspath(path))
    return name


def sections_of(picture: Picture) -> tuple[Section, ...]:
    """The metadata as sections of a `.lat` file."""
    pairs = ((ICC, picture.icc), (EXIF, picture.exif), (XMP, picture.xmp))
    return tuple(Section(kind, data) for kind, data in pairs if data)


def picture_of(pixels: NDArray[np.uint8], lat: Lat) -> Picture:
    """Decoded pixels [H, W, C] and the metadata of the `.lat` file they are from."""
    return Picture(pixels, lat.section(ICC), lat.section(EXIF), lat.section(XMP))


def _encode(picture: Picture, kind: Format) -> bytes:
    """The bytes of an image file."""
    image, options = to_pillow(picture), dict(kind.options)
    image.info.clear()
    for key, value in _metadata(picture).items():
        if {"icc_profile": "icc"}.get(key, key) in kind.carries:
            options[key] = value
    if kind.pillow == "PNG" and picture.xmp:
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + picture.xmp)
    if kind.pillow == "JPEG" and picture.exif and not picture.exif.startswith(b"Exif\0\0"):
        options["exif"] = b"Exif\0\0" + picture.exif
    if kind.pillow == "TIFF" and (picture.exif or picture.xmp):
        from PIL.Image import Exif

        options["exif"] = Exif()
        options["exif"].load(picture.exif or b"")
        if picture.xmp:
            options["exif"][700] = picture.xmp
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(stream, kind.pillow, **options)
    return stream.getvalue()


def _metadata(picture: Picture) -> dict[str, bytes]:
    """What there is, under Pillow's names."""
    pairs = {"icc_profile": picture.icc, "exif": picture.exif, "xmp": picture.xmp}
    return {key: value for key, value in pairs.items() if value}


def _bytes(value: object) -> bytes | None:
    """One entry of Pillow's `.info`."""
    if isinstance(value, str):
        return value.encode() or None
    return bytes(value) or None if isinstance(value, (bytes, bytearray)) else None


@contextlib.contextmanager
def _limit(max_pixels: int) -> Iterator[None]:
    """Inside, Pillow's own rule against decompression bombs stands at this limit."""
    from PIL import Image

    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


@contextlib.contextmanager
def _pillow_errors() -> Iterator[None]:
    """Inside, whatever Pillow raises becomes an ImageError, and it warns of nothing."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (AezipError, MemoryError):
            raise
        except UnidentifiedImageError as e:
            raise ImageError("not an image that can be read", _KNOWN) from e
        except Image.DecompressionBombError as e:
            most = Image.MAX_IMAGE_PIXELS
            raise ImageError("has too many pixels", f"at most {most}, or a higher --max-pixels") from e
        except Exception as e:  # its plugins raise nearly any class over damaged data
            raise ImageError(f"the image data is damaged or cut short ({e})", "a whole image") from e
