"""Pillow, loaded before it is needed, so that it is there while something else is done outside of Python."""

from __future__ import annotations

import contextlib


def load() -> None:
    """Load Pillow and its common formats.  Raises nothing: who needs it meets the same error, and says it."""
    with contextlib.suppress(Exception):
        from PIL import Image

        Image.preinit()
