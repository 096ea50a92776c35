"""Damage that a decoder passes over: what libtiff and LibRaw print to stderr.

They and Pillow read such a picture as if it were whole. They print their complaints to file descriptor 2, without the
file's name. There they are caught, one decoder at a time, if the caller asks for it (strict=True), or if the process is
one of the command (`hear`).
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from threading import Lock

_STDERR = 2
_lock = Lock()
_heard = False
# libtiff's lines and those of Pillow's functions for it: the name of a function, or of the file that Pillow makes up,
# and what it says; not Python's errors; and LibRaw's lines
_COMPLAINT = re.compile(r"^(?:_?[A-Z]\w*(?<!Error)(?<!Warning)(?<!Exception)|_tiff\w+|tempfile\.tif|unknown file): ")
# of what it warns while it reads tags, little is damage
_HARMLESS = re.compile(r"Warning, (?!Line length|Premature|.*(?:bad|invalid|short|not enough))|Unknown field")


def hear() -> None:
    """Catch from now on what they print of any picture: what the whole process prints comes through here meanwhile."""
    global _heard
    _heard = True


@contextlib.contextmanager
def printed(strict: bool = False) -> Iterator[list[str]]:
    """A list that holds, when the block ends, a sentence if libtiff or LibRaw printed that data are damaged.

    strict: catch what is printed in any process.
    """
    found, lines = list[str](), list[str]()
    if not (strict or _heard):
        yield found
        return
    try:
        with _lock, _caught(lines):
            yield found
    except OSError as e:
        raise OSError("; ".join(lines[:1]) or str(e)) from e
    said = list(dict.fromkeys(line.removeprefix("unknown file: ") for line in lines if not _HARMLESS.search(line)))
    if said:
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        found.append(f"the image data is damaged: {said[0].rstrip('.')}{more}")


@contextlib.contextmanager
def _caught(lines: list[str]) -> Iterator[None]:
    """Take their lines from file descriptor 2; what else is printed there meanwhile is printed afterwards."""
    import tempfile

    with contextlib.ExitStack() as stack:
        try:
            if sys.stderr is not None:
                sys.stderr.flush()
            file = stack.enter_context(tempfile.TemporaryFile())
            before = os.dup(_STDERR)
        except (OSError, ValueError):  # there is no such descriptor, or no place for a file
            file = None
        if file is None:
            yield
            return
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
            file.seek(0)
            for raw in file.read().splitlines(keepends=True):
                line = raw.decode(errors="replace").strip()
                if _COMPLAINT.match(line):
                    lines.append(line)
                else:
                    os.write(_STDERR, raw)
