"""The kinds of image files that are written: what each can hold, and how it is chosen."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UsageError, missing

METADATA = {"icc": "ICC", "exif": "EXIF", "xmp": "XMP", "resolution": "resolution"}  # fields of Picture, and names
ALL = tuple(METADATA)


class Format(NamedTuple):
    """A kind of image file that can be written."""

    pillow: str  # Pillow's name, or that of a kind which Pillow does not know
    suffixes: tuple[str, ...]
    options: dict[str, Any]
    carries: tuple[str, ...] = ALL  # fields of Picture
    alpha: bool = False
    lossy: dict[str, Any] | None = None  # what goes with a quality; None: there is none to choose
    subsampled: bool = False  # colours may be of fewer samples than brightness
    plugin: str = ""  # the module beside Pillow that writes it


SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
FORMATS = {
    "png": Format("PNG", (".png",), {"compress_level": 4}, alpha=True),  # 6 takes 2.4 times as long for 3 % less
    "jpg": Format(
        "JPEG", (".jpg", ".jpeg"), {"quality": 95, "subsampling": "4:4:4", "optimize": True}, lossy={}, subsampled=True
    ),
    "webp": Format(
        "WEBP", (".webp",), {"lossless": True}, ("icc", "exif", "xmp"), alpha=True, lossy={"lossless": False}
    ),
    "avif": Format(
        "AVIF",
        (".avif",),
        {"quality": 90, "subsampling": "4:4:4"},
        ("icc", "exif", "xmp"),
        alpha=True,
        lossy={},
        subsampled=True,
    ),
    "jxl": Format(
        "JXL",
        (".jxl",),
        {"lossless": True},
        ("exif", "xmp"),
        alpha=True,
        lossy={"lossless": False},
        plugin="pillow_jxl",
    ),
    # Pillow's compressed TIFFs lose EXIF
    "tiff": Format("TIFF", (".tiff", ".tif"), {"compression": "raw"}, alpha=True),
    "bmp": Format("BMP", (".bmp",), {}, ("resolution",)),
    "ppm": Format("PPM", (".ppm", ".pgm", ".pnm"), {}, ()),
    "pam": Format("PAM", (".pam",), {}, (), alpha=True),
}


def format_of(path: str | os.PathLike[str], format: str | None = None) -> str:
    """The key in FORMATS of `format`, or else of the path's suffix.  Raises UsageError."""
    suffix = f".{format.lower()}" if format else Path(path).suffix.lower()
    name = next((name for name, known in FORMATS.items() if suffix in known.suffixes), None)
    if name is None:
        finding = f"unknown image format '{suffix.lstrip('.')}'" if suffix else "no suffix that names an image format"
        raise UsageError(finding, "one of " + ", ".join(FORMATS), file=None if format else os.fspath(path))
    return name


def kind_of(format: str, quality: int | None = None, subsampling: str | None = None) -> Format:
    """A kind of FORMATS, to be written with a quality of 1 to 100, or a subsampling.

    Raises UsageError, and DependencyMissing if the plugin that writes it is not installed.
    """
    kind = FORMATS[format]
    if kind.plugin and not importlib.util.find_spec(kind.plugin):
        raise missing(kind.plugin)
    for name, value, able in (
        ("output_quality", quality, lambda known: known.lossy is not None),
        ("subsampling", subsampling, lambda known: known.subsampled),
    ):
        if value is not None and not able(kind):
            names = ", ".join(known for known in FORMATS if able(FORMATS[known]))
            raise UsageError(f"{format} has no {name.removeprefix('output_')}", f"{name} with one of {names}")
    options = dict(kind.options)
    if quality is not None and (format, quality) != ("jxl", 100):  # which is lossless, as in libjxl's programs
        options.update(kind.lossy or {}, quality=quality)
    if subsampling is not None:
        options["subsampling"] = subsampling
    return kind._replace(options=options)
