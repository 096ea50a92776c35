"""Image files and Pillow images → `Picture`.

The formats of pictures that Pillow opens are read, with the plugins that happen to be installed (pillow-heif,
pillow-jxl), and raw camera files with rawpy. Metadata is kept byte for byte and the EXIF orientation is not applied,
unless `ReadOptions` says so. Of several frames or pages one has to be chosen.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from ..complaints import printed
from ..errors import AezipError, ImageError, LimitExceeded, about
from ..format.container import DEEPEST, DEFAULT_MAX_PIXELS, GAIN_MAP, MAGIC, PLAIN, check_limit
from ..storage import places
from . import colour, extras, metadata, raw, signalling
from .headers import file_of
from .kinds import facts_of, reader_of
from .picture import Picture, without
from .tiff import Tag, tags_of

if TYPE_CHECKING:
    from PIL import Image


class ReadOptions(NamedTuple):
    """How an image file or a Pillow image is read.

    Attributes:
        frame: Which of several frames or pages, from 1. None: there must be one alone.
        deep: Take samples of 9 to 16 bits as they are, rather than refuse them. `Codec.compress` always does.
        to_8bit: Make samples of more bits, and floating-point ones, 8-bit, rather than refuse them.
        plain_cmyk: Make CMYK without an ICC profile RGB by plain arithmetic, rather than refuse it.
        stretch: As `to_8bit`, from the range that is found in a grey picture.
        upright: Turn the picture as its EXIF orientation says, and reset that.
        strip: Drop the picture's metadata. It is turned upright and converted to sRGB first.
        strict: Refuse pictures whose data are damaged, even if they can be decoded.
    """

    frame: int | None = None
    deep: bool = False
    to_8bit: bool = False
    plain_cmyk: bool = False
    stretch: bool = False
    upright: bool = False
    strip: bool = False
    strict: bool = False


AS_IT_IS = ReadOptions()
# Of the files that are taken out of folders; a file that is named may have any.
_SUFFIXES = """
    .apng .avif .blp .bmp .bw .cur .dcx .dds .dib .fit .fits .gif .icb .icns .ico .im .j2c .j2k .jfif .jp2 .jpc .jpe
    .jpeg .jpf .jpg .jpx .mpo .msp .pam .pbm .pcd .pcx .pfm .pgm .png .pnm .ppm .psd .pxr .qoi .ras .rgb
    .rgba .sgi .tga .tif .tiff .vda .vst .webp .xbm .xpm
"""
_OF_PLUGINS = (  # module, what to install, suffixes
    ("pillow_heif", "pillow-heif", ".heic .heics .heif .heifs .hif"),
    ("pillow_jxl", "pillow-jxl-plugin", ".jxl"),
    ("rawpy", "rawpy", raw.SUFFIXES),
)
_THERE = {module: bool(importlib.util.find_spec(module)) for module, *_ in _OF_PLUGINS}
READ_SUFFIXES = frozenset(_SUFFIXES.split()).union(*(names.split() for m, _, names in _OF_PLUGINS if _THERE[m]))
NEEDS = {  # suffix → what to install for it
    suffix: package for m, package, names in _OF_PLUGINS if not _THERE[m] for suffix in names.split()
}
_PAM = b"P7\n"  # its files begin so
_TEXT = 2**24  # bytes of a PNG's compressed text, when it is unpacked
_KNOWN = "an image (PNG, JPEG, WebP, TIFF, BMP, …)"
_UNSUPPORTED = re.compile(r"\bun(?:supported|implemented|known)\b|not (?:supported|configured)", re.IGNORECASE)
# What is tried, the usual first, those without a signature last. Not EPS and WMF, which start interpreters, nor what is
# a stub or opens others in turn.
_FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "TIFF",
    "GIF",
    "BMP",
    "PPM",
    "AVIF",
    "JPEG2000",
    "DIB",
    "PSD",
    "PCX",
    "DCX",
    "ICO",
    "CUR",
    "ICNS",
    "QOI",
    "SGI",
    "SUN",
    "DDS",
    "FITS",
    "FLI",
    "IM",
    "XBM",
    "XPM",
    "MSP",
    "PIXAR",
    "PCD",
    "BLP",
    "FTEX",
    "GBR",
    "MCIDAS",
    "XVTHUMB",
    "SPIDER",
    "TGA",
)
_PLUGINS = (("pillow_heif", "register_heif_opener", "HEIF"), ("pillow_jxl", "", "JXL"))


def read(path: str | os.PathLike[str], intake: ReadOptions = AS_IT_IS, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read an image file, or the image at a URL.  Raises InputNotFound, ImageError, LimitExceeded, naming the file."""
    name = os.fspath(path)
    with about(name):
        return parse(places.read(name, ImageError), max_pixels, intake)


