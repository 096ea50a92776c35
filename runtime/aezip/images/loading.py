"""Pillow, loaded before it is needed, so that it is there while something else is done outside of Python."""

from __future__ import annotations

import contextlib
from importlib import import_module

from .writing import FORMATS


def load(format: str | None = None) -> None:
    """Load Pillow, and what it needs for a format to write, a key of FORMATS, or for common ones to read.

    Raises nothing: who needs it meets the same error, and says it.
    """
    with contextlib.suppress(Exception):
        from PIL import Image

        if format is None:
            Image.preinit()
        elif FORMATS[format].plugin:
            import_module(f"PIL.{FORMATS[format].plugin}")
