"""Files: whole or not at all.

Bytes are written to a temporary file beside the target, synced (fsync), and renamed, so that a name never leads to half
a file, not even after a power cut. The folder is not synced: a cut may undo the last names. Nothing is overwritten
without `force`. A killed process leaves its temporary file behind, unlocked: `sweep` removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed
    fcntl = None  # type: ignore[assignment]

from ..errors import AezipError, InputNotFound, OutputError, OutputExists, finding_of

_READABLE = "a file that can be read"
_PREFIX, _PART = ".aezip-", ".part"


def read_bytes(path: str | os.PathLike[str], error: type[AezipError] = AezipError, size: int | None = None) -> bytes:
    """The file's bytes, or the first of them.  Raises InputNotFound, or `error`, one line, if they cannot be read."""
    if not os.fspath(path):
        raise error("the name of a file is empty", "the name of a file")
    try:
        if size is None:
            return Path(path).read_bytes()
        with open(path, "rb") as file:
            return file.read(size)
    except FileNotFoundError as e:
        raise InputNotFound(expectation=_READABLE, file=os.fspath(path)) from e
    except (OSError, ValueError) as e:
        raise error(finding_of(e), _READABLE, file=os.fspath(path)) from e


def check_output(path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Find out, before any work, what would keep `path` from being written.  Raises OutputError, OutputExists."""
    name = os.fspath(path)
    try:
        folder, kind = _beside(path).parent, _kind(path)
        if kind == stat.S_IFDIR:
            raise OutputError("is a folder", "the name of a file", file=name)
        if not kind and not folder.exists():
            raise OutputError(f"no folder '{folder}'", "an existing folder", file=name)
        if not kind and not folder.is_dir():
            raise OutputError(f"'{folder}' is not a folder", "an existing folder", file=name)
    except (OSError, ValueError) as e:
        raise OutputError(finding_of(e), "a file that can be written", file=name) from e
    if kind == stat.S_IFREG and not force:
        raise OutputExists("exists already", "a new name, or force=True", file=name)
    if kind in (0, stat.S_IFREG) and not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"no permission to write in '{folder}'", "a writable folder", file=name)


def make_folder(path: str | os.PathLike[str], error: type[AezipError] = OutputError) -> None:
    """Make a folder and those above it, where they do not exist.  Raises `error`."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as e:
        raise error(f"the folder '{os.fspath(path)}' cannot be made ({finding_of(e)})", "a writable folder") from e


def atomic_write(
    path: str | os.PathLike[str],
    data: bytes,
    *,
    force: bool = False,
    times: tuple[int, int] | None = None,
    check: Callable[[Path], None] | None = None,
) -> None:
    """Write a whole file or none.  A device or pipe is written directly.

    A file that is replaced (`force`) leaves its permissions to the new one. times: of access and modification, in ns;
    check: called with the file before it gets its name, raises if it must not be kept.

    Raises OutputError, OutputExists.
    """
    check_output(path, force=force)
    target = _beside(path)
    temporary = target.parent / temporary_name()
    try:
        if _kind(path) not in (0, stat.S_IFREG):
            Path(path).write_bytes(data)
            return
        try:
            with _begun(temporary) as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
                if check:  # while it is marked as being written
                    check(temporary)
            if times:
                os.utime(temporary, ns=times)
            if force:
                with contextlib.suppress(FileNotFoundError):
                    os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
                os.replace(temporary, target)
            else:
                _place_new(temporary, target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    except FileExistsError as e:
        raise OutputExists("exists already", "a new name, or force=True", file=os.fspath(path)) from e
    except BrokenPipeError:
        raise
    except OSError as e:
        raise OutputError(finding_of(e), "a file that can be written", file=os.fspath(path)) from e


def temporary_name() -> str:
    """A name that no other writer has."""
    return f"{_PREFIX}{os.urandom(6).hex()}{_PART}"


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that `atomic_write` gives before the last."""
    return name.startswith(_PREFIX) and name.endswith(_PART)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files in `folder` that no process is writing any more."""
    try:
        with os.scandir(folder or ".") as entries:
            left = [entry.path for entry in entries if is_temporary(entry.name)]
    except OSError:
        return
    for path in left:
        with contextlib.suppress(OSError):
            if fcntl is None and time.time() - os.stat(path).st_mtime < 60:
                continue
            with open(path, "rb") as f:
                if fcntl:  # raises BlockingIOError if another process is writing the file
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)


def _begun(temporary: Path) -> BinaryIO:
    """A new file, marked as being written while it is open."""
    for _ in range(3):
        file = open(temporary, "xb")  # noqa: SIM115
        if fcntl:
            with contextlib.suppress(OSError):  # NFS may have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            break
        file.close()  # swept by another process before it was marked
    return file


def _beside(path: str | os.PathLike[str]) -> Path:
    """The target itself, behind symbolic links."""
    return Path(os.path.realpath(path))


def _kind(path: str | os.PathLike[str]) -> int:
    """Type bits of what is at `path`; 0: nothing."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _place_new(temporary: Path, target: Path) -> None:
    """Give the target's name to a file, if the name is free."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(errno.EEXIST, "exists", str(target)) from None
        os.replace(temporary, target)
