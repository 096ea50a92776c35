"""Pictures. Pillow is loaded at first use.

Image files → `reading` → `Picture` (`picture`, which knows the sections of a `.lat` file) → `writing` → image files.
`kinds/` has what is particular to a kind of files; the modules named after formats know their bytes. Colours:
`signalling` (which a file has, and gets), `profiles`, `h273`, `tone`.
"""

from __future__ import annotations

from ..format.resolution import Resolution
from .formats import FORMATS, SUBSAMPLINGS, format_of, kind_of
from .metadata import replaced
from .picture import Picture, check_sections, picture_of, sections_of
from .pillow_image import fit, to_pillow
from .reading import AS_IT_IS, NEEDS, READ_SUFFIXES, ReadOptions, from_pillow, is_pillow, parse, read, stripped
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
