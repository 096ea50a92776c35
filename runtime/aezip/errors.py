"""All errors of aezip.

Each says what was found and what was expected; the edge that knows the file's
name sets `file`, so that the whole is one line.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = [  # what `import aezip` gives
    "AezipError",
    "DependencyMissing",
    "FormatError",
    "HalfPackage",
    "HeaderDamaged",
    "ImageError",
    "InputNotFound",
    "LimitExceeded",
    "ModelDiffers",
    "ModelError",
    "ModelNotFound",
    "ModelUnfit",
    "NotALat",
    "OutputError",
    "OutputExists",
    "PackageDamaged",
    "ProfileDamaged",
    "ProviderError",
    "SectionDamaged",
    "SectionOrder",
    "SectionUnknown",
    "StreamDamaged",
    "TargetMissed",
    "Truncated",
    "UnknownFingerprint",
    "UnsupportedVersion",
    "UsageError",
    "ViewerMissing",
]

_PACKAGES = {  # packages to install for a module, if named differently or if it needs others
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "numcodecs": "zarr",
    "pillow_jxl": "pillow-jxl-plugin",
    "fsspec": "fsspec aiohttp requests",
    "distributed": "dask distributed fsspec",
    "onnx": "torch onnx",
    "torch": "torch onnx (with CUDA, of several GB, where it does not come from PyTorch's index for the CPU)",
}
_EXTRAS = {  # aezip's own, which bring them
    "distributed": "cluster",
    "fsspec": "url",
    "imagecodecs": "depth",
    "matplotlib": "bench",
    "numcodecs": "zarr",
    "onnx": "train",
    "rawpy": "raw",
    "tensorboard": "tensorboard",
    "torch": "train",
    "zarr": "zarr",
}
DEBUG_HINT = " (--debug shows where)"  # ends the line of an unexpected error
_FINDINGS = {
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "part of the path is not a folder",
    errno.EISDIR: "is a folder",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "the symbolic links go in a circle",
}


class AezipError(Exception):
    """Base of all errors.  `str()` is one line: file, finding, expectation."""

    def __init__(self, finding: str, expectation: str = "", *, file: str | None = None) -> None:
        super().__init__(finding, expectation)
        self.finding, self.expectation, self.file = finding, expectation, file

    def __str__(self) -> str:
        line = self.finding + (f"; expected {self.expectation}" if self.expectation else "")
        return " ".join((f"{self.file}: {line}" if self.file else line).split())


class InputNotFound(AezipError, FileNotFoundError):
    """There is no such file; a FileNotFoundError, too."""

    def __init__(
        self, finding: str = _FINDINGS[errno.ENOENT], expectation: str = "", *, file: str | None = None
    ) -> None:
        super().__init__(finding, expectation, file=file)
        self.errno, self.strerror = errno.ENOENT, finding  # OSError takes two arguments for these


class ImageError(AezipError):
    """The input is not a picture that can be coded."""


class LimitExceeded(AezipError):
    """A picture, file or download is larger than the limit that was set."""


class OutputError(AezipError):
    """The output cannot be written."""


class OutputExists(OutputError):
    """The output exists."""


class UsageError(AezipError, ValueError):
    """A parameter is outside its range."""


class TargetMissed(AezipError):
    """No quality reaches the target."""


class DependencyMissing(AezipError, ImportError):
    """A package of an optional part is not installed; an ImportError, too."""


class ProviderError(AezipError):
    """The execution provider is not available."""


class ViewerMissing(AezipError):
    """The viewer's page is not in this installation."""


class ProfileDamaged(AezipError):
    """An anomaly profile is not as it was written."""


class ModelError(AezipError):
    """Something about a model package."""


class ModelNotFound(ModelError):
    """No installed model has that name."""


class ModelUnfit(ModelError):
    """The model cannot do what is asked of it."""


class UnknownFingerprint(ModelError):
    """The file was written by a model that is not installed."""


class ModelDiffers(ModelError):
    """A cluster's worker has another model, or none."""


class HalfPackage(ModelError):
    """A package of one direction, wanted for the other."""


class PackageDamaged(ModelError):
    """A package's members, digests, tables or graphs are not as they were written."""


class FormatError(AezipError):
    """Something about a `.lat` file."""


class NotALat(FormatError):
    """Wrong magic."""


class UnsupportedVersion(FormatError):
    """Written by a newer version of the format."""


class Truncated(FormatError):
    """Ends before its sections do."""


class HeaderDamaged(FormatError):
    """Checksum or fields of the header."""


class SectionDamaged(FormatError):
    """Checksum or contents of a section."""


class SectionUnknown(FormatError):
    """A critical section that this version does not know."""


class SectionOrder(FormatError):
    """A section is missing, repeated or in the wrong place."""


class StreamDamaged(FormatError):
    """The entropy-coded stream does not end as it must."""


@contextmanager
def about(file: str | None) -> Iterator[None]:
    """Inside, an error that names no file is about this one."""
    try:
        yield
    except AezipError as error:
        error.file = error.file or file
        raise


def line_of(error: BaseException, file: str | None = None) -> str:
    """An exception in one line, with the file it is about."""
    if isinstance(error, AezipError):
        line, file = str(error), None if error.file else file
    elif isinstance(error, MemoryError):
        line = "not enough memory"
    elif isinstance(error, ModuleNotFoundError) and error.name:
        line = absence_of(error.name)
    elif isinstance(error, OSError) and error.strerror:
        line = finding_of(error) + (f" ('{os.fsdecode(error.filename)}')" if error.filename else "")
    else:
        line = f"{type(error).__name__}: {error}".rstrip(": ") + DEBUG_HINT
    return printable(" ".join((f"{file}: {line}" if file else line).split()))


def printable(text: str) -> str:
    """The text with escapes for control characters, which a file name may have: a line stays one line."""
    return "".join(c.encode("unicode_escape").decode() if c < " " or "\x7f" <= c < "\xa0" else c for c in text)


def absence_of(module: str) -> str:
    """The sentence about a module that is not installed, with the command that works wherever aezip came from."""
    return "{} is required: pip install {}{}".format(*_names_of(module, " (aezip's extra '{}')"))


def missing(module: str, finding: str = "", otherwise: str = "", *, file: str | None = None) -> DependencyMissing:
    """The error about a module that is not installed.

    finding: what it is needed for, if that is not plain; otherwise: what would do in its place.
    """
    if not finding:
        return DependencyMissing(absence_of(module), file=file)
    expectation = "{} (pip install {}{})".format(*_names_of(module, ", aezip's extra '{}'"))
    return DependencyMissing(finding, ", or ".join(filter(None, (expectation, otherwise))), file=file)


def require(module: str, finding: str = "", otherwise: str = "", *, file: str | None = None) -> Any:
    """A module of an optional part, imported.  Raises DependencyMissing, as `missing` has it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise missing(module, finding, otherwise, file=file) from error


def _names_of(module: str, extra: str) -> tuple[str, str, str]:
    package = module.partition(".")[0]
    return package, _PACKAGES.get(package, package), extra.format(_EXTRAS[package]) if package in _EXTRAS else ""


def finding_of(error: Exception) -> str:
    """What an OSError found, in words without the path."""
    number = error.errno if isinstance(error, OSError) else None
    return _FINDINGS.get(number or 0) or str(getattr(error, "strerror", None) or error)
