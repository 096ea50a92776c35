"""The codec: pictures ↔ bytes of a `.lat` file.

    encode     tiles.encode (encoder, hyper-encoder, latents.encode or static.encode) → container.pack
    decode     container.unpack → tiles.decode (latents.decode or static.decode, decoder)

`encode` and `decode` work on arrays and need neither Pillow nor click; `compress` and
`decompress` are the same for Pillow images.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .coding import hyperprior, windows
from .coding.windows import Region
from .engine import timing
from .engine.graphs import STRIDE, Graphs, check_settings
from .errors import ImageError, LimitExceeded, UsageError
from .format import alpha, container
from .format.container import CELL, DEFAULT_MAX_PIXELS, Header, Lat, Section
from .model import packages, store
from .model.ladder import Rung, rung
from .model.packages import Package

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]  # [H, W, C], C 1 or 3
TILED_FROM = container.MAX_TILE_PIXELS
LARGE = 2**25  # pixels from which memory, wanted next by an image file's encoder, is worth opening graphs again
TILE = 16  # in units of 64 pixels
BATCH = 8  # pictures


class Codec:
    """Compresses with one model; decompresses files of any installed one.

    model: a name that `aezip models` lists, or the path of a package, None to decode only; provider: where the
    transforms run; threads: of onnxruntime, None for its own choice; precision: float, or int8 for the faster and a
    little worse variants of encoder and decoder that a package may hold; batch: how many pictures of one size and
    quality, from as many threads, go through a transform together, at most; None: 1 on the CPU, which gains nothing
    from more, and else BATCH. Any of them reads what any other wrote; any number of threads may use one.
    Raises ModelNotFound, ModelUnfit, PackageDamaged, ProviderError, UsageError.
    """

    def __init__(
        self, model: str | None = "photo", provider: str = "cpu", threads: int | None = None, precision: str = "float",
        batch: int | None = None,
    ) -> None:
        check_settings(provider, threads, precision, batch)
        self.provider, self.threads, self.precision = provider, threads, precision
        self.batch = batch or (1 if provider == "cpu" else BATCH)
        self._graphs: dict[bytes, Graphs] = {}
        self._lock = Lock()
        self._own = _package(model) if model is not None else None
        if self._own:
            self._encoding = self._of(self._own)
            if self._own.about.half != "encoder":
                self._graphs[self._own.fingerprint] = self._encoding

    @property
    def package(self) -> Package:
        """The model that pictures are compressed with.  Raises UsageError when there is none, HalfPackage."""
        if self._own is None:
            raise UsageError("this codec only decodes", "a model to compress with")
        self._own.require("encoder")
        return self._own

    def prepare(self) -> None:
        """Begin to open what `encode` needs, which else waits until it is called.  Raises as `package`."""
        self.package  # noqa: B018  # a property that checks
        self._encoding.prepare("encoder", "hyper", "prior", "context")

    def encode(
        self, pixels: Pixels, quality: float = 60, sections: tuple[Section, ...] = (), *, effort: int = 1,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> bytes:
        """Pixels → a `.lat` file.

        pixels: uint8 [H, W, 3], [H, W, 1] or [H, W]; quality: 0 … 100, in tenths; sections: what else the file
        should hold; effort: 0 rounds latents, 1 weighs the bits of each against its error.
        Raises ImageError, UsageError, LimitExceeded.
        """
        pixels = check_pixels(pixels, max_pixels)
        level = check_quality(quality)
        self.prepare()
        h, w, channels = pixels.shape
        package, graphs = self.package, self._encoding
        tile = tile_of(h, w)
        streams = windows.encode(graphs, pixels, rung(package.ladder, level), tile, effort)
        if h * w > LARGE:
            graphs.close()
        header = Header(w, h, channels, level, package.fingerprint, tile)
        with timing.stage("container"):
            body = Section(container.LATENTS, hyperprior.pack_streams(streams))
            return container.pack(Lat(header, (*sections, body)))

    def decode(
        self, data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS, *, region: Region | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> tuple[Pixels, Lat]:
        """A `.lat` file → pixels uint8 [H, W, C], and its header and sections.

        region: x, y, width, height of what is wanted, in pixels; only the tiles that it touches are decoded;
        meanwhile: called in another thread while the first picture of a model is decoded, once its graphs are open.
        Raises FormatError and its kinds, UnknownFingerprint, PackageDamaged, UsageError.
        """
        with timing.stage("container"):
            lat = container.unpack(data, max_pixels)
        header = lat.header
        region = check_region(region, header)
        graphs = self._for(header.fingerprint)
        graphs.package.require("decoder")
        graphs.prepare("prior", "context", "decoder", then=meanwhile)
        pixels = windows.decode(graphs, lat, rung(graphs.package.ladder, header.quality), region)
        if pixels.size > LARGE * header.channels:
            graphs.close()
        return pixels, lat

    def check(self, data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS) -> Lat:
        """Decode all of a `.lat` file but its pixels: checksums, structure, every symbol.  Raises as `decode`."""
        lat = container.unpack(data, max_pixels)
        decode_latents(self._for(lat.header.fingerprint), lat)
        opacity = lat.section(container.ALPHA)
        if opacity is not None:
            alpha.decode(opacity, lat.header.height, lat.header.width)
        return lat

    def compress(self, image: Image.Image | Pixels, quality: float = 60) -> bytes:
        """A Pillow image (or an array) → a `.lat` file, with the image's alpha and metadata."""
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
        with self._lock:
            if fingerprint not in self._graphs:
                own = self._own.about if self._own else None
                self._graphs[fingerprint] = self._of(packages.Package(store.find_fingerprint(fingerprint, own)))
            return self._graphs[fingerprint]

    def _of(self, package: Package) -> Graphs:
        return Graphs(package, self.provider, self.threads, precision=self.precision, batch=self.batch)