def parse(data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS, intake: ReadOptions = AS_IT_IS) -> Picture:
    """The picture of an image file's bytes.  Raises ImageError, LimitExceeded."""
    if not data:
        raise ImageError("the file is empty", _KNOWN)
    if data.startswith(MAGIC):
        raise ImageError("is a .lat file already", _KNOWN)
    is_pam = data.startswith(_PAM)
    if is_pam or raw.is_raw(data):
        if intake.frame not in (None, 1):
            raise ImageError(f"has one picture, and no frame {intake.frame}", "no frame, or ReadOptions(frame=1)")
        return _pam(data, max_pixels, intake) if is_pam else _developed(data, max_pixels, intake)
    try:
        return _opened(data, max_pixels, intake)
    except (ImageError, LimitExceeded) as e:
        if not _is_of_limits(e):
            raise
    with LIMITS.raised(max_pixels):
        return _opened(data, max_pixels, intake)


def _opened(data: bytes, max_pixels: int, intake: ReadOptions) -> Picture:
    """The picture of a file that Pillow opens.  Raises ImageError."""
    with _pillow_errors():
        image = _open(data)
        check_limit(image.width, image.height, max_pixels)
        return from_pillow(image, intake)


def _is_of_limits(error: AezipError) -> bool:
    """Whether one of Pillow's limits is the reason."""
    from PIL import Image

    why = error.__cause__
    return isinstance(why, (Image.DecompressionBombError, Image.DecompressionBombWarning)) or "MAX_TEXT" in str(why)


def _developed(data: bytes, max_pixels: int, intake: ReadOptions) -> Picture:
    """The picture of a raw camera file, which stands upright.  Raises ImageError."""
    deep = intake.deep and not (intake.to_8bit or intake.stretch)
    with _pillow_errors(), printed(intake.strict) as damage:  # Pillow reads the metadata
        picture = raw.developed(data, max_pixels, DEEPEST if deep else PLAIN)
    if damage and intake.strict:
        raise ImageError(damage[0], "a complete image, or ReadOptions(strict=False)")
    picture = replace(picture, notes=(*damage, *picture.notes))
    return stripped(picture) if intake.strip else picture


def _pam(data: bytes, max_pixels: int, intake: ReadOptions) -> Picture:
    """The picture of a PAM.  Raises ImageError."""
    from . import netpbm

    picture = netpbm.read_pam(data, max_pixels, intake.to_8bit or intake.stretch)
    if picture.depth > PLAIN and not intake.deep:
        raise ImageError(f"has {picture.depth}-bit samples", "8-bit samples, or ReadOptions(to_8bit=True)")
    return picture


