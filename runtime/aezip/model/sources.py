"""Places that the user added, searched for packages by fingerprint: an index, look-up, fetching.

A folder or URL holds packages and `aezip-models.json`:

    {"version": 1, "packages": {FINGERPRINT: {"file": NAME.aezm, "bytes": N, "name": …, "summary": …}, …}}

A package is checked in full before it gets its name, or is used: the fingerprint, every digest, every graph. A place is
not trusted: if it is wrong or incomplete, the model is not found there, and nothing worse happens.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import AezipError, LimitExceeded, ModelError, ModelNotFound, PackageDamaged, UsageError
from ..storage import files, places, web
from .archives import name_of
from .home import Place
from .packages import MAX_PACKAGE_BYTES, SUFFIX, PackageInfo, check, describe

INDEX = "aezip-models.json"
INDEX_VERSION = 1
MAX_INDEX_BYTES = 2**24
BAD_INDEX = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
REMEMBERED_S = 60.0  # a URL's answer, so that a thousand files ask a dead server once

_answers: dict[str, tuple[float, Index | AezipError]] = {}


class Entry(NamedTuple):
    """A package of an index."""

    file: str  # its name beside the index
    name: str = ""


Index = dict[bytes, Entry]  # by fingerprint


def place_of(name: str) -> Place:
    """What a user names: a folder with an index or packages, or a package; here or at a URL.

    Raises AezipError if there is nothing to be found.
    """
    name = places.local(name)
    if not places.is_url(name):
        name = os.path.abspath(name)
    if name.endswith(SUFFIX):
        if not places.is_url(name):
            about = describe(Path(name))
            if not about.decodes:
                raise ModelError("this package cannot decode files", "one that does", file=name)
            return Place(name, about.fingerprint)
        data = _read(name, MAX_PACKAGE_BYTES)
        return Place(name, _probed(name, data))
    if places.last_of(name) == INDEX:
        name = name[: -len(INDEX)].rstrip("/" if places.is_url(name) else "/" + os.sep)
    place = Place(name.rstrip("/") if places.is_url(name) else name)
    _answers.pop(place.name, None)
    if not index_of(place):
        raise ModelNotFound("there are no model packages", f"a folder of {SUFFIX} files", file=name)
    return place


def index_of(place: Place) -> Index:
    """What a place has.  Raises AezipError if it cannot be asked, or answers with no index."""
    if place.fingerprint:
        return {place.fingerprint: Entry(places.last_of(place.name))}
    if not places.is_url(place.name):
        return _asked(place.name)
    known = _answers.get(place.name)
    if known is None or time.monotonic() - known[0] > REMEMBERED_S:
        try:
            found: Index | AezipError = _asked(place.name)
        except AezipError as error:
            found = error
        known = _answers[place.name] = time.monotonic(), found
    if isinstance(known[1], AezipError):
        raise known[1]
    return known[1]


def _asked(folder: str) -> Index:
    if not places.is_url(folder):
        if not os.path.isdir(folder):
            raise ModelNotFound("no such folder", "a folder of model packages", file=folder)
        return {about.fingerprint: Entry(about.path.name, about.name) for about in packages_in(Path(folder))[0]}
    try:
        data = _read(_joined(folder, INDEX), MAX_INDEX_BYTES)
    except AezipError as error:
        if error.expectation and not isinstance(error, UsageError):
            error.expectation = f"{INDEX}, as `aezip models index FOLDER` writes it"
        raise
    try:
        return parsed(data)
    except BAD_INDEX:
        expected = "one written by `aezip models index FOLDER`"
        raise ModelError("not an index of models", expected, file=_joined(folder, INDEX)) from None


def parsed(data: bytes) -> Index:
    """An index from its bytes.  Raises one of BAD_INDEX, for it may be anything."""
    said = json.loads(data)
    if said["version"] != INDEX_VERSION:
        raise ValueError(said["version"])
    found = {}
    for key, entry in said["packages"].items():
        fingerprint, file = bytes.fromhex(key), str(entry["file"])
        if len(fingerprint) != 8 or not file.endswith(SUFFIX) or set(file) & set("/\\:?#") or file.startswith("."):
            raise ValueError(file)  # it could lead out of the place
        found[fingerprint] = Entry(file, str(entry.get("name", "")))
    return found


def packages_in(folder: Path) -> tuple[list[PackageInfo], list[str]]:
    """The packages of a folder that decode files, by name, and notes on those left out."""
    found: dict[bytes, PackageInfo] = {}
    notes = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            about = describe(path)
        except ModelError as error:
            notes.append(f"{error}; left out")
            continue
        if not about.decodes or about.fingerprint in found:
            same = about.decodes and found[about.fingerprint].path.name
            notes.append(f"{path}: left out: {f'{same} is the same model' if same else 'it decodes no files'}")
        else:
            found[about.fingerprint] = about
    return list(found.values()), notes


def write_index(folder: Path) -> tuple[list[PackageInfo], list[str]]:
    """Write the index of a folder's packages; what it has, and notes.  Raises ModelNotFound, OutputError."""
    found, notes = packages_in(folder)
    if not found:
        raise ModelNotFound("there are no model packages", f"a folder of {SUFFIX} files", file=str(folder))
    for about in found:
        check(about)
    said = {about.fingerprint.hex(): _entry(about, about.path.name, about.size) for about in found}
    files.atomic_write(folder / INDEX, _text(said), force=True)
    return found, notes


