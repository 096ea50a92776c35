"""aezip: an image codec whose transforms are neural networks.

    import aezip
    codec = aezip.Codec("photo")
    data = codec.compress(image, quality=60)      # bytes of a .lat file
    image = codec.decompress(data)                # a Pillow image

This module is the public surface, with `aezip.embed`, `aezip.pillow`, `aezip.numcodecs` and `aezip.zarr`, which are
imported when they are first named; importing it loads neither numpy nor onnxruntime nor Pillow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors
from .errors import *  # noqa: F403

if TYPE_CHECKING:
    from . import embed as embed
    from . import numcodecs as numcodecs
    from . import pillow as pillow
    from . import zarr as zarr
    from .codec import Codec
    from .format.container import Header, Lat, Section, read_header, unpack
    from .images.reading import ReadOptions
    from .model.store import installed

__version__ = "0.1.0"
__all__ = ["Codec", "Header", "Lat", "ReadOptions", "Section", "__version__", "installed", "read_header", "unpack"]
__all__ += errors.__all__

_LAZY = {
    "Codec": "codec",
    "ReadOptions": "images.reading",
    "installed": "model.store",
    **dict.fromkeys(("Header", "Lat", "Section", "read_header", "unpack"), "format.container"),
}
_MODULES = ("embed", "pillow", "numcodecs", "zarr")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _LAZY:
        raise AttributeError(f"module 'aezip' has no attribute '{name}'")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted((*__all__, "embed"))  # the other modules need packages that may be missing
