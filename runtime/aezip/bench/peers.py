"""Who takes part in a benchmark: each codec as two functions, at several settings.

A `Peer` encodes pixels to the bytes of a whole file, and decodes them again. The
classic ones are Pillow's encoders with the settings people use when size counts.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

Pixels = NDArray[np.uint8]  # [H, W, 3]


@dataclass(frozen=True)
class Peer:
    """One codec.  `encode` takes pixels and one of `settings`."""

    name: str
    what: str
    settings: tuple[float, ...]
    encode: Callable[[Pixels, float], bytes]
    decode: Callable[[bytes], Pixels]


def aezip(model: str, qualities: Sequence[float], provider: str = "cpu", threads: int | None = None) -> Peer:
    """An aezip model at these qualities."""
    from ..codec import Codec

    codec = Codec(model, provider, threads)
    name = codec.package.about.name
    return Peer(name, f"aezip, model {name}", tuple(qualities), codec.encode, lambda data: codec.decode(data)[0])


def classic(names: Sequence[str] | None = None, threads: int | None = None) -> list[Peer]:
    """Pillow's codecs that are there; `names` picks some of them; threads: of those that can use several."""
    avif = {} if threads is None else {"max_threads": threads}
    jxl = {} if threads is None else {"num_threads": threads}
    known = [
        _pillow(
            "jpeg", "JPEG 4:2:0, optimised, progressive", "JPEG",
            (5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 82, 88, 92, 95),
            optimize=True, progressive=True, subsampling="4:2:0",
        ),
        _pillow("webp", "WebP, method 6", "WEBP", (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98), method=6),
    ]
    if "avif" in features.modules and features.check("avif"):  # Pillow before 11.3 warns of the question
        for name, chroma in (("avif420", "4:2:0"), ("avif444", "4:4:4")):
            settings = (15, 20, 25, 30, 40, 50, 60, 70, 80, 88, 94)
            what = f"AVIF {chroma}, speed 6"
            known.append(_pillow(name, what, "AVIF", settings, threads, speed=6, subsampling=chroma, **avif))
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401

        levels = (5, 10, 20, 30, 40, 50, 60, 70, 80, 87, 92, 96)
        known.append(_pillow("jxl", "JPEG XL, effort 7", "JXL", levels, effort=7, **jxl))
    return [peer for peer in known if names is None or peer.name in names]


def _pillow(
    name: str, what: str, kind: str, settings: tuple[float, ...], threads: int | None = None, **options: Any
) -> Peer:
    def encode(pixels: Pixels, quality: float) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, quality=int(quality), **options)
        return file.getvalue()

    def decode(data: bytes) -> Pixels:
        if kind == "AVIF":
            from PIL import AvifImagePlugin  # Pillow 11.3 and later have it

            AvifImagePlugin.DEFAULT_MAX_THREADS = threads or 0  # the only way to say it to Pillow's decoder
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    return Peer(name, what, settings, encode, decode)
