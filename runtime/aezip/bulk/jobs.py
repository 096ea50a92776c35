"""What is done with one file: bytes in, bytes out.

A job holds the coding options of its command, the same for every file. To add one: a field here with its
default, its use in `run`, and a click option of the same name in cli/compress.py or cli/decompress.py.
Jobs are pickled to other processes. What else is done with pictures stands in tasks/jobs.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .. import images
from ..errors import AezipError, FormatError, ImageError
from ..format.container import DEFAULT_MAX_PIXELS, MAX_SIDE, Lat, unpack
from ..storage import places

if TYPE_CHECKING:
    from ..codec import Codec
    from ..quality.targets import Target


DONE, KEPT = "done", "kept"


@dataclass(frozen=True)
class Made:
    """What a job made of one file."""

    data: bytes | None  # None: there is nothing to write
    lat: Lat | None = None
    coded: int = 0  # bytes of the .lat file
    status: str = DONE
    notes: tuple[str, ...] = ()  # what the user should know
    figures: dict[str, Any] = field(default_factory=dict)  # what was measured besides
    said: str = ""  # the figures in a few words, where the command's own do not fit


class Job(Protocol):
    """One file's bytes → another's, by a network that is opened once for many."""

    @property
    def reads(self) -> type[AezipError]:
        """The error of an input that cannot be read."""

    @property
    def needs(self) -> Opener:
        """Opens what `run` gets as its first argument."""

    def run(self, codec: Any, data: bytes, target: str) -> Made:
        """`target` is the output's name, which may say its format.  Raises AezipError without the file's name."""


class Opener(Protocol):
    """Opens a network; can be compared and pickled."""

    def __call__(self, model: str | None, provider: str, threads: int | None) -> Any:
        """model: a name or path, None for what the job finds itself.  Raises ModelError, ProviderError, UsageError."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class CodecOpener:
    """Opens a Codec of this precision and batch."""

    precision: str = "float"
    batch: int | None = None

    def __call__(self, model: str | None, provider: str, threads: int | None) -> Codec:
        """Raises as aezip.Codec."""
        # numpy's threads for products of matrices, of which the codec has none, would keep all cores busy for a while
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from ..codec import Codec

        return Codec(model, provider, threads, self.precision, self.batch)


open_codec = CodecOpener()


@dataclass(frozen=True)
class Compression:
    """An image file → a `.lat` file."""

    reads: ClassVar[type[AezipError]] = ImageError

    quality: float = 60
    effort: int = 1
    target: Target | None = None  # instead of `quality`
    keep_smaller: bool = False  # an input that is smaller than its .lat file stays as it is
    verify: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS
    intake: images.Intake = images.AS_IT_IS  # how the image is taken in
    precision: str = "float"
    batch: int | None = None

    @property
    def needs(self) -> CodecOpener:
        return CodecOpener(self.precision, self.batch)

    def run(self, codec: Codec, data: bytes, target: str) -> Made:
        images.load()
        codec.prepare()  # goes on while a picture is decompressed
        picture = images.parse(data, self.max_pixels, self.intake)
        sections = images.sections_of(picture)

        def psnr_db(lat: bytes) -> float:
            from ..quality.verify import verify

            return verify(codec, lat, picture.pixels, similarity=False, max_pixels=self.max_pixels).psnr_db

        def encode(quality: float) -> bytes:
            return codec.encode(
                picture.pixels, quality, sections, effort=self.effort, max_pixels=self.max_pixels
            )

        figures: dict[str, Any] = {}
        if self.target:
            from ..quality.targets import PSNR, reach

            height, width = picture.pixels.shape[:2]
            hit = reach(self.target, height * width, encode, psnr_db)
            lat = hit.data
            figures = {"target": str(self.target), "reached": hit.value, "tries": hit.tries}
            if self.target.kind == PSNR:
                figures["psnr_db"] = hit.value
        else:
            lat = encode(self.quality)
        parsed = unpack(lat, MAX_SIDE**2)
        if self.verify:
            figures["psnr_db"] = psnr_db(lat)
            images.check_sections(parsed, picture)
        if self.keep_smaller and len(lat) > len(data):
            note = f"the .lat file would be larger ({len(lat):,} B); the input is kept"
            return Made(None, parsed, len(lat), KEPT, (*picture.notes, note), figures)
        return Made(lat, parsed, len(lat), notes=picture.notes, figures=figures)


@dataclass(frozen=True)
class Decompression:
    """A `.lat` file → an image file."""

    reads: ClassVar[type[AezipError]] = FormatError

    format: str | None = None  # a key of images.FORMATS; None: by the target's suffix
    region: tuple[int, int, int, int] | None = None  # x, y, width, height in pixels; None: all
    max_pixels: int = DEFAULT_MAX_PIXELS
    precision: str = "float"
    batch: int | None = None

    @property
    def needs(self) -> CodecOpener:
        return CodecOpener(self.precision, self.batch)

    def run(self, codec: Codec, data: bytes, target: str) -> Made:
        format = images.format_of(target, self.format)
        load = partial(images.load, format)
        pixels, lat = codec.decode(data, self.max_pixels, region=self.region, meanwhile=load)
        image, lost = images.build(images.picture_of(pixels, lat, self.region), format)
        notes = (f"{format} cannot carry {', '.join(lost)}",) if lost else ()
        return Made(image, lat, len(data), notes=notes)


@dataclass(frozen=True)
class Verification:
    """A `.lat` file → nothing, if it is whole."""

    reads: ClassVar[type[AezipError]] = FormatError
    needs: ClassVar[Opener] = open_codec

    original: str | None = None  # an image file, or its URL
    max_pixels: int = DEFAULT_MAX_PIXELS
    intake: images.Intake = images.AS_IT_IS  # how the original is taken in

    def run(self, codec: Codec, data: bytes, target: str) -> Made:
        if self.original is None:
            lat = codec.check(data, self.max_pixels)
            images.check_sections(lat)
            return Made(None, lat, len(data))
        from ..quality.verify import verify

        original = self._read(self.original)
        report = verify(codec, data, original.pixels, max_pixels=self.max_pixels)
        images.check_sections(report.lat, original)
        figures = {"psnr_db": report.psnr_db, "ms_ssim": report.ms_ssim}
        return Made(None, report.lat, len(data), figures=figures)

    def _read(self, original: str) -> images.Picture:
        try:
            return images.parse(places.read(original, ImageError), self.max_pixels, self.intake)
        except ImageError as error:
            error.file = original
            raise
