"""Half a codec, for devices: arrays in, bytes out; or bytes in, arrays out.

    encoder = aezip.embed.Encoder("camera.aezm", size=(1080, 1920))
    data = encoder.encode(image, quality=60)            # the bytes of a .lat file
    decoder = aezip.embed.Decoder("screen.aezm")
    image = decoder.decode(data)                        # uint8 or uint16 [H, W, 3], or [H, W] if it is grey

Needs numpy and onnxruntime. Each opens the graphs of its own direction only, so half a package will do
(`aezip models split`).

With `size`, the first picture takes all the memory that onnxruntime will ever hold, and later ones take no more;
such a half works on one picture at a time.
"""

from __future__ import annotations

import os

from .coding import encoder, exact_pixels, lossy
from .coding.arguments import check_model, check_pixels, check_quality, check_scale, check_settings, check_shape
from .engine.fixed_size import FixedSizeSessions
from .engine.sessions import Sessions
from .errors import UnknownFingerprint, UsageError
from .format import container
from .format.container import DEFAULT_MAX_PIXELS, PLAIN
from .format.depth import Samples, is_narrow, scaled
from .model import store

Size = tuple[int, int]  # rows, columns


class Encoder:
    """Pictures → `.lat` files.

    Args:
        model: Name or path of a package that encodes.
        size: Rows and columns of every picture; None: any.
        threads: Number of onnxruntime's threads. None: its own choice.

    Raises:
        ModelNotFound: There is no such model.
        HalfPackage: The package only decodes.
        PackageDamaged: The package is not as it was written.
        UsageError: A setting is outside its range.
    """

    def __init__(
        self, model: str | os.PathLike[str] = "photo", *, size: Size | None = None, threads: int | None = None
    ) -> None:
        self._sessions, self._size = _open(model, "encoder", size, threads)

    def encode(self, image: Samples, quality: float = 60, *, depth: int | None = None) -> bytes:
        """A picture → a whole file.

        Args:
            image: uint8 or uint16 [H, W, 3], [H, W, 1] or [H, W].
            quality: 0 … 100, in tenths.
            depth: Bits of a sample of uint16, as in `Codec.encode`.

        Returns:
            The file's bytes. They are those of `Codec.encode`, but without patches, since half a codec cannot decode.

        Raises:
            ImageError: The array has another shape or type.
            LimitExceeded: It has more than 2²⁸ pixels.
            UsageError: The picture has not the size of this encoder, or the quality is outside its range.
        """
        (pixels, depth), level = check_pixels(image, depth=depth), check_quality(quality)
        _check_size(pixels.shape[:2], self._size, "encoder")
        if is_narrow(pixels, depth):
            return exact_pixels.encode(pixels, depth=depth)
        data = container.pack(encoder.Encoder(self._sessions, level).encode(pixels, depth=depth))
        return exact_pixels.shorter(data, pixels, depth=depth)


class Decoder:
    """`.lat` files of one model → pictures, without alpha and metadata.

    Args:
        model: Name or path of a package that decodes.
        size: Rows and columns of every picture; None: any.
        threads: Number of onnxruntime's threads. None: its own choice.
        decoder: `full`, or `small` for the faster and less precise decoder that a package may hold.
        max_pixels: Larger pictures are refused.

    Raises:
        ModelNotFound: There is no such model.
        HalfPackage: The package only encodes.
        ModelUnfit: It has no small decoder.
        PackageDamaged: The package is not as it was written.
        UsageError: A setting is outside its range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "photo",
        *,
        size: Size | None = None,
        threads: int | None = None,
        decoder: str = "full",
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        (self._sessions, self._size), self._max_pixels = _open(model, "decoder", size, threads, decoder), max_pixels

    def decode(self, data: bytes, *, scale: int = 1, to_8bit: bool = False, tone_map: bool = False) -> Samples:
        """A whole file → its picture.

        Args:
            data: The file's bytes.
            scale: 2, 4, 8 or 16 for a picture that is this many times smaller, as in `Codec.decode`.
            to_8bit: Make samples of more bits 8-bit.
            tone_map: Make pictures of high dynamic range (PQ, HLG) or of other colours sRGB. With an ICC profile that
                needs Pillow.

        Returns:
            uint8, or uint16 of the file's depth, [H, W, 3], or [H, W] for a grey picture.

        Raises:
            FormatError: The file is damaged.
            LimitExceeded: It has more pixels than `max_pixels`.
            UnknownFingerprint: Another model wrote it.
            UsageError: The picture has not the size of this decoder, or there is no such scale.
        """
        scale = check_scale(scale)
        lat = container.unpack(data, self._max_pixels)
        header, fingerprint = lat.header, self._sessions.package.fingerprint
        if header.fingerprint != fingerprint and not lat.lossless:
            found, expected = header.fingerprint.hex(), fingerprint.hex()
            raise UnknownFingerprint(f"written by the model {found}", f"{expected}, which this decoder holds")
        _check_size((header.height, header.width), self._size, "decoder")
        depth = PLAIN if to_8bit and not tone_map else lat.depth
        if lat.lossless:
            pixels = exact_pixels.decode(lat, scale=scale, to_8bit=depth == PLAIN)
        else:
            pixels = lossy.decode(self._sessions, lat, scale=scale, depth=depth)
        if tone_map:
            from . import images

            pixels = images.tone_mapped(images.picture_of(pixels, lat, scale=scale)).pixels
            pixels = scaled(pixels, depth, PLAIN) if to_8bit else pixels
        return pixels if header.channels == 3 else pixels[:, :, 0]


def _open(
    model: str | os.PathLike[str], half: str, size: Size | None, threads: int | None, decoder: str = "full"
) -> tuple[Sessions, Size | None]:
    """The graphs of a package that has this half, with all but the graphs read and checked; and the size."""
    check_settings("cpu", threads, decoder)
    size = size if size is None else check_shape(size)
    package = store.find_codec(check_model(model))
    package.require(half)
    package.check()
    kind = Sessions if size is None else FixedSizeSessions
    return kind(package, threads=threads, decoder=decoder), size


def _check_size(found: tuple[int, ...], size: Size | None, half: str) -> None:
    if size and size != found:
        had, wanted = (f"{columns}×{rows} pixels" for rows, columns in (found, size))
        raise UsageError(had, f"{wanted}, the size of this {half}")
