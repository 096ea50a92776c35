"""The tasks as jobs over many files: an image file's bytes → another's, or figures alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from .. import images
from ..bulk.jobs import Result
from ..errors import AezipError, ImageError, about
from ..format.container import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .features.vectors import Latents
    from .restore.restorer import Restorer

OPAQUE = 128  # alpha from which on a hint counts
CLEAN = 1.0  # grey levels of noise under which there is little to remove


def _parsed(data: bytes, max_pixels: int, intake: images.ReadOptions) -> images.Picture:
    """The picture in an image file, in 8 bits.  Raises ImageError, UsageError."""
    return images.for_8_bits(images.parse(data, max_pixels, intake._replace(deep=True)))


@dataclass(frozen=True)
class Restoration:
    """An image file with a fault → one without."""

    reads: ClassVar[type[AezipError]] = ImageError

    task: str  # of model.TASKS
    sigma: float | None = None  # of the noise; None: estimated
    grey: bool = False  # colour pictures are made grey first, to get other colours
    like: str | None = None  # a picture whose colours are taken: an image file, or its URL
    partner: str | None = None  # the mask, or hints of colour: an image file, or its URL
    format: str | None = None  # a key of images.FORMATS; None: by the target's suffix
    max_pixels: int = DEFAULT_MAX_PIXELS
    intake: images.ReadOptions = images.AS_IT_IS

    def open(self, model: str | None, provider: str, threads: int | None) -> Restorer:
        from .restore.restorer import Restorer

        return Restorer(self.task, model, provider, threads)

    def run(self, restorer: Restorer, data: bytes, target: str) -> Result:
        picture = _parsed(data, self.max_pixels, self.intake)
        pixels, measured, summary, note = self._restored(restorer, picture.pixels)
        if self.task == "colorize" and picture.icc and picture.icc[16:20] == b"GRAY":
            picture = replace(picture, icc=None)
        format = images.format_of(target, self.format)
        image, lost = images.build(replace(picture, pixels=pixels), format)
        height, width = pixels.shape[:2]
        model = restorer.package.about.name
        facts = {"task": self.task, "width": width, "height": height, "model": model, **measured}
        notes = (*picture.notes, *filter(None, [note]), *images.lost_note(format, lost))
        return Result(image, notes=notes, measured=facts, summary=summary)

    def _restored(self, restorer: Restorer, pixels: Any) -> tuple[Any, dict[str, Any], str, str]:
        """The new pixels, what was measured, its summary, and a note for the user."""
        from .restore.restorer import grey_of, mask_of

        if self.task == "denoise":
            pixels, sigma = restorer.denoise(pixels, self.sigma)
            clean = self.sigma is None and sigma < CLEAN
            note = f"hardly any noise found (σ {sigma:.1f}); sigma=LEVELS says how much there is" if clean else ""
            return pixels, {"sigma": round(sigma, 2)}, f"σ {sigma:.1f}", note
        if self.task == "colorize":
            return self._coloured(restorer, grey_of(pixels) if self.grey else pixels)
        mask = self._second(self.partner or "", lambda picture: mask_of(picture.pixels))
        share = float(mask.mean())
        note = "" if share else "the mask is black everywhere: nothing is to be filled"
        filled = restorer.inpaint(pixels, mask)
        return filled, {"missing": round(share, 5)}, f"{100 * share:.2f} % filled", note

    def _coloured(self, restorer: Restorer, pixels: Any) -> tuple[Any, dict[str, Any], str, str]:
        """As `_restored`."""
        hinted = self._second(self.partner, _hinted) if self.partner else None
        like = self._second(self.like, _in_colours) if self.like else None
        share = 0.0 if hinted is None else float((hinted[:, :, 3] >= OPAQUE).mean())
        note = "the hints are transparent everywhere: they say nothing" if hinted is not None and not share else ""
        measured = {"hinted": round(share, 5)} if self.partner else {}
        return restorer.colorize(pixels, hinted, like), measured, "colorized", note

    def _second(self, file: str, taken: Callable[[images.Picture], Any]) -> Any:
        """Something of a second image file; its depth does not matter.  Raises ImageError with the file's name."""
        picture = images.read(file, self.intake._replace(frame=None, to_8bit=True), self.max_pixels)
        with about(file):
            return taken(picture)


def _hinted(picture: images.Picture) -> Any:
    """RGB and alpha [H, W, 4].  Raises ImageError for a picture without transparency."""
    if picture.alpha is None:
        raise ImageError("the hints have no transparent part", "a transparent image with dots or strokes of colour")
    import numpy as np

    return np.dstack((np.broadcast_to(picture.pixels, (*picture.alpha.shape, 3)), picture.alpha))


def _in_colours(picture: images.Picture) -> Any:
    """RGB.  Raises ImageError for a grey picture."""
    if (picture.pixels == picture.pixels[:, :, :1]).all():
        raise ImageError("the picture has no colours", "one in colours, to take them from")
    return picture.pixels


@dataclass(frozen=True)
class Scoring:
    """An image file → its anomaly score, and a heat map if there is a target."""

    reads: ClassVar[type[AezipError]] = ImageError

    profile: str
    rate: float  # of false positives
    max_pixels: int = DEFAULT_MAX_PIXELS
    intake: images.ReadOptions = images.AS_IT_IS

    def open(self, model: str | None, provider: str, threads: int | None) -> Latents:
        """model: None for the profile's.  Raises ModelUnfit, ProfileDamaged, and as `Latents`."""
        from .anomaly.profile_file import read
        from .features.vectors import Latents

        profile = read(self.profile)
        latents = Latents(model or profile.model, provider, threads)
        latents.require(profile.digest, profile.model, self.profile)
        return latents

    def run(self, latents: Latents, data: bytes, target: str) -> Result:
        from .anomaly import heat, measures
        from .anomaly.profile_file import read

        profile = read(self.profile)
        threshold = profile.threshold(self.rate)
        picture = _parsed(data, self.max_pixels, self.intake)
        found = measures.score(profile, measures.seen(latents, picture.pixels, profile))
        anomalous = found.value > threshold
        measured = {
            "score": round(found.value, 4),
            "p_value": found.p_value,
            "threshold": round(threshold, 4),
            "anomalous": anomalous,
            **{f"{name}_score": round(part, 4) for name, part in found.parts.items()},
            "x": found.place[0],
            "y": found.place[1],
        }
        verdict = "anomalous" if anomalous else "normal"
        summary = f"{verdict}  score {found.value:.2f}  p {found.p_value:.2g}"
        image = None
        if target:
            drawn = heat.drawn(picture.pixels, found.map, threshold)
            image, _ = images.build(images.Picture(drawn), images.format_of(target))
        return Result(image, notes=picture.notes, measured=measured, summary=summary)