def is_pillow(source: object) -> bool:
    """Whether something is a Pillow image; Pillow is not loaded to find out."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(source, module.Image)


def from_pillow(image: Image.Image, intake: ReadOptions = AS_IT_IS) -> Picture:
    """The picture of a Pillow image, of the frame that `intake` names.  Raises ImageError."""
    with _pillow_errors():
        frames = getattr(image, "n_frames", 1)
        if intake.frame is None:
            if frames > 1 and not reader_of(image).one_picture:
                raise ImageError(
                    f"has {frames} frames or pages", f"a single picture, or ReadOptions(frame=N), 1 to {frames}"
                )
            return of_frame(image, intake)
        if not 1 <= intake.frame <= frames:
            raise ImageError(
                f"has {frames} frames or pages, not a frame {intake.frame}", f"ReadOptions(frame=N), 1 to {frames}"
            )
        before = image.tell()
        try:
            image.seek(intake.frame - 1 + getattr(image, "_min_frame", 0))
            return of_frame(image, intake)
        finally:
            image.seek(before)


def of_frame(image: Image.Image, intake: ReadOptions = AS_IT_IS) -> Picture:
    """The picture of the frame that a Pillow image stands at.  Raises ImageError."""
    reader = reader_of(image)
    data = file_of(image) if reader.looked_into else b""
    tags = tags_of(image)
    if raw.are_of_sensor(tags):
        raise ImageError("is a raw camera file, of which Pillow reads the preview alone", "its path or bytes")
    with _pillow_errors(), reader.complaints(image, data, intake.strict) as damage:
        turned = tags.get(Tag.ORIENTATION, 1) != 1  # by Pillow, when it loads a TIFF
        exif, resolution, facts = metadata.exif_of(image), metadata.resolution_of(image), facts_of(reader, data)
        shallow = intake.to_8bit or intake.stretch
        narrow = facts.cicp is not None and not facts.cicp.full_range  # which is made 8-bit when its range is full
        if (narrow if shallow else intake.deep) and (samples := colour.depth_of(image, facts.bits)):
            colours = colour.as_they_are(image, samples, facts)
        else:
            colours = colour.separate(image, intake.to_8bit, intake.stretch, facts, intake.plain_cmyk)
        exif = exif or metadata.exif_of(image)  # a PNG may hold it behind its pixels
        pixels, alpha, xmp = colours.pixels, colours.alpha, metadata.xmp_of(image)
        named = signalling.NOTHING if colours.srgb else signalling.of_image(image, facts, pixels.shape[2])
        found, left = extras.parts_of(reader, image, data)
        kept, left = (*facts.light, *found), (*left, *(("all frames but one (animation)",) if facts.animated else ()))
    if damage and intake.strict:
        raise ImageError(damage[0], "a complete image, or ReadOptions(strict=False)")
    notes = (*damage, colours.note, named.note)
    picture = Picture(
        pixels,
        alpha=alpha,
        depth=colours.depth,
        notes=notes,
        icc=named.icc,
        cicp=named.cicp,
        exif=exif,
        xmp=xmp,
        resolution=resolution,
        extras=kept,
    )
    if shallow and colours.depth > PLAIN:
        note = f"{colours.depth}-bit samples of narrow range made 8-bit, of full range"
        picture = replace(signalling.in_8_bits(picture), notes=(*notes, note))
    lies = metadata.orientation_of(exif, xmp) if intake.upright else 1
    picture = picture if lies == 1 else upright(picture)
    if picture.exif and (turned or lies != 1) and metadata.has_places(picture.exif):
        picture = replace(picture, exif=metadata.without_places(picture.exif))
        left = (*left, "GeoTIFF tags, as the picture was turned")
    if lies != 1 and any(section.type == GAIN_MAP for section in kept):
        picture = replace(picture, extras=without(kept, GAIN_MAP))
        left = (*left, "a gain map (HDR), as the picture was turned")
    if picture.alpha is not None:
        from ..format.alpha import fill

        picture = replace(picture, pixels=fill(picture.pixels, picture.alpha, picture.depth))
    if intake.strip:
        picture = stripped(picture)
    elif left:
        picture = replace(picture, notes=(*picture.notes, f"left behind: {', '.join(left)}"))
    return replace(picture, notes=tuple(filter(None, picture.notes)))


def upright(picture: Picture) -> Picture:
    """The picture turned as its orientation says, which is then that of a picture that stands."""
    lies = metadata.orientation_of(picture.exif, picture.xmp)
    if lies == 1:
        return picture
    alpha = None if picture.alpha is None else metadata.turn(picture.alpha, lies)
    exif, xmp = metadata.reset_orientation(picture.exif, picture.xmp)
    resolution = picture.resolution.turned() if picture.resolution and lies >= 5 else picture.resolution
    pixels = metadata.turn(picture.pixels, lies)
    return replace(picture, pixels=pixels, alpha=alpha, exif=exif, xmp=xmp, resolution=resolution)


def stripped(picture: Picture) -> Picture:
    """The picture alone, upright, and in sRGB if that holds it."""
    picture = upright(picture)
    if signalling.hdr_of(picture):
        note = "the colours stay as they are named, as PQ and HLG (HDR) have no place in sRGB"
        picture = replace(picture, icc=None if picture.cicp else picture.icc, notes=(*picture.notes, note))
    else:
        picture = signalling.tone_mapped(picture)
    return replace(picture, exif=None, xmp=None, resolution=None, extras=())


def _open(data: bytes) -> Image.Image:
    """Of Pillow's own plugins, then of the others that are installed."""
    import logging

    from PIL import Image, UnidentifiedImageError

    logger = logging.getLogger("PIL")
    if not logger.handlers:  # else Python would print what Pillow logs
        logger.addHandler(logging.NullHandler())
    with contextlib.suppress(UnidentifiedImageError):
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    if data.startswith((b"II*\0", b"MM\0*")):
        finding = "is a TIFF or raw camera file whose samples or compression Pillow does not read"
        raise ImageError(finding, "grey, RGB or RGBA samples of 8 or 16 bits, or a developed picture")
    return Image.open(io.BytesIO(data), formats=_register_plugins())


