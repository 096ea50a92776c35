"""Restoring: a picture with a fault → one without, by one graph of a model package.

    denoise     noise σ is known, or estimated (`noise`)
    colorize    grey → RGB; the grey values stay (`chroma` for pictures larger than those it learned on)
    inpaint     pixels under a mask are made up; all others stay bit for bit (`holes` for large masks)

A graph sees the picture through windows with its margin around them, as far as the package says that it looks, so
that a picture of any size comes out as if seen whole, up to one level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...coding import windows
from ...engine.graphs import STRIDE, check_settings, open_session
from ...errors import ImageError, ModelUnfit, PackageDamaged
from ...model.packages import Package
from ...model.store import find
from ..features.vectors import halved
from . import chroma, holes, noise

if TYPE_CHECKING:
    import onnxruntime

Pixels = NDArray[np.uint8]  # [H, W, C], C 1 or 3
Mask = NDArray[np.bool_]  # [H, W], true where a pixel is missing
WINDOW = 64  # side in cells of 16 pixels; of 1024² pixels a graph keeps about 200 MB
MISSING = 255  # in a mask that a graph sees


class Restorer:
    """One task by one model.

    task: of model.TASKS; model: a name or path, None for the model named as the task; provider, threads: as of Codec.
    Raises ModelNotFound, ModelUnfit, PackageDamaged, ProviderError, UsageError.
    """

    def __init__(
        self, task: str, model: str | None = None, provider: str = "cpu", threads: int | None = None
    ) -> None:
        check_settings(provider, threads)
        about = find(model or task)
        if about.task != task:
            does = f"can {about.task}" if about.task else "codes pictures"
            raise ModelUnfit(f"the model '{about.name}' cannot {task}; it {does}", f"a model that can {task}")
        self.task, self.provider, self.threads = task, provider, threads
        self.package = Package(about)
        self._session: onnxruntime.InferenceSession | None = None

    def denoise(self, pixels: Pixels, sigma: float | None = None) -> tuple[Pixels, float]:
        """[H, W, C] → the same shape with less noise, and σ in grey levels: the given or the estimated one."""
        self._check("denoise")
        level = noise.sigma_of(pixels) if sigma is None else sigma
        restored = self._through({"image": _rgb(pixels)}, {"sigma": np.array([level], np.float32)})
        return _like(restored, pixels), level

    def colorize(self, pixels: Pixels) -> Pixels:
        """Grey [H, W, 1] → [H, W, 3], larger ones by a smaller copy.  Raises ImageError for a picture in colours."""
        self._check("colorize")
        if pixels.shape[2] != 1:
            if not (pixels == pixels[:, :, :1]).all():
                raise ImageError("the picture has colours", "a grey one, or --grey to take its grey values")
            pixels = pixels[:, :, :1]
        side = int(self.package.about.description.get("side", max(pixels.shape[:2]) + 1))
        copies = [pixels]
        while min(copies[-1].shape[:2]) >= side:
            copies.append(halved(copies[-1]))
        made = self._through({"image": copies[-1]}, {})
        return chroma.spread(made, copies) if len(copies) > 1 else made

    def inpaint(self, pixels: Pixels, mask: Mask) -> Pixels:
        """[H, W, C] with pixels made up where the mask is true.  Raises ImageError for a mask that does not fit."""
        self._check("inpaint")
        if mask.shape != pixels.shape[:2]:
            found, wanted = (f"{a.shape[1]}×{a.shape[0]}" for a in (mask, pixels))
            raise ImageError(f"the mask has {found} pixels", f"those of the picture, {wanted}")
        if mask.all():
            raise ImageError("the mask leaves no pixel of the picture", "some that are known")
        reach = int(self.package.about.description.get("hole", holes.REACH))

        def fill(image: Pixels, missing: Mask) -> Pixels:
            shown = np.where(missing, np.uint8(MISSING), np.uint8(0))[:, :, None]
            return self._through({"image": image, "mask": shown}, {}, missing)

        made = holes.filled(_rgb(pixels), mask, reach, fill)
        return np.where(mask[:, :, None], _like(made, pixels), pixels)

    def _through(self, planes: dict[str, Pixels], scalars: dict[str, Any], where: Mask | None = None) -> Pixels:
        """The graph over planes of one size, window by window; windows without a pixel of `where` are left as `image`.

        planes: uint8 [H, W, c] by the graph's names. Returns [H, W, 3].
        """
        height, width = planes["image"].shape[:2]
        sizes = windows.grid(height, width)
        margin = self.package.margin(self.task)
        out = np.empty((height, width, 3), np.uint8)
        for area in windows.windows(slice(0, sizes[0]), slice(0, sizes[1]), 1, WINDOW):
            inner = tuple(_pixels(part, size) for part, size in zip(area, (height, width), strict=True))
            if where is not None and not where[inner].any():
                out[inner] = planes["image"][inner]
                continue
            around = [windows.grown(part, margin, size) for part, size in zip(area, sizes, strict=True)]
            seen = {name: _window(plane, around)[None] for name, plane in planes.items()}
            image = self.run({**seen, **scalars})
            top, left = (STRIDE * (a.start - b.start) for a, b in zip(area, around, strict=True))
            rows, columns = (part.stop - part.start for part in inner)
            out[inner] = image[top : top + rows, left : left + columns]
        return out

    def run(self, inputs: dict[str, Any]) -> Pixels:
        """The graph itself: inputs by name, each with a leading 1 → [H, W, 3].  Raises PackageDamaged."""
        if self._session is None:
            self._session = open_session(self.package, self.task, self.provider, self.threads)
        try:
            restored: Pixels = self._session.run(["restored"], inputs)[0][0]
        except Exception as error:  # onnxruntime's own classes are not public
            if "alloc" in str(error).lower():
                raise MemoryError from error
            finding = f"onnxruntime cannot run {self.task}.onnx ({(str(error).splitlines() or ['?'])[0]})"
            raise PackageDamaged(finding, "the graph of such a model", file=str(self.package.about.path)) from error
        return restored

    def _check(self, task: str) -> None:
        if task != self.task:
            raise ModelUnfit(f"the model '{self.package.about.name}' cannot {task}", f"a model that can {task}")


def mask_of(pixels: Pixels) -> Mask:
    """A mask image [H, W, C], black and white, as a mask: light pixels are missing.  Raises ImageError for colours."""
    if pixels.shape[2] != 1 and not (pixels == pixels[:, :, :1]).all():
        raise ImageError("the mask has colours", "white where the picture is to be filled, black elsewhere")
    return np.asarray(pixels[:, :, 0] >= 128)


def grey_of(pixels: Pixels) -> Pixels:
    """Rec. 601 luma of a picture.  [H, W, C] → [H, W, 1]"""
    if pixels.shape[2] == 1:
        return pixels
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.floor(luma + 0.5), np.uint8)[:, :, None]


def _rgb(pixels: Pixels) -> Pixels:
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _like(restored: Pixels, pixels: Pixels) -> Pixels:
    """As many channels as the picture had."""
    if pixels.shape[2] == 3:
        return restored
    return np.asarray((restored.astype(np.uint16).sum(2, keepdims=True) + 1) // 3, np.uint8)


def _pixels(part: slice, size: int) -> slice:
    return slice(STRIDE * part.start, min(STRIDE * part.stop, size))


def _window(plane: Pixels, around: list[slice]) -> Pixels:
    """An area of cells; beyond the picture its last row and column."""
    rows, columns = around
    part = plane[
        STRIDE * rows.start : STRIDE * rows.stop, STRIDE * columns.start : STRIDE * columns.stop
    ]
    missing = [STRIDE * (s.stop - s.start) - n for s, n in zip(around, part.shape, strict=False)]
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.ascontiguousarray(part)
