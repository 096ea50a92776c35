"""Places: local paths, `-`, and fsspec URLs (s3://, gs://, http://, memory://, …) behind the same few functions.

What is written becomes visible only whole: a local file by renaming, an object of a store by one put of all its
bytes, and on other file systems by a temporary name and a move. URLs need fsspec, and its package for their kind.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from ..errors import (
    AezipError,
    DependencyMissing,
    InputNotFound,
    OutputError,
    OutputExists,
    UsageError,
    finding_of,
    require,
)
from . import folders
from .files import atomic_write, read_bytes, temporary_name
from .folders import Found, Remarks

STANDARD = "-"
_STANDARDS = {"/dev/stdin", "/dev/stdout", "/dev/fd/0", "/dev/fd/1", "/proc/self/fd/0", "/proc/self/fd/1"}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_WHOLE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory"}  # a put shows all or nothing


def is_url(name: str) -> bool:
    """Whether a name is a URL rather than a path."""
    return bool(_URL.match(name))


def local(name: str) -> str:
    """file:///a/b → /a/b, /dev/stdin and /dev/stdout → -; everything else as it is."""
    return STANDARD if name in _STANDARDS else re.sub(r"^(file|local)://", "", name)


def read(name: str, error: type[AezipError]) -> bytes:
    """All bytes.  Raises InputNotFound, or `error`, one line."""
    if name == STANDARD:
        if sys.stdin is None:
            raise error("standard input is closed", "a pipe or a file", file=name)
        return sys.stdin.buffer.read()
    if not is_url(name):
        return read_bytes(name, error)
    with _opened(name, error) as (fs, path):
        return bytes(fs.cat_file(path))


def head(name: str, size: int, error: type[AezipError] = AezipError) -> bytes:
    """The first bytes of a path or URL, at most `size`.  Raises InputNotFound, or `error`, one line."""
    if is_url(name):
        with _opened(name, error) as (fs, path), fs.open(path, "rb") as file:
            return bytes(file.read(size))
    return read_bytes(name, error, size)


def write(name: str, data: bytes, *, force: bool = False, times: tuple[int, int] | None = None) -> None:
    """All bytes or none; times: of access and modification in ns.  Raises OutputError, OutputExists."""
    if name == STANDARD:
        if sys.stdout is None:
            raise OutputError("standard output is closed", "a pipe or a file", file=name)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if not is_url(name):
        atomic_write(name, data, force=force, times=times)
        return
    with _opened(name, OutputError) as (fs, path):
        if not force and fs.exists(path):
            raise OutputExists("exists already", "a new name, or force=True", file=name)
        kinds = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
        if kinds & _WHOLE:
            fs.pipe_file(path, data)
            return
        folder = path.rpartition("/")[0]
        temporary = f"{folder}/{temporary_name()}"
        fs.makedirs(folder, exist_ok=True)
        fs.pipe_file(temporary, data)
        fs.mv(temporary, path)


def times(name: str) -> tuple[int, int] | None:
    """Of access and modification in ns; None if the place does not tell."""
    if name == STANDARD:
        return None
    if not is_url(name):
        facts = os.stat(name)
        return facts.st_atime_ns, facts.st_mtime_ns
    with contextlib.suppress(Exception), _opened(name) as (fs, path):
        try:
            when = fs.modified(path)
        except NotImplementedError:  # of the web
            from email.utils import parsedate_to_datetime

            when = parsedate_to_datetime(fs.info(path)["Last-Modified"])
        ns = int(when.timestamp() * 10**6) * 1000
        return ns, ns
    return None


def exists(name: str) -> bool:
    """Whether there is something of this name."""
    if not is_url(name):
        return os.path.lexists(name)
    with _opened(name) as (fs, path):
        return bool(fs.exists(path))


def is_folder(name: str) -> bool:
    """Whether there is a folder of this name."""
    if not is_url(name):
        return os.path.isdir(name)
    with _opened(name) as (fs, path):
        return bool(name.endswith("/") or fs.isdir(path))


def files_in(folder: str, *, recursive: bool, remarks: Remarks | None = None) -> Iterator[Found]:
    """The files in a folder, sorted, without those that begin with a dot; remarks: get what a local walk meets.

    Raises AezipError for a URL.
    """
    if not is_url(folder):
        yield from folders.walk(folder, remarks or Remarks(), recursive=recursive)
        return
    with _opened(folder) as (fs, path):
        found = fs.find(path, maxdepth=None if recursive else 1, detail=True)
    root = path.rstrip("/")
    for name, facts in sorted(found.items()):
        below = name[len(root) :].lstrip("/")
        if not any(part.startswith(".") for part in below.split("/")):
            yield Found(fs.unstrip_protocol(name), below, int(facts.get("size") or 0))


def is_pattern(name: str) -> bool:
    """Whether a name stands for others by wildcards; in a URL of the web, ? begins the query."""
    if not is_url(name):
        return folders.is_pattern(name)
    return bool((folders.WILD - {"?"} if name.startswith("http") else folders.WILD) & set(name))


def matching(pattern: str) -> list[Found]:
    """The files that a pattern with *, ? or [ ] stands for, sorted; ** goes into subfolders."""
    if not is_url(pattern):
        return folders.matching(pattern)
    with _opened(pattern) as (fs, path):
        names = sorted(str(fs.unstrip_protocol(name)) for name in fs.glob(path) if not fs.isdir(name))
    root = pattern[: pattern.rfind("/", 0, min(pattern.index(c) for c in folders.WILD if c in pattern)) + 1]
    return [Found(name, name[len(root) :]) for name in names]


def last_of(name: str) -> str:
    """A name without its folders."""
    return name.rpartition("/")[2] if is_url(name) else os.path.basename(name)


def join(folder: str, below: str) -> str:
    """A name in a folder."""
    return folder.rstrip("/") + "/" + below if is_url(folder) else os.path.join(folder, *below.split("/"))


@contextlib.contextmanager
def _opened(name: str, kind: type[AezipError] = AezipError) -> Iterator[tuple[Any, str]]:
    """The file system of a URL, and the path in it; inside, whatever it raises becomes one line."""
    url_to_fs = require("fsspec.core", file=name).url_to_fs
    try:
        try:
            fs, path = url_to_fs(name)
        except ImportError as e:  # the package for this kind of URL, which is named
            raise DependencyMissing(" ".join(str(e).split()), file=name) from e
        except ValueError as e:  # an unknown kind
            raise UsageError(" ".join(str(e).split()), "a URL that fsspec can open", file=name) from e
        yield fs, str(path)
    except AezipError:
        raise
    except NotImplementedError as e:
        raise kind("this kind of URL does not support that", file=name) from e
    except FileNotFoundError as e:
        raise (kind if kind is OutputError else InputNotFound)("no such file or folder", file=name) from e
    except Exception as e:
        known = isinstance(e, OSError) and e.errno
        raise kind(finding_of(e) if known else f"{type(e).__name__}: {e}", file=name) from e
