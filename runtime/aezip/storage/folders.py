"""Folders and patterns on local disks → the files they stand for, and what was met on the way.

Links to folders are followed, but not back into a folder that holds them. Names that begin with a dot are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from glob import escape, glob
from pathlib import PurePath
from typing import NamedTuple

from ..errors import AezipError, finding_of
from .files import is_temporary

SLASHES = tuple(s for s in (os.sep, os.altsep, "/") if s)
WILD = frozenset("*?[")


class Found(NamedTuple):
    """A file of a folder or pattern."""

    name: str
    below: str  # its path below what was named, with /
    size: int = 0  # bytes; 0 if not known


@dataclass
class Remarks:
    """What the user should hear of a walk."""

    problems: list[AezipError] = field(default_factory=list)  # what could not be read
    notes: list[str] = field(default_factory=list)


def walk(folder: str, remarks: Remarks, *, recursive: bool) -> Iterator[Found]:
    """The files in a folder, sorted.

    A folder that cannot be read is a problem, and the walk goes on. A link that leads to no file is given as a file,
    so that reading it fails. Pipes, sockets and devices are left out with a note.
    """
    yield from _walk(folder, "", recursive, remarks, ())


def _walk(
    folder: str, below: str, recursive: bool, remarks: Remarks, above: tuple[tuple[int, int], ...]
) -> Iterator[Found]:
    try:
        here = os.stat(folder)
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as e:
        remarks.problems.append(AezipError(finding_of(e), "a folder that can be read", file=folder))
        return
    above, unseen = (*above, (here.st_dev, here.st_ino)), 0
    for entry in found:
        if entry.name.startswith(".") or is_temporary(entry.name):
            continue
        try:
            facts = entry.stat()
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError as e:  # a link to nothing or to itself, or a file that was removed since
            if PurePath(entry.name).suffix:
                yield Found(entry.path, below + entry.name)
            else:
                remarks.problems.append(AezipError(finding_of(e), "a file or folder", file=entry.path))
            continue
        if is_folder and recursive:
            if entry.is_symlink() and (facts.st_dev, facts.st_ino) in above:
                remarks.notes.append(f"{entry.path}: is not followed: it links to a folder that holds it")
            else:
                yield from _walk(entry.path, f"{below}{entry.name}/", recursive, remarks, above)
        elif is_file:
            yield Found(entry.path, below + entry.name, facts.st_size)
        elif is_folder:
            unseen += 1
        else:
            remarks.notes.append(f"{entry.path}: left out: it is not a regular file")
    if unseen:
        folders = "a subfolder is" if unseen == 1 else f"{unseen} subfolders are"
        remarks.notes.append(f"{folder}: {folders} left out; recursive=True goes into them")


def is_pattern(name: str) -> bool:
    """Whether a name has wildcards behind the folders that exist: `d[1]/*.png` has, `d[1]/a.png` has not."""
    return bool(WILD & set(_parted(name)[1])) and not os.path.lexists(name)


def matching(pattern: str) -> list[Found]:
    """The files that a pattern with *, ? or [ ] stands for, sorted; ** goes into subfolders.

    Folders that exist under the names at the pattern's head are meant literally.
    """
    root, rest = _parted(pattern)
    names = sorted(name for name in glob(escape(root) + rest, recursive=True) if not os.path.isdir(name))
    return [Found(name, name[len(root) :].replace(os.sep, "/"), size_of(name)) for name in names]


def size_of(name: str) -> int:
    """Bytes of a file; 0 if not known."""
    try:
        return os.stat(name).st_size
    except OSError:
        return 0


def _parted(pattern: str) -> tuple[str, str]:
    """The folders at a pattern's head that exist, with the last slash, and the rest."""
    start = 0
    for i, letter in enumerate(pattern):
        if letter in SLASHES:
            if WILD & set(pattern[start:i]) and not os.path.isdir(pattern[:i]):
                break
            start = i + 1
    return pattern[:start], pattern[start:]