def add_to_index(folder: str, about: PackageInfo, size: int) -> None:
    """Write a package, named by its fingerprint, and its size into the index of a URL.  Raises AezipError."""
    name, said = _joined(folder, INDEX), {}
    if places.exists(name):
        data = _read(name, MAX_INDEX_BYTES)
        with contextlib.suppress(*BAD_INDEX):  # what is no index is replaced
            parsed(data)
            said = json.loads(data)["packages"]
    said[about.fingerprint.hex()] = _entry(about, name_of(about.fingerprint), size)
    places.write(name, _text(said), force=True)


def _entry(about: PackageInfo, file: str, size: int) -> dict[str, Any]:
    return {"file": file, "bytes": size, "name": about.name, "summary": about.summary}


def _text(said: dict[str, Any]) -> bytes:
    whole = {"version": INDEX_VERSION, "packages": said}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode() + b"\n"


def find(
    fingerprint: bytes, listed: list[Place], keep: Callable[[], Path], offline: bool
) -> Iterator[PackageInfo | AezipError]:
    """Packages of this fingerprint from the places, one after the other, and what was wrong with others.

    Args:
        fingerprint: Of the files that are to be decoded.
        listed: Where to look.
        keep: The folder where fetched packages are kept. Those on this machine stay where they are.
        offline: URLs are not asked.
    """
    for place in listed:
        try:
            if places.is_url(place.name) and offline:
                yield ModelError("was not asked (offline)", file=place.name)
                continue
            entry = index_of(place).get(fingerprint)
            yield _got(place, entry, fingerprint, keep) if entry else ModelError("does not have it", file=place.name)
        except AezipError as error:
            yield error


def has(place: Place, fingerprint: bytes) -> bool:
    """Whether a place has a model now: on this machine whole; on the web it is not fetched.  Raises AezipError."""
    entry = index_of(place).get(fingerprint)
    if entry is None:
        return False
    name = _name_of(place, entry)
    if web.is_web(name):
        web.get(name, 0, "HEAD")
    elif places.is_url(name):
        return places.exists(name)
    else:
        _check_whole(fingerprint, Path(name))
    return True


def _got(place: Place, entry: Entry, fingerprint: bytes, keep: Callable[[], Path]) -> PackageInfo:
    """A package of a place, on this machine.  Raises AezipError."""
    name = _name_of(place, entry)
    if not places.is_url(name):
        _check_whole(fingerprint, Path(name))
        return describe(Path(name))
    data, folder = _read(name, MAX_PACKAGE_BYTES), keep()
    files.make_folder(folder)
    path = folder / name_of(fingerprint)
    try:
        # two processes that fetch the same model write the same name: either is whole
        files.atomic_write(path, data, force=True, check=partial(_check_whole, fingerprint))
    except ModelError as error:
        error.file = name
        raise
    return describe(path)


def _check_whole(fingerprint: bytes | None, path: Path) -> None:
    about = describe(path)
    if fingerprint is not None and about.fingerprint != fingerprint:
        finding = f"this is the model {about.fingerprint.hex()}"
        raise PackageDamaged(finding, f"{fingerprint.hex()}, as its index says", file=str(about.path))
    if not about.decodes:
        raise PackageDamaged("this package cannot decode files", "one that does", file=str(about.path))
    check(about)


def _probed(name: str, data: bytes) -> bytes:
    """The fingerprint of a package that was read from a URL.  Raises ModelError."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"package{SUFFIX}"
        path.write_bytes(data)
        try:
            _check_whole(None, path)
            return describe(path).fingerprint
        except ModelError as error:
            error.file = name
            raise


def _name_of(place: Place, entry: Entry) -> str:
    return place.name if place.fingerprint else _joined(place.name, entry.file)


def _joined(folder: str, name: str) -> str:
    return web.joined(folder, name) if web.is_web(folder) else places.join(folder, name)


def _read(name: str, limit: int) -> bytes:
    """A file of a URL, within a limit.  Raises AezipError."""
    if web.is_web(name):
        return web.get(name, limit)
    data = places.head(name, limit + 1)
    if len(data) > limit:
        raise LimitExceeded("the file is too large", f"at most {limit:,} B", file=name)
    return data
