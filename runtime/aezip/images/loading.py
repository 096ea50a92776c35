"""Pillow, loaded while something else is done: it takes about as long as the network for a small picture.

Whoever imports it meanwhile waits until it is there, so nobody has to be told.
"""

from __future__ import annotations

import contextlib
from threading import Thread


def load() -> None:
    """Begin to load Pillow and its common formats, in a thread of its own."""
    Thread(target=_load, daemon=True).start()


def _load() -> None:
    with contextlib.suppress(Exception):  # who needs it meets the same, and says it
        from PIL import Image

        Image.preinit()