def decode_latents(graphs: Graphs, lat: Lat) -> tuple[NDArray[np.int16], Rung]:
    """The latents of a file, in 1/16 of a step [⌈H/16⌉, ⌈W/16⌉, C], and its quality's rung.  Exact everywhere."""
    header = lat.header
    step = rung(graphs.package.ladder, header.quality)
    h, w = -(-header.height // 16), -(-header.width // 16)
    areas = hyperprior.split(h, w, header.tile)
    streams = hyperprior.unpack_streams(lat.latents, len(areas))
    out = np.empty((h, w, len(step.gain)), np.int16)
    for (rows, columns), stream in zip(areas, streams, strict=True):
        part = windows.decode_tile(graphs, stream, rows.stop - rows.start, columns.stop - columns.start, step)
        out[rows, columns] = part
    return out, step


def tile_of(height: int, width: int) -> int:
    """The side of the tiles that a picture of so many pixels is coded in, as the header has it."""
    return TILE if container.padded_pixels(width, height) > TILED_FROM else 0


def pad(pixels: Pixels, channels: int = 3) -> Pixels:
    """To multiples of 64 by repeating the last row and column, and to so many channels.  [H, W, C] → [H', W', 3]"""
    rows, columns = (slice(0, -(-size // CELL) * CELL // STRIDE) for size in pixels.shape[:2])
    return windows.window_of(pixels, rows, columns, channels)


def check_pixels(pixels: Any, max_pixels: int = DEFAULT_MAX_PIXELS) -> Pixels:
    """uint8 [H, W], [H, W, 1] or [H, W, 3] → [H, W, C].  Raises ImageError, LimitExceeded."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise ImageError(f"an array of {getattr(pixels, 'dtype', type(pixels).__name__)}", "uint8")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
        raise ImageError(f"an array of shape {pixels.shape}", "[H, W, 3], [H, W, 1] or [H, W], not empty")
    h, w, _ = pixels.shape
    if max(h, w) > container.MAX_SIDE:
        raise LimitExceeded(f"{w}×{h} pixels", f"at most {container.MAX_SIDE} a side")
    if h * w > max_pixels:
        raise LimitExceeded(f"{w}×{h} pixels", f"at most {max_pixels}, or a higher --max-pixels")
    return np.asarray(pixels)


def check_region(region: Region | None, header: Header) -> Region:
    """The region, or the whole picture's.  Raises UsageError."""
    if region is None:
        return 0, 0, header.width, header.height
    x, y, width, height = region
    if min(x, y) < 0 or min(width, height) < 1 or x + width > header.width or y + height > header.height:
        finding = f"region {x},{y},{width},{height}"
        raise UsageError(finding, f"X,Y,W,H within the picture's {header.width}×{header.height} pixels")
    return region


def check_quality(quality: float) -> int:
    """0 … 100 → 0 … 1000.  Raises UsageError."""
    if not 0 <= quality <= 100:
        raise UsageError(f"quality {quality}", "0 to 100")
    return round(quality * 10)


def _package(name: str) -> packages.Package:
    path = store.find(name).path
    seen = os.stat(path)
    return _read(os.fspath(path), seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=8)
def _read(path: str, mtime_ns: int, size: int) -> packages.Package:  # a file that was replaced is read again
    return store.find_codec(path)
