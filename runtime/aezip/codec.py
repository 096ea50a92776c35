"""The codec: pictures ↔ bytes of a `.lat` file.

    encode     pad → encoder graph → latents.encode (prior, tables, rANS) → container.pack
    decode     container.unpack → latents.decode → decoder graph → crop

`encode` and `decode` work on arrays and need neither Pillow nor click; `compress` and
`decompress` are the same for Pillow images.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import container, latents, model
from .container import CELL, DEFAULT_MAX_PIXELS, Header, Lat, Section
from .errors import ImageError, LimitExceeded, UsageError
from .graphs import Graphs, check_settings
from .ladder import Rung, rung
from .model import Package
from .tables import SYMBOL_MAX

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]  # [H, W, C], C 1 or 3
TILED_FROM = container.MAX_TILE_PIXELS
TILE = 16  # in units of 64 pixels


class Codec:
    """Compresses with one model; decompresses files of any installed one.

    model: a name that `aezip models` lists, or the path of a package, None to decode only; provider: where the
    transforms run; threads: of onnxruntime, None for its own choice.
    Raises ModelNotFound, PackageDamaged, ProviderError, UsageError.
    """

    def __init__(self, model: str | None = "photo", provider: str = "cpu", threads: int | None = None) -> None:
        check_settings(provider, threads)
        self.provider, self.threads = provider, threads
        self._graphs: dict[bytes, Graphs] = {}
        self._own = _package(model) if model is not None else None
        if self._own:
            self._graphs[self._own.fingerprint] = Graphs(self._own, provider, threads)

    @property
    def package(self) -> Package:
        """The model that pictures are compressed with.  Raises UsageError when there is none."""
        if self._own is None:
            raise UsageError("this codec only decodes", "a model to compress with")
        return self._own

    def encode(
        self, pixels: Pixels, quality: float = 60, sections: tuple[Section, ...] = (), *, effort: int = 1
    ) -> bytes:
        """Pixels → a `.lat` file.

        pixels: uint8 [H, W, 3], [H, W, 1] or [H, W]; quality: 0 … 100, in tenths; sections: what else the file
        should hold; effort: 0 rounds latents, 1 weighs the bits of each against its error.
        Raises ImageError, UsageError, LimitExceeded.
        """
        pixels = check_pixels(pixels)
        level = check_quality(quality)
        h, w, channels = pixels.shape
        graphs = self._graphs[self.package.fingerprint]
        step = rung(self.package.ladder, level)
        latent, hyper = graphs.encoder(pad(pixels), step)
        latent = latent[: -(-h // 16), : -(-w // 16)]
        hyper = np.clip(hyper, -SYMBOL_MAX, SYMBOL_MAX)
        tile = TILE if h * w > TILED_FROM else 0
        streams = []
        for rows, columns in latents.split(latent.shape[0], latent.shape[1], tile):
            part = hyper[rows.start // 4 : -(-rows.stop // 4), columns.start // 4 : -(-columns.stop // 4)]
            streams.append(latents.encode(graphs, latent[rows, columns], part, step, effort))
        header = Header(w, h, channels, level, self.package.fingerprint, tile)
        body = Section(container.LATENTS, latents.pack_streams(streams))
        return container.pack(Lat(header, (*sections, body)))

    def decode(self, data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[Pixels, Lat]:
        """A `.lat` file → pixels uint8 [H, W, C], and its header and sections.

        Raises FormatError and its kinds, UnknownFingerprint, PackageDamaged.
        """
        lat = container.unpack(data, max_pixels)
        header = lat.header
        graphs = self._for(header.fingerprint)
        latent, step = decode_latents(graphs, lat)
        image = graphs.decoder(latent, step)[: header.height, : header.width]
        if header.channels == 1:
            image = ((image.astype(np.uint16).sum(2, keepdims=True) + 1) // 3).astype(np.uint8)
        return np.ascontiguousarray(image), lat

    def compress(self, image: Image.Image | Pixels, quality: float = 60) -> bytes:
        """A Pillow image (or an array) → a `.lat` file, with the image's ICC profile, EXIF and XMP."""
        if isinstance(image, np.ndarray):
            return self.encode(image, quality)
        from . import images

        picture = images.from_pillow(image)
        return self.encode(picture.pixels, quality, images.sections_of(picture))

    def decompress(self, data: bytes) -> Image.Image:
        """A `.lat` file → a Pillow image."""
        from . import images

        return images.to_pillow(images.picture_of(*self.decode(data)))

    def _for(self, fingerprint: bytes) -> Graphs:
        if fingerprint not in self._graphs:
            package = model.Package(model.find_fingerprint(fingerprint))
            self._graphs[fingerprint] = Graphs(package, self.provider, self.threads)
        return self._graphs[fingerprint]


def decode_latents(graphs: Graphs, lat: Lat) -> tuple[NDArray[np.int16], Rung]:
    """The latents of a file, in 1/16 of a step [⌈H/16⌉, ⌈W/16⌉, C], and its quality's rung.  Exact everywhere."""
    header = lat.header
    step = rung(graphs.package.ladder, header.quality)
    h, w = -(-header.height // 16), -(-header.width // 16)
    tiles = latents.split(h, w, header.tile)
    streams = latents.unpack_streams(lat.latents, len(tiles))
    out = np.empty((h, w, len(step.gain)), np.int16)
    for (rows, columns), stream in zip(tiles, streams, strict=True):
        part = latents.decode(graphs, stream, rows.stop - rows.start, columns.stop - columns.start, step)
        out[rows, columns] = part
    return out, step


def pad(pixels: Pixels) -> Pixels:
    """To multiples of 64 by repeating the last row and column, and to three channels.  [H, W, C] → [H', W', 3]"""
    h, w, channels = pixels.shape
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.asarray(np.pad(pixels, ((0, -h % CELL), (0, -w % CELL), (0, 0)), mode="edge"))


def check_pixels(pixels: Any) -> Pixels:
    """uint8 [H, W], [H, W, 1] or [H, W, 3] → [H, W, C].  Raises ImageError, LimitExceeded."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise ImageError(f"an array of {getattr(pixels, 'dtype', type(pixels).__name__)}", "uint8")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
        raise ImageError(f"an array of shape {pixels.shape}", "[H, W, 3], [H, W, 1] or [H, W], not empty")
    h, w, _ = pixels.shape
    if h * w > DEFAULT_MAX_PIXELS or max(h, w) > container.MAX_SIDE:
        raise LimitExceeded(f"{w}×{h} pixels", f"at most {DEFAULT_MAX_PIXELS} pixels, {container.MAX_SIDE} a side")
    return np.asarray(pixels)


def check_quality(quality: float) -> int:
    """0 … 100 → 0 … 1000.  Raises UsageError."""
    if not 0 <= quality <= 100:
        raise UsageError(f"quality {quality}", "0 to 100")
    return round(quality * 10)


@lru_cache(maxsize=8)
def _package(name: str) -> model.Package:
    return model.Package(model.find(name))
