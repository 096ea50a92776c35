"""The tasks as jobs of a batch: an image file's bytes → another's, or figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from .. import images
from ..bulk.jobs import Made
from ..errors import AezipError, ImageError
from ..format.container import DEFAULT_MAX_PIXELS
from ..storage.files import read_bytes

if TYPE_CHECKING:
    from .features.vectors import Latents
    from .restore.restorer import Restorer

CLEAN = 1.0  # grey levels of noise under which there is little to remove


@dataclass(frozen=True)
class OpenRestorer:
    """Opens the model of a task."""

    task: str

    def __call__(self, model: str | None, provider: str, threads: int | None) -> Restorer:
        from .restore.restorer import Restorer

        return Restorer(self.task, model, provider, threads)


@dataclass(frozen=True)
class OpenLatents:
    """Opens a model's encoder, that of a profile if none is named."""

    profile: str

    def __call__(self, model: str | None, provider: str, threads: int | None) -> Latents:
        from .anomaly.profile_file import check_model, read
        from .features.vectors import Latents

        profile = read(self.profile)
        latents = Latents(model or profile.model, provider, threads)
        check_model(profile, latents)
        return latents


@dataclass(frozen=True)
class Restoration:
    """An image file with a fault → one without."""

    task: str  # of model.TASKS
    sigma: float | None = None  # of the noise; None: estimated
    grey: bool = False  # colour pictures are made grey first, to get other colours
    masks: Mapping[str, str] = field(default_factory=dict)  # each output's mask image
    format: str | None = None  # a key of images.FORMATS; None: by the target's suffix
    max_pixels: int = DEFAULT_MAX_PIXELS
    intake: images.Intake = images.AS_IT_IS

    reads: ClassVar[type[AezipError]] = ImageError

    @property
    def needs(self) -> OpenRestorer:
        return OpenRestorer(self.task)

    def run(self, codec: Restorer, data: bytes, target: str) -> Made:
        picture = images.parse(data, self.max_pixels, self.intake)
        notes, figures, said = list(picture.notes), dict[str, Any](), self.task + "d"
        if self.task == "denoise":
            pixels, sigma = codec.denoise(picture.pixels, self.sigma)
            figures, said = {"sigma": round(sigma, 2)}, f"σ {sigma:.1f}"
            if self.sigma is None and sigma < CLEAN:
                notes.append(f"hardly any noise found (σ {sigma:.1f}); --sigma says how much there is")
        elif self.task == "colorize":
            pixels = self._colorized(codec, picture.pixels)
            if picture.icc and picture.icc[16:20] == b"GRAY":
                picture = picture._replace(icc=None)
        else:
            mask = self._mask(target)
            pixels = codec.inpaint(picture.pixels, mask)
            share = float(mask.mean())
            figures, said = {"missing": round(share, 5)}, f"{100 * share:.2f} % filled"
            if not share:
                notes.append("the mask is black everywhere: nothing is to be filled")
        format = images.format_of(target, self.format)
        image, lost = images.build(picture._replace(pixels=pixels), format)
        if lost:
            notes.append(f"{format} cannot carry {', '.join(lost)}")
        height, width = pixels.shape[:2]
        facts = {"task": self.task, "width": width, "height": height, "model": codec.package.about.name, **figures}
        return Made(image, notes=tuple(notes), figures=facts, said=said)

    def _colorized(self, codec: Restorer, pixels: Any) -> Any:
        if self.grey:
            from .restore.restorer import grey_of

            pixels = grey_of(pixels)
        return codec.colorize(pixels)

    def _mask(self, target: str) -> Any:
        from .restore.restorer import mask_of

        file = self.masks[target]
        data = read_bytes(file, ImageError)
        try:
            intake = self.intake._replace(frame=None, to_8bit=True)  # of any depth: only light and dark count
            return mask_of(images.parse(data, self.max_pixels, intake).pixels)
        except ImageError as error:
            error.file = file
            raise


@dataclass(frozen=True)
class Scoring:
    """An image file → its anomaly score, and a heat map if there is a target."""

    profile: str
    rate: float  # of false positives
    max_pixels: int = DEFAULT_MAX_PIXELS
    intake: images.Intake = images.AS_IT_IS

    reads: ClassVar[type[AezipError]] = ImageError

    @property
    def needs(self) -> OpenLatents:
        return OpenLatents(self.profile)

    def run(self, codec: Latents, data: bytes, target: str) -> Made:
        from .anomaly import heat, measures
        from .anomaly.profile_file import read

        profile = read(self.profile)
        threshold = profile.threshold(self.rate)
        picture = images.parse(data, self.max_pixels, self.intake)
        found = measures.score(profile, measures.seen(codec, picture.pixels))
        anomalous = found.value > threshold
        figures = {
            "score": round(found.value, 4), "p_value": found.p_value, "threshold": round(threshold, 4),
            "anomalous": anomalous, **{f"{name}_score": round(part, 4) for name, part in found.parts.items()},
            "x": found.place[0], "y": found.place[1],
        }
        verdict = "anomalous" if anomalous else "normal"
        said = f"{verdict}  score {found.value:.2f}  p {found.p_value:.2g}"
        image = None
        if target:
            drawn = heat.drawn(picture.pixels, found.map, threshold)
            image, _ = images.build(images.Picture(drawn), images.format_of(target))
        return Made(image, notes=picture.notes, figures=figures, said=said)
