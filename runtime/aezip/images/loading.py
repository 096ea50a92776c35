"""Pillow, loaded before it is needed: what takes time in Python can so be done while something else is not in Python."""

from __future__ import annotations

import contextlib


def load() -> None:
    """Load Pillow and its common formats.  Raises nothing: who needs it meets the same error, and says it."""
    with contextlib.suppress(Exception):
        from PIL import Image

        Image.preinit()
