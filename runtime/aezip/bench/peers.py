"""Who takes part in a benchmark: each codec as two functions, at several settings.

The classic ones are Pillow's encoders with the settings people use when size counts.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, features

from ..arrays import Image8
from ..coding.windows import in_channels
from ..errors import UsageError

CLASSIC = ("jpeg", "webp", "avif420", "avif444", "avifpsnr", "jxl")
OPTIONAL = ("avifpsnr",)  # only where they are named
AVIF = (  # name, chroma, speed, tune; None: libavif's default
    ("avif420", "4:2:0", 6, None),
    ("avif444", "4:4:4", 6, None),
    ("avifpsnr", "4:4:4", 4, "psnr"),
)


@dataclass(frozen=True)
class Peer:
    """One codec.  `encode` takes pixels and one of `settings`."""

    name: str
    what: str
    settings: tuple[float, ...]
    encode: Callable[[Image8, float], bytes]
    decode: Callable[[bytes], Image8]


def aezip(model: str, qualities: Sequence[float], provider: str = "cpu", threads: int | None = None) -> Peer:
    """An aezip model at these qualities."""
    from ..codec import Codec

    codec = Codec(model, provider=provider, threads=threads)
    name = codec.package.about.name

    def encode(pixels: Image8, quality: float) -> bytes:
        """Pictures are RGB here, and some models are for grey ones."""
        is_grey = codec.package.about.channels == 1 and (pixels == pixels[..., :1]).all()
        return codec.encode(pixels[..., :1] if is_grey else pixels, quality)

    return Peer(
        name, f"aezip, model {name}", tuple(qualities), encode, lambda data: in_channels(codec.decode(data)[0], 3)
    )


def classic(names: Sequence[str] | None = None, threads: int | None = None) -> list[Peer]:
    """Those of Pillow's codecs that are installed.

    names: of CLASSIC, picks some of them; None: all but OPTIONAL; threads: of those that can use several.
    Raises UsageError for a name that is not one of CLASSIC.
    """
    unknown = [name for name in names or () if name not in CLASSIC]
    if unknown:
        raise UsageError(f"there is no codec '{unknown[0]}'", f"names of {', '.join(CLASSIC)}")
    avif = {} if threads is None else {"max_threads": threads}
    jxl = {} if threads is None else {"num_threads": threads}
    known = [
        _pillow(
            "jpeg",
            "JPEG 4:2:0, optimised, progressive",
            "JPEG",
            (5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 82, 88, 92, 95),
            optimize=True,
            progressive=True,
            subsampling="4:2:0",
        ),
        _pillow("webp", "WebP, method 6", "WEBP", (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98), method=6),
    ]
    if features.check("avif"):
        settings = (15, 20, 25, 30, 40, 50, 60, 70, 80, 88, 94)
        for name, chroma, speed, tune in AVIF:
            version = features.version("avif") or "unknown"
            what = f"AVIF {chroma}, speed {speed}, libavif {version}{_tuning(version, tune)}"
            options: dict[str, Any] = {"advanced": {"tune": tune}} if tune else {}
            options.update(speed=speed, subsampling=chroma, **avif)
            known.append(_pillow(name, what, "AVIF", settings, threads, **options))
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401

        levels = (5, 10, 20, 30, 40, 50, 60, 70, 80, 87, 92, 96)
        known.append(_pillow("jxl", "JPEG XL, effort 7", "JXL", levels, effort=7, **jxl))
    return [peer for peer in known if (peer.name in names if names is not None else peer.name not in OPTIONAL)]


def _tuning(version: str, tune: str | None) -> str:
    """What libavif's encoder aims at: since 1.4 it is tune=iq by default."""
    if tune:
        return f", tune={tune}"
    numbers = tuple(int(n) for n in version.split(".")[:2] if n.isdigit())
    return ", tune=iq by default" if numbers >= (1, 4) else ""


def _pillow(
    name: str, what: str, kind: str, settings: tuple[float, ...], threads: int | None = None, **options: Any
) -> Peer:
    def encode(pixels: Image8, quality: float) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, quality=int(quality), **options)
        return file.getvalue()

    def decode(data: bytes) -> Image8:
        if kind == "AVIF":
            from PIL import AvifImagePlugin

            AvifImagePlugin.DEFAULT_MAX_THREADS = threads or 0  # the only way to say it to Pillow's decoder
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    return Peer(name, what, settings, encode, decode)
