"""Jobs: what is done with one file, bytes in and bytes out.

A job holds the options of its command, the same for every file, and is pickled to other processes. To add an option:
a field here with its default, its use in `run`, and a click option of the same name in the command's module.
Jobs of other tasks than coding: tasks/jobs.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .. import images
from ..errors import AezipError, FormatError, ImageError, TargetMissed
from ..format.container import DEFAULT_MAX_PIXELS, DEPTH, LATENTS, MAX_SIDE, PATCHES, Lat, read_header, unpack
from ..format.scales import scale_for

if TYPE_CHECKING:
    from ..codec import Codec
    from ..quality.targets import Target

DONE, KEPT = "done", "kept"


@dataclass(frozen=True)
class Result:
    """What a job made of one file."""

    data: bytes | None  # None: nothing is to be written
    lat: Lat | None = None
    coded: int = 0  # bytes of the .lat file
    status: str = DONE
    notes: tuple[str, ...] = ()  # what the user should know
    measured: dict[str, Any] = field(default_factory=dict)
    summary: str = ""  # of what was measured, in place of sizes and rate; jobs without a .lat file need one


class Job(Protocol):
    """One file's bytes → another's, by a network that is opened once for many.  Hashable and pickled.

    A job that reads a second file beside each has a field `partner`, which an item's own takes the place of.
    """

    @property
    def reads(self) -> type[AezipError]:
        """The error of an input that cannot be read."""

    def open(self, model: str | None, provider: str, threads: int | None) -> Any:
        """The network, which `run` gets as its first argument.

        model: a name or path, None for what the job finds itself.  Raises ModelError, ProviderError, UsageError.
        """

    def run(self, network: Any, data: bytes, target: str) -> Result:
        """`target` is the output's name, which may say its format.  Raises AezipError without the file's name."""


@dataclass(frozen=True, kw_only=True)
class Coding:
    """A job of a Codec."""

    max_pixels: int = DEFAULT_MAX_PIXELS
    decoder: str = "full"
    batch: int | None = None
    offline: bool = False

    def open(self, model: str | None, provider: str, threads: int | None) -> Codec:
        from ..codec import Codec

        how: dict[str, Any] = {"decoder": self.decoder, "batch": self.batch, "offline": self.offline}
        return Codec(model, provider=provider, threads=threads, **how)


@dataclass(frozen=True)
class Compression(Coding):
    """An image file → a `.lat` file."""

    reads: ClassVar[type[AezipError]] = ImageError

    quality: float = 60
    effort: int = 1
    target: Target | None = None  # instead of `quality`
    lossless: bool | None = None  # None: where that makes a smaller file
    cell_psnr: float = 0.0  # dB, of every cell of 16 × 16 pixels; 0: what is usual
    keep_smaller: bool = False  # an input that is smaller than its .lat file stays as it is
    verify: bool = False
    min_psnr: float = 0.0  # dB; above 0 it implies `verify`
    intake: images.ReadOptions = images.AS_IT_IS  # how the image is read

    def run(self, codec: Codec, data: bytes, target: str) -> Result:
        if not self.lossless:
            codec.prepare()  # goes on while a picture is decompressed
        picture = images.parse(data, self.max_pixels, self.intake._replace(deep=True))
        sections = images.sections_of(picture)
        how: dict[str, Any] = {"effort": self.effort, "cell_psnr": self.cell_psnr, "max_pixels": self.max_pixels}
        how |= {"sections": sections, "lossless": self.lossless, "depth": picture.depth}
        measured: dict[str, Any] = {}
        if self.target:
            from ..quality.targets import PSNR, SSIMULACRA2, encode

            hit = encode(codec, self.target, picture.pixels, **how)
            lat, measured = hit.data, {"target": str(self.target), "tries": hit.tries}
            if not hit.exact:
                measured["reached"] = hit.value
                if name := {PSNR: "psnr_db", SSIMULACRA2: "ssimulacra2"}.get(self.target.kind):
                    measured[name] = hit.value
        else:
            lat = codec.encode(picture.pixels, self.quality, **how)
        parsed = unpack(lat, MAX_SIDE**2)
        if self.verify or self.min_psnr:
            from ..quality.verify import verify

            found = verify(codec, lat, picture.pixels, picture.depth, max_pixels=self.max_pixels)
            measured.update(psnr_db=found.psnr_db, ssimulacra2=found.ssimulacra2)
            images.check_sections(parsed, picture)
            if found.psnr_db < self.min_psnr:
                finding = f"the decoded picture has {found.psnr_db:.2f} dB"
                raise TargetMissed(finding, f"{self.min_psnr:g} dB or more, or a higher quality")
        notes = (*picture.notes, *_kept_whole(picture)) if parsed.lossless and not self.lossless else picture.notes
        return self._smaller(Result(lat, parsed, len(lat), notes=notes, measured=measured), len(data))

    def _smaller(self, result: Result, before: int) -> Result:
        """The result, or one that keeps the input; with a note where the input, of so many bytes, is smaller."""
        if result.coded <= before:
            return result
        if self.keep_smaller:
            note = f"the .lat file would be larger ({result.coded:,} B); the input is kept"
            return replace(result, data=None, status=KEPT, notes=(*result.notes, note))
        lower = "" if self.lossless or self.target else ", a lower quality makes smaller files"
        advice = f"keep_smaller=True keeps such inputs{lower}"
        note = f"the .lat file is larger than its input ({result.coded:,} B, not {before:,} B); {advice}"
        return replace(result, notes=(*result.notes, note))


def _kept_whole(picture: images.Picture) -> tuple[str, ...]:
    """Why a picture was stored without loss although nobody asked for it, where its size is not the reason."""
    from ..format.depth import is_narrow, top

    if not is_narrow(picture.pixels, picture.depth):
        return ()
    low, high = picture.pixels.min(), picture.pixels.max()
    why = "of which coding with loss would leave little"
    return (f"samples of {low} to {high} of {top(picture.depth)}, {why}, are stored without it",)


@dataclass(frozen=True)
class Decompression(Coding):
    """A `.lat` file → an image file."""

    reads: ClassVar[type[AezipError]] = FormatError

    format: str | None = None  # a key of images.FORMATS; None: by the target's suffix
    output_quality: int | None = None  # 1 to 100, of formats that have one; None: the format's own
    subsampling: str | None = None  # of images.SUBSAMPLINGS, likewise
    region: tuple[int, int, int, int] | None = None  # x, y, width, height in pixels; None: all
    scale: int = 1  # how many times smaller: 1, 2, 4, 8 or 16
    max_size: int | None = None  # pixels of the longer side, instead of `scale`; smaller pictures stay as they are
    partial: bool = False  # files that are cut off within their latents, too
    to_8bit: bool = False  # make samples of more bits 8-bit
    tone_map: bool = False  # make pictures of high dynamic range or of other colours sRGB
    strip: bool = False  # drop metadata; the picture is turned upright and made sRGB first

    def run(self, codec: Codec, data: bytes, target: str) -> Result:
        format, scale = images.format_of(target, self.format), self.scale
        if self.max_size:
            header = read_header(data)
            scale = scale_for(max(self.region[2:] if self.region else header[:2]), self.max_size)
        pixels, lat = codec.decode(
            data, max_pixels=self.max_pixels, region=self.region, scale=scale, partial=self.partial
        )
        notes: tuple[str, ...] = ()
        if lat.missing:
            there = 100 * len(lat.body) / (len(lat.body) + lat.missing)
            notes = (f"its .lat file is cut off; the picture is from {there:.0f} % of the latents' bytes",)
        picture = images.picture_of(pixels, lat, self.region, scale)
        if self.max_size:
            picture = images.fit(picture, self.max_size)
        if self.tone_map:
            picture = images.tone_mapped(picture)
        if self.to_8bit:
            picture = images.in_8_bits(picture)
        if self.strip:
            picture = images.stripped(picture)
        image, lost = images.build(picture, format, self.output_quality, self.subsampling)
        return Result(image, lat, len(data), notes=(*notes, *picture.notes, *images.lost_note(format, lost)))


@dataclass(frozen=True)
class Recompression(Coding):
    """A `.lat` file → one of another model or quality, with all else that it holds."""

    reads: ClassVar[type[AezipError]] = FormatError

    quality: float | None = None  # None: the file's own
    effort: int = 1
    in_place: bool = False  # files that stay as they are need not be written

    def run(self, codec: Codec, data: bytes, target: str) -> Result:
        lat = unpack(data, self.max_pixels)
        header = lat.header
        quality = header.quality if self.quality is None else self.quality
        same = header.fingerprint == codec.package.fingerprint and header.quality_tenths == round(10 * quality)
        if lat.lossless or same:
            return Result(None if self.in_place else data, lat, len(data), status=KEPT)
        pixels, _ = codec.decode(data, max_pixels=self.max_pixels)
        sections = tuple(s for s in lat.sections if s.type not in (LATENTS, PATCHES, DEPTH))
        depth, most = lat.depth, self.max_pixels
        again = codec.encode(pixels, quality, sections=sections, effort=self.effort, depth=depth, max_pixels=most)
        return Result(again, unpack(again, MAX_SIDE**2), len(again))


@dataclass(frozen=True)
class Verification(Coding):
    """A `.lat` file → nothing, if it is whole."""

    reads: ClassVar[type[AezipError]] = FormatError

    partner: str | None = None  # the original: an image file, or its URL
    intake: images.ReadOptions = images.AS_IT_IS  # how the original is read

    def run(self, codec: Codec, data: bytes, target: str) -> Result:
        if self.partner is None:
            lat = codec.check(data, max_pixels=self.max_pixels)
            images.check_sections(lat)
            return Result(None, lat, len(data))
        from ..quality.verify import verify

        original = images.read(self.partner, self.intake._replace(deep=True), self.max_pixels)
        report = verify(codec, data, original.pixels, original.depth, max_pixels=self.max_pixels)
        images.check_sections(report.lat, original)
        measured = {"psnr_db": report.psnr_db, "ssimulacra2": report.ssimulacra2, "ms_ssim": report.ms_ssim}
        return Result(None, report.lat, len(data), measured=measured)
