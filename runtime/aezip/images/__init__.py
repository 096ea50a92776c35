"""Pictures. Pillow is loaded at first use.

picture.py      `Picture` ↔ sections of a `.lat` file
reading.py      image files and Pillow images → `Picture`
deep.py         files of more than 8 bits a sample
colour.py       every mode that Pillow has → grey or RGB, and alpha
headers.py      what headers of files say and Pillow does not; parts of PNGs and JPEGs
heif.py         bits per sample, colours and light of AVIF and HEIF
avif.py         metadata that the libraries do not write into AVIFs
boxes.py        boxes of such files
tiff.py         tags and directories of TIFF and EXIF
jxl.py          headers of JPEG XL: colours read and named anew
jpeg2000.py     JPEG 2000 of more than 8 bits
netpbm.py       PGM, PPM and PAM of 8 to 16 bits
raw.py          raw camera files, developed
signalling.py   colours by code points or profiles: which a file has, and which it gets
profiles.py     ICC profiles: made for colours that a file names otherwise, and applied
h273.py         code points: their primaries and curves as numbers
tone.py         high dynamic range and wide gamut → sRGB
gain_map.py     gain maps: found behind a JPEG, and put there
metadata.py     resolution, EXIF and XMP of image files of each format; the EXIF orientation
extras.py       IPTC, comments, texts, and what stays behind
photoshop.py    resources that hold IPTC
kinds/          what is particular to a kind of files: a module each
pillow_image.py `Picture` → Pillow images; their pixels → arrays
resizing.py     `Picture` → a smaller one
formats.py      kinds of files that are written
writing.py      `Picture` → image files
sheet.py        many small ones → one
"""

from __future__ import annotations

from ..format.resolution import Resolution
from .formats import FORMATS, SUBSAMPLINGS, format_of, kind_of
from .metadata import replaced
from .picture import Picture, check_sections, picture_of, sections_of
from .pillow_image import to_pillow
from .reading import AS_IT_IS, NEEDS, READ_SUFFIXES, ReadOptions, from_pillow, is_pillow, parse, read, stripped
from .resizing import fit
from .sheet import sheet
from .signalling import for_8_bits, in_8_bits, tone_mapped
from .writing import build, lost_note, write

__all__ = [
    "AS_IT_IS",
    "FORMATS",
    "NEEDS",
    "READ_SUFFIXES",
    "SUBSAMPLINGS",
    "Picture",
    "ReadOptions",
    "Resolution",
    "build",
    "check_sections",
    "fit",
    "for_8_bits",
    "format_of",
    "from_pillow",
    "in_8_bits",
    "is_pillow",
    "kind_of",
    "lost_note",
    "parse",
    "picture_of",
    "read",
    "replaced",
    "sections_of",
    "sheet",
    "stripped",
    "to_pillow",
    "tone_mapped",
    "write",
]