@lru_cache(maxsize=1)
def _register_plugins() -> tuple[str, ...]:
    """Import what else reads images; Pillow's names of the formats."""
    found = list[str]()
    for name, function, format in _PLUGINS:
        with contextlib.suppress(Exception):  # an absent or broken plugin must not keep others from being read
            plugin = importlib.import_module(name)
            if function:
                getattr(plugin, function)()
            found.append(format)
    return tuple(found)


class _Limits:
    """Pillow's limits, higher while any thread reads a picture that is above them and below ours.

    Pillow knows one limit of each kind for all threads, so the last one out restores them.
    """

    def __init__(self) -> None:
        self._lock, self._wanted = Lock(), list[int]()
        self._pixels: int | None = None  # as they were before
        self._text = 0

    @contextlib.contextmanager
    def raised(self, max_pixels: int) -> Iterator[None]:
        """Inside, Pillow's rule against decompression bombs stands at this limit or above, that of PNG's texts, too."""
        from PIL import Image, PngImagePlugin

        with self._lock:
            if not self._wanted:
                self._pixels, self._text = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
                PngImagePlugin.MAX_TEXT_CHUNK = max(self._text, _TEXT)
            self._wanted.append(max_pixels)
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self._wanted.remove(max_pixels)
                self._set()
                if not self._wanted:
                    PngImagePlugin.MAX_TEXT_CHUNK = self._text

    def _set(self) -> None:
        from PIL import Image

        Image.MAX_IMAGE_PIXELS = None if self._pixels is None else max(self._pixels, *self._wanted, 0)


LIMITS = _Limits()


@contextlib.contextmanager
def _pillow_errors() -> Iterator[None]:
    """Inside, whatever Pillow raises becomes an ImageError."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except UnidentifiedImageError as e:
        raise ImageError("not an image that can be read", _KNOWN) from e
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        most = Image.MAX_IMAGE_PIXELS
        raise LimitExceeded("has too many pixels", f"at most {most}, or a higher max_pixels") from e
    except (AezipError, MemoryError, Warning):  # the last: where the caller has made errors of warnings
        raise
    except Exception as e:  # its plugins raise nearly any class over damaged data
        if "MAX_TEXT" in str(e):
            from PIL.PngImagePlugin import MAX_TEXT_CHUNK

            finding = f"holds texts or a profile that unpack to more than {MAX_TEXT_CHUNK >> 20} MiB"
            raise ImageError(finding, "a PNG without them") from e
        if isinstance(e, NotImplementedError) or _UNSUPPORTED.search(str(e)):
            raise ImageError(f"is of a kind that Pillow does not read ({e})", "another kind of image") from e
        raise ImageError(f"the image data is damaged or cut short ({e})", "a complete image") from e
