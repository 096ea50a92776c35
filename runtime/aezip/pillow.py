"""`.lat` files in Pillow, once this module has been imported.

    import aezip.pillow
    image = Image.open("holiday.lat")                  # size, mode and .info; no model is opened
    image.load()                                       # decodes; after `draft` or in `thumbnail`, a smaller picture
    image.save("smaller.lat", quality=40)

`save` also takes lossless (True: every pixel is kept, False: never; else where that makes a smaller file), cell_psnr,
effort, model and threads; to_8bit, stretch, plain_cmyk, upright, strip and strict of `aezip.ReadOptions`; and
icc_profile, exif, xmp and dpi in place of the image's own.
Grey of more than 8 bits is of mode I;16, scaled to 16; colours, and what has alpha, are made 8-bit, for Pillow has no
such modes: `aezip.Codec.decode` gives all bits. A damaged file raises SyntaxError while Pillow opens it (so that
`Image.open` raises UnidentifiedImageError), and OSError from then on, with aezip's one line. Pillow's limit on pixels
is obeyed, and so is ImageFile.LOAD_TRUNCATED_IMAGES.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import replace
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from .errors import AezipError, SectionDamaged, Truncated, UsageError
from .format import container
from .format.container import Section
from .format.scales import SCALES
from .images import ReadOptions, picture_of, replaced, sections_of, to_pillow
from .images.metadata import fractions_of
from .images.picture import alpha_of, metadata_of
from .images.pillow_image import info_of
from .images.reading import of_frame

if TYPE_CHECKING:
    from .codec import Codec

FORMAT, MIME, SUFFIX = "LAT", "image/x-aezip", ".lat"
_READING = ("to_8bit", "stretch", "plain_cmyk", "upright", "strip", "strict")
_METADATA_GIVEN = ("icc_profile", "exif", "xmp", "dpi")
_OPTIONS = {"quality", "lossless", "cell_psnr", "effort", "model", "threads", *_READING, *_METADATA_GIVEN}
_READ_OPTION = re.compile(r"ReadOptions\((.*?)\)")  # as errors name it
_METADATA = (container.ICC, container.CICP, container.EXIF, container.XMP, container.RESOLUTION, container.DEPTH)


class LatImageFile(ImageFile.ImageFile):
    """A `.lat` file: opening reads what is in front of the latents or exact pixels, loading the rest."""

    format = FORMAT
    format_description = "aezip, a neural image codec"

    def _open(self) -> None:
        assert self.fp is not None
        try:
            header, sections, alpha = _head(self.fp)
            info = info_of(metadata_of(sections), header.channels)
        except AezipError as e:
            raise SyntaxError(str(e)) from e
        self._size = header.width, header.height
        self._mode = ("L" if header.channels == 1 else "RGB") + ("A" if alpha else "")
        if self._mode == "L" and any(section.type == container.DEPTH for section in sections):
            self._mode = "I;16"
        self.info.update(info)
        self.tile = [ImageFile._Tile("lat", (0, 0, *self.size), 0, ())]

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Load a smaller picture, which is faster: the smallest of 1, 1/2, 1/4, 1/8 and 1/16 with this size or more.

        Pillow calls it before `thumbnail`. Gives the mode, and the picture's box in pixels of the smaller one; None if
        nothing changes.
        """
        if len(self.tile) != 1 or not size or self.tile[0].args:
            return None
        width, height = self.size
        scale = max(n for n in SCALES if n == 1 or (-(-width // n) >= size[0] and -(-height // n) >= size[1]))
        if scale == 1:
            return None
        self._size = -(-width // scale), -(-height // scale)
        self.tile = [ImageFile._Tile("lat", (0, 0, *self.size), 0, (scale,))]
        return self.mode, (0, 0, width / scale, height / scale)

    def verify(self) -> None:
        """Check every checksum and the structure; nothing is decoded.  Raises OSError."""
        assert self.fp is not None
        self.fp.seek(0)
        try:
            lat = container.unpack(self.fp.read(), container.MAX_SIDE**2)
            metadata_of(lat.sections)
            alpha_of(lat)
        except AezipError as e:
            raise OSError(str(e)) from e
        finally:
            super().verify()


class _Decoder(ImageFile.PyDecoder):
    """The whole file → the image's pixels.  args: how many times smaller, or none"""

    _pulls_fd = True

    def decode(self, buffer: Any) -> tuple[int, int]:
        assert self.fd is not None
        try:
            codec = _codec(None, None)
            if isinstance(name := getattr(self.fd, "name", None), str):
                codec.look_beside(name)
            scale = self.args[0] if self.args else 1
            data, partial = self.fd.read(), bool(ImageFile.LOAD_TRUNCATED_IMAGES)
            pixels, lat = codec.decode(data, max_pixels=container.MAX_SIDE**2, scale=scale, partial=partial)
            image = to_pillow(picture_of(pixels, lat, scale=scale))
        except AezipError as e:
            raise OSError(str(e)) from e
        if image.mode != self.mode or image.size != (self.state.xsize, self.state.ysize):
            raise OSError("the file has changed since it was opened")
        self.set_as_raw(image.tobytes())
        return -1, 0


def _head(file: IO[bytes]) -> tuple[container.Header, list[Section], bool]:
    """The header of a file, its sections of metadata, and whether it has alpha; nothing else is read.

    Raises FormatError.
    """
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    header = container.read_header(file.read(container.HEADER.size))
    sections = list[Section]()
    alpha = False
    while True:
        head = file.read(container.SECTION.size)
        if len(head) < container.SECTION.size:
            raise Truncated("the file ends before its picture", f"{container.SECTION.size} bytes of a section's head")
        kind, length, crc = container.SECTION.unpack(head)
        if kind in (container.LATENTS, container.PIXELS):
            return header, sections, alpha
        if length > end - file.tell():
            raise Truncated(f"the file ends {end - file.tell()} bytes into a section", f"{length} bytes")
        alpha = alpha or kind == container.ALPHA
        if kind not in _METADATA:
            file.seek(length, io.SEEK_CUR)
            continue
        body = file.read(length)
        if zlib.crc32(body, zlib.crc32(kind)) != crc:
            raise SectionDamaged("a section does not match its checksum", f"CRC-32 {crc:08x}")
        sections.append(Section(kind, body))


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Write the frame that the image is at, with the options of `Image.save`; empty bytes drop metadata.

    Raises OSError.
    """
    options = image.encoderinfo
    try:
        unknown = ", ".join(sorted(options.keys() - _OPTIONS))
        if unknown:
            raise UsageError(f"no options of a .lat file: {unknown}", f"some of {', '.join(sorted(_OPTIONS))}")
        reading = ReadOptions(deep=True, **{name: options[name] for name in _READING if name in options})
        picture = replaced(of_frame(image, reading), options)
        if "dpi" in options:
            picture = replace(picture, resolution=fractions_of(options["dpi"], 1) if options["dpi"] else None)
        lossless = options.get("lossless")
        codec = _codec(None if lossless else options.get("model", "photo"), options.get("threads"))
        data = codec.encode(
            picture.pixels,
            sections=sections_of(picture),
            lossless=None if lossless is None else bool(lossless),
            depth=picture.depth,
            max_pixels=container.MAX_SIDE**2,
            **{name: options[name] for name in ("quality", "effort", "cell_psnr") if name in options},
        )
    except AezipError as e:
        raise OSError(_READ_OPTION.sub(r"\1", str(e))) from e  # they are parameters here
    file.write(data)


@lru_cache(maxsize=4)
def _codec(model: str | None, threads: int | None) -> Codec:
    """Of a model, None for the one that a file names.  Raises ModelError."""
    from .codec import Codec

    return Codec(model, threads=threads)


Image.register_open(FORMAT, LatImageFile, lambda prefix: prefix.startswith(container.MAGIC))
Image.register_decoder("lat", _Decoder)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, SUFFIX)
Image.register_mime(FORMAT, MIME)
