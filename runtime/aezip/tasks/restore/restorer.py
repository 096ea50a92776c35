"""Restoring: a picture with a fault → one without, by one graph of a model package.

denoise     noise σ is known, or estimated (`noise`)
colorize    grey → RGB; the grey values stay (`chroma` for pictures larger than those it learned on), by a network,
            or by `hints` of some pixels' colours
inpaint     pixels under a mask are made up; all others stay bit for bit (`holes` for large masks)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import Image8, Mask
from ...coding.arguments import check_settings
from ...coding.windows import common, grown, in_channels, in_pixels, window_of, windows, within
from ...engine.progress import each
from ...engine.sessions import Sessions
from ...errors import ImageError, ModelUnfit
from ...format.geometry import grid
from ...model.kinds import GraphName
from ...model.packages import Package
from ...model.store import find
from ..features.vectors import halved
from . import chroma, hints, holes, likeness, noise, scratches, texture

WINDOW = 64  # side in cells of 16 pixels; of 1024² pixels a graph keeps about 200 MB
HINTED = 256  # a short side from which on hints colour a smaller copy


class Restorer:
    """One task by one model.

    task: of model.TASKS; model: a name or path, None for the model named as the task; provider, threads: as of Codec.
    Raises ModelNotFound, ModelUnfit, PackageDamaged, ProviderError, UsageError.
    """

    def __init__(self, task: str, model: str | None = None, provider: str = "cpu", threads: int | None = None) -> None:
        check_settings(provider, threads)
        about = find(model or task)
        if about.task != task:
            does = f"can {about.task}" if about.task else "codes pictures"
            raise ModelUnfit(f"the model '{about.name}' cannot {task}; it {does}", f"a model that can {task}")
        self.task, self.package = task, Package(about)
        self._sessions = Sessions(self.package, provider, threads)

    def denoise(self, pixels: Image8, sigma: float | None = None) -> tuple[Image8, float]:
        """Less noise, which may depend on the brightness.

        Args:
            pixels: uint8 [H, W, C].
            sigma: Of the noise, in grey levels, the same at every brightness. None: estimated by brightness.

        Returns:
            uint8 [H, W, C], and σ: the given one, or what was found on average.
        """
        self._check("denoise")
        found = noise.noise_of(pixels) if sigma is None else noise.Noise(sigma)
        if found.curve is None:
            return self._denoised(pixels, found.sigma), found.sigma
        even = noise.Stabiliser.of(found.curve)
        return even.back[self._denoised(even.there[pixels], even.sigma)], found.sigma

    def _denoised(self, pixels: Image8, sigma: float) -> Image8:
        restored = self._through({"image": in_channels(pixels, 3)}, {"sigma": np.array([sigma], np.float32)})
        return in_channels(restored, pixels.shape[2])

    def colorize(self, pixels: Image8, hinted: Image8 | None = None, like: Image8 | None = None) -> Image8:
        """Colours for a grey picture; its grey values stay. Larger pictures are coloured by a smaller copy.

        Args:
            pixels: uint8 [H, W, C], grey.
            hinted: uint8 [H, W, 4], RGB and alpha: colours where alpha is at least 128. Only hue and strength count.
            like: uint8 [h, w, 3], a picture like it, whose colours are taken.

        Returns:
            uint8 [H, W, 3].

        Raises:
            ImageError: The picture has colours, or the hints have another size.
        """
        self._check("colorize")
        if not (pixels == pixels[:, :, :1]).all():
            raise ImageError("the picture has colours", "a grey one, as grey_of makes it")
        copies = [pixels[:, :, :1]]
        known = _known(copies[0], hinted)
        alone = known is None and like is None
        side = int(self.package.about.description.get("side", max(pixels.shape[:2])))
        while min(copies[-1].shape[:2]) >= (2 * side if alone else HINTED):
            copies.append(halved(copies[-1]))
            known = known and hints.halved(*known)
        if alone:
            return chroma.spread(self._through({"image": chroma.reduced(copies[-1], side)}, {}), copies)
        if like is not None:
            found = likeness.hints_like(copies[-1], like)
            known = hints.together(known, found) if known else found
        elif known:
            known = hints.together(known, hints.guessed(copies[-1], known))
        assert known is not None
        return chroma.raised(hints.spread(copies[-1], *known) @ hints.CHROMA.T, copies)

    def inpaint(self, pixels: Image8, mask: Mask) -> Image8:
        """[H, W, C] with pixels made up where the mask is true.  Raises ImageError for a mask that does not fit."""
        self._check("inpaint")
        if mask.shape != pixels.shape[:2]:
            found, wanted = (f"{a.shape[1]}×{a.shape[0]}" for a in (mask, pixels))
            raise ImageError(f"the mask has {found} pixels", f"those of the picture, {wanted}")
        if mask.all():
            raise ImageError("the mask leaves no pixel of the picture", "a mask with pixels to keep")
        reach = int(self.package.about.description.get("hole", holes.REACH))

        def fill(image: Image8, missing: Mask) -> Image8:
            planes = {"image": holes.smooth(image, missing), "mask": missing[:, :, None].astype(np.uint8)}
            return self._through(planes, {}, missing)

        made = holes.filled(in_channels(pixels, 3), mask, reach, fill)
        made = texture.textured(scratches.predicted(made, mask), mask)
        return np.where(mask[:, :, None], in_channels(made, pixels.shape[2]), pixels)

    def _through(self, planes: dict[str, Image8], scalars: dict[str, Any], where: Mask | None = None) -> Image8:
        """The graph over planes of one size, window by window; windows without a pixel of `where` are left as `image`.

        planes: uint8 [H, W, c] by the graph's names. Returns [H, W, 3].
        """
        height, width = planes["image"].shape[:2]
        cells, margin = grid((height, width)), self.package.margin(self.task)
        out = np.empty((height, width, 3), np.uint8)
        for area in each(self.task, windows(slice(0, cells[0]), slice(0, cells[1]), 1, WINDOW)):
            inner = common(in_pixels(area), (slice(0, height), slice(0, width)))
            if where is not None and not where[inner].any():
                out[inner] = planes["image"][inner]
                continue
            around = grown(area, margin, cells)
            seen = {name: window_of(plane, around, plane.shape[2])[None] for name, plane in planes.items()}
            out[inner] = self.run({**seen, **scalars})[within(inner, in_pixels(around))]
        return out

    def run(self, inputs: dict[str, Any]) -> Image8:
        """The graph itself: inputs by name, each with a leading 1 → [H, W, 3].  Raises PackageDamaged."""
        shapes = {"restored": (*inputs["image"].shape[:3], 3)}
        restored: Image8 = self._sessions.run(GraphName(self.task), inputs, shapes)[0][0]
        return restored

    def _check(self, task: str) -> None:
        if task != self.task:
            raise ModelUnfit(f"the model '{self.package.about.name}' cannot {task}", f"a model that can {task}")


def _known(grey: Image8, hinted: Image8 | None) -> hints.Known | None:
    """Hints for `hints.spread`; None if there are none.  Raises ImageError for those of another size."""
    if hinted is None:
        return None
    if hinted.shape[:2] != grey.shape[:2]:
        found, wanted = (f"{a.shape[1]}×{a.shape[0]}" for a in (hinted, grey))
        raise ImageError(f"the hints have {found} pixels", f"those of the picture, {wanted}")
    seen = hinted[:, :, 3] >= 128
    if not seen.any():
        return None
    return hints.chroma_of(hinted[:, :, :3]) * seen[:, :, None], seen.astype(np.float32)


def mask_of(pixels: Image8) -> Mask:
    """A mask image [H, W, C], black and white, as a mask: light pixels are missing.  Raises ImageError for colours."""
    if pixels.shape[2] != 1 and not (pixels == pixels[:, :, :1]).all():
        raise ImageError("the mask has colours", "white where the picture is to be filled, black elsewhere")
    return np.asarray(pixels[:, :, 0] >= 128)


def grey_of(pixels: Image8) -> Image8:
    """Rec. 601 luma of a picture.  [H, W, C] → [H, W, 1]"""
    if pixels.shape[2] == 1:
        return pixels
    return np.asarray(np.floor(hints.luma_of(pixels) + 0.5), np.uint8)[:, :, None]
