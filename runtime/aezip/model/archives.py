"""Archives that carry their decoders: `.aezip/FINGERPRINT.aezm` beside files, or above them (FORMAT.md §11).

An archive may come from anywhere, so a package in `.aezip` is trusted no more than any other. Symbolic links, pipes,
files beyond the limit and packages with another fingerprint are ignored, and every member is checked before one is
used.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from ..errors import ModelError, OutputError
from ..storage import files, places
from .packages import MAX_PACKAGE_BYTES, SUFFIX, PackageInfo, check, describe

FOLDER = ".aezip"


def name_of(fingerprint: bytes) -> str:
    """A package's name where packages are kept by fingerprint."""
    return f"{fingerprint.hex()}{SUFFIX}"


def folders_of(source: str) -> Iterator[Path]:
    """Folders that may carry what a file needs, the nearest first; none for URLs and pipes."""
    source = places.local(source)
    if source == places.STANDARD or places.is_url(source):
        return
    parent = Path(os.path.abspath(source)).parent
    for folder in (parent, *parent.parents):
        yield folder / FOLDER


def find(folder: Path, fingerprint: bytes) -> PackageInfo | None:
    """The package that decodes files of this fingerprint in one such folder, None where there is none.

    Raises ModelError if there is something of its name that is no such package.
    """
    path = folder / name_of(fingerprint)
    try:
        kind, facts = os.lstat(folder).st_mode, os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISDIR(kind) or not stat.S_ISREG(facts.st_mode) or facts.st_size > MAX_PACKAGE_BYTES:
        expected = f"a regular file of at most {MAX_PACKAGE_BYTES:,} B, no symbolic link"
        raise ModelError("not a model package", expected, file=str(path))
    about = describe(path)
    if about.fingerprint != fingerprint or not about.decodes:
        finding = f"this is the model {about.fingerprint.hex()}" + (" without its decoder" if not about.decodes else "")
        raise ModelError(finding, f"{fingerprint.hex()}, which decodes", file=str(path))
    _check(path, facts.st_mtime_ns, facts.st_size)
    return about


@lru_cache(maxsize=16)
def _check(path: Path, mtime_ns: int, size: int) -> None:  # once for many folders of files; again if it was replaced
    check(describe(path))


def search(source: str, fingerprint: bytes) -> PackageInfo | None:
    """The package that the archive of a file carries, the nearest; None where there is none that is whole."""
    for folder in folders_of(source):
        with contextlib.suppress(ModelError):
            if found := find(folder, fingerprint):
                return found
    return None


def keep(root: str, fingerprint: bytes, data: bytes) -> str | None:
    """Put a decoder beside the files of a folder or URL; where it is now, None if it was there.  Raises OutputError."""
    folder = places.join(root, FOLDER)
    path = places.join(folder, name_of(fingerprint))
    if places.is_url(root):
        if places.exists(path):
            return None
    else:
        for name in (folder, path):  # it would lead out of the archive, to somebody's file
            if os.path.islink(name):
                raise OutputError("is a symbolic link", "no link, for archives may come from anywhere", file=name)
        with contextlib.suppress(ModelError):  # a damaged one is replaced
            if find(Path(folder), fingerprint):
                return None
        files.make_folder(folder)
    places.write(path, data, force=True)
    return path
