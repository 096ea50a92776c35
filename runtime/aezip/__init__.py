"""aezip: an image codec whose transforms are neural networks.

    import aezip
    codec = aezip.Codec("photo")
    data = codec.compress(image, quality=60)      # bytes of a .lat file
    image = codec.decompress(data)                # a Pillow image

This module is the whole public surface; importing it loads neither onnxruntime nor
Pillow nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import AezipError

if TYPE_CHECKING:
    from .codec import Codec
    from .format.container import Header, Lat, Section, unpack
    from .model.store import installed

__version__ = "0.1.0"
__all__ = ["AezipError", "Codec", "Header", "Lat", "Section", "__version__", "installed", "unpack"]

_LAZY = {
    "Codec": "codec", "Header": "format.container", "Lat": "format.container", "Section": "format.container",
    "unpack": "format.container", "installed": "model.store",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'aezip' has no attribute '{name}'")
    return getattr(import_module(f".{_LAZY[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
