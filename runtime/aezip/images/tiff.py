"""The structure of TIFF files, and so of EXIF: tags, and directories of them.

Tags of TIFF 6.0 and its supplements, Exif (CIPA DC-008), GeoTIFF, GDAL, Esri (LERC), Adobe (XMP, DNG) and Windows
(XP_…).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL import Image


class Tag(IntEnum):
    """Numbers of tags; others are in a range of these."""

    NEW_SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    DOCUMENT_NAME = 269
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    STRIP_BYTE_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR_CONFIGURATION = 284
    PAGE_NAME = 285
    RESOLUTION_UNIT = 296
    SOFTWARE = 305
    DATE_TIME = 306
    ARTIST = 315
    HOST_COMPUTER = 316
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_OFFSET = 513
    JPEG_BYTE_COUNT = 514
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    XMP = 700
    COPYRIGHT = 33432
    MODEL_PIXEL_SCALE = 33550
    IPTC = 33723
    MODEL_TIEPOINT = 33922
    MODEL_TRANSFORMATION = 34264
    EXIF = 34665
    ICC = 34675
    GEO_KEY_DIRECTORY = 34735
    GEO_DOUBLE_PARAMS = 34736
    GEO_ASCII_PARAMS = 34737
    GPS = 34853
    XP_TITLE = 40091
    XP_SUBJECT = 40095
    INTEROPERABILITY = 40965
    GDAL_METADATA = 42112
    GDAL_NODATA = 42113
    LERC_PARAMETERS = 50674
    DNG_VERSION = 50706


# GeoTIFF's tags, which mean something together only
GEO = (
    Tag.MODEL_PIXEL_SCALE,
    Tag.MODEL_TIEPOINT,
    Tag.MODEL_TRANSFORMATION,
    Tag.GEO_KEY_DIRECTORY,
    Tag.GEO_DOUBLE_PARAMS,
    Tag.GEO_ASCII_PARAMS,
)
# a TIFF file is its own EXIF; these of its tags are not about how it stores the pixels
DESCRIPTIVE = (
    *range(Tag.DOCUMENT_NAME, Tag.STRIP_OFFSETS),
    Tag.PAGE_NAME,
    Tag.SOFTWARE,
    Tag.DATE_TIME,
    Tag.ARTIST,
    Tag.HOST_COMPUTER,
    Tag.COPYRIGHT,
    *range(Tag.XP_TITLE, Tag.XP_SUBJECT + 1),
    *GEO,
    Tag.GDAL_METADATA,
    Tag.GDAL_NODATA,
)
IFDS = (Tag.EXIF, Tag.GPS)
# and these are, or about its colours, resolution and smaller copies, which are read elsewhere
ABOUT_PIXELS = frozenset(
    {
        *range(Tag.NEW_SUBFILE_TYPE, Tag.DOCUMENT_NAME),
        *range(Tag.STRIP_OFFSETS, Tag.PAGE_NAME),
        *range(286, Tag.SOFTWARE),
        *range(Tag.PREDICTOR, 348),
        *range(512, 533),
        Tag.ICC,
        Tag.LERC_PARAMETERS,
    }
)
# those of how a file stores its pixels, which EXIF may hold, too
STORAGE = (
    *range(Tag.NEW_SUBFILE_TYPE, Tag.COMPRESSION + 1),
    Tag.PHOTOMETRIC,
    Tag.FILL_ORDER,
    Tag.STRIP_OFFSETS,
    *range(Tag.SAMPLES_PER_PIXEL, Tag.STRIP_BYTE_COUNTS + 1),
    Tag.PLANAR_CONFIGURATION,
    Tag.PREDICTOR,
    *range(Tag.COLOR_MAP, Tag.TILE_BYTE_COUNTS + 1),
    Tag.EXTRA_SAMPLES,
    Tag.SAMPLE_FORMAT,
    Tag.JPEG_OFFSET,
    Tag.JPEG_BYTE_COUNT,
    *range(Tag.YCBCR_SUBSAMPLING, Tag.REFERENCE_BLACK_WHITE + 1),
)
ORDERS = {b"II": "<", b"MM": ">"}  # a file's first bytes, and struct's letters
SHORT, LONG = 3, 4  # types of whole numbers
FORMS = {SHORT: "H", LONG: "I"}  # their letters
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # photometric interpretations
IN_PLANES = 2  # a planar configuration
ASSOCIATED, UNASSOCIATED = 1, 2  # alpha among extra samples
TOGETHER = "pixels whose samples lie together (a PlanarConfiguration of 1)"  # where planes are not read
EXIF_PREFIX = b"Exif\0\0"
ENTRY = 12  # bytes of an entry


class Directory(NamedTuple):
    """Where a directory stands in a file."""

    order: str  # of bytes, as struct's letter
    base: int  # where offsets count from
    start: int  # of the number of entries, which lie behind it
    size: int  # entries

    @property
    def end(self) -> int:
        """Behind the entries: where the offset of the next directory stands."""
        return self.start + 2 + ENTRY * self.size


class Entry(NamedTuple):
    """A tag of a directory."""

    tag: int
    kind: int  # SHORT, LONG, …
    size: int  # numbers
    place: int  # of the entry

    @property
    def value(self) -> int:
        """The place of its four bytes of value or offset."""
        return self.place + 8


def directory(data: bytes, offset: int = 0) -> Directory:
    """A directory of a TIFF file, or of EXIF.  offset: 0 for the first.  Raises struct.error if there is none."""
    base = len(EXIF_PREFIX) if data.startswith(EXIF_PREFIX) else 0
    order = ORDERS.get(data[base : base + 2])
    if order is None:
        raise struct.error("no byte order")
    start = base + (offset or struct.unpack_from(order + "I", data, base + 4)[0])
    return Directory(order, base, start, struct.unpack_from(order + "H", data, start)[0])


def entries(data: bytes, found: Directory) -> Iterator[Entry]:
    """The entries of a directory.  Raises struct.error where the data end before it does."""
    for place in range(found.start + 2, found.end, ENTRY):
        tag, kind, size = struct.unpack_from(found.order + "HHI4x", data, place)
        yield Entry(tag, kind, size, place)


def number_of(data: bytes, order: str, entry: Entry) -> int:
    """The value of an entry with one number: of SHORT 16 bits, of others 32."""
    return int(struct.unpack_from(order + FORMS.get(entry.kind, "I"), data, entry.value)[0])


def tags_of(image: Image.Image) -> Mapping[int, Any]:
    """Tags and values of a TIFF that Pillow has opened, none of other images."""
    return getattr(image, "tag_v2", {})


def in_planes(image: Image.Image) -> bool:
    """Whether a TIFF has colours of more than 8 bits in planes, one behind the other."""
    tags = tags_of(image)
    planes = tags.get(Tag.PLANAR_CONFIGURATION) == IN_PLANES and tags.get(Tag.SAMPLES_PER_PIXEL, 1) > 1
    return planes and max(tags.get(Tag.BITS_PER_SAMPLE, (8,))) > 8
