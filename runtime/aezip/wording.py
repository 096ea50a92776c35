"""An exception in one line, whatever its kind."""

from __future__ import annotations

import os

from .errors import AezipError
from .files import finding_of

DEBUG_HINT = " (--debug shows where)"  # ends the line of an error that nobody expected


def line_of(error: BaseException, file: str | None = None) -> str:
    """An exception in one line, with the file it is about."""
    if isinstance(error, AezipError):
        line, file = str(error), None if error.file else file
    elif isinstance(error, MemoryError):
        line = "not enough memory"
    elif isinstance(error, OSError) and error.strerror:
        line = finding_of(error) + (f" ('{os.fsdecode(error.filename)}')" if error.filename else "")
    else:
        line = f"{type(error).__name__}: {error}".rstrip(": ") + DEBUG_HINT
    return " ".join((f"{file}: {line}" if file else line).split())
