"""The codec: pictures ↔ bytes of a `.lat` file.

    encode     pictures.encode (transforms, then each tile's `Coding`) → container.pack
    decode     container.unpack → pictures.decode

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

from . import coding
from .coding import pictures, tiles
from .coding.pictures import Region
from .coding.windows import Pixels as Pixels
from .coding.windows import window_of
from .engine import timing
from .engine.graphs import STRIDE
from .engine.sessions import Sessions, check_settings
from .errors import ImageError, LimitExceeded, UsageError
from .format import alpha, container
from .format.container import CELL, DEFAULT_MAX_PIXELS, Header, Lat, Section
from .model import store
from .model.ladder import Rung
from .model.packages import Package

if TYPE_CHECKING:
    from PIL import Image

TILED_FROM = container.MAX_TILE_PIXELS
LARGE = 2**25  # pixels from which memory, wanted next by an image file's encoder, is worth opening graphs again
TILE = 16  # in units of 64 pixels
BATCH = 8  # pictures


class Codec:
    """Compresses with one model; decompresses files of any installed one.

    Any codec reads what any other wrote, whatever their settings. Any number of threads may use one.

    Args:
        model: A name that `aezip models` lists, or the path of a package; None to decode only.
        provider: Where the transforms run: cpu, cuda, tensorrt, openvino, coreml, directml, migraphx, rocm.
        threads: Of onnxruntime; None: its own choice.
        precision: `float`, or `int8` for the faster and a little worse variants of encoder and decoder that a package
            may hold.
        batch: How many pictures of one size and quality, from as many threads, go through a transform together, at
            most. None: 1 on the CPU, which gains nothing from more, and 8 elsewhere.

    Raises:
        ModelNotFound: There is no such model.
        ModelUnfit: The model codes no pictures, or has no graphs in 8 bits.
        PackageDamaged: The package is not as it was written.
        ProviderError: This onnxruntime has no such provider.
        UsageError: A setting is outside its range.
    """

    def __init__(
        self, model: str | None = "photo", provider: str = "cpu", threads: int | None = None, precision: str = "float",
        batch: int | None = None,
    ) -> None:
        check_settings(provider, threads, precision, batch)
        self.provider, self.threads, self.precision = provider, threads, precision
        self.batch = batch or (1 if provider == "cpu" else BATCH)
        self._opened: dict[bytes, Sessions] = {}
        self._lock = Lock()
        self._own = _package(model) if model is not None else None
        if self._own:
            self._encoding = self._of(self._own)
            if self._own.about.half != "encoder":
                self._opened[self._own.fingerprint] = self._encoding

    @property
    def package(self) -> Package:
        """The model that pictures are compressed with.  Raises UsageError when there is none, HalfPackage."""
        if self._own is None:
            raise UsageError("this codec only decodes", "a model to compress with")
        self._own.require("encoder")
        return self._own

    def prepare(self) -> None:
        """Begin to open what `encode` needs, which else waits until it is called.  Raises as `package`."""
        encoding = self.package.about.kind.encoding  # first, for there may be none
        self._encoding.prepare(*encoding)

    def encode(
        self, pixels: Pixels, quality: float = 60, sections: tuple[Section, ...] = (), *, effort: int = 1,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> bytes:
        """Pixels → a `.lat` file.

        Args:
            pixels: uint8 [H, W, 3], [H, W, 1] or [H, W].
            quality: 0 … 100, in tenths.
            sections: What else the file is to hold, such as metadata.
            effort: 0 rounds latents; 1 weighs the bits of each against its error.
            max_pixels: Limit on H · W.

        Returns:
            The file's bytes.

        Raises:
            ImageError: The array is not of such a shape and type.
            LimitExceeded: The picture is larger than `max_pixels`, or than 2²⁰ pixels a side.
            ModelUnfit: A picture in colours for a model of grey ones.
            UsageError: The quality is outside its range, or the codec only decodes.
        """
        pixels, level = check_pixels(pixels, max_pixels), check_quality(quality)
        self.prepare()
        data = encode(self._encoding, pixels, level, sections, effort)
        if pixels.shape[0] * pixels.shape[1] > LARGE:
            self._encoding.close()
        return data

    def decode(
        self, data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS, *, region: Region | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> tuple[Pixels, Lat]:
        """A `.lat` file → pixels, and its header and sections.

        Args:
            data: The file's bytes.
            max_pixels: Limit on the picture's pixels.
            region: x, y, width, height of what is wanted, in pixels; only the tiles that it touches are decoded. None:
                the whole picture.
            meanwhile: Called in another thread while the first picture of a model is decoded, once its graphs are open.

        Returns:
            uint8 [H, W, C], C 1 or 3; and the file's header and sections.

        Raises:
            FormatError: Or one of its kinds: the file is damaged, or larger than `max_pixels`.
            UnknownFingerprint: The model that wrote the file is not installed.
            PackageDamaged: The package is not as it was written.
            UsageError: The region is not inside the picture.
        """
        with timing.stage("container"):
            lat = container.unpack(data, max_pixels)
        region = check_region(region, lat.header)
        sessions = self._for(lat.header.fingerprint)
        sessions.package.require("decoder")
        sessions.prepare(*sessions.package.about.kind.decoding, then=meanwhile)
        pixels = pictures.decode(coding.at(sessions, lat.header.quality), lat, region)
        if pixels.size > LARGE * lat.header.channels:
            sessions.close()
        return pixels, lat

    def check(self, data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS) -> Lat:
        """Decode all of a `.lat` file but its pixels: checksums, structure, every symbol.

        Args, errors: as of `decode`.

        Returns:
            The file's header and sections.
        """
        lat = container.unpack(data, max_pixels)
        sessions = self._for(lat.header.fingerprint)
        tiles.Tiles(coding.at(sessions, lat.header.quality), lat).check()
        opacity = lat.section(container.ALPHA)
        if opacity is not None:
            alpha.decode(opacity, lat.header.height, lat.header.width)
        return lat

    def compress(self, image: Image.Image | Pixels, quality: float = 60) -> bytes:
        """A Pillow image or an array → a `.lat` file, with the image's alpha and metadata.

        Args:
            image: A Pillow image of any mode, or an array as of `encode`.
            quality: 0 … 100, in tenths.

        Returns:
            The file's bytes.

        Raises: as `encode`.
        """
        if isinstance(image, np.ndarray):
            return self.encode(image, quality)
        from . import images

        picture = images.from_pillow(image)
        return self.encode(picture.pixels, quality, images.sections_of(picture))

    def decompress(self, data: bytes) -> Image.Image:
        """A `.lat` file → a Pillow image, with alpha and metadata.  Raises as `decode`."""
        from . import images

        return images.to_pillow(images.picture_of(*self.decode(data)))

    def _for(self, fingerprint: bytes) -> Sessions:
        with self._lock:
            if fingerprint not in self._opened:
                own = self._own.about if self._own else None
                self._opened[fingerprint] = self._of(Package(store.find_fingerprint(fingerprint, own)))
            return self._opened[fingerprint]

    def _of(self, package: Package) -> Sessions:
        return Sessions(package, self.provider, self.threads, precision=self.precision, batch=self.batch)


def encode(
    sessions: Sessions, pixels: Pixels, level: int, sections: tuple[Section, ...] = (), effort: int = 1
) -> bytes:
    """Pixels [H, W, C] that were checked, at a quality of 0 … 1000 → a `.lat` file.  Raises ModelUnfit."""
    h, w, channels = pixels.shape
    tile = TILE if container.padded_pixels(w, h) > TILED_FROM else 0
    streams = pictures.encode(coding.at(sessions, level), pixels, tile, effort)
    with timing.stage("container"):
        body = Section(container.LATENTS, tiles.pack_streams(streams))
        return container.pack(Lat(Header(w, h, channels, level, sessions.package.fingerprint, tile), (*sections, body)))


def decode_latents(sessions: Sessions, lat: Lat) -> tuple[NDArray[np.int16], Rung]:
    """The latents of a file, in 1/16 of a step [⌈H/16⌉, ⌈W/16⌉, C], and its quality's rung.  Exact everywhere."""
    found = coding.at(sessions, lat.header.quality)
    return tiles.Tiles(found, lat).all(), found.graphs.rung


def pad(pixels: Pixels, channels: int = 3) -> Pixels:
    """To multiples of 64 by repeating the last row and column, and to so many channels.  [H, W, C] → [H', W', 3]"""
    rows, columns = (slice(0, -(-size // CELL) * CELL // STRIDE) for size in pixels.shape[:2])
    return window_of(pixels, (rows, columns), channels)


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
    container.check_limit(w, h, max_pixels)
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


def _package(name: str) -> Package:
    path = store.find(name).path
    seen = os.stat(path)
    return _read(os.fspath(path), seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=8)
def _read(path: str, mtime_ns: int, size: int) -> Package:  # a file that was replaced is read again
    return store.find_codec(path)
